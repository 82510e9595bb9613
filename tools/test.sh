#!/usr/bin/env bash
# Installs what the tests need, builds, and runs all tests; a second run only does what changed.
#   tools/test.sh [--preset release|debug|sanitize|thread|clang] [arguments for ctest, e.g. -R ir/ or -L passes]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset needs a name}
  shift 2
fi
tools/setup.sh test
tools/build.sh "$preset"
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)" "$@"
