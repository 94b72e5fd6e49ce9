"""Ctrl-C as a request that training meets between two steps, rather than an exception anywhere."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from fastmlp.ranks.contract import ALONE, Ranks


class Interrupts:
    """Takes Ctrl-C for the length of a with-block: the first is remembered, the second raises
    KeyboardInterrupt at once.

    An exception that a signal raises inside of a compiled extension may be lost there; a wish that
    is written down is not. Outside of the main thread, where Python delivers no signals, it does
    nothing.

    A terminal's Ctrl-C reaches every rank, each at another step: the first one's counts for all.
    """

    def __init__(self, ranks: Ranks = ALONE):
        self.requested = False
        self._ranks, self._former = ranks, None

    def __enter__(self) -> Interrupts:
        takes_signals = threading.current_thread() is threading.main_thread()
        if takes_signals and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            taken = self._remember if self._ranks.is_first else signal.SIG_IGN
            self._former = signal.signal(signal.SIGINT, taken)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)

    def check(self) -> None:
        """Together: raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._ranks.decide(lambda: self.requested):
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
