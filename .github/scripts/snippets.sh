#!/bin/sh
# Copies each source file into an empty module, with exactly the files that its
# "Copy with:" line names, and has it compiled there for each system that it is meant for.
# go vet compiles without linking, so that a part of a command needs no main function.
set -eu
cd "$(dirname "$0")/../.."
top=$(pwd)
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT
export top failed

git ls-files --cached --others --exclude-standard '*.go' ':!:*_test.go' |
	xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c '
		[ -e "$1" ] || exit 0
		dir=$(dirname "$1")
		module=$(mktemp -d)
		trap "rm -rf \"$module\"" EXIT
		printf "module network-programming-with-go\n\ngo 1.26\n" >"$module/go.mod"
		with=$(awk "/^\/\/ Copy with: /, /\.\$/" "$1" | tr "\n" " " |
			sed "s|// Copy with:||; s|//||g; s|\. *\$||; s|,| |g")
		for name in "$(basename "$1")" $with; do
			if ! [ -e "$dir/$name" ]; then
				echo "$1: Copy with: $name: no such file"
				echo "$1" >>"$failed"
				exit 0
			fi
			mkdir -p "$module/$(dirname "$dir/$name")"
			cp -R "$dir/$name" "$module/$dir/$name"
		done
		built=""
		for os in linux darwin windows freebsd; do
			out=$(cd "$module" && GOOS=$os go vet "./$dir" 2>&1) && built=yes && continue
			case $out in
			*"build constraints exclude"*) ;;
			*) printf "%s does not build alone for %s:\n%s\n" "$1" "$os" "$out"
				echo "$1" >>"$failed" ;;
			esac
		done
		[ -n "$built" ] || { echo "$1 builds nowhere"; echo "$1" >>"$failed"; }
	' _ {}
! [ -s "$failed" ]
