"""What becomes of all ranks when one of them fails: they end within seconds, with one line."""

from __future__ import annotations

import os
import sys
import time
import traceback
from types import TracebackType
from typing import Any

from fastmlp.errors import DEBUG_VARIABLE, FastMLPError

from .contract import Place

# Ranks that meet the same error meet it at about the same time: reading the data takes each of
# them about as long. A rank waits so long for the others before it ends them.
PATIENCE = 3.0
POLL_SECONDS = 0.01


class FailureWatch:
    """Tells an error that all ranks have from one that only some have.

    Parameters
    ----------
    communicator
        For this alone.
    place
        Where this rank stands.
    """

    def __init__(self, communicator: Any, place: Place):
        self._communicator, self._place = communicator, place

    def end_together(self, error: BaseException) -> None:
        """Return if every rank has come here within PATIENCE seconds; else end all of them.

        Those that did not come wait for a message from this one, and would do so for ever.
        """
        everybody = self._communicator.Ibarrier()
        deadline = time.monotonic() + PATIENCE
        while not everybody.Test():
            if time.monotonic() > deadline:
                self.end_all(error)
            time.sleep(POLL_SECONDS)

    def end_all(self, error: BaseException) -> None:
        """Say what happened, and end every rank."""
        say(_line(error, self._place))
        self._communicator.Abort(getattr(error, "exit_code", 1))

    def take_uncaught(self) -> None:
        """Let an error that nobody catches end all ranks, once Python has shown it."""
        shown = sys.excepthook

        def show_and_end(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            shown(kind, error, trace)
            sys.stderr.flush()
            self.end_together(error)

        sys.excepthook = show_and_end


def _line(error: BaseException, place: Place) -> str:
    """Return the line that says what ended all ranks; with FASTMLP_DEBUG also where it happened."""
    if os.environ.get(DEBUG_VARIABLE, "") not in ("", "0"):
        return "".join(traceback.format_exception(error))
    what = " ".join(str(error).split())
    if isinstance(error, KeyboardInterrupt):
        what = "interrupted."
    elif not isinstance(error, FastMLPError):
        name = type(error).__name__
        what = f"{name}: {what}; run with {DEBUG_VARIABLE}=1 for the traceback."
    who = "" if place.rank == 0 else f"rank {place.rank} of {place.size}: "
    return f"error: {who}{what}\n"


def say(text: str) -> None:
    """Write to the process's own standard error, whatever Python's has become."""
    os.write(2, text.encode(errors="backslashreplace"))
