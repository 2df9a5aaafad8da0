#!/bin/sh
# Runs each fuzz target of the module for FUZZTIME, one after the other.
set -eu
cd "$(dirname "$0")/../.."
GO=${GO:-go}
packages=$("$GO" list ./...)
for package in $packages; do
	targets=$("$GO" test -list '^Fuzz' "$package")
	for target in $(printf '%s\n' "$targets" | grep '^Fuzz' || true); do
		echo "go test -run='^\$' -fuzz='^$target\$' -fuzztime=${FUZZTIME:-10s} $package"
		"$GO" test -run='^$' -fuzz="^$target\$" -fuzztime="${FUZZTIME:-10s}" "$package"
	done
done
