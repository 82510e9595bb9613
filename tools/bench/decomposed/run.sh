#!/usr/bin/env bash
# How fast cells decomposed into Loop and Scan run against the operators: a table, exit code 1 above the limit.
#   tools/bench/decomposed/run.sh [--rounds 200] [--limit 1.2] [--hidden 64] [parts of names...]
set -euo pipefail
cd "$(dirname "$0")/../../.."
tools/build.sh release --target bench_decomposed
build/release/bench_decomposed "$@"
