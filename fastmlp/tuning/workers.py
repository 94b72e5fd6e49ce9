"""Worker processes of a search: started, asked for trials, replaced when they die, ended."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Any

MOST_SECONDS_TO_END = 10.0  # that a worker is given after Ctrl-C, to queue its trial again


class Worker:
    """One process and the thread that reads its answers.

    Parameters
    ----------
    number
        From 1.
    told
        The search, as its first line tells it.
    messages
        Gets (worker, message) for each answer, and (worker, None) at the end of the process.

    Attributes
    ----------
    is_ready, is_busy, has_begun
        Whether it has opened the study; whether it was asked for a trial and has not answered;
        whether it trains already.
    """

    def __init__(self, number: int, told: dict[str, Any], messages: queue.SimpleQueue):
        self.number, self._messages = number, messages
        self.is_ready = self.is_busy = self.has_begun = False
        # In a session of its own, so that Ctrl-C reaches the parent alone, which passes it on.
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._write({**told, "worker": number})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self) -> None:
        """Ask for a trial."""
        self.is_busy, self.has_begun = True, False
        self._write({})

    def _write(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError, ValueError):  # of one that died, whose end is read soon
            pipe = _pipe(self.process.stdin)
            pipe.write(json.dumps(message) + "\n")
            pipe.flush()

    def _read(self) -> None:
        for line in _pipe(self.process.stdout):
            with contextlib.suppress(ValueError):  # half a line of one that died
                self._messages.put((self, json.loads(line)))
        self.process.wait()  # or it would be a zombie, neither dead nor alive
        self._messages.put((self, None))

    def end_input(self) -> None:
        """Let it end when its trial is over."""
        with contextlib.suppress(OSError):
            _pipe(self.process.stdin).close()

    def interrupt(self) -> None:
        """Pass Ctrl-C on; one that is about to start has nothing to keep, and is killed."""
        with contextlib.suppress(OSError):
            self.process.send_signal(signal.SIGINT if self.is_ready else signal.SIGKILL)
        self.end_input()

    def wait(self, seconds: float) -> None:
        """Wait for its end, and kill it if that does not come."""
        try:
            self.process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        _pipe(self.process.stdout).close()


class Workers:
    """As many processes as are wanted, of which each that dies is replaced.

    Parameters
    ----------
    count
        How many.
    told
        The search.
    """

    def __init__(self, count: int, told: dict[str, Any]):
        self.count, self._told = count, told
        self.messages: queue.SimpleQueue = queue.SimpleQueue()
        self.running: list[Worker] = []
        self._started = 0

    def start(self) -> Worker:
        """Start another one."""
        self._started += 1
        worker = Worker(self._started, self._told, self.messages)
        self.running.append(worker)
        return worker

    def remove(self, worker: Worker) -> int:
        """Forget a process that has ended; return its exit code, negative for a signal."""
        self.running.remove(worker)
        worker.end_input()
        worker.wait(MOST_SECONDS_TO_END)
        return worker.process.returncode

    def stop(self, interrupt: bool) -> None:
        """End all processes: after their trials, or at once by Ctrl-C."""
        for worker in self.running:
            (worker.interrupt if interrupt else worker.end_input)()
        end = time.monotonic() + MOST_SECONDS_TO_END
        for worker in self.running:
            worker.wait(end - time.monotonic())
        self.running.clear()


def _pipe(stream: IO[str] | None) -> IO[str]:
    """Return a process's input or output, which is a pipe."""
    assert stream is not None
    return stream
