"""While a Program runs, subnormal numbers count as zero; NaN, and the mode of whoever called it,
stay as they were.
"""

from __future__ import annotations

import ctypes
import threading

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir
from numba import cfunc, types

from fastmlp.kernels.cpu.compiling import subnormals
from fastmlp.kernels.cpu.compiling.subnormals import (
    FPCR,
    MXCSR,
    REGISTER,
    flush_subnormals,
    restore_float_mode,
)

SMALLEST = {"float32": 2.0**-126, "float64": 2.0**-1022}  # of the normal numbers
KNOWN = pytest.mark.skipif(
    REGISTER is None, reason="no control register is known of this processor"
)


def product(backend, factors, weights, dtype):
    """Return the sum of the factors times the weights."""
    a, b = np.array([factors], dtype), np.array(weights, dtype)[:, None]
    c = np.full((1, 1), 3.0, dtype)
    backend.matmul("nn", a, b, c)
    return c[0, 0]


def subnormals_count():
    """Whether NumPy, in this thread, still tells a subnormal product from zero."""
    return all(
        np.array([small], name)[0] * np.array([0.5], name)[0] > 0
        for name, small in SMALLEST.items()
    )


@KNOWN
def test_a_subnormal_product_is_zero(backend, dtype):
    small = SMALLEST[dtype.name]
    assert product(backend, [small], [0.5], dtype) == 0
    assert product(backend, [small], [1.0], dtype) == small


@KNOWN
def test_a_subnormal_number_is_read_as_zero(backend, dtype):
    assert product(backend, [SMALLEST[dtype.name] / 2], [2.0**20], dtype) == 0


def test_nan_and_infinity_keep_their_meaning(backend, dtype):
    assert np.isnan(product(backend, [np.nan], [0.0], dtype))
    assert np.isnan(product(backend, [np.inf], [0.0], dtype))
    assert product(backend, [np.inf], [-1.0], dtype) == -np.inf


def test_a_nan_keeps_its_bits(backend):
    bits = 0x7FC12345
    marked = np.array([[bits]], np.uint32).view(np.float32)
    weight, c = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    backend.matmul("nn", marked, weight, c)
    assert c.view(np.uint32)[0, 0] == bits


def test_the_caller_has_its_mode_back(backend, dtype):
    assert subnormals_count()
    product(backend, [SMALLEST[dtype.name]], [0.5], dtype)
    assert subnormals_count()


@KNOWN
def test_only_the_bits_for_subnormals_change_and_come_back():
    def modes(place):
        place[0] = flush_subnormals()
        place[1] = flush_subnormals()
        restore_float_mode(place[1])
        place[2] = flush_subnormals()  # what a nested call would find
        restore_float_mode(place[0])
        place[3] = flush_subnormals()
        restore_float_mode(place[0])

    compiled = cfunc(types.void(types.CPointer(types.int64)), nopython=True)(modes)
    found = np.zeros(4, np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_int64)(compiled.address)(found.ctypes.data)
    before, during, nested, after = (int(mode) for mode in found)
    assert not before & REGISTER.bits
    assert during == nested == before | REGISTER.bits
    assert after == before
    assert subnormals_count()


@KNOWN
def test_the_mode_belongs_to_a_thread():
    begun, over, seen = threading.Event(), threading.Event(), []
    flush = ctypes.CFUNCTYPE(ctypes.c_int64)(cfunc(types.int64(), nopython=True)(flushed).address)

    def other():
        flush()
        seen.append(subnormals_count())
        begun.set()
        over.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(30)
    here = subnormals_count()
    over.set()
    thread.join()
    assert (here, seen) == (True, [False])


def flushed():
    return flush_subnormals()


def test_an_unknown_processor_keeps_its_mode(monkeypatch):
    monkeypatch.setattr(subnormals, "REGISTER", None)

    def untouched():
        mode = flush_subnormals()
        restore_float_mode(mode)
        return mode

    assert (
        ctypes.CFUNCTYPE(ctypes.c_int64)(cfunc(types.int64(), nopython=True)(untouched).address)()
        == 0
    )


@pytest.mark.parametrize(
    ("register", "triple", "instructions"),
    [
        (MXCSR, "x86_64-unknown-linux-gnu", ("stmxcsr", "ldmxcsr")),
        (FPCR, "aarch64-unknown-linux-gnu", ("mrs", "msr\tFPCR")),
        (FPCR, "arm64-apple-darwin", ("mrs", "msr\tFPCR")),
    ],
)
def test_the_instructions_of_each_processor(register, triple, instructions):
    module = ir.Module()
    builder = ir.IRBuilder(
        ir.Function(module, ir.FunctionType(ir.VoidType(), []), "set").append_basic_block()
    )
    register.write(builder, builder.or_(register.read(builder), ir.IntType(64)(register.bits)))
    builder.ret_void()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    assembly = (
        llvm.Target.from_triple(triple)
        .create_target_machine()
        .emit_assembly(llvm.parse_assembly(str(module)))
    )
    assert all(instruction in assembly for instruction in instructions), assembly
