"""The emulated devices: queues of work, one a stream, and the scheduler that decides which of them
runs when.

Work is done in the order of its stream and after the events that it waits for, and otherwise in any
order: what a program did not ask to be ordered is not ordered. One lock guards everything: kernels
of one process run one after another.
"""

from __future__ import annotations

import random
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count

from ._emulation import settings
from ._errors import (
    CAPTURE_IMPLICIT,
    CAPTURE_INVALIDATED,
    CAPTURE_UNSUPPORTED,
    INSUFFICIENT_DRIVER,
    INVALID_DEVICE,
    INVALID_HANDLE,
    NO_DEVICE,
    CUDARuntimeError,
    explained,
)

LOCK = threading.RLock()
LONGEST_QUEUE = 1024  # the real one lets the host run about so far ahead
_handles = count(0x5EED0010, 0x10)
LONGEST_NAP = 40  # pieces of work after which the scheduler thinks again about who lags


class Work:
    """One piece of work in a stream; it runs after earlier work there and what it waits for."""

    __slots__ = ("after", "is_done", "queue", "run")

    def __init__(self, queue: Queue, run: Callable[[], None] | None, after: Iterable[Work] = ()):
        self.queue, self.run = queue, run
        self.after = [work for work in after if not work.is_done]
        self.is_done = False


class Node:
    """One operation of a capture: its name in the graph, how it runs, the memory it uses."""

    __slots__ = ("allocations", "kind", "label", "run")

    def __init__(self, kind: str, label: str, run: Callable[[], None], allocations: tuple):
        self.kind, self.label, self.run = kind, label, run
        self.allocations = [
            weakref.ref(allocation) for allocation in allocations
        ]  # a graph keeps no memory alive


class Capture:
    """What a capturing stream has written down so far."""

    def __init__(self):
        self.nodes: list[Node] = []
        self.is_valid = True


class Queue:
    """A stream of a device: its work in order, and the capture if it is capturing.

    Attributes
    ----------
    handle
        The stream's number, by which cuBLAS knows it too.
    device
        Number of its device.
    is_blocking
        Whether it keeps order with the legacy default stream, handle 0.
    """

    def __init__(self, handle: int, device: int, is_blocking: bool):
        self.handle, self.device, self.is_blocking = handle, device, is_blocking
        self.pending: deque[Work] = deque()
        self.last: Work | None = None
        self.capture: Capture | None = None
        self.is_awake = False

    def head_is_ready(self) -> bool:
        """Return whether the next piece of work waits for nothing."""
        return bool(self.pending) and all(work.is_done for work in self.pending[0].after)


class Machine:
    """The devices of a process: the streams, the fault that ended the context if one did, and the
    scheduler.

    Attributes
    ----------
    fault
        What every call raises from now on, if something did.
    queues
        The streams by their handles; −1 − N for the default stream of device N.
    abandoned
        Streams that are gone but have work left, which is still done.
    threads
        What is current in each thread.
    memories
        The memory, which _memory puts here.
    """

    def __init__(self):
        self.fault: BaseException | None = None
        self.queues: dict[int, Queue] = {}
        self.abandoned: list[Queue] = []
        self.threads = threading.local()
        self.memories = None
        self._order, self._random, self._until_next_thought = "", random.Random(), 0

    def recover(self) -> None:
        """Forget the fault, and captures that were left open."""
        self.fault = None
        for queue in self.queues.values():
            queue.capture = None

    def queue(self, handle: int, device: int) -> Queue:
        """Return the stream of a handle; 0 is the device's legacy default stream."""
        key = handle or -1 - device
        if key not in self.queues:
            if handle:
                raise explained(CUDARuntimeError(INVALID_HANDLE), f"there is no stream {handle:#x}")
            self.queues[key] = Queue(0, device, is_blocking=True)
        return self.queues[key]

    def create_queue(self, device: int, is_blocking: bool) -> Queue:
        """Make a stream."""
        queue = Queue(next(_handles), device, is_blocking)
        self.queues[queue.handle] = queue
        return queue

    def destroy_queue(self, handle: int) -> None:
        """Forget a stream; its work is still done."""
        queue = self.queues.pop(handle, None)
        if queue is not None and queue.pending:
            self.abandoned.append(queue)

    def all_queues(self) -> list[Queue]:
        """Return every stream that has a handle or work."""
        self.abandoned = [queue for queue in self.abandoned if queue.pending]
        return [*self.queues.values(), *self.abandoned]

    def last_work(self, handle: int, device: int) -> Work | None:
        """Return what a stream, which may be gone, was handed last."""
        return next(
            (
                queue.last
                for queue in self.all_queues()
                if (queue.handle, queue.device) == (handle, device)
            ),
            None,
        )

    def submit(
        self, queue: Queue, kind: str, label: str, run: Callable[[], None], allocations: tuple = ()
    ) -> None:
        """Hand an operation to a stream, or to its capture."""
        self.check()
        if queue.capture is None:
            self.issue(queue, run)
            return
        if not queue.capture.is_valid:
            raise CUDARuntimeError(CAPTURE_INVALIDATED)
        if settings.fails("capture"):
            self.refuse_in_capture(queue, settings.failure("capture"))
        queue.capture.nodes.append(Node(kind, label, run, allocations))

    def issue(
        self, queue: Queue, run: Callable[[], None] | None, after: Iterable[Work] = ()
    ) -> Work:
        """Add work to a stream and let the streams that are awake run."""
        work = Work(queue, run, [*after, *self._ordered_before(queue)])
        queue.pending.append(work)
        queue.last = work
        while len(queue.pending) > LONGEST_QUEUE:
            self.wait_for(queue.pending[0])
        self._let_run()
        return work

    def wait_for(self, work: Work | None) -> None:
        """Run until a piece of work is done; of the rest, only what it needs and what is awake."""
        self._run_until(work)
        self.check()

    def finish(self, queue: Queue) -> None:
        """Run until a stream is empty."""
        self.wait_for(queue.last)

    def finish_device(self, device: int) -> None:
        """Run until every stream of a device is empty; refused while one of them captures."""
        for queue in [queue for queue in self.all_queues() if queue.device == device]:
            if queue.capture is not None:
                self.refuse_in_capture(queue)
            self.finish(queue)

    def refuse_in_capture(self, queue: Queue, status: int = CAPTURE_UNSUPPORTED) -> None:
        """Fail as CUDA does when something cannot be captured, and spoil the capture."""
        queue.capture.is_valid = False
        raise CUDARuntimeError(status)

    def check(self) -> None:
        """Raise the fault that ended the context, if one did: every later call fails as well."""
        if self.fault is not None:
            raise self.fault

    def _run_until(self, work: Work | None) -> None:
        while work is not None and not work.is_done:
            needed = work
            while not needed.queue.head_is_ready():
                head = needed.queue.pending[0]
                needed = next(before for before in head.after if not before.is_done)
            self._run_head(needed.queue)

    def _ordered_before(self, queue: Queue) -> list[Work]:
        """Return what the legacy default stream and the blocking streams wait for in each other."""
        if not queue.is_blocking:
            return []
        others = [
            other
            for other in self.all_queues()
            if other.is_blocking
            and other.device == queue.device
            and (queue.handle == 0) != (other.handle == 0)
        ]
        for other in others:
            if queue.handle == 0 and other.capture is not None:
                self.refuse_in_capture(other, CAPTURE_IMPLICIT)
        return [other.last for other in others if other.last is not None]

    def _let_run(self) -> None:
        """Run what is ready in the streams that are awake, which the seed decides."""
        if settings.order == "lazy":
            return
        queues = self.all_queues()
        if settings.order != "eager":
            self._think(queues)
            queues = [queue for queue in queues if queue.is_awake]
            self._random.shuffle(queues)
        while ready := [queue for queue in queues if queue.head_is_ready()]:
            for queue in ready:
                self._run_head(queue)

    def _think(self, queues: list[Queue]) -> None:
        if self._order != settings.order:
            self._order, self._random, self._until_next_thought = (
                settings.order,
                random.Random(int(settings.order)),
                0,
            )
        self._until_next_thought -= 1
        if self._until_next_thought < 0:
            self._until_next_thought = self._random.randrange(LONGEST_NAP)
            for queue in queues:
                queue.is_awake = self._random.random() < 0.5

    def _run_head(self, queue: Queue) -> None:
        work = queue.pending.popleft()
        work.is_done, run = True, work.run
        work.run, work.after = None, []
        if run is None or self.fault is not None:
            return
        try:
            run()
        except Exception as error:
            self.fault = error


_machine = Machine()


def present() -> Machine:
    """Return the machine of this process."""
    return _machine


@contextmanager
def replaced() -> Iterator[Machine]:
    """Put a new machine in the place of the present one for a with-block."""
    global _machine
    before, _machine = _machine, Machine()
    try:
        yield _machine
    finally:
        _machine = before


def check_driver() -> None:
    """Raise what every call raises where there is no usable driver or device."""
    if settings.fails("no-driver") or settings.fails("old-driver"):
        raise CUDARuntimeError(INSUFFICIENT_DRIVER)
    if settings.fails("no-device") or settings.devices == 0:
        raise CUDARuntimeError(NO_DEVICE)


def check_device(device: int) -> None:
    """Raise if there is no device of this number."""
    check_driver()
    if not 0 <= device < settings.devices:
        raise CUDARuntimeError(INVALID_DEVICE)


def current_device() -> int:
    """Return the number of this thread's current device."""
    check_driver()
    return getattr(_machine.threads, "device", 0)


def set_current_device(device: int) -> None:
    """Make a device this thread's current one."""
    check_device(device)
    _machine.threads.device = device
