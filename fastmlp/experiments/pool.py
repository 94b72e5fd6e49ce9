"""Where variants run: one after the other in this process, or several at a time in others."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator
from typing import IO, Any

from fastmlp.ranks.launcher import RANKS_VARIABLE

Result = dict[str, Any]
POLL_SECONDS = 0.2  # how long Ctrl-C may have to wait
STARTED = None  # stands for a result in the first message of a run


def run_here(tasks: list[dict[str, Any]]) -> Generator[tuple[int, Result | None]]:
    """Run tasks in order; yield (number, None) before and (number, result) after each."""
    from .worker import run_variant

    for number, task in enumerate(tasks):
        yield number, STARTED
        yield number, run_variant(task)


def run_in_processes(
    tasks: list[dict[str, Any]], jobs: int
) -> Generator[tuple[int, Result | None]]:
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
        self._process: subprocess.Popen[str] | None = None
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
            asked, answered = _pipes(self._running_process())
            asked.write(json.dumps(task) + "\n")
            asked.flush()
            return json.loads(answered.readline())
        except (OSError, ValueError):  # it died: what it left, if anything, is no answer
            code = self._end_process()
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            error = (
                f"its process ended with {reason}; there may have been too little memory for so "
                "many at a time"
            )
            return {"status": "failed", "error": error, "seconds": 0.0, "metrics": {}}

    def _running_process(self) -> subprocess.Popen[str]:
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
                    env={**os.environ, RANKS_VARIABLE: "0"},
                )
            return self._process

    def _end_process(self) -> int:
        """End the process, if there is one; return its exit code, negative for a signal."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return 0
        asked, answered = _pipes(process)
        with contextlib.suppress(OSError):  # what could not be written any more
            asked.close()
        if answered.read(1):  # it should have ended with its input
            process.kill()
        answered.close()
        return process.wait()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    """Return a process's input and output, which are both pipes."""
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout
