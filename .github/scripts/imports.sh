#!/bin/sh
# Fails where a package needs more than the standard library, go.mod says more than the
# module's name and Go version, or one chapter imports another.
set -eu
cd "$(dirname "$0")/../.."
status=0

if ! printf 'module network-programming-with-go\n\ngo 1.26\n' | cmp -s - go.mod || [ -e go.sum ]; then
	echo "go.mod: want the module line and go 1.26, nothing else, and no go.sum"
	status=1
fi

foreign=$(go list -deps -test -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./... |
	grep -v '^network-programming-with-go/' || true)
if [ -n "$foreign" ]; then
	echo "neither the standard library nor this module: $foreign"
	status=1
fi

crossing=$(go list -f '{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}
{{end}}{{range .TestImports}}{{$p}} {{.}}
{{end}}{{range .XTestImports}}{{$p}} {{.}}
{{end}}' ./... | awk '
	$2 ~ /^network-programming-with-go\// {
		split($1, from, "/"); split($2, to, "/")
		if (from[2] != to[2]) print $1 " imports " $2
	}' | sort -u)
if [ -n "$crossing" ]; then
	echo "a chapter imports another:"
	echo "$crossing"
	status=1
fi
exit $status
