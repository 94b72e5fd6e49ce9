"""Where variants run: one after the other in this process, or several at a time in others."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

Result = dict[str, Any]
POLL_SECONDS = 0.2  # how long Ctrl-C may have to wait
STARTED = None  # stands for a result in the first message of a run


def run_here(tasks: list[dict[str, Any]]) -> Iterator[tuple[int, Result | None]]:
    """Run tasks in order; yield (number, None) before and (number, result) after each."""
    from .worker import run_variant

    for number, task in enumerate(tasks):
        yield number, STARTED
        yield number, run_variant(task)


def run_in_processes(tasks: list[dict[str, Any]], jobs: int) -> Iterator[tuple[int, Result | None]]:
    """Run tasks in ``jobs`` processes; yield as ``run_here`` does, in the order of what happens.

    A process that dies fails the task at hand and is started anew for the next. When the caller
    stops, by Ctrl-C too, the processes are ended.
    """
    waiting, messages = deque(enumerate(tasks)), queue.SimpleQueue()
    workers = [Worker(waiting, messages) for _ in range(min(jobs, len(tasks)))]
    open_tasks = len(tasks)
    try:
        for worker in workers:
            worker.start()
        while open_tasks:
            try:
                number, result = messages.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            open_tasks -= result is not STARTED
            yield number, result
    finally:
        waiting.clear()
        for worker in workers:
            worker.stop()


class Worker(threading.Thread):
    """A thread that feeds one process with tasks and passes on what it answers."""

    def __init__(self, waiting: deque, messages: queue.SimpleQueue):
        super().__init__(daemon=True)
        self._waiting, self._messages = waiting, messages
        self._process: subprocess.Popen | None = None
        self._stopped, self._lock = False, threading.Lock()

    def run(self) -> None:
        """Take tasks until there are none."""
        while self._waiting and not self._stopped:
            try:
                number, task = self._waiting.popleft()
            except IndexError:  # another was faster
                break
            self._messages.put((number, STARTED))
            self._messages.put((number, self._ask(task)))
        self._end_process()

    def stop(self) -> None:
        """End the process, at once if it is at work, and the thread."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()
        if self.is_alive():
            self.join()

    def _ask(self, task: dict[str, Any]) -> Result:
        try:
            process = self._running_process()
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        except (OSError, ValueError):  # it died: what it left, if anything, is no answer
            code = self._end_process()
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            error = (
                f"its process ended with {reason}; there may have been too little memory for so "
                "many at a time"
            )
            return {"status": "failed", "error": error, "seconds": 0.0, "metrics": {}}

    def _running_process(self) -> subprocess.Popen:
        with self._lock:
            if self._stopped:
                raise OSError("stopped")
            if self._process is None:
                # In a session of its own, so that Ctrl-C reaches this process alone, which then
                # ends the others.
                self._process = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    start_new_session=True,
                )
            return self._process

    def _end_process(self) -> int:
        """End the process, if there is one; return its exit code, negative for a signal."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(OSError):  # what could not be written any more
            process.stdin.close()
        if process.stdout.read(1):  # it should have ended with its input
            process.kill()
        process.stdout.close()
        return process.wait()
