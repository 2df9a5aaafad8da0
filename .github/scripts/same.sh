#!/bin/sh
# Chapters do not import each other, so what several of them need stands in each with the
# same lines: a file chNN/internal/PATH, the accept loop of the servers, and the queue in
# which their log waits. Fails if the copies differ.
set -eu
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

# same FILE OTHER NAME OF-OTHER: the two must not differ.
same() {
	diff "$1" "$2" >"$tmp/diff" && return
	echo "$3 differs from $4:"
	sed 's/^/	/' "$tmp/diff" | head -n 20
	status=1
}

find ch*/internal -name '*.go' 2>/dev/null | sort >"$tmp/files" || true # there may be none
while IFS= read -r file; do
	first=$(grep "^ch[0-9]*/${file#*/}\$" "$tmp/files" | head -n 1)
	[ "$file" = "$first" ] || same "$file" "$first" "$file" "$first"
done <"$tmp/files"

first=""
for file in $(grep -lr --include='*.go' '^func acceptPasses(' ch* | sort); do
	awk '/^\/\/ accept returns / { on = 1 } on { print } /^func acceptPasses\(/ { last = 1 } last && /^}/ { exit }' \
		"$file" >"$tmp/$(echo "$file" | tr / _)"
	[ -n "$first" ] || first=$file
	same "$tmp/$(echo "$file" | tr / _)" "$tmp/$(echo "$first" | tr / _)" "the accept loop of $file" "$first"
done

first=""
for file in $(grep -lr --include='*.go' '^type logQueue ' ch* | sort); do
	[ -n "$first" ] || first=$file
	same "$file" "$first" "$file" "$first"
done
exit $status
