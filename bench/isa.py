"""``--isa``: what every library is told so that none uses wider vectors than asked for, and whether
this machine has them.

A variable alone is no proof that a library obeys it: obedience.py asks the libraries, and watches
them at work.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastmlp.errors import UsageError, choose

from .machine import is_intel, processor_flags
from .vectors import feature_bits, numpy_features

NATIVE = "native"
# MKL reads MKL_ENABLE_INSTRUCTIONS on Intel's processors alone; elsewhere this makes it keep to
# SSE2. Nothing in between.
MKL_BELOW_AVX = {"MKL_CBWR": "COMPATIBLE"}


@dataclass(frozen=True)
class Isa:
    """Vector instructions that nobody is to go beyond.

    Attributes
    ----------
    name
        Word of the option.
    words
        For people.
    bits
        Of its widest vectors.
    flags
        What Linux calls the features that a processor must have.
    told
        Variables of every contender's process.
    """

    name: str
    words: str = ""
    bits: int = 0
    flags: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)

    @property
    def is_native(self) -> bool:
        """Whether nobody is told anything."""
        return self.name == NATIVE

    @property
    def limit(self) -> str:
        """What a title ends with; empty where there is no limit."""
        return "" if self.is_native else f", {self.words} at most"

    @property
    def environment(self) -> dict[str, str]:
        """Variables of every contender's process on this machine."""
        if self.is_native:
            return {}
        is_below_avx = self.bits < 256 and not is_intel()
        return {
            **self.told,
            **_numpy_environment(self.bits),
            **(MKL_BELOW_AVX if is_below_avx else {}),
        }


# glibc chooses its copies of memory, and libm its functions, by what is left of these.
GLIBC_AVX512 = "-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD"
GLIBC_AVX = "-AVX,-AVX2,-FMA,-FMA4,-AVX_Fast_Unaligned_Load"
# YNNPACK, with which XLA multiplies, asks the processor and nobody else. Without it XLA takes Eigen
# with oneDNN.
WITHOUT_YNNPACK = "--xla_cpu_experimental_ynn_fusion_type="

ISAS = {
    NATIVE: Isa(NATIVE),
    "avx512": Isa(
        "avx512",
        "AVX-512",
        512,
        ("avx512f", "avx512bw", "avx512dq", "avx512vl"),
        # Numba is told nothing: LLVM's named processors with AVX-512 prefer 256 bits, this one need
        # not
        {
            "OPENBLAS_CORETYPE": "SkylakeX",
            "ATEN_CPU_CAPABILITY": "avx512",
            "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
            "MKL_ENABLE_INSTRUCTIONS": "AVX512",
            "XLA_FLAGS": "--xla_cpu_max_isa=AVX512",
        },
    ),
    "avx2": Isa(
        "avx2",
        "AVX2",
        256,
        ("avx2", "fma"),
        {
            "NUMBA_CPU_NAME": "haswell",
            "NUMBA_CPU_FEATURES": "",  # else those of this machine, whatever the name
            "OPENBLAS_CORETYPE": "Haswell",
            "ATEN_CPU_CAPABILITY": "avx2",  # torch.compile reads it too
            # or the C++ of torch.compile is compiled with -march=native
            "TORCHINDUCTOR_CPP_MARCH": "haswell",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "MKL_ENABLE_INSTRUCTIONS": "AVX2",
            "XLA_FLAGS": f"--xla_cpu_max_isa=AVX2 {WITHOUT_YNNPACK}",
            "GLIBC_TUNABLES": f"glibc.cpu.hwcaps={GLIBC_AVX512}",
        },
    ),
    "sse": Isa(
        "sse",
        "SSE4.2",
        128,
        ("sse4_2",),
        {
            "NUMBA_CPU_NAME": "nehalem",
            "NUMBA_CPU_FEATURES": "",
            "OPENBLAS_CORETYPE": "Nehalem",
            "ATEN_CPU_CAPABILITY": "default",
            "TORCHINDUCTOR_CPP_MARCH": "nehalem",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
            "XLA_FLAGS": f"--xla_cpu_max_isa=SSE4_2 {WITHOUT_YNNPACK}",
            "GLIBC_TUNABLES": f"glibc.cpu.hwcaps={GLIBC_AVX512},{GLIBC_AVX}",
        },
    ),
}


def find_isa(name: str) -> Isa:
    """Return the instructions of this name.

    Raises
    ------
    UsageError
        For an unknown name, or if this machine lacks them.
    """
    isa = ISAS[choose("isa", name, tuple(ISAS))]
    lacking = [flag for flag in isa.flags if flag not in processor_flags()]
    if lacking:
        raise UsageError(
            f"--isa {name} cannot be measured here: this processor has no {' '.join(lacking)}."
        )
    return isa


def _numpy_environment(bits: int) -> dict[str, str]:
    """Return which features NumPy's own loops are told are absent; names depend on its version."""
    wider = [name for name in numpy_features() if feature_bits(name) > bits]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(wider)} if wider else {}
