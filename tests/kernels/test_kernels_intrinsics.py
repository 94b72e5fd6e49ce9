"""Words that Numba lacks: how a thread waits, and what no kernel may hold."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from numba import cfunc, types

from fastmlp.kernels import cpu
from fastmlp.kernels.cpu.compiling.intrinsics import IS_ARM, IS_X86, pause


def paused(times):
    for _ in range(times):
        pause()
    return times


def test_a_thread_that_waits_says_so():
    compiled = cfunc(types.int64(types.int64), nopython=True)(paused)
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(compiled.address)(7) == 7
    word = "pause" if IS_X86 else "isb" if IS_ARM else ""
    assert re.search(rf"^\t{word}", compiled._library.get_asm_str(), re.MULTILINE)


def test_no_kernel_holds_assembly():
    """Its text needs a parser, which Numba does not wake: where LLVM must have one, as for ARM, the
    process ends.
    """
    texts = [path.read_text(encoding="utf-8") for path in Path(cpu.__file__).parent.rglob("*.py")]
    calls = [call for text in texts for call in re.findall(r"InlineAsm\((.*)", text)]
    assert all(re.match(r'.*\), "", "', call) for call in calls), calls
