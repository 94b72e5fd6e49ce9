"""Device memory: allocations with guards around them, a table that finds whose an address is, and
CuPy's pool.

Memory that nobody has written holds 0xFF bytes, which are NaN. So do the guards: what is read past
the end of an allocation is NaN, and what is written there is found at the next synchronisation.
"""

from __future__ import annotations

import bisect
import ctypes
import math
import weakref

import numpy as np

from . import _device
from ._device import LOCK, Machine, Work
from ._emulation import settings
from ._errors import MisuseError

UNIT = 512  # bytes: the pool rounds up to it
GUARD = b"\xff" * 256  # before and after each allocation; also the alignment


class OutOfMemoryError(MemoryError):
    """The device has not as much memory left."""

    def __init__(self, size, total, limit=0):
        limited = f", limit set to: {limit:,} bytes" if limit else ""
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{limited})."
        )


class Block:
    """A piece of device memory that the pool holds, with room for a guard on each side."""

    def __init__(self, device: int, room: int):
        self.device, self.room = device, room
        self._bytes = np.full(room + 3 * len(GUARD), 0xFF, np.uint8)
        self._start = -self._bytes.ctypes.data % len(GUARD) + len(GUARD)
        self.address = self._bytes.ctypes.data + self._start
        self.last: Work | None = None  # what was handed to the stream when the block was freed

    def bytes(self, size: int) -> np.ndarray:
        """Return the first ``size`` bytes."""
        return self._bytes[self._start : self._start + size]

    def guards_are_whole(self, size: int) -> bool:
        """Return whether nobody wrote just before the block or after its ``size`` bytes."""
        start, end = self._start, self._start + size
        before, after = self._bytes[start - len(GUARD) : start], self._bytes[end : end + len(GUARD)]
        return before.tobytes() == GUARD and after.tobytes() == GUARD

    def clear(self, size: int) -> None:
        """Write 0xFF into the first ``size`` bytes and the guards around them."""
        self._bytes[: self._start + size + len(GUARD)] = 0xFF


class Allocation:
    """One lease of a block: what one array and its views own, until the last of them is gone."""

    def __init__(self, block: Block, size: int, pool: Pool, stream: int):
        self.block, self.size, self.pool, self.stream = block, size, pool, stream
        self.address, self.device = block.address, block.device
        self.is_guarded = False  # from when its memory is its own alone, and filled

    def bytes(self) -> np.ndarray:
        """Return its memory."""
        return self.block.bytes(self.size)

    def check_guards(self) -> None:
        """End the context if somebody wrote outside it."""
        machine = self.pool.machine
        if self.is_guarded and machine.fault is None and not self.block.guards_are_whole(self.size):
            machine.fault = MisuseError(
                f"somebody wrote outside an allocation of {self.size} bytes"
            )
            self.is_guarded = False

    def __del__(self):
        with LOCK:
            self.pool.free(self)


class Nothing:
    """What an array without elements owns."""

    address, size = 0, 0

    def __init__(self, device: int):
        self.device = device

    def bytes(self) -> np.ndarray:
        """Return its memory."""
        return np.empty(0, np.uint8)


class Table:
    """Live allocations by address."""

    def __init__(self):
        self._starts: list[int] = []
        self._live: dict[int, weakref.ref[Allocation]] = {}

    def add(self, allocation: Allocation) -> None:
        """Enter an allocation."""
        bisect.insort(self._starts, allocation.address)
        self._live[allocation.address] = weakref.ref(allocation)

    def remove(self, address: int) -> None:
        """Take an allocation out."""
        del self._live[address]
        del self._starts[bisect.bisect_left(self._starts, address)]

    def all(self) -> list[Allocation]:
        """Return every live allocation."""
        return [
            allocation for found in list(self._live.values()) if (allocation := found()) is not None
        ]

    def find(self, address: int) -> Allocation | None:
        """Return the allocation in which an address lies."""
        place = bisect.bisect_right(self._starts, address) - 1
        allocation = self._live[self._starts[place]]() if place >= 0 else None
        is_inside = allocation is not None and address < allocation.address + allocation.size
        return allocation if is_inside else None


class Pool:
    """CuPy's pool of one device: what is freed is kept for the stream that was current when it was
    allocated.

    Attributes
    ----------
    total, used
        Bytes that it holds, and bytes that arrays hold of them.
    kept
        Free blocks by stream and size.
    """

    def __init__(self, machine: Machine, device: int, table: Table):
        self.machine, self.device, self._table = machine, device, table
        self.total, self.used = 0, 0
        self.kept: dict[tuple[int, int], list[Block]] = {}

    def allocate(self, size: int, stream: int) -> Allocation:
        """Return memory of ``size`` > 0 bytes, all 0xFF."""
        room = math.ceil(size / UNIT) * UNIT
        kept = self.kept.get((stream, room))
        block = kept.pop() if kept else self._new_block(room)
        self.used += room
        allocation = Allocation(block, size, self, stream)
        self._table.add(allocation)
        found = weakref.ref(allocation)

        def clear():
            block.clear(size)
            if (leased := found()) is not None:
                leased.is_guarded = True

        if block.last is None or block.last.is_done:
            clear()
        # the stream has yet to come to what used the memory before: it is handed out again all the
        # same
        else:
            self.machine.issue(block.last.queue, clear)
        return allocation

    def free(self, allocation: Allocation) -> None:
        """Take memory back; work that was handed to the stream before may still use it."""
        allocation.check_guards()
        self._table.remove(allocation.address)
        allocation.block.last = self.machine.last_work(allocation.stream, self.device)
        self.used -= allocation.block.room
        self.kept.setdefault((allocation.stream, allocation.block.room), []).append(
            allocation.block
        )

    def give_back(self, stream: int | None = None) -> None:
        """Give free blocks back to the device, which waits until all work is done."""
        chosen = [key for key in self.kept if stream is None or key[0] == stream]
        if chosen:
            for queue in self.machine.all_queues():
                self.machine.finish(queue)
        for key in chosen:
            self.total -= sum(block.room for block in self.kept.pop(key))

    def _new_block(self, room: int) -> Block:
        if self.total + room > device_bytes():
            self.give_back()
        if self.total + room > device_bytes():
            raise OutOfMemoryError(room, self.total)
        self.total += room
        return Block(self.device, room)


class MemoryPool:
    """The pool as a program sees it, for the current device."""

    def free_all_blocks(self, stream=None):
        """Give free memory back to the device."""
        with LOCK:
            _current_pool().give_back(None if stream is None else stream.ptr)

    def total_bytes(self):
        """Return the bytes that the pool holds, used or free."""
        return _current_pool().total

    def used_bytes(self):
        """Return the bytes that arrays hold, rounded up to the pool's unit."""
        return _current_pool().used

    def free_bytes(self):
        """Return the bytes that the pool keeps for later."""
        return _current_pool().total - _current_pool().used

    def n_free_blocks(self):
        """Return the number of free blocks."""
        return sum(map(len, _current_pool().kept.values()))


class MemoryPointer:
    """Where an array lies; holds its memory alive.

    Attributes
    ----------
    ptr
        The address; 0 where there is no memory.
    mem
        The allocation.
    device_id
        Number of its device.
    """

    mem: Allocation | Nothing
    ptr: int
    device_id: int

    def __init__(self, mem, offset):
        self.mem, self.ptr, self.device_id = mem, mem.address + offset, mem.device


class Memories:
    """The memory of a machine: what is live, and the pool of each device."""

    def __init__(self, machine: Machine):
        self.table = Table()
        self.pools: dict[int, Pool] = {}
        self._machine = machine

    def pool(self, device: int) -> Pool:
        """Return the pool of a device."""
        if device not in self.pools:
            self.pools[device] = Pool(self._machine, device, self.table)
        return self.pools[device]


_default_pool = MemoryPool()


def get_default_memory_pool():
    """Return the pool from which arrays are allocated."""
    return _default_pool


def memories() -> Memories:
    """Return the memory of the present machine."""
    machine = _device.present()
    if machine.memories is None:
        machine.memories = Memories(machine)
    return machine.memories


def device_bytes() -> int:
    """Return how much memory each device has."""
    limit = settings.failure("memory")
    return settings.memory if limit is None else limit


def allocate(size: int, stream: int) -> MemoryPointer:
    """Return memory on the current device, from the pool's part for a stream."""
    with LOCK:
        _device.present().check()
        device = _device.current_device()
        if size == 0:
            return MemoryPointer(Nothing(device), 0)
        return MemoryPointer(memories().pool(device).allocate(size, stream), 0)


def device_memory(address: int, size: int, what: str, device: int) -> Allocation:
    """Return the live allocation of the device in which ``size`` bytes at ``address`` lie.

    Raises
    ------
    MisuseError
        If the memory was freed, is the host's or another device's, or is too short. The real device
        would notice when the work runs, or never.
    """
    allocation = memories().table.find(address)
    if allocation is None:
        raise MisuseError(f"{what}: {address:#x} is {_what_is_at(address)}")
    if allocation.device != device:
        raise MisuseError(
            f"{what}: {address:#x} is memory of device {allocation.device}, used on device {device}"
        )
    room = allocation.address + allocation.size - address
    if size > room:
        raise MisuseError(
            f"{what}: {size} bytes at {address:#x}, but only {room} are left of the allocation"
        )
    return allocation


def check_guards() -> None:
    """Raise if somebody wrote outside a live allocation."""
    for allocation in memories().table.all():
        allocation.check_guards()
    _device.present().check()


def host_bytes(address: int, size: int) -> np.ndarray:
    """Return memory of the process as an array of bytes."""
    return np.frombuffer((ctypes.c_ubyte * size).from_address(address), np.uint8)


def _what_is_at(address: int) -> str:
    for pool in memories().pools.values():
        for blocks in list(pool.kept.values()):
            if any(block.address <= address < block.address + block.room for block in blocks):
                return "memory that has been freed"
    return "no memory of a device"


def _current_pool() -> Pool:
    return memories().pool(_device.current_device())
