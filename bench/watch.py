"""Which vectors a process really uses: its running threads are stopped now and then, and their next
instruction is read.

It needs no word of any library, and sees all of them. It is for Linux on x86-64, where VEX and EVEX
prefixes, the only encodings of vectors beyond 128 bits, begin with bytes that begin nothing else in
64-bit code.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

SAMPLES, SECONDS = 500, 20.0  # enough of either ends the watch; a second is usual
PAUSE = 0.001  # between two looks: long enough for hundreds of thousands of instructions
GET_REGISTERS, DETACH, SEIZE, INTERRUPT = 12, 17, 0x4206, 0x4207  # <sys/ptrace.h>
ALL_CHILDREN = 0x40000000  # __WALL of waitpid: threads too
REGISTERS, INSTRUCTION_POINTER = 27, 16  # how many <sys/user.h> has, and which one it is
LONGEST = 15  # bytes of an instruction


@dataclass
class Seen:
    """What was seen.

    Attributes
    ----------
    bits
        How often an instruction had vectors of this width; 0 for one without a VEX or EVEX prefix.
    problem
        Why nothing could be seen; empty if it could.
    """

    bits: Counter[int] = field(default_factory=Counter)
    problem: str = ""

    @property
    def samples(self) -> int:
        """How many instructions were read."""
        return self.bits.total()

    @property
    def widest(self) -> int:
        """The widest vectors; 0 if all were of SSE, or none."""
        return max(self.bits, default=0)

    def __str__(self) -> str:
        if not self.samples:
            return f"could not be watched ({self.problem or 'it was never seen running'})"
        wide = [
            f"{count} of {width} bits"
            for width, count in sorted(self.bits.items(), reverse=True)
            if width > 128
        ]
        return (
            f"of {self.samples} instructions seen"
            f" {' and '.join(wide) or 'none wider than 128 bits'}"
        )


def watch(process: int, work: Callable[[], object]) -> Seen:
    """Let a process do its work again and again until enough has been seen of it."""
    if not (sys.platform == "linux" and platform.machine() == "x86_64"):
        return Seen(problem="only Linux on x86-64 lets it")
    seen, end = Seen(), time.monotonic() + SECONDS
    # All requests to stop a thread have to come from one thread, this one; another one waits for
    # the work.
    with (
        ThreadPoolExecutor(1) as waiting,
        Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory,
    ):
        while not seen.problem and seen.samples < SAMPLES and time.monotonic() < end:
            done = waiting.submit(work)
            while not (done.done() or seen.problem):
                _look(process, memory.fileno(), seen)
                time.sleep(PAUSE)
            done.result()
    return seen


def vector_bits(instruction: bytes) -> int:
    """Return the width of an instruction's vectors by its first bytes; 0 without VEX or EVEX."""
    first = instruction[0]
    if first == 0xC5:
        return 256 if instruction[1] & 0x04 else 128
    if first == 0xC4:
        return 256 if instruction[2] & 0x04 else 128
    if first != 0x62:
        return 0
    has_rounding = (
        instruction[3] & 0x10 and instruction[5] >= 0xC0
    )  # then its bits of width say how to round
    return 512 if has_rounding else 128 << (instruction[3] >> 5 & 3)


def _look(process: int, memory: int, seen: Seen) -> None:
    """Read the next instruction of each thread that runs."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        try:
            state = (thread / "stat").read_bytes().rpartition(b")")[2].split()[0]
            if state == b"R":
                seen.bits[vector_bits(_next_instruction(int(thread.name), memory))] += 1
        except PermissionError as error:
            seen.problem = f"the system does not let it be stopped: {error.strerror}"
            return
        except OSError:
            continue  # the thread has ended


def _next_instruction(thread: int, memory: int) -> bytes:
    _ptrace(SEIZE, thread)
    try:
        _ptrace(INTERRUPT, thread)
        os.waitpid(thread, ALL_CHILDREN)
        registers = (ctypes.c_ulonglong * REGISTERS)()
        _ptrace(GET_REGISTERS, thread, registers)
        return os.pread(memory, LONGEST, registers[INSTRUCTION_POINTER])
    finally:
        _ptrace(DETACH, thread)


def _ptrace(request: int, thread: int, data: ctypes.Array | None = None) -> None:
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.argtypes, call.restype = (
        [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p],
        ctypes.c_long,
    )
    if call(request, thread, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))  # EPERM becomes a PermissionError
