#!/usr/bin/env python3
"""The manual page and the shells' completions name every command and option that `seqc --help` shows, and work.

    manual_test.py BUILD_FOLDER [TEST ...]
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from support import check, main, run


def listed_commands(seqc):
    """Commands in the overview."""
    text = run(seqc, "--help").split("Subcommands:")[1]
    return re.findall(r"^  (\w+) ", text.split("\n\n")[0], re.M)


def listed_options(seqc, command):
    """All names of options in a command's help, before its prose."""
    names = set()
    for line in run(seqc, command, "--help").splitlines():
        if match := re.match(r"  ((?:-\w,?)?(?:--[\w-]+)?)[ =:{]|^  (-\w,--[\w-]+)$", line + " "):
            names |= {name for name in (match[1] or match[2] or "").split(",") if name.startswith("-")}
    return names


class Tool:
    def __init__(self, build, folder):
        self.seqc, self.folder = pathlib.Path(build) / "seqc", pathlib.Path(folder)
        self.commands = listed_commands(self.seqc)
        self.options = {command: listed_options(self.seqc, command) for command in self.commands}
        self.texts = {kind: run(self.seqc, "manual", kind) for kind in ("man", "bash", "zsh", "fish")}


def everything_is_named(tool):
    check(len(tool.commands) >= 9 and "build" in tool.commands, tool.commands)
    check("manual" not in tool.commands, "the hidden command is shown")
    check({"--emit", "-o", "--output", "--help", "--weights"} <= tool.options["build"], tool.options["build"])
    count = 0
    for command in tool.commands:
        page = re.search(rf"^\.SS seqc {command}\n(.*?)(?=^\.S[SH] )", tool.texts["man"] + ".SH \n", re.M | re.S)
        check(page, f"no section of {command} in the manual page")
        fish = re.findall(rf"^complete -c seqc -n '__fish_seen_subcommand_from {command}' (.*)$", tool.texts["fish"], re.M)
        zsh = re.search(rf"^    {command}\)\n(.*?);;$", tool.texts["zsh"], re.M | re.S)
        bash = re.search(rf"^    {command}\) words='(.*)' ;;$", tool.texts["bash"], re.M)
        check(fish and zsh and bash, f"{command} is missing in a completion")
        for name in tool.options[command]:
            count += 1
            check(f"\\fB{name.replace('-', chr(92) + '-')}\\fR" in page[1], f"{command} {name} is not in the manual page")
            check(re.search(rf"(?<![\w-]){name}(?![\w-])", zsh[1]), f"{command} {name} is not in zsh's completion")
            check(name in bash[1].split(), f"{command} {name} is not in bash's completion")
            flag = f"-l {name[2:]} " if name.startswith("--") else f"-s {name[1:]} "
            check(any(flag in line for line in fish), f"{command} {name} is not in fish's completion")
    return f"{len(tool.commands)} commands, {count} names of options"


def manual_page_is_well_formed(tool):
    page = tool.folder / "seqc.1"
    page.write_text(tool.texts["man"])
    linted = []
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True)
        check(done.returncode == 0 and done.stderr == "", f"groff: {done.stderr}")
        linted.append("groff -ww")
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", page], capture_output=True, text=True)
        check(done.returncode == 0, f"mandoc: {done.stdout}")
        linted.append("mandoc")
    if shutil.which("man"):
        text = run("man", "-l", page, env={"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": "", "PAGER": "cat"})
        check("--max-weight-error" in text and "seqc build model.onnx -o out" in text, text[:2000])
        linted.append("man -l")
    return ", ".join(linted) or "left out: neither groff, mandoc nor man is here"


def complete(tool, *words):
    """What bash offers for the last word of a line; words are as bash splits them."""
    (tool.folder / "seqc.bash").write_text(tool.texts["bash"])
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _seqc; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    return set(run("bash", "--norc", "-c", script, "bash", tool.folder / "seqc.bash", *words).split())


def bash_completes(tool):
    offered = complete(tool, "seqc", "")
    check(set(tool.commands) <= offered and "--version" in offered, offered)
    check(complete(tool, "seqc", "bu") == {"build"}, complete(tool, "seqc", "bu"))
    for command in tool.commands:
        offered = complete(tool, "seqc", command, "-")
        check(offered == tool.options[command], f"{command}: {offered ^ tool.options[command]}")
    check(complete(tool, "seqc", "build", "--em") == {"--emit"}, "--em")
    check(complete(tool, "seqc", "build", "--emit", "=", "a") == {"a", "asm"}, "--emit=a")
    check(complete(tool, "seqc", "build", "--emit", "=") == {"so", "a", "obj", "asm", "llvm", "ir"}, "--emit=")
    check(complete(tool, "seqc", "build", "--emit", "so,as") == {"so,asm"}, complete(tool, "seqc", "build", "--emit", "so,as"))
    check(complete(tool, "seqc", "run", "m.onnx", "--weights", "b") == {"bf16"}, "--weights b")
    check(complete(tool, "seqc", "build", "mod") == set(), "files are left to bash")


def other_shells_parse(tool):
    tried = []
    for shell, arguments in (("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])):
        if not shutil.which(shell):
            continue
        file = tool.folder / f"completion.{shell}"
        file.write_text(tool.texts[shell])
        run(shell, *arguments, file)
        tried.append(shell)
    return ", ".join(tried)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main([everything_is_named, manual_page_is_well_formed, bash_completes, other_shells_parse],
             [Tool(sys.argv[1], temporary)])
