"""The mode of a thread in which subnormal numbers count as zero: bits of the processor's control
register.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .intrinsics import IS_ARM, IS_X86
from .numba_words import intrinsic

WORD, HALF_WORD, NOTHING = ir.IntType(64), ir.IntType(32), ir.VoidType()


@dataclass(frozen=True)
class ControlRegister:
    """How a kind of processor keeps the mode.

    Attributes
    ----------
    bits
        Those that let subnormals count as zero, whether they are read or are a result. All others
        keep what they have: NaN and infinity mean what they meant, and sums round as before.
    read
        Given a builder, returns the register as an int64.
    write
        Given a builder and an int64, sets the register.
    """

    bits: int
    read: Callable
    write: Callable


def _read_mxcsr(builder):
    place = cgutils.alloca_once(builder, HALF_WORD)
    _call_mxcsr(builder, "stmxcsr", place)
    return builder.zext(builder.load(place), WORD)


def _write_mxcsr(builder, mode):
    place = cgutils.alloca_once(builder, HALF_WORD)
    builder.store(builder.trunc(mode, HALF_WORD), place)
    _call_mxcsr(builder, "ldmxcsr", place)


def _call_mxcsr(builder, instruction, place):
    address = builder.bitcast(place, ir.IntType(8).as_pointer())
    kind = ir.FunctionType(NOTHING, [address.type])
    builder.call(
        cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{instruction}"),
        [address],
    )


def _read_fpcr(builder):
    kind = ir.FunctionType(WORD, [])
    return builder.call(
        cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.get.fpcr"), []
    )


def _write_fpcr(builder, mode):
    kind = ir.FunctionType(NOTHING, [WORD])
    builder.call(
        cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.set.fpcr"), [mode]
    )


# x86: MXCSR's flush-to-zero for results, denormals-are-zero for what is read. ARM: FPCR's FZ, which
# is both. Its neighbour DN would replace every NaN by one and the same, and stays as it is.
MXCSR = ControlRegister(1 << 15 | 1 << 6, _read_mxcsr, _write_mxcsr)
FPCR = ControlRegister(1 << 24, _read_fpcr, _write_fpcr)
REGISTER = MXCSR if IS_X86 else FPCR if IS_ARM else None
IS_FLUSHED = REGISTER is not None  # whether subnormals count as zero while a Program runs


@intrinsic
def flush_subnormals(typing_context):
    """Let this thread treat subnormal numbers as zero; return its former mode. Does nothing on an
    unknown processor.
    """

    def generate(context, builder, signature, arguments):
        if REGISTER is None:
            return WORD(0)
        former = REGISTER.read(builder)
        REGISTER.write(builder, builder.or_(former, WORD(REGISTER.bits)))
        return former

    return types.int64(), generate


@intrinsic
def restore_float_mode(typing_context, mode):
    """Give this thread the mode back that ``flush_subnormals`` returned."""

    def generate(context, builder, signature, arguments):
        if REGISTER is not None:
            REGISTER.write(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate
