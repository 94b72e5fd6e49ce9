"""Streams and events: what order they promise, and what a capture refuses."""

from __future__ import annotations

from .. import _device, _memory
from .._device import LOCK, Capture, Queue, Work
from .._emulation import settings
from .._errors import (
    CAPTURE_INVALIDATED,
    CAPTURE_ISOLATION,
    CAPTURED_EVENT,
    ILLEGAL_STATE,
    INVALID_VALUE,
    CUDARuntimeError,
    explained,
)

CAPTURE_MODES = (0, 1, 2)  # global, thread-local, relaxed


class Stream:
    """A CUDA stream.

    Attributes
    ----------
    ptr
        The handle; 0 for the legacy default stream.
    device_id
        Number of the device on which it was made; −1 for the default stream.
    """

    null: Stream
    ptr: int
    device_id: int

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr, self.device_id = 0, -1
        if ptds:
            raise NotImplementedError("the emulation has no default streams of threads")
        if not null:
            with LOCK:
                self.device_id = _device.current_device()
                self._machine = _device.present()
                self.ptr = self._machine.create_queue(
                    self.device_id, is_blocking=not non_blocking
                ).handle

    def __del__(self):
        if getattr(self, "ptr", 0):
            with LOCK:
                self._machine.destroy_queue(self.ptr)

    def __eq__(self, other):
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self):
        return self.ptr

    def __repr__(self):
        return f"<Stream {self.ptr:#x} (device {self.device_id})>"

    def __enter__(self):
        state, device = _stacks(), self._checked_device()
        state.streams.setdefault(device, [Stream.null]).append(self)
        state.entered.append(device)
        state.current[device] = self
        return self

    def __exit__(self, *args):
        state = _stacks()
        device = state.entered.pop()
        state.streams[device].pop()
        state.current[device] = state.streams[device][-1]

    def use(self):
        """Make this the current stream of its device."""
        _stacks().current[self._checked_device()] = self
        return self

    @property
    def done(self):
        """Whether all its work is done; refused while it captures."""
        with LOCK:
            queue = _uncaptured(self)
            return not queue.pending

    def synchronize(self):
        """Wait until all its work is done; refused while it captures, which the attempt spoils."""
        with LOCK:
            queue = _uncaptured(self)
            _device.present().finish(queue)
            _memory.check_guards()

    def record(self, event=None):
        """Record an event in this stream."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        """Let what comes next in this stream wait for what an event has recorded."""
        with LOCK:
            machine, queue = _device.present(), queue_of(self)
            machine.check()
            if event._capture is not None and event._capture is not queue.capture:
                raise NotImplementedError(
                    "the emulation does not let a second stream join a capture"
                )
            if queue.capture is not None:
                if event._capture is None and event._work is not None:
                    machine.refuse_in_capture(queue, CAPTURE_ISOLATION)
                return
            if event._work is not None:
                machine.issue(queue, None, [event._work])

    def begin_capture(self, mode=None):
        """Write down what is handed to this stream from now on, rather than do it."""
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        with LOCK:
            machine, queue = _device.present(), queue_of(self)
            machine.check()
            if mode not in (None, *CAPTURE_MODES):
                raise CUDARuntimeError(INVALID_VALUE)
            if queue.capture is not None:
                raise explained(CUDARuntimeError(ILLEGAL_STATE), "the stream captures already")
            if settings.fails("begin-capture"):
                raise CUDARuntimeError(settings.failure("begin-capture"))
            queue.capture = Capture()

    def end_capture(self):
        """Stop recording and return the Graph; fails if something could not be captured."""
        from .graph import Graph

        with LOCK:
            _device.present().check()
            queue = queue_of(self)
            capture, queue.capture = queue.capture, None
            if capture is None:
                raise explained(CUDARuntimeError(ILLEGAL_STATE), "the stream is not capturing")
            if not capture.is_valid:
                raise CUDARuntimeError(CAPTURE_INVALIDATED)
            if settings.fails("end-capture"):
                raise CUDARuntimeError(settings.failure("end-capture"))
            return Graph._of(capture.nodes, queue.device)

    def is_capturing(self):
        """Return whether it captures; raises where the capture has been spoilt."""
        with LOCK:
            capture = queue_of(self).capture
            if capture is not None and not capture.is_valid:
                raise RuntimeError(
                    "the stream was capturing, but an error has invalidated the capture sequence"
                )
            return capture is not None

    def _checked_device(self) -> int:
        device = _device.current_device()
        if self.device_id not in (-1, device):
            where = f"The device that the stream is created on ({self.device_id})"
            raise RuntimeError(f"{where} does not match with the current device ({device})")
        return device


Stream.null = Stream(null=True)


class Event:
    """A mark in a stream for which other streams, or the host, can wait."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        _device.check_driver()
        self._work: Work | None = None
        self._capture: Capture | None = None

    @property
    def done(self):
        """Whether what it has recorded is done."""
        self._refuse_captured()
        return self._work is None or self._work.is_done

    def record(self, stream=None):
        """Mark what a stream, by default the current one, has been handed so far."""
        with LOCK:
            machine, queue = (
                _device.present(),
                queue_of(get_current_stream() if stream is None else stream),
            )
            machine.check()
            self._capture = queue.capture
            self._work = machine.issue(queue, None) if queue.capture is None else None

    def synchronize(self):
        """Wait until what it has recorded is done; refused for an event of a capture."""
        self._refuse_captured()
        with LOCK:
            _device.present().wait_for(self._work)

    def _refuse_captured(self) -> None:
        if self._capture is not None:
            self._capture.is_valid = False
            raise CUDARuntimeError(CAPTURED_EVENT)


def get_current_stream(device_id=-1):
    """Return the current stream of a device, by default the current one's."""
    return _stacks().current.get(
        _device.current_device() if device_id == -1 else device_id, Stream.null
    )


def queue_of(stream) -> Queue:
    """Return the queue of a stream, which must belong to the current device."""
    if not isinstance(stream, Stream):
        raise TypeError(f"Unsupported stream {stream!r}")
    device = _device.current_device()
    queue = _device.present().queue(stream.ptr, device)
    if queue.device != device:
        raise RuntimeError(
            f"a stream of device {queue.device} is used while device {device} is the current one"
        )
    return queue


def _uncaptured(stream: Stream) -> Queue:
    queue = queue_of(stream)
    if queue.capture is not None:
        _device.present().refuse_in_capture(queue)
    return queue


def _stacks():
    state = _device.present().threads
    if not hasattr(state, "current"):
        state.current, state.streams, state.entered = {}, {}, []
    return state
