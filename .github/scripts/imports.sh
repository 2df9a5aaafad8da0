#!/bin/sh
# Fails if on any system
#   - a package needs more than the standard library, or go.mod says more than the module's
#     name and Go version
#   - one chapter imports another
#   - a chapter, or a package below it, imports anything but the standard library: only a
#     command joins a chapter with the packages below it, so that each can be read and copied alone
#   - anything but a test imports chNN/internal, which is for tests
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
	GOOS=$os "$GO" list -deps -test -f '{{if not .Standard}}{{.ImportPath}}{{end}}' \
		./... ./.github/scripts/... >"$list"
	foreign=$(grep -v '^network-programming-with-go/' "$list" || true)
	if [ -n "$foreign" ]; then
		echo "for $os, neither the standard library nor this module: $foreign"
		status=1
	fi

	# A line for each import: package name, what imports, its import path, the import.
	GOOS=$os "$GO" list -f '{{$p := .ImportPath}}{{$n := .Name}}{{range .Imports}}{{$n}} package {{$p}} {{.}}
{{end}}{{range .TestImports}}{{$n}} test {{$p}} {{.}}
{{end}}{{range .XTestImports}}{{$n}} test {{$p}} {{.}}
{{end}}' ./... ./.github/scripts/... >"$list"
	wrong=$(awk '
		$4 !~ /^network-programming-with-go\// { next }
		{
			from = $3; to = $4
			sub(/^[^\/]*\//, "", from); sub(/^[^\/]*\//, "", to)
			split(from, a, "/"); split(to, b, "/")
		}
		a[1] != b[1] { print from " imports " to ": a chapter imports another"; next }
		$2 == "test" || from ~ /\/internal\// { next }
		to ~ /\/internal\// { print from " imports " to ": only tests may"; next }
		$1 != "main" { print from " imports " to ": want the standard library only, commands join the two" }
		' "$list" | sort -u)
	if [ -n "$wrong" ]; then
		echo "for $os:"
		echo "$wrong"
		status=1
	fi
done
exit $status
