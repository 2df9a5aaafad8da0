#!/bin/sh
# Copies each source file into an empty module, with exactly the files that its
# "Copy with:" line names, and has it compiled there for each system that it is meant for.
# Then it leaves out one of the named files after the other: each must be missed by some
# system, or the line names too much. A twin, as name_other.go of name_linux.go, may be named.
# go vet compiles without linking, so that a part of a command needs no main function.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export GO tmp

find ch* -name '*.go' ! -name '*_test.go' >"$tmp/files"
[ -s "$tmp/files" ] || { echo "no source files found"; exit 1; }
xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c '
	fail() {
		printf "%s\n" "$1: $2"
		echo "$1" >>"$tmp/failed"
	}
	dir=$(dirname "$1")
	module=$(mktemp -d "$tmp/module.XXXXXX")
	printf "module network-programming-with-go\n\ngo 1.26\n" >"$module/go.mod"
	with=$(awk "/^\/\/ Copy with: /, /\.\$/" "$1" | tr "\n" " " |
		sed "s|// Copy with:||g; s|//||g; s|\. *\$||; s|,| |g")
	for name in "$(basename "$1")" $with; do
		[ -e "$dir/$name" ] || { fail "$1" "Copy with: $name: no such file"; exit 0; }
		mkdir -p "$module/$(dirname "$dir/$name")"
		cp -R "$dir/$name" "$module/$dir/$name"
	done
	systems=""
	for os in linux darwin windows freebsd; do
		if out=$(cd "$module" && GOOS=$os "$GO" vet "./$dir" 2>&1); then
			systems="$systems $os"
			continue
		fi
		case $out in
		*"build constraints exclude"*) ;;
		*) fail "$1" "does not build alone for $os: $out" ;;
		esac
	done
	[ -n "$systems" ] || { fail "$1" "builds nowhere"; exit 0; }
	try=build # it is quicker, but wants a main function of a command
	grep -q "^package main" "$1" && try=vet
	for name in $with; do
		[ "${name%_*}" != "$(basename "${1%_*}")" ] || continue # its twin for other systems
		mv "$module/$dir/$name" "$tmp/aside.$$"
		missed=""
		for os in $systems; do
			(cd "$module" && GOOS=$os "$GO" $try "./$dir" >/dev/null 2>&1) || { missed=yes; break; }
		done
		mv "$tmp/aside.$$" "$module/$dir/$name"
		[ -n "$missed" ] || fail "$1" "Copy with: $name: builds without it"
	done
	rm -rf "$module"
' _ {} <"$tmp/files"
[ ! -s "$tmp/failed" ]
