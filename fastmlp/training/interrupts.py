"""Ctrl-C as a request that training meets between two steps, rather than an exception anywhere."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """Takes Ctrl-C for the length of a with-block: the first is remembered, the second raises
    KeyboardInterrupt at once.

    An exception that a signal raises inside of a compiled extension may be lost there; a wish that
    is written down is not. Outside of the main thread, where Python delivers no signals, it does
    nothing.
    """

    def __init__(self):
        self.requested = False
        self._former = None

    def __enter__(self) -> Interrupts:
        takes_signals = threading.current_thread() is threading.main_thread()
        if takes_signals and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._former = signal.signal(signal.SIGINT, self._remember)
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
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.requested:
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
