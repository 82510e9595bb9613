#!/usr/bin/env bash
# Configures and builds one preset into build/<preset>.
#   tools/build.sh [release|debug|sanitize|thread|clang] [arguments for cmake --build]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-release}
[ $# -eq 0 ] || shift
# Every time: packages may have come since, such as those of the Python module.
cmake --preset "$preset"
cmake --build "build/$preset" "$@"
