"""Processes of their own for what is compared: each library's threads are decided before it is loaded."""
import glob
import json
import os
import subprocess
import sys


class Program:
    """A program that does as many steps as it is told and says how long they took (turns.h)."""
    def __init__(self, command):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended early")
        return json.loads(line)

    def turn(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return self.answer()

    def steps(self, count):
        return self.turn(count)["seconds"] / count

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def environment(threads):
    """This process's environment with so many threads for every BLAS and OpenMP, which take it when they are loaded.

    Of several BLAS libraries PyTorch gets the OpenBLAS that shares its OpenMP threads, not one whose own threads get in their way.
    """
    chosen = {**os.environ, **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL", "BLIS")}}
    chosen["LD_LIBRARY_PATH"] = ":".join(glob.glob("/usr/lib/*/openblas-openmp") + [os.environ.get("LD_LIBRARY_PATH", "")])
    return chosen


def restart_with(threads):
    """Starts this script again in such an environment, unless it runs in one."""
    marker = "SEQC_PEER_THREADS"
    if os.environ.get(marker) != str(threads):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**environment(threads), marker: str(threads)})


def run(command, threads):
    """The JSON that a command prints in an environment of so many threads."""
    answer = subprocess.run([str(part) for part in command], env=environment(threads), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout)
