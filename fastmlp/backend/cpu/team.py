"""Threads that wait for Programs: each runs its own list of operations, and they meet at the
Programs' barriers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue


class Team:
    """Worker threads that run jobs beside the calling thread; started when first needed, again in a
    forked process.
    """

    def __init__(self):
        self._process = os.getpid()
        self._inboxes: list[SimpleQueue] = []
        self._lock = threading.Lock()

    def run(self, jobs: list[Callable[[], None]]) -> None:
        """Run every job, the first in the calling thread, and return when all are done."""
        if len(jobs) == 1:
            jobs[0]()
            return
        with self._lock:
            self._grow(len(jobs) - 1)
            finished: SimpleQueue = SimpleQueue()
            for inbox, job in zip(self._inboxes, jobs[1:], strict=False):
                inbox.put((job, finished))
            jobs[0]()
            errors = [finished.get() for _ in jobs[1:]]
        for error in errors:
            if error is not None:
                raise error

    def _grow(self, workers: int) -> None:
        if self._process != os.getpid():  # threads do not survive a fork
            self._process, self._inboxes = os.getpid(), []
        while len(self._inboxes) < workers:
            inbox: SimpleQueue = SimpleQueue()
            name = f"fastmlp-{len(self._inboxes) + 1}"
            threading.Thread(target=_work, args=(inbox,), name=name, daemon=True).start()
            self._inboxes.append(inbox)


def _work(inbox: SimpleQueue) -> None:
    while True:
        job, finished = inbox.get()
        try:
            job()
            finished.put(None)
        except BaseException as error:
            finished.put(error)


TEAM = Team()
