"""The few words that Numba lacks: arrays at an address, calls by address, bits read as another
type.
"""

from __future__ import annotations

import platform

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.np.numpy_support import carray

from .numba_words import intrinsic

IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
IS_ARM = platform.machine().lower() in ("aarch64", "arm64")


@intrinsic
def pointer(typing_context, address, element):
    """Return ``address`` (int64) as a pointer to ``element`` (a NumPy scalar type)."""
    result = types.CPointer(element.instance_type)

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(result))

    return result(types.int64, element), generate


@njit(inline="always")
def vector(address, size, element):
    """Return the array of ``size`` elements that starts at ``address``."""
    return carray(pointer(address, element), (size,))


@njit(inline="always")
def matrix(address, rows, columns, element):
    """Return the C-contiguous array (rows, columns) that starts at ``address``."""
    return carray(pointer(address, element), (rows, columns))


@intrinsic
def call_entry(typing_context, address, integers, reals):
    """Call the kernel entry at ``address`` with the addresses of its row of integers and of its row
    of reals.
    """

    def generate(context, builder, signature, arguments):
        word = ir.IntType(64)
        entry = ir.FunctionType(ir.VoidType(), [word, word]).as_pointer()
        builder.call(builder.inttoptr(arguments[0], entry), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def call_gemm(typing_context, routine, transposes, sizes, alpha, a, lda, b, ldb, beta, c, ldc):
    """Call the Fortran routine sgemm or dgemm at the address ``routine``: c = alpha·op(a)·op(b) +
    beta·c, column-major.

    ``transposes`` is a pair of character codes, ``sizes`` is (m, n, k); alpha, a, b, beta and c are
    addresses, all int64.
    """
    word = types.int64

    def generate(context, builder, signature, arguments):
        routine, transposes, sizes, alpha, a, lda, b, ldb, beta, c, ldc = arguments
        byte, number = ir.IntType(8), ir.IntType(32)

        def by_reference(value, kind):  # Fortran takes every argument by reference
            with (
                builder.goto_entry_block()
            ):  # reserved once: a call inside a loop must not grow the stack
                place = builder.alloca(kind)
            builder.store(builder.trunc(value, kind), place)
            return place

        def address(value):
            return builder.inttoptr(value, ir.IntType(8).as_pointer())

        passed = [
            *(by_reference(builder.extract_value(transposes, i), byte) for i in range(2)),
            *(by_reference(builder.extract_value(sizes, i), number) for i in range(3)),
            address(alpha), address(a), by_reference(lda, number), address(b),
            by_reference(ldb, number), address(beta), address(c), by_reference(ldc, number),
        ]  # fmt: skip
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed]).as_pointer()
        builder.call(builder.inttoptr(routine, kind), passed)
        return context.get_dummy_value()

    pair, triple = types.UniTuple(word, 2), types.UniTuple(word, 3)
    return types.void(word, pair, triple, word, word, word, word, word, word, word, word), generate


@intrinsic
def call_allreduce(typing_context, routine, send, receive, count, element, total, communicator):
    """Call MPI_Allreduce at the address ``routine``; return its code.

    All are int64. A handle that MPI has as an int, and the count, are read from the low half of a
    register: both of the platforms that kernels are compiled for pass them so.
    """
    word = types.int64

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(64)] * 6).as_pointer()
        code = builder.call(builder.inttoptr(arguments[0], kind), arguments[1:])
        return builder.sext(code, ir.IntType(64))

    return word(word, word, word, word, word, word, word), generate


@intrinsic
def float32_from_bits(typing_context, bits):
    """Return the float32 whose bit pattern is the int32 ``bits``."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def bits_from_float32(typing_context, value):
    """Return the bit pattern of a float32 as an int32."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def atomic_increment(typing_context, address):
    """Add 1 to the int64 at ``address``, seen by every thread before anything that follows."""

    def generate(context, builder, signature, arguments):
        word = ir.IntType(64)
        builder.atomic_rmw(
            "add", builder.inttoptr(arguments[0], word.as_pointer()), word(1), "seq_cst"
        )
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def atomic_read(typing_context, address):
    """Return the int64 at ``address``; what other threads wrote before they raised it can be read
    afterwards.
    """

    def generate(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def pause(typing_context):
    """Tell the processor that this thread waits in a loop; does nothing on processors without a
    word for it.
    """

    def generate(context, builder, signature, arguments):
        nothing = ir.FunctionType(ir.VoidType(), [])
        if IS_X86:
            builder.call(
                cgutils.get_or_insert_function(builder.module, nothing, "llvm.x86.sse2.pause"), []
            )
        elif IS_ARM:
            # Not ``yield``, which most ARMs pass over: to wait for the instructions before takes
            # about as long as x86's pause. And not as inline assembly: Numba gives LLVM no parser
            # for its text, and the process would end.
            number, whole_system = ir.IntType(32), 15
            kind = ir.FunctionType(ir.VoidType(), [number])
            barrier = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.isb")
            builder.call(barrier, [number(whole_system)])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def call_plain(typing_context, address):
    """Call the C function ``int f(void)`` at ``address``."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), []).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kind), [])
        return context.get_dummy_value()

    return types.void(types.int64), generate
