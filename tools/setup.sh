#!/usr/bin/env bash
# Installs the Debian 12 packages that seqc needs, and only those that are missing.
#   tools/setup.sh build    what building needs
#   tools/setup.sh test     building, the tests and the Python module
#   tools/setup.sh bench    building and the peers that benchmarks compare with
set -euo pipefail

build_packages=(g++ cmake ninja-build ccache llvm-19-dev liblld-19-dev libzstd-dev zlib1g-dev libonnx-dev libprotobuf-dev
                protobuf-compiler libxtensor-dev libcli11-dev nlohmann-json3-dev libfmt-dev libzip-dev libutf8proc-dev
                doctest-dev libopenmpi-dev openmpi-bin)
test_packages=(libonnx-testdata llvm-19-tools python3 python3-numpy python3-onnx valgrind clang-format-19 pkg-config
               libsndfile1-dev python3-dev pybind11-dev python3-mypy)
bench_packages=(npm python3-numpy python3-onnx libbenchmark-dev libdnnl-dev libtorch-dev python3-torch
                libopenblas0-openmp)

case "${1:-build}" in
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  bench) wanted=("${build_packages[@]}" "${bench_packages[@]}") ;;
  *) echo "usage: tools/setup.sh [build|test|bench]" >&2; exit 2 ;;
esac

# A tool that is already there some other way (a newer cmake, npm that came with node) need not come from Debian.
have() {
  case "$1" in
    g++ | cmake | ccache | npm) command -v "$1" >/dev/null && return 0 ;;
    ninja-build) command -v ninja >/dev/null && return 0 ;;
  esac
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in "${wanted[@]}"; do
  have "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "packages: all ${#wanted[@]} are there"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "packages: needs root or sudo for: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "packages: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "packages: done"
