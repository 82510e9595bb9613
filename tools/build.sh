#!/usr/bin/env bash
# Configures (once) and builds one preset into build/<preset>.
#   tools/build.sh [release|debug|sanitize|thread|clang] [arguments for cmake --build]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-release}
[ $# -eq 0 ] || shift
if [ ! -f "build/$preset/build.ninja" ]; then
  cmake --preset "$preset"
fi
cmake --build "build/$preset" "$@"
