"""What a processor is taken to have, read from the code that LLVM writes for it."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from fastmlp.kernels.cpu.compiling.intrinsics import IS_ARM
from fastmlp.kernels.cpu.compiling.processor import probed, processor

X86, LINUX, MAC = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "arm64-apple-darwin"
PROCESSORS = [  # bytes of a vector, registers, whether a·b + c is one instruction
    (X86, "skylake-avx512", "", 64, 32, True, "AVX-512"),
    (X86, "znver4", "", 64, 32, True, "AVX-512"),
    (X86, "haswell", "", 32, 16, True, "AVX2 and FMA"),
    (X86, "haswell", "-fma", 32, 16, False, "AVX"),
    (X86, "sandybridge", "", 32, 16, False, "AVX"),
    (X86, "nehalem", "", 16, 16, False, "SSE"),
    (LINUX, "generic", "", 16, 32, True, "NEON"),
    (LINUX, "neoverse-n1", "", 16, 32, True, "NEON"),
    (LINUX, "neoverse-v1", "", 16, 32, True, "NEON"),
    (MAC, "apple-m1", "", 16, 32, True, "NEON"),
]


@pytest.mark.parametrize(
    ("triple", "name", "features", "width", "registers", "fuses", "words"), PROCESSORS
)
def test_a_processor_is_known_by_its_code(triple, name, features, width, registers, fuses, words):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    found = probed(llvm.Target.from_triple(triple), name, features)
    assert (found.vector_bytes, found.registers, found.fuses, found.words) == (
        width,
        registers,
        fuses,
        words,
    )
    assert (found.name, found.features, found.masks) == (name, features, width == 64)


def test_this_processor():
    here = processor()
    assert here.vector_bytes in (16, 32, 64)
    if IS_ARM:
        assert (here.words, here.registers, here.fuses) == ("NEON", 32, True)
