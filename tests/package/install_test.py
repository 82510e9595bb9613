#!/usr/bin/env python3
"""Installs a build to a temporary prefix and uses it as a stranger would: headers alone, find_package, pkg-config, C99.

    install_test.py BUILD_FOLDER [TEST ...]
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile

from support import SHARED_MODELS, SOURCE, Failed, check, main, run

FORBIDDEN = re.compile(r'#\s*include\s*[<"](llvm|llvm-c|lld|google/protobuf|onnx|fmt|xtensor|mpi|nlohmann)\b')
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
STRICT_C = ["-std=c99", "-pedantic", *WARNINGS]
KB = 1000
CXX = os.environ.get("CXX", "g++")
CC = os.environ.get("CC", "gcc")


class Installed:
    """An installation with a built sample model beside it."""

    def __init__(self, build, folder):
        self.build, self.folder, self.prefix = pathlib.Path(build), pathlib.Path(folder), pathlib.Path(folder) / "usr"
        run("cmake", "--install", build, "--prefix", self.prefix)
        self.seqc = self.prefix / "bin/seqc"
        self.include = self.prefix / "include"
        self.libraries = next(self.prefix.rglob("libseqc_runtime.so")).parent
        self.env = {"LD_LIBRARY_PATH": str(self.libraries),
                    "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig"), "SEQC_CACHE": "off"}
        self.model = self.build_model(SOURCE / "tools/examples/sample/lstm.onnx", "sample")

    def build_model(self, onnx, name, *options):
        run(self.seqc, "build", onnx, "-o", self.folder, "--name", name, *options)
        return self.folder / f"{name}.so"


def headers_name_nothing_of_others(at):
    headers = [path for path in (at.include / "seqc").rglob("*") if path.is_file()]
    for header in headers:
        text = header.read_text()
        check(not FORBIDDEN.search(text), f"{header}: {FORBIDDEN.search(text)}")
        check('#include "' not in text, f"{header}: includes that are not of the form <seqc/...>")
    check(len(headers) > 30, f"only {len(headers)} headers")
    return f"{len(headers)} headers"


def headers_compile_alone(at):
    """A header beside a source file comes first in it, which the build has compiled; the others are compiled here."""
    tree = at.include / "seqc"
    headers = sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.suffix in (".h", ".hpp"))
    own = at.folder / "headers"
    own.mkdir()
    files = []
    for header in headers:
        source = (SOURCE / header).with_suffix(".cpp")
        if source.is_file() and re.search(r"^#include (.*)$", source.read_text(), re.M)[1] == f'"{header}"':
            continue
        files.append(own / f"{header.replace('/', '_')}.cpp")
        files[-1].write_text(f"#include <seqc/{header}>\n#include <seqc/{header}>\n")
    run(CXX, "-std=c++20", *WARNINGS, "-fsyntax-only", "-I", at.include, *files)
    c_file = own / "c.c"
    c_file.write_text("#include <seqc/runtime/seqc.h>\n#include <seqc/seqc.h>\nint main(void) { return 0; }\n")
    compilers = [CC] + [name for name in ("clang-19", "clang") if shutil.which(name)][:1]
    for compiler in compilers:
        run(compiler, *STRICT_C, "-fsyntax-only", "-I", at.include, c_file)
    check({"seqc.h", "seqc.hpp", "runtime.hpp"} <= set(headers), headers)
    return f"{len(headers)} headers, {len(files)} of them compiled; C99 with {', '.join(compilers)}"


def libraries_are_small_and_alone(at):
    stripped = at.folder / "stripped.so"
    run("strip", "-o", stripped, at.libraries / "libseqc_runtime.so.0")
    size = stripped.stat().st_size
    check(size < 500 * KB, f"libseqc_runtime.so is {size} bytes, expected fewer than 500,000")
    needed = re.findall(r"NEEDED.*\[(.*?)\]", run("readelf", "-d", stripped))
    allowed = ("libc.", "libm.", "libstdc++.", "libgcc_s.", "ld-linux")
    check(all(name.startswith(allowed) for name in needed), f"libseqc_runtime.so needs {needed}")
    check("[libseqc_runtime.so.0]" in run("readelf", "-d", stripped), "no SONAME libseqc_runtime.so.0")
    for library in ("libseqc_runtime.so", "libseqc.so"):
        shown = re.findall(r" [TWVDBR] (\S+?)(?:@.*)?$", run("nm", "-D", "--defined-only", at.libraries / library), re.M)
        others = [name for name in shown if not re.match(r"seqc_|_ZNK?4seqc|_ZT[ISV]N4seqc", name)]
        check(shown and not others, f"{library} shows {others[:5]}")
    return f"{size} bytes, needs {', '.join(needed)}"


def built_lstm_is_small(at):
    """An LSTM of 64 units without initial states: weights of 4*64*(64+64) + 8*64 floats."""
    onnx = at.folder / "lstm64.onnx"
    write_lstm(onnx, 64)
    library = at.build_model(onnx, "lstm64")
    weights = 4 * (4 * 64 * 128 + 8 * 64)
    besides = library.stat().st_size - weights
    check(besides < 100 * KB, f"{besides} bytes besides {weights} bytes of weights, expected fewer than 100,000")
    return f"{library.stat().st_size} bytes, {besides} besides the weights"


def find_package_builds_the_examples(at):
    examples = next(at.prefix.rglob("examples/embed"))
    build = at.folder / "examples"
    run("cmake", "-S", examples, "-B", build, f"-DCMAKE_PREFIX_PATH={at.prefix}", "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_C_FLAGS=-pedantic -Wall -Wextra -Werror")
    run("cmake", "--build", build, "-j2")
    out = run(build / "run_model", at.model, "T=3", "N=1")
    check(out.startswith("prediction: f32[3,1,1] "), out)
    refused = run(build / "run_model", SOURCE / "tools/examples/sample/lstm.onnx", code=1)
    check(refused == "", refused)
    out = run(build / "server", at.model, "--threads", 3, "--clients", 4, "--seconds", "0.3", "T=20", "N=2")
    check(re.match(r"\d+ answers by 3 threads to 4 clients: \d+ a second\nlatency: median [\d.]+ us", out), out)
    out = run(build / "compile_cell", env=at.env)
    check(re.match(r"f32\[2,1,8\]:( -?\d\.\d{4}){16}\n", out), out)
    if not (build / "wav_stream").exists():
        return "without wav_stream: no libsndfile1-dev"
    return stream_sound(at, build / "wav_stream")


def stream_sound(at, wav_stream):
    import math
    import struct
    import wave
    noisy = at.folder / "noisy.wav"
    with wave.open(str(noisy), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        for i in range(16000):
            value = int(8000 * math.sin(i * 0.2) * math.sin(i * 0.0005) + (i * 7919 % 2001 - 1000))
            file.writeframes(struct.pack("<hh", value, value))
    frame = at.build_model(SOURCE / "tools/examples/sample/lstm.onnx", "frame", "--stream")
    out = run(wav_stream, frame, noisy)
    check(len(out.splitlines()) == 2000, f"{len(out.splitlines())} lines, expected 2000 frames of 8 samples")
    run(wav_stream, at.model, noisy, code=1)  # no stream
    done = ["sample"]
    vad = SHARED_MODELS / "silero_vad_openvino_16k/model.onnx"
    if vad.exists():
        library = at.build_model(vad, "vad", "--stream", "--state", "state:stateN")
        out = run(wav_stream, library, noisy, "--context", 64)
        values = [float(line.split()[2]) for line in out.splitlines()]
        check(len(values) == 32 and all(0 <= value <= 1 for value in values), out)
        done.append("Silero")
    denoiser = SHARED_MODELS / "gtcrn_stream_simple/model.onnx"
    if denoiser.exists():
        states = [word for name in ("conv_cache", "tra_cache", "inter_cache") for word in ("--state", f"{name}:{name}_out")]
        library = at.build_model(denoiser, "denoiser", "--stream", *states)
        clean = at.folder / "clean.wav"
        run(wav_stream, library, noisy, "-o", clean)
        with wave.open(str(clean)) as file:
            check((file.getnchannels(), file.getframerate()) == (1, 16000), "clean.wav is not mono at 16 kHz")
            check(file.getnframes() >= 16000, f"clean.wav has {file.getnframes()} frames")
        done.append("GTCRN")
    return "sound through " + ", ".join(done)


def pkg_config_builds_c_and_cpp(at):
    if not shutil.which("pkg-config"):
        return "left out: no pkg-config"
    examples = next(at.prefix.rglob("examples/embed"))
    for source, compiler, module in (("run_model.c", [CC, *STRICT_C], "seqc-runtime"),
                                     ("server.cpp", [CXX, "-std=c++20", *WARNINGS, "-pthread"], "seqc-runtime"),
                                     ("compile_cell.cpp", [CXX, "-std=c++20", *WARNINGS], "seqc")):
        flags = run("pkg-config", "--cflags", "--libs", module, env=at.env).split()
        check(run("pkg-config", "--modversion", module, env=at.env).strip().count(".") == 2, "no version")
        program = at.folder / f"pc_{source.split('.')[0]}"
        run(*compiler, examples / source, "-o", program, *flags, "-lm")
        arguments = [] if module == "seqc" else [at.model, "T=2", "N=1"]
        run(program, *arguments, *(["--seconds", "0.1"] if "server" in source else []), env=at.env)
    return None


def c_only_project_configures(at):
    """CMake without C++: a program in C links the runtime-only library."""
    folder = at.folder / "c_only"
    folder.mkdir()
    shutil.copy(next(at.prefix.rglob("examples/embed")) / "run_model.c", folder)
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(c_only LANGUAGES C)\nfind_package(seqc 0.1 REQUIRED)\n"
        "add_executable(run_model run_model.c)\ntarget_link_libraries(run_model PRIVATE seqc::runtime m)\n")
    run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={at.prefix}")
    run("cmake", "--build", folder / "build")
    run(folder / "build/run_model", at.model)


def write_lstm(path, hidden):
    """An ONNX file with one LSTM [T,1,hidden] -> Y, in the wire format of protobuf, with noise for weights."""
    import random
    import struct
    generator = random.Random(1)

    def varint(value):
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    def field(number, value):
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        data = value.encode() if isinstance(value, str) else value
        return varint(number << 3 | 2) + varint(len(data)) + data

    def tensor(name, shape):
        count = 1
        for size in shape:
            count *= size
        data = struct.pack(f"<{count}f", *(generator.uniform(-0.1, 0.1) for _ in range(count)))
        return b"".join(field(1, size) for size in shape) + field(2, 1) + field(8, name) + field(9, data)

    def port(name, dims):
        shape = b"".join(field(1, field(2, dim) if isinstance(dim, str) else field(1, dim)) for dim in dims)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    attribute = field(1, "hidden_size") + field(3, hidden) + field(20, 2)
    node = b"".join(field(1, name) for name in ("X", "W", "R", "B")) + field(2, "Y") + field(4, "LSTM")
    node += field(5, attribute)
    graph = field(1, node) + field(2, "lstm")
    graph += field(5, tensor("W", [1, 4 * hidden, hidden])) + field(5, tensor("R", [1, 4 * hidden, hidden]))
    graph += field(5, tensor("B", [1, 8 * hidden]))
    graph += field(11, port("X", ["T", "N", hidden])) + field(12, port("Y", ["T", 1, "N", hidden]))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 14)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        try:
            installed = Installed(sys.argv[1], temporary)
        except Failed as failure:
            sys.exit(f"FAIL  installation: {failure}")
        main([headers_name_nothing_of_others, libraries_are_small_and_alone, built_lstm_is_small,
              c_only_project_configures, find_package_builds_the_examples, pkg_config_builds_c_and_cpp,
              headers_compile_alone], [installed])
