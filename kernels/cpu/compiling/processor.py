"""The processor that kernels are compiled for: this machine's, or the lesser one that Numba has
been told to take it for.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm
from numba.core import config

# A product and a sum of vectors of 512 bits: the instructions that LLVM chooses for them say what a
# processor has.
PROBE = """
define void @probe(<16 x float>* %a, <16 x float>* %b) {
  %x = load <16 x float>, <16 x float>* %a
  %y = load <16 x float>, <16 x float>* %b
  %z = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %x, <16 x float> %y, <16 x float> %y)
  store <16 x float> %z, <16 x float>* %a
  ret void
}
declare <16 x float> @llvm.fmuladd.v16f32(<16 x float>, <16 x float>, <16 x float>)
"""

# A conversion to bfloat16, for which LLVM calls a function where a processor has no instruction.
# With AVX-512 it came together with the product; a processor that has the conversion alone, from
# AVX-NE-CONVERT, has another encoding of it.
CONVERSION, AVX_ENCODING = "vcvtneps2bf16", "{vex}"
BFLOAT16_PROBE = """
define void @probe(<16 x float>* %a, <16 x bfloat>* %b) {
  %x = load <16 x float>, <16 x float>* %a
  %y = fptrunc <16 x float> %x to <16 x bfloat>
  store <16 x bfloat> %y, <16 x bfloat>* %b
  ret void
}
"""

AMX = frozenset(("+amx-tile", "+amx-bf16"))
# Of Linux on x86-64 (Documentation/arch/x86/xstate.rst): the number of the system call, what it is
# to do, and with which part of the registers.
ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA = 158, 0x1023, 18


@dataclass(frozen=True)
class Processor:
    """What the kernels may count on.

    Attributes
    ----------
    name, features
        As LLVM spells them; NUMBA_CPU_NAME and NUMBA_CPU_FEATURES where those are set.
    vector_bytes
        Width of a vector register: 64 with AVX-512, 32 with AVX, else 16. An ARM with SVE has the
        16 of NEON as well: how wide SVE is shows only while a program runs.
    registers
        How many vector registers there are.
    fuses
        Whether a·b + c is one instruction that rounds once.
    """

    name: str
    features: str
    vector_bytes: int
    registers: int
    fuses: bool

    @property
    def masks(self) -> bool:
        """Whether loads and stores of some lanes of a vector cost what whole ones do."""
        return self.vector_bytes == 64

    @property
    def words(self) -> str:
        """The vector instructions in use, for people."""
        narrow = "NEON" if self.registers == 32 else "SSE"
        names = {64: "AVX-512", 32: "AVX2 and FMA" if self.fuses else "AVX", 16: narrow}
        return names[self.vector_bytes]


@cache
def processor() -> Processor:
    """Return the processor that Numba compiles for in this process."""
    name, features = target_name(), target_features()
    return probed(_host(), name, features)


def probed(target: llvm.Target, name: str, features: str) -> Processor:
    """Return what a processor has, from the instructions that LLVM chooses for it."""
    assembly = _assembly(target, PROBE, name, features)
    is_arm = "fmla" in assembly
    width = 64 if "zmm" in assembly else 32 if "ymm" in assembly else 16
    fuses = is_arm or "vfmadd" in assembly
    return Processor(name, features, width, 32 if width == 64 or is_arm else 16, fuses)


@cache
def has_bfloat16() -> bool:
    """Return whether the processor that Numba compiles for multiplies bfloat16 in vectors of 512
    bits (AVX512-BF16).
    """
    target = processor()
    if target.vector_bytes < 64:
        return False
    assembly = _assembly(_host(), BFLOAT16_PROBE, target.name, target.features)
    return CONVERSION in assembly and AVX_ENCODING not in assembly


@cache
def has_amx() -> bool:
    """Return whether the processor that Numba compiles for multiplies bfloat16 in tiles (AMX), and
    the system lets this process use their registers.
    """
    features = processor().features.split(",")
    return has_bfloat16() and AMX.issubset(features) and _are_tiles_granted()


def _are_tiles_granted() -> bool:
    """Ask Linux for the state of the tiles, which it keeps only for processes that asked once."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    return ctypes.CDLL(None).syscall(ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0


def target_name() -> str:
    """Return the name of the processor that Numba compiles for."""
    return getattr(config, "CPU_NAME", None) or llvm.get_host_cpu_name()


def target_features() -> str:
    """Return the features that Numba compiles for, as LLVM takes them; an empty string leaves them
    to the name.
    """
    given = getattr(config, "CPU_FEATURES", None)
    if given is not None:
        return given
    try:
        features = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM does not know this machine
        return ""
    if not getattr(config, "ENABLE_AVX", True):
        features = type(features)(
            {name: on and not name.startswith("avx") for name, on in features.items()}
        )
    return features.flatten()


def _host() -> llvm.Target:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def _assembly(target: llvm.Target, probe: str, name: str, features: str) -> str:
    machine = target.create_target_machine(cpu=name, features=features, opt=1)
    return machine.emit_assembly(llvm.parse_assembly(probe))
