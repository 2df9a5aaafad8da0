#!/bin/sh
# Checks that each relative link of the documents leads to a file of this folder, and each
# #anchor, here or in another document, to a heading, as GitHub makes anchors: lower case,
# punctuation dropped, spaces to hyphens.
set -eu
cd "$(dirname "$0")/../.."
status=0

text() { awk '/^```/ { code = !code } !code' "$1"; }
anchors() {
	text "$1" | sed -n 's/^#\{1,\} //p' | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}
wrong() {
	echo "$1: $2: $3"
	status=1
}

for document in $(.github/scripts/pages.sh) .github/CONTRIBUTING.md; do
	links=$(text "$document" | sed 's/`[^`]*`//g' | grep -oE '\]\([^) ]+\)' | sed 's/^](\(.*\))$/\1/' | sort -u)
	for link in $links; do
		case $link in
		http://* | https://*) continue ;;
		'#'*) target=$document ;;
		*) target=$(dirname "$document")/${link%%#*} ;;
		esac
		full=$(realpath "$target" 2>/dev/null) || full=""
		case $full in
		"$(pwd -P)"/*) [ -e "$full" ] ;;
		*) false ;;
		esac || { wrong "$document" "$link" "no such file" && continue; }
		case $link in
		*'#'*) anchors "$target" | grep -qx -e "${link#*#}" || wrong "$document" "$link" "no such heading" ;;
		esac
	done
done
exit $status
