#!/bin/sh
# Prints each README.md of the project, wherever it is.
set -eu
cd "$(dirname "$0")/../.."
find . -name README.md ! -path './.*' ! -path '*/testdata/*' | sed 's|^\./||' | sort
