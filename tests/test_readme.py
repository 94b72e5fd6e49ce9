"""Runs every command and every Python block of the README in order, and compares what they print with what it shows.

Run as a script, it writes what they print into the README.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)
# What differs between machines and runs: the device's words, times and speeds, and digits of floating-point results.
VOLATILE_LINE = re.compile(r"^(device|threads|BLAS|time|speed|best epoch|stopped)\s.*", re.MULTILINE)
FLOAT = re.compile(r"-?\d+\.\d+(e[+-]?\d+)?|\b\d{1,3}(,\d{3})+\b|\b\d+e-\d+\b")


def run_block(kind: str, text: str, folder: Path) -> str:
    """Return the block with the output that its commands print when run in ``folder``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "120"}
    if kind == "python":
        done = subprocess.run([sys.executable, "-c", text], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return text
    shown = []
    for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert "Traceback" not in done.stdout
        # Whether kernels had to be compiled depends on what ran before.
        printed = re.sub(r"^compil.*\n", "", done.stdout, flags=re.MULTILINE)
        shown.append(f"$ {command}\n{printed.rstrip()}\n" if printed.strip() else f"$ {command}\n")
    return "".join(shown)


def masked(text: str) -> str:
    """Return the text without what may differ between machines and runs."""
    text = VOLATILE_LINE.sub(lambda match: match[1], text)
    return re.sub(r"[ ]+", " ", FLOAT.sub("#", text)).strip()


def test_the_readme_shows_what_its_commands_print(tmp_path):
    for kind, text in BLOCK.findall(README.read_text(encoding="utf-8")):
        assert masked(run_block(kind, text, tmp_path)) == masked(text)


def test_the_setup_commands_are_those_of_make():
    readme = README.read_text(encoding="utf-8")
    makefile = README.with_name("Makefile").read_text(encoding="utf-8").replace("$(PYTHON)", "python3")
    commands = re.findall(r"```sh\n(.*)\n```", readme)
    assert len(commands) == 2
    assert all(f"\t{command}\n" in makefile for command in commands)


def test_every_folder_of_the_table_exists():
    folders = re.findall(r"^\| `([\w/]+)/` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(folders) >= 9
    assert all((README.parent / folder).is_dir() for folder in folders)


if __name__ == "__main__":
    page = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        page = BLOCK.sub(lambda match: f"```{match[1]}\n{run_block(match[1], match[2], Path(place))}```", page)
    README.write_text(page, encoding="utf-8")
