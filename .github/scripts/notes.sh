#!/bin/sh
# Checks that what the documents name can be run:
#   - each proof, [TestName](file_test.go), is a test, example, benchmark or fuzz target of
#     just that file, and go test -list finds it; a link to a test file is a proof or shows
#     the file's own name
#   - each note, an item of a list under "Notes", "What has changed since the book" or a
#     chapter's heading, has a proof, or a command of make
#   - each go test and go run command names files and folders that exist, as seen from the
#     root of the repository, and a -run, -bench or -fuzz pattern that matches there
# With arguments it reads these documents in place of each README.md.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0
wrong() {
	echo "$document: $1"
	status=1
}

# list WHAT prints the tests of a folder, or those of one file.
list() {
	at=$1
	case $at in
	*.go) at=$(dirname "$at") ;;
	esac
	cached=$tmp/list.$(echo "$at" | tr /. __)
	[ -e "$cached" ] || "$GO" test -list . "$at" >"$cached" || wrong "go test -list . $at fails"
	[ "$at" != "$1" ] || { cat "$cached" && return; }
	sed -n 's/^func \([A-Za-z0-9_]*\)(.*/\1/p' "$1" >"$tmp/declared"
	# None is listed of a file for another system.
	grep -xF -f "$cached" "$tmp/declared" || cat "$tmp/declared"
}

proofs() {
	# From the page to the root of the repository.
	folder=$(dirname "$document")/
	[ "$folder" != ./ ] || folder=""
	grep -oE '\[[^]]*\]\([^)]*_test\.go\)' "$document" | tr -d '`' | sort -u >"$tmp/proofs"
	while IFS= read -r proof; do
		name=${proof#?}
		name=${name%%]*}
		file=${proof##*(}
		file=$folder${file%)}
		[ "$name" = "$(basename "$file")" ] && [ -e "$file" ] && continue
		case $name in
		Test* | Example* | Benchmark* | Fuzz*) ;;
		*) wrong "$proof: neither a proof nor the name of a file" && continue ;;
		esac
		list "./$file" | grep -qx "$name" || wrong "$proof: no such proof"
		echo "$file $name" >>"$tmp/all-proofs"
	done <"$tmp/proofs"
}

notes() {
	awk '
		/^```/ { code = !code; next }
		code { next }
		# A section lasts until a heading of its own level, one in bold until the next.
		/^#/ {
			flush()
			depth = length($1)
			if (depth <= level) level = 0
			if (/^#+ (Notes|What has changed since the book)$/ || /^### Chapter [0-9]/) level = depth
			chapter = /^### Chapter [0-9]/
			bold = ""
			next
		}
		/^\*\*[^*]*\*\*$/ { flush(); bold = $0; next }
		{ notes = level && !(chapter && bold != "") || bold == "**Notes**" }
		/^- / || !/./ { flush() }
		notes && /^- / { note = $0; next }
		note != "" { note = note " " $0 }
		END { flush() }
		function flush() {
			if (note != "" && note !~ /\[(Test|Example|Benchmark|Fuzz)[A-Za-z0-9_]*\]\(|`make /) print note
			note = ""
		}' "$document" >"$tmp/unproven"
	while IFS= read -r note; do wrong "no proof: $note"; done <"$tmp/unproven"
}

# Commands stand in a line of a block, or between backquotes.
commands() {
	grep -oE '(^|`|\$ )go (test|run) [^`]*' "$document" | sed 's/^`//; s/^\$ //; s/  #.*//; s/ [|&>].*//' |
		tr -d "'" | sort -u >"$tmp/commands"
	while IFS= read -r command; do
		kind="" pattern="" where="" option="" tests=yes
		for word in $command; do
			case $word in
			-run=* | -bench=* | -fuzz=*) option=${word%%=*} word=${word#*=} ;;
			-run | -bench | -fuzz) option=$word && continue ;;
			./...) ;;
			./*) where="$where $word" ;;
			esac
			case $option in
			-run) if [ "$word" = '^$' ]; then tests=""; else kind='(Test|Example)' pattern=$word; fi ;;
			-bench) kind=Benchmark pattern=$word ;;
			-fuzz) kind=Fuzz pattern=$word ;;
			esac
			option=""
		done
		# All benchmarks, after the tests, may be none.
		[ "$kind,$pattern,$tests" != Benchmark,.,yes ] || kind=""
		for at in $where; do
			case $at in
			./chNN*) continue ;; # of any chapter
			esac
			[ -e "${at%/...}" ] || { wrong "$command: no $at" && continue; }
			[ -z "$kind" ] || list "$at" | grep -E "^$kind" | grep -qE -e "${pattern%%/*}" ||
				wrong "$command: nothing in $at matches"
		done
	done <"$tmp/commands"
	cat "$tmp/commands" >>"$tmp/all-commands"
}

: >"$tmp/all-proofs"
: >"$tmp/all-commands"
[ $# -gt 0 ] || set -- $(.github/scripts/pages.sh)
for document; do
	[ -f "$document" ] || { wrong "no such document" && continue; }
	proofs
	notes
	commands
done
document="$*"
[ -s "$tmp/all-proofs" ] || wrong "no proofs found"
[ $status -ne 0 ] || echo "$# documents, $(sort -u "$tmp/all-proofs" | wc -l) proofs and $(sort -u "$tmp/all-commands" | wc -l) commands found"
exit $status
