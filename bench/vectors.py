"""What libraries say of the vectors they use, asked in the process that has just worked."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

# OpenBLAS's names for the processors its kernels are written for.
OPENBLAS_BITS = {
    **dict.fromkeys(("SkylakeX", "Cooperlake", "SapphireRapids"), 512),
    **dict.fromkeys(
        ("Haswell", "Zen", "Sandybridge", "Bulldozer", "Piledriver", "Steamroller", "Excavator"),
        256,
    ),
    **dict.fromkeys(("Nehalem", "Barcelona", "Dunnington", "Penryn", "Core2", "Prescott"), 128),
}


@dataclass(frozen=True)
class Report:
    """A library's word.

    Attributes
    ----------
    library
        Who says it.
    words
        What.
    bits
        The widest vectors that means; None if it cannot be told from the words.
    """

    library: str
    words: str
    bits: int | None

    def __str__(self) -> str:
        return f"{self.library} {self.words}"


def of_numpy() -> list[Report]:
    """Return what NumPy's loops say, and each BLAS in this process."""
    features = numpy_features()
    bits = max(map(feature_bits, features), default=128)
    return [
        Report("NumPy", features[-1] if features else "without more than its baseline", bits),
        *of_blas(),
    ]


def of_blas() -> list[Report]:
    """Return what each BLAS in this process says."""
    from threadpoolctl import threadpool_info

    reports = []
    for library in threadpool_info():
        if library["internal_api"] == "openblas":
            core = library["architecture"]
            reports.append(Report("OpenBLAS", core, OPENBLAS_BITS.get(core)))
        elif library["internal_api"] == "mkl":
            reports.append(Report("MKL", "does not say", None))
    return list(dict.fromkeys(reports))  # NumPy's OpenBLAS and SciPy's say the same


def feature_bits(feature: str) -> int:
    """Return how wide the vectors of NumPy's loops are that need a feature, by its NumPy name."""
    if feature.startswith("AVX512") or feature == "X86_V4":
        return 512
    return 256 if feature.startswith(("AVX", "FMA", "F16C", "X86_V3")) else 128


def numpy_features() -> list[str]:
    """Return the features by which NumPy chooses among its loops here, the greatest last."""
    from numpy._core import _multiarray_umath as numpy_core  # numpy.show_runtime reads the same

    return [name for name in numpy_core.__cpu_dispatch__ if numpy_core.__cpu_features__[name]]


def bits_in(words: str) -> int | None:
    """Return how wide the vectors are that Intel's libraries name in a text, if any."""
    for name, bits in {"AVX-512": 512, "AVX512": 512, "AVX10": 512, "AVX": 256, "SSE": 128}.items():
        if name in words:
            return bits
    return None


def printed(work: Callable[[], object]) -> str:
    """Return what libraries print on standard output while work is done, through whichever way."""
    flush = ctypes.CDLL(None).fflush
    flush(None)
    usual = os.dup(1)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 1)
            work()
            flush(None)
            file.seek(0)
            return file.read().decode(errors="replace")
    finally:
        os.dup2(usual, 1)
        os.close(usual)
