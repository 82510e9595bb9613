#!/usr/bin/env bash
# Checks that every C and C++ file is formatted as .clang-format says; `--fix` rewrites those that are not.
set -euo pipefail
cd "$(dirname "$0")/.."

formatter=${CLANG_FORMAT:-clang-format-19}
if ! command -v "$formatter" >/dev/null; then
  echo "check_format: $formatter is not installed; run tools/setup.sh test" >&2
  exit 1
fi

sources() { find ir frontend passes codegen runtime tools tests -regex '.*\.\(cpp\|h\|c\)' -print0; }

if [ "${1:-}" = --fix ]; then
  sources | xargs -0 -r "$formatter" -i
  exit 0
fi
# One line a file, not clang-format's one message a blank.
# shellcheck disable=SC2016  # the quoted script is for the inner shell
if sources | xargs -0 -r -n 1 -P "$(nproc)" sh -c '"$0" --dry-run -Werror "$1" 2>/dev/null || { echo "$1"; exit 1; }' "$formatter"; then
  echo "format: every file is as .clang-format says"
else
  echo "format: the files above differ; tools/check_format.sh --fix rewrites them"
  exit 1
fi
