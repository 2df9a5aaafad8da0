#!/bin/sh
# Runs each fuzz target of the module for FUZZTIME, one after the other.
set -eu
cd "$(dirname "$0")/../.."
for package in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "go test -run='^\$' -fuzz='^$target\$' -fuzztime=${FUZZTIME:-10s} $package"
		go test -run='^$' -fuzz="^$target\$" -fuzztime="${FUZZTIME:-10s}" "$package"
	done
done
