#!/bin/sh
# Runs each test file by itself, without benchmarks, as a reader does who opens just one.
# go ignores build constraints of files that are named, so those of another system are
# vetted for one that they suit.
set -eu
cd "$(dirname "$0")/../.."
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT

export failed
git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c '
		[ -e "$1" ] || exit 0
		if out=$(go test -timeout 120s "./$1" 2>&1); then exit 0; fi
		if [ -z "$(go list -f "{{range .XTestGoFiles}}{{.}} {{end}}{{range .TestGoFiles}}{{.}} {{end}}" "./$(dirname "$1")" |
			tr " " "\n" | grep -x "$(basename "$1")")" ]; then
			for os in linux darwin windows freebsd; do
				GOOS=$os go vet "./$1" >/dev/null 2>&1 && exit 0
			done
		fi
		printf "%s does not pass alone: go test ./%s\n%s\n" "$1" "$1" "$out"
		echo "$1" >>"$failed"
	' _ {}
! [ -s "$failed" ]
