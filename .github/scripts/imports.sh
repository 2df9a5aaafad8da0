#!/bin/sh
# Fails where a package needs more than the standard library on any system, go.mod says
# more than the module's name and Go version, or one chapter imports another.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
list=$(mktemp)
trap 'rm -f "$list"' EXIT
status=0

if ! printf 'module network-programming-with-go\n\ngo 1.26\n' | cmp -s - go.mod || [ -e go.sum ]; then
	echo "go.mod: want the module line and go 1.26, nothing else, and no go.sum"
	status=1
fi

for os in linux darwin windows freebsd; do
	GOOS=$os "$GO" list -deps -test -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./... >"$list"
	foreign=$(grep -v '^network-programming-with-go/' "$list" || true)
	if [ -n "$foreign" ]; then
		echo "neither the standard library nor this module: $foreign"
		status=1
	fi

	GOOS=$os "$GO" list -f '{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}
{{end}}{{range .TestImports}}{{$p}} {{.}}
{{end}}{{range .XTestImports}}{{$p}} {{.}}
{{end}}' ./... >"$list"
	crossing=$(awk '
		$2 ~ /^network-programming-with-go\// {
			split($1, from, "/"); split($2, to, "/")
			if (from[2] != to[2]) print $1 " imports " $2
		}' "$list" | sort -u)
	if [ -n "$crossing" ]; then
		echo "for $os, a chapter imports another:"
		echo "$crossing"
		status=1
	fi
done
exit $status
