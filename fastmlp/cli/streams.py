"""The standard streams: put in place where they were closed, silenced where nobody reads them."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

# How the place of a closed stream is taken. What is written to standard output must fail, as it
# does on any other output that takes nothing: a result that nobody gets is no success. Words on
# standard error may go nowhere.
STAND_INS = {"stdin": os.O_RDONLY, "stdout": os.O_RDONLY, "stderr": os.O_WRONLY}


def prepare_streams() -> None:
    """Make the streams fit for any text, and take the places of those that were closed (``>&-``).

    A closed one is None in Python, of which ``print(file=None)`` makes standard output; and its
    number would go to the next file that is opened, into which a library's stray words would then
    be written.
    """
    for name, flags in STAND_INS.items():
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, flags)  # the lowest free number: the stream's own
            if name != "stdin":
                stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
                setattr(sys, name, stream)
    streams: tuple[Any, ...] = sys.stdout, sys.stderr  # not all that stand there are reconfigured
    for stream in streams:
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # a terminal without × must not end a run


def silence_stdout() -> None:
    """Discard what is still in the buffer, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def be_silent() -> None:
    """Let this process print nothing more by way of Python: another speaks for all."""
    # For the rest of the process.
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stdout = sys.stderr = nowhere
