#!/bin/sh
# Runs each test file by itself, without benchmarks, as a reader does who opens just one,
# and wants it to be of the package chNN_test: nothing that is not exported helps it.
# go ignores build constraints of files that are named, so those of another system are
# vetted for one that they suit. With arguments it tries these files only.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export GO tmp

if [ $# -gt 0 ]; then
	printf '%s\n' "$@"
else
	find ch* -name '*_test.go'
fi >"$tmp/files"
[ -s "$tmp/files" ] || { echo "no test files found"; exit 1; }
xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c '
	dir=$(dirname "$1")
	if ! grep -q "^package [a-z0-9]*_test\$" "$1"; then
		echo "$1: want an external test, of a package whose name ends in _test"
		echo "$1" >>"$tmp/failed"
	fi
	if out=$("$GO" test -timeout 120s "./$1" 2>&1); then exit 0; fi
	if ! "$GO" list -f "{{range .XTestGoFiles}}{{.}} {{end}}" "./$dir" |
		tr " " "\n" | grep -qx "$(basename "$1")"; then
		for os in linux darwin windows freebsd; do
			GOOS=$os "$GO" list -f "{{range .XTestGoFiles}}{{.}} {{end}}" "./$dir" |
				tr " " "\n" | grep -qx "$(basename "$1")" || continue
			GOOS=$os "$GO" vet "./$1" >/dev/null 2>&1 && exit 0
		done
	fi
	printf "%s does not pass alone: go test ./%s\n%s\n" "$1" "$1" "$out"
	echo "$1" >>"$tmp/failed"
' _ {} <"$tmp/files"
[ ! -s "$tmp/failed" ]
