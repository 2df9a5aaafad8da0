#!/bin/sh
# Copies each source file into an empty module, as make copy does: with exactly the files
# that its "Copy with:" line names. There it is compiled for each system that it is meant for.
# Further copies lack one of the named files each: none of these must compile everywhere, or
# the line names too much. A twin, as name_other.go of name_linux.go, may be named.
# With arguments it tries these files only.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
tmp=$(mktemp -d)
module=$PWD/.snippets # always the same, so that go finds what it has compiled before
trap 'rm -rf "$tmp" "$module"' EXIT
status=0
fail() {
	echo "$1: $2"
	status=1
}

"$GO" build -o "$tmp/copy" ./.github/scripts/copy
if [ $# -gt 0 ]; then
	printf '%s\n' "$@"
else
	find ch* -name '*.go' ! -name '*_test.go'
fi >"$tmp/files"
[ -s "$tmp/files" ] || { echo "no source files found"; exit 1; }

# copy FILE NAME: as folder NAME of the module. A part of a command gets a main function.
rm -rf "$module"
mkdir "$module"
printf 'module example.test/mine\n\ngo 1.26\n' >"$module/go.mod"
copy() {
	"$tmp/copy" "$1" "$module/$2" >"$tmp/out" 2>&1 || { fail "$1" "$(cat "$tmp/out")" && return 1; }
}
folder() { echo "$1" | sed 's|/|-s-|g; s|_|-u-|g; s|[^a-z0-9-]||g'; }
complete() {
	grep -q '^package main' "$module/$1"/*.go || return 0
	grep -q '^func main()' "$module/$1"/*.go || printf 'package main\n\nfunc main() {}\n' >"$module/$1/zz.go"
}

# whole: NAME FILE. lacking: NAME FILE, the NAME of the whole, what is left out.
: >"$tmp/whole"
: >"$tmp/lacking"
while IFS= read -r file; do
	whole=$(folder "$file")
	copy "$file" "$whole" || continue
	complete "$whole"
	echo "$whole $file" >>"$tmp/whole"
	with=$(awk '/^\/\/ Copy with: /, /\.$/' "$file" | tr '\n' ' ' | sed 's|// Copy with:||g; s|//||g; s|\. *$||; s|,| |g')
	for left in $with; do
		[ "${left%_*}" != "$(basename "${file%_*}")" ] || continue # its twin for other systems
		name=$whole-without-$(folder "$left")
		copy "$file" "$name"
		case $left in
		../*) rm -r "${module:?}/$name/$(dirname "$(dirname "$file")")/${left#../}" ;;
		*) rm -r "${module:?}/$name/$left" ;;
		esac
		complete "$name"
		echo "$name $file $whole $left" >>"$tmp/lacking"
	done
done <"$tmp/files"

for os in linux darwin windows freebsd; do
	(cd "$module" && GOOS=$os "$GO" list -e -export \
		-f '{{.ImportPath}} {{if .Error}}{{printf "%q" .Error}}{{else if .DepsErrors}}{{printf "%q" .DepsErrors}}{{end}}' ./...) |
		sed 's|^example.test/mine/||' >"$tmp/built"
	# A line "ok NAME" or "bad NAME" for each folder that has files for this system.
	awk '{ name = $1; sub(/\/.*/, "", name); bad[name] = bad[name] || NF > 1; if ($1 == name) here[name] = 1 }
		END { for (name in here) print bad[name] ? "bad" : "ok", name }' "$tmp/built" >"$tmp/here"
	while read -r name file; do
		! grep -qx "bad $name" "$tmp/here" ||
			fail "$file" "does not build alone for $os: $(sed -n "s|^$name\(/[^ ]*\)\{0,1\} \"|\"|p" "$tmp/built" | sed 's/\\n/\n/g; s/\\t/ /g')"
		! grep -q " $name\$" "$tmp/here" || echo "$name" >>"$tmp/somewhere"
	done <"$tmp/whole"
	while read -r name file whole left; do
		# Missed, or the whole does not build: no need to look at another system.
		if grep -qx "bad $whole" "$tmp/here" ||
			{ grep -qx "ok $whole" "$tmp/here" && ! grep -qx "ok $name" "$tmp/here"; }; then
			rm -r "${module:?}/$name"
		else
			echo "$name $file $whole $left" >>"$tmp/still"
		fi
	done <"$tmp/lacking"
	: >"$tmp/lacking"
	[ ! -e "$tmp/still" ] || mv "$tmp/still" "$tmp/lacking"
done
while read -r name file; do
	grep -qsx "$name" "$tmp/somewhere" || fail "$file" "builds nowhere"
done <"$tmp/whole"
while read -r name file whole left; do
	fail "$file" "Copy with: $left: builds without it"
done <"$tmp/lacking"
exit $status
