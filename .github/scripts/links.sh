#!/bin/sh
# Checks that each relative link of the documents leads to a file of this folder, and each
# #anchor to a heading, as GitHub makes anchors: lower case, punctuation dropped, spaces to hyphens.
set -eu
cd "$(dirname "$0")/../.."
status=0
for document in README.md .github/CONTRIBUTING.md; do
	anchors=$(awk '/^```/ { code = !code } !code && /^#+ / { sub(/^#+ /, ""); print }' "$document" |
		tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g')
	links=$(awk '/^```/ { code = !code } !code { gsub(/`[^`]*`/, ""); print }' "$document" | grep -oE '\]\([^) ]+\)' | sed 's/^](\(.*\))$/\1/' | sort -u)
	for link in $links; do
		case $link in
		http://* | https://*) continue ;;
		'#'*)
			printf '%s\n' "$anchors" | grep -qx -e "${link#?}" || {
				echo "$document: $link: no such heading"
				status=1
			} ;;
		*)
			target=$(realpath "$(dirname "$document")/${link%%#*}" 2>/dev/null) || target=""
			case $target in
			"$(pwd -P)"/*) [ -e "$target" ] && continue ;;
			esac
			echo "$document: $link: no such file"
			status=1 ;;
		esac
	done
done
exit $status
