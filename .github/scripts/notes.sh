#!/bin/sh
# Checks that what a document names can be run:
#   - each proof, [TestName](chNN/file_test.go), is a test, example, benchmark or fuzz
#     target that go test -list finds in just that file; a link to a test file is a proof
#     or shows the file's own name
#   - each note, an item of a list under "Notes" or "What has changed since the book",
#     has a proof, or a command of make
#   - each go test and go run command names files and folders that exist, and a -run,
#     -bench or -fuzz pattern that matches there
set -eu
document=$(realpath "${1:-README.md}")
cd "$(dirname "$0")/../.."
GO=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0
wrong() {
	echo "$document: $1"
	status=1
}

# list WHAT prints the tests of a file or folder.
list() {
	cached=$tmp/$(echo "$1" | tr / _)
	if ! [ -e "$cached" ] && ! "$GO" test -list . "$1" >"$cached" 2>/dev/null; then
		# A file for another system lists nothing here: look for its declarations instead.
		sed -n 's/^func \([A-Za-z0-9_]*\)(.*/\1/p' "$1" >"$cached" 2>/dev/null || true
	fi
	cat "$cached"
}

grep -oE '\[[^]]*\]\([^)]*_test\.go\)' "$document" | tr -d '`' | sort -u >"$tmp/proofs"
grep -q '^\[Test' "$tmp/proofs" || wrong "no proofs found"
while IFS= read -r proof; do
	name=${proof#?}
	name=${name%%]*}
	file=${proof##*(}
	file=${file%)}
	[ "$name" = "$(basename "$file")" ] && [ -e "$file" ] && continue
	case $name in
	Test* | Example* | Benchmark* | Fuzz*) ;;
	*) wrong "$proof: neither a proof nor the name of a file" && continue ;;
	esac
	list "./$file" | grep -qx "$name" || wrong "$proof: no such proof"
done <"$tmp/proofs"

awk '
	/^(\*\*|#)/ {
		flush()
		if (/^#/) changed = ($0 == "## What has changed since the book")
		notes = changed || $0 == "**Notes**"
	}
	/^- / || !/./ { flush() }
	notes && /^- / { note = $0; next }
	note != "" { note = note " " $0 }
	END { flush() }
	function flush() {
		if (note != "" && note !~ /\[(Test|Example|Benchmark|Fuzz)[A-Za-z0-9_]*\]\(|`make /) print note
		note = ""
	}' "$document" >"$tmp/unproven"
while IFS= read -r note; do wrong "no proof: $note"; done <"$tmp/unproven"

# Commands stand in a line of a block, or between backquotes.
grep -oE '(^|`|\$ )go (test|run) [^`]*' "$document" | sed 's/^`//; s/^\$ //; s/  #.*//; s/ [|&>].*//' |
	tr -d "'" | sort -u >"$tmp/commands"
while IFS= read -r command; do
	kind="" pattern="" where="" option=""
	for word in $command; do
		case $word in
		-run=* | -bench=* | -fuzz=*) option=${word%%=*} word=${word#*=} ;;
		-run | -bench | -fuzz) option=$word && continue ;;
		./ch*) where="$where $word" ;;
		esac
		case $option in
		-run) [ "$word" = '^$' ] || kind='(Test|Example)' pattern=$word ;;
		-bench) kind=Benchmark pattern=$word ;;
		-fuzz) kind=Fuzz pattern=$word ;;
		esac
		option=""
	done
	for at in $where; do
		[ -e "$at" ] || [ "$at" = ./chNN ] || { wrong "$command: no $at" && continue; }
		[ -z "$kind" ] || list "$at" | grep -E "^$kind" | grep -qE -e "${pattern%%/*}" ||
			wrong "$command: nothing in $at matches"
	done
done <"$tmp/commands"
[ $status -ne 0 ] || echo "$(grep -c '^\[[TEBF][a-z]*[A-Z]' "$tmp/proofs") proofs and $(wc -l <"$tmp/commands") commands found"
exit $status
