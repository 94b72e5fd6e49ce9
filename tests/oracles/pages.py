"""Pages whose console and Python blocks are run in order, in one folder; noise is masked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from oracles.command_line import captured

BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)
# What differs between machines and runs: the device's words, times and speeds, and digits of
# floating-point results.
VOLATILE_LINE = re.compile(
    r"^(device|threads|BLAS|time|speed|best epoch|stopped)\s.*", re.MULTILINE
)
VOLATILE_VALUE = re.compile(r'("(?:how|threads|device)": )("[^"]*"|\d+)')  # in a line of JSON
FLOAT = re.compile(r"-?\d+\.\d+(e[+-]?\d+)?|\b\d{1,3}(,\d{3})+\b|\b\d+e-\d+\b")
SIZE = re.compile(r"[\d.]+ kB\b")  # 17.9 or 18


def run_block(kind: str, text: str, folder: Path) -> str:
    """Return the block with the output that its commands print when run in ``folder``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "120", "PYTHONIOENCODING": "utf-8"}
    if kind == "python":
        done = captured([sys.executable, "-c", text], cwd=folder, env=environment)
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
            encoding="utf-8",
        )
        assert "Traceback" not in done.stdout
        # Whether kernels had to be compiled depends on what ran before.
        printed = re.sub(r"^compil.*\n", "", done.stdout, flags=re.MULTILINE)
        shown.append(f"$ {command}\n{printed.rstrip()}\n" if printed.strip() else f"$ {command}\n")
    return "".join(shown)


def masked(text: str) -> str:
    """Return the text without what may differ between machines and runs."""
    text = VOLATILE_VALUE.sub(
        lambda match: match[1], VOLATILE_LINE.sub(lambda match: match[1], text)
    )
    return re.sub(r"[ ]+", " ", FLOAT.sub("#", SIZE.sub("# kB", text))).strip()


def write_outputs(page: Path) -> None:
    """Write into a page what its commands print."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        text = BLOCK.sub(
            lambda match: f"```{match[1]}\n{run_block(match[1], match[2], Path(place))}```", text
        )
    page.write_text(text, encoding="utf-8")
