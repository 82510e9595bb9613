#!/usr/bin/env bash
# Compares seqc with ONNX Runtime, run in turns on the same models and inputs.
#   tools/bench/peers/run.sh [--threads 1,2] [--seconds 3] [--list] [parts of configuration names...]
# Installs ONNX Runtime (npm's onnxruntime-node, for the shared library inside) below build/ on the first run.
set -euo pipefail
cd "$(dirname "$0")/../../.."

version=1.30.0
work=build/peers
tools/setup.sh bench

package=$work/node_modules/onnxruntime-node
if ! grep -qs "\"version\": \"$version\"" "$package/package.json"; then
  echo "peers: installing onnxruntime-node $version"
  npm install --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error "onnxruntime-node@$version"
fi
case "$(uname -m)" in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "peers: no ONNX Runtime for $(uname -m)" >&2; exit 1 ;;
esac
ort=$(echo "$package"/bin/napi-v*/linux/"$arch"/libonnxruntime.so.1)

tools/build.sh release --target seqc --target peers_compare
# Debian's onnx module belongs to Debian's python3, whatever python3 comes first in PATH.
/usr/bin/python3 tools/bench/peers/peers.py --ort "$ort" --compare build/release/peers_compare --seqc build/release/seqc \
  --work "$work" "$@"
