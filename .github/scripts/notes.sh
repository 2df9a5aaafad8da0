#!/bin/sh
# Checks that each proof a document names, [TestName](chNN/file_test.go), is a test,
# example, benchmark or fuzz target that go test -list finds in just that file.
set -eu
document=$(realpath "${1:-README.md}")
cd "$(dirname "$0")/../.."

proofs=$(grep -oE '\[`?(Test|Example|Benchmark|Fuzz)[A-Za-z0-9_]*`?\]\([^)]*\)' "$document" | tr -d '`' | sort -u)
if [ -z "$proofs" ]; then
	echo "$document: no proofs found"
	exit 1
fi

status=0
for file in $(printf '%s\n' "$proofs" | sed 's/.*(\(.*\))/\1/' | sort -u); do
	# A file for another system lists nothing here: look for its declarations instead.
	listed=$(go test -list . "./$file" 2>/dev/null) ||
		listed=$(sed -n 's/^func \([A-Za-z0-9_]*\)(.*/\1/p' "$file" 2>/dev/null) || true
	for name in $(printf '%s\n' "$proofs" | sed -n "s|^\[\(.*\)\]($file)\$|\1|p"); do
		if ! printf '%s\n' "$listed" | grep -qx "$name"; then
			echo "$document: [$name]($file): no such proof"
			status=1
		fi
	done
done
[ $status -ne 0 ] || echo "$(printf '%s\n' "$proofs" | wc -l) proofs found"
exit $status
