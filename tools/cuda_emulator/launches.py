"""Runs launches in a program that a sanitizer watches, and returns what it reports."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# The first fault ends a program. Leaks are no matter: a process that ends takes its memory with it.
OPTIONS = {
    "TSAN_OPTIONS": "halt_on_error=1 exitcode=66 report_thread_leaks=0",
    "ASAN_OPTIONS": "detect_leaks=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
PLACE = re.compile(r"([\w/.]+\.cuh?):(\d+)")
HEADLINE = re.compile(
    r"(?:WARNING|ERROR|runtime error): (.*?)(?: \(pid=\d+\)| on address .*)?$", re.MULTILINE
)
# ThreadSanitizer wants certain addresses free, which a kernel that places things at random may have
# taken.
NO_ROOM = "unexpected memory mapping"


@dataclass(frozen=True)
class Array:
    """An array in memory of exactly its size.

    Attributes
    ----------
    content
        One or two dimensions.
    offset
        Bytes by which it is off the alignment of 16 bytes that packs want.
    shared_with
        The number of the argument whose memory it is, None for memory of its own.
    """

    content: np.ndarray
    offset: int = 0
    shared_with: int | None = None


@dataclass(frozen=True)
class Launch:
    """A kernel's instance with grid, block and arguments: an Array, an int or a float each."""

    instance: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    arguments: tuple[Array | int | float, ...]
    label: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a program ended: the report of a fault, empty if there was none, and its launch."""

    report: str = ""
    label: str = ""
    places: list[tuple[str, int]] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """The line of the report that says what kind of fault it is."""
        wanted = HEADLINE.search(self.report)
        return wanted[1] if wanted else self.report[:200]


def run(program: Path, launches: Sequence[Launch], seconds: int) -> Outcome:
    """Run launches one after another until one is found faulty, or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "launches"
        with path.open("wb") as file:
            for launch in launches:
                file.write(_encoded(launch))
        done = _run(str(program), str(path), str(seconds))
        if NO_ROOM in done.stderr and shutil.which("setarch"):
            done = _run("setarch", "--addr-no-randomize", str(program), str(path), str(seconds))
    label = done.stdout.strip().rpartition("\n")[2]
    if done.returncode == 0:
        return Outcome(label=label)
    hangs = done.returncode == -signal.SIGALRM
    report = f"ERROR: no end after {seconds} seconds\n{done.stderr}" if hangs else done.stderr
    if not report.strip():
        report = f"ERROR: the program ended with status {done.returncode} and said nothing"
    return Outcome(report, label, [(file, int(line)) for file, line in PLACE.findall(report)])


def _run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, env={**os.environ, **OPTIONS}, capture_output=True, text=True, check=False
    )


def _encoded(launch: Launch) -> bytes:
    """Return a launch as driver.cpp reads it."""
    parts = [_text(launch.label or launch.instance), _text(launch.instance)]
    parts.append(struct.pack("<7q", *launch.grid, *launch.block, len(launch.arguments)))
    for argument in launch.arguments:
        if isinstance(argument, Array):
            content = np.ascontiguousarray(argument.content)
            sharing = -1 if argument.shared_with is None else argument.shared_with
            numbers = (content.ndim, *content.shape, content.itemsize, argument.offset, sharing)
            parts.append(struct.pack(f"<{len(numbers)}q", *numbers))
            parts.append(content.tobytes() if argument.shared_with is None else b"")
        else:
            parts.append(struct.pack("<qd" if isinstance(argument, float) else "<qq", 0, argument))
    return b"".join(parts)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<q", len(encoded)) + encoded
