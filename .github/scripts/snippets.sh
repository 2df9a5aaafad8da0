#!/bin/sh
# Copies each source file into an empty module, as make copy does: with exactly the files
# that its "Copy with:" line names. There it is compiled for each system that it is meant for.
# Then it leaves out one of the named files after the other: each must be missed by some
# system, or the line names too much. A twin, as name_other.go of name_linux.go, may be named.
# go vet compiles without linking, so that a part of a command needs no main function.
# With arguments it tries these files only.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export GO tmp

"$GO" build -o "$tmp/copy" ./.github/scripts/copy
if [ $# -gt 0 ]; then
	printf '%s\n' "$@"
else
	find ch* -name '*.go' ! -name '*_test.go'
fi >"$tmp/files"
[ -s "$tmp/files" ] || { echo "no source files found"; exit 1; }
xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c '
	fail() {
		printf "%s\n" "$1: $2"
		echo "$1" >>"$tmp/failed"
	}
	dir=$(dirname "$1")
	module=$(mktemp -d "$tmp/module.XXXXXX")
	printf "module example.test/mine\n\ngo 1.26\n" >"$module/go.mod"
	out=$("$tmp/copy" "$1" "$module/copied" 2>&1) || { fail "$1" "$out"; exit 0; }
	systems=""
	for os in linux darwin windows freebsd; do
		if out=$(cd "$module" && GOOS=$os "$GO" vet ./copied 2>&1); then
			systems="$systems $os"
			continue
		fi
		case $out in
		*"build constraints exclude"*) ;;
		*) fail "$1" "does not build alone for $os: $out" ;;
		esac
	done
	[ -n "$systems" ] || { fail "$1" "builds nowhere"; exit 0; }
	with=$(awk "/^\/\/ Copy with: /, /\.\$/" "$1" | tr "\n" " " |
		sed "s|// Copy with:||g; s|//||g; s|\. *\$||; s|,| |g")
	try=build # it is quicker, but wants a main function of a command
	grep -q "^package main" "$1" && try=vet
	for name in $with; do
		[ "${name%_*}" != "$(basename "${1%_*}")" ] || continue # its twin for other systems
		case $name in
		../*) there=$module/copied/$(dirname "$dir")/${name#../} ;;
		*) there=$module/copied/$name ;;
		esac
		mv "$there" "$module/aside"
		missed=""
		for os in $systems; do
			(cd "$module" && GOOS=$os "$GO" $try ./copied >/dev/null 2>&1) || { missed=yes; break; }
		done
		mv "$module/aside" "$there"
		[ -n "$missed" ] || fail "$1" "Copy with: $name: builds without it"
	done
	rm -rf "$module"
' _ {} <"$tmp/files"
[ ! -s "$tmp/failed" ]
