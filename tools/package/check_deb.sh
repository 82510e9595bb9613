#!/usr/bin/env bash
# Makes the Debian packages and tries them on a clean Debian 12 in a folder of its own: installs them with apt, builds and runs
# the README's example, the Python package, a C program against the runtime-only library, and reads the manual page.
#   tools/package/check_deb.sh [--build FOLDER] [--root FOLDER]      (build/release, build/root)
# Needs root and debootstrap. The root is made once and reused without the packages; mirrors are those of this machine's apt.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=build/release root=build/root
while [ $# -gt 0 ]; do
  case "$1" in
    --build) build=${2:?} && shift 2 ;;
    --root) root=${2:?} && shift 2 ;;
    *) sed -n '2,5s/^# //p' "$0" >&2 && exit 2 ;;
  esac
done
step() { printf '\n== %s\n' "$*"; }

if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
  echo "left out: needs root and debootstrap"
  exit 77
fi

# The machine's own sources of bookworm, in the one-line form: "deb [options] uri suite components".
apt_sources() {
  apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 ~ /^bookworm/ { components[$1 " " $2] = components[$1 " " $2] " " $3 }
         END { for (source in components) print "deb", source components[source] }' | sort
}
mirror=$(apt_sources | awk '$3 == "bookworm" { print $2; exit }')
[ -n "$mirror" ] || { echo "left out: this machine's apt has no sources of bookworm"; exit 77; }

step "1. packages"
cmake --build "$build" -j "$(nproc)" --target installables >/dev/null
rm -rf "$build/packages"
(cd "$build" && cpack >cpack.log) || { cat "$build/cpack.log"; exit 1; }
ls -l "$build"/packages/*.deb | awk '{ print $5, $NF }'
for package in "$build"/packages/*.deb; do
  printf '%s: %s\n' "$(dpkg-deb -f "$package" Package)" "$(dpkg-deb -f "$package" Depends)"
done

step "2. a clean Debian 12"
if [ ! -e "$root/etc/debian_version" ]; then
  rm -rf "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" || { tail "$root.log"; exit 1; }
fi
apt_sources >"$root/etc/apt/sources.list"
# How this machine reaches its mirrors (proxies, certificates) is how the root does.
cp /etc/apt/apt.conf.d/*prox* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"; }
in_root apt-get update -qq
in_root dpkg --list | awk '$1 == "ii"' | wc -l | sed 's/$/ packages are installed/'

step "3. install, with what they depend on"
mkdir -p "$root/root/packages"
rm -f "$root"/root/packages/*
cp "$build"/packages/*.deb "$root/root/packages/"
trap 'in_root sh -c "apt-get purge -qq -y \$(dpkg-query -W -f \"\\\${Package}\\n\" | grep -E \"^(libseqc|seqc|python3-seqc)\") >/dev/null 2>&1" || true' EXIT
in_root sh -c 'apt-get install -qq -y --no-install-recommends /root/packages/*.deb gcc libc6-dev pkg-config man-db >/dev/null'
in_root sh -c 'dpkg-query -W "*seqc*"'

step "4. the README's example"
rm -rf "$root/root/try"
cp -r tools/examples/sample "$root/root/try"
in_root sh -ec '
  cd /root/try
  seqc --version
  seqc inspect lstm.onnx
  seqc build lstm.onnx -o out
  seqc run out/lstm.so --inputs data --outputs out
  cmp -n 128 out/output_0.npy data/output_0.npy   # the header; values differ in the last bits
  seqc bench lstm.onnx --dim T=100 --dim N=1 --threads 1'
python3 - "$root/root/try/out/output_0.npy" tools/examples/sample/data/output_0.npy <<'PYTHON'
import struct, sys
values = [struct.unpack("<100f", open(name, "rb").read()[-400:]) for name in sys.argv[1:]]
worst = max(abs(a - b) for a, b in zip(*values))
print(f"largest difference from NumPy: {worst:.2g}")
sys.exit(worst > 1e-4)
PYTHON

step "5. Python: a model, a library, a stream, training"
if ls "$build"/packages/python3-seqc_*.deb >/dev/null 2>&1; then
  in_root sh -ec 'cd /root/try && python3 -' <<'PYTHON'
import numpy as np
import seqc

x = np.load("data/input_0.npy")
program = seqc.compile("lstm.onnx")
y = program.run({"sensors": x})["prediction"]
print(seqc.__file__, program, sep="\n")
np.testing.assert_allclose(y, np.load("data/output_0.npy"), atol=1e-4)
np.testing.assert_array_equal(y, seqc.load("out/lstm.so").run([x])[0])
stream = seqc.stream("lstm.onnx")
np.testing.assert_array_equal(y, np.concatenate([stream.step(x[at:at + 7]) for at in range(0, len(x), 7)]))
model = seqc.Model([seqc.layers.GRU(4), seqc.layers.Dense(1)], input=(None, 3))
ones = np.ones((8, 5, 3), np.float32)
history = model.fit(ones, ones[:, 0, :1], loss="mse", epochs=3, batch_size=4)
print("loss of each epoch:", np.round(history.curve("loss"), 4))
PYTHON
else
  echo "left out: the Python module is not built (python3-dev, pybind11-dev)"
fi

step "6. a C99 program with the runtime-only library"
in_root sh -ec '
  cd /root/try
  gcc -std=c99 -pedantic -Wall -Wextra -Werror /usr/share/seqc/examples/embed/run_model.c -o run_model \
    $(pkg-config --cflags --libs seqc-runtime) -lm
  ./run_model out/lstm.so T=3 N=1
  ldd run_model | grep -v linux-vdso'

step "7. the manual page"
in_root sh -ec 'man seqc 2>/dev/null | head -12; ls /usr/share/bash-completion/completions/seqc'
printf '\nall of it works on a clean Debian %s\n' "$(cat "$root/etc/debian_version")"
