"""The CPU backend: NumPy arrays, Numba kernels, register tiles or a BLAS, and Programs that replay
without Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastmlp.backend.arguments import check_call
from fastmlp.backend.available import available_threads
from fastmlp.backend.contract import Array, Backend
from fastmlp.backend.feed import Feed, HostFeed
from fastmlp.backend.precision import ACCEPTED, check_precision
from fastmlp.errors import MissingExtraError, UsageError, choose
from fastmlp.kernels import cpu as _kernels  # noqa: F401  enters operations and scalar functions
from fastmlp.kernels.cpu.compiling.compiler import SCALAR_FUNCTIONS, KernelCompiler
from fastmlp.kernels.cpu.compiling.processor import has_amx, has_bfloat16, processor
from fastmlp.kernels.cpu.compiling.vector_code import vector_bytes
from fastmlp.kernels.operation import Operation
from fastmlp.ranks.contract import ALONE, Ranks

from .blas import Blas, mkl_blas, scipy_blas
from .program import CpuProgram
from .sections import Call, extent

GEMM_CHOICES = ("auto", "tiles", "blas", "mkl")
WIDE_PRODUCT = 128  # columns from which on a product is divided among threads by columns
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


class CpuBackend(Backend):
    """Arrays in main memory; every operation is a compiled kernel that is called by address.

    Parameters
    ----------
    threads
        How many threads a Program may be divided among; None for as many as this process may run
        on, or as many as are a rank's share. A small Program takes one all the same.
    gemm
        Who multiplies matrices: ``"tiles"`` (kernels/cpu/products), ``"blas"`` (SciPy's OpenBLAS),
        ``"mkl"`` (fastmlp[mkl]), or ``"auto"``: the tiles, which give the same bits for any number
        of threads and for any batch a row is in.
    precision
        Of float32 products: ``"highest"``, or ``"medium"``: factors are rounded to bfloat16, sums
        are float32.
    announce
        Called with an entry's name after each kernel that had to be compiled (rather than loaded
        from the disk cache).
    ranks
        The processes that train a network together; by default this one is alone.

    Raises
    ------
    UsageError
        If the processor, or who multiplies, cannot make products of this precision.
    """

    name = "cpu"
    shares_host_memory = True

    def __init__(
        self,
        threads: int | None = None,
        announce: Callable[[str], None] = lambda name: None,
        gemm: str = "auto",
        precision: str = "highest",
        ranks: Ranks = ALONE,
    ):
        super().__init__(ranks)
        threads = ranks.place.threads if threads is None else threads
        self.threads = available_threads() if threads is None else threads
        if self.threads < 1:
            raise UsageError(f"threads must be at least 1, or auto; got {threads}.")
        self.blas = _chosen_blas(choose("gemm", gemm, GEMM_CHOICES))
        self.precision = _checked_precision(precision, gemm)
        self.compiler = KernelCompiler(announce)
        self.recording: CpuProgram | None = None
        self._units: dict[np.dtype, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def compile_seconds(self) -> float:
        """Seconds spent so far on compiling kernels and loading them from the disk cache."""
        return self.compiler.seconds

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return an uninitialised array whose first element lies on a cache line."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        buffer = np.empty(size + ALIGNMENT, np.uint8)
        start = -buffer.ctypes.data % ALIGNMENT
        return buffer[start : start + size].view(dtype).reshape(shape)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """Return an aligned array of zeros."""
        array = self.empty(shape, dtype)
        array.fill(0)
        return array

    def from_numpy(self, values: np.ndarray) -> np.ndarray:
        """Return ``values`` themselves where they are contiguous (memory-mapped files stay on
        disk), else a copy.
        """
        native = values.dtype.newbyteorder("=")
        return np.asarray(np.ascontiguousarray(values, dtype=native))

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        """Return a copy."""
        return array.copy()

    def assign(self, target: np.ndarray, values: np.ndarray) -> None:
        """Copy ``values`` into ``target``; shapes must agree."""
        values = np.asarray(values)
        if values.shape != target.shape:
            raise ValueError(
                f"cannot assign an array of shape {values.shape} to one of shape {target.shape}"
            )
        target[...] = values

    def scalar_function(self, name: str) -> Any:
        """Return an activation, a loss or a derivative of kernels/cpu by its name."""
        return SCALAR_FUNCTIONS[name]

    def matmul(self, kind, a, b, c, alpha=None, beta=None) -> None:
        """Compute c = alpha·op(a)·op(b) + beta·c; see Backend.matmul."""
        one, zero = self._one_and_zero(c.dtype)
        scales = one if alpha is None else alpha, zero if beta is None else beta
        if self.blas is not None:
            operation = {
                "nn": self.ops.blas_gemm_nn,
                "nt": self.ops.blas_gemm_nt,
                "tn": self.ops.blas_gemm_tn,
            }[kind]
            operation(self.blas.gemm(c.dtype), a, b, c, *scales)
            return
        if kind == "nt":
            self._matmul_transposed(a, b, c, scales, reads_c=beta is not None)
        elif kind == "tn":
            self._product("gemm_tn", a, b, c, *scales)
        else:
            self._matmul_plain(a, b, c, scales)

    @property
    def moves_weights(self) -> bool:
        """Whether ``accumulate`` can move a weight by its velocity: the register tiles can, a BLAS
        cannot.
        """
        return self.blas is None

    def accumulate(self, x, dz, sink) -> None:
        """Let xᵀ·dz go where a sink says, and move the weights at once if it says so; see
        Backend.accumulate.
        """
        if sink.move is None:
            super().accumulate(x, dz, sink)
            return
        values, learning_rate, decay = sink.move
        self._product(
            "gemm_tn_momentum", x, dz, sink.target, values, sink.beta, learning_rate, decay
        )

    def _matmul_plain(self, a: np.ndarray, b: np.ndarray, c: np.ndarray, scales: tuple) -> None:
        if c.shape[1] >= WIDE_PRODUCT:
            self._product("gemm_nn_by_columns", a, b, c, *scales)
        else:
            self._product("gemm_nn", a, b, c, *scales)

    def _product(self, name: str, *arguments: Any) -> None:
        """Launch a product of tiles, or the one of bfloat16 that takes its place."""
        if self.precision == "medium":
            given = arguments[0].dtype
            if given != np.float32:
                raise UsageError(
                    f"matmul_precision 'medium' is for float32, not {given}; "
                    "give dtype float32, or highest."
                )
            name = f"{'amx' if has_amx() else 'bfloat16'}_{name}"
        getattr(self.ops, name)(*arguments)

    def _matmul_transposed(
        self, a: Array, b: Array, c: Array, scales: tuple, reads_c: bool
    ) -> None:
        """Compute a·bᵀ, or (b·aᵀ)ᵀ where the weights b are larger than a and c, which have a row
        for each of the batch.
        """
        if b.size <= a.size + c.size:
            transposed_b = self.empty(b.shape[::-1], b.dtype)
            self.ops.transpose(b, transposed_b)
            self._matmul_plain(a, transposed_b, c, scales)
            return
        transposed_a, transposed_c = (
            self.empty(a.shape[::-1], a.dtype),
            self.empty(c.shape[::-1], c.dtype),
        )
        self.ops.transpose(a, transposed_a)
        if reads_c:
            self.ops.transpose(c, transposed_c)
        self._product("gemm_nn", b, transposed_a, transposed_c, *scales)
        self.ops.transpose(transposed_c, c)

    def _allreduce(self, array: Array) -> None:
        reduction = self.ranks.reduction
        assert reduction is not None  # as of ranks that are several
        kind = reduction.elements[array.dtype]
        handles = reduction.routine, reduction.in_place, kind, reduction.total
        self.ops.allreduce(*handles, reduction.communicator, array)

    def launch(self, operation: Operation, *arguments: Any) -> None:
        """Run an operation now, or write it down while recording."""
        if operation.composite:
            operation.body(self.ops, *arguments)
            return
        passed = check_call(operation, arguments, np.ndarray)
        call = Call(operation, arguments, extent(passed))
        if call.extent == 0:  # nothing to do: kernels may rely on at least one element
            return
        if self.recording is not None:
            self.recording.append(call)
            return
        program = CpuProgram(self.compiler)
        program.append(call)
        program.replay()

    @contextmanager
    def record(self) -> Iterator[CpuProgram]:
        """Yield a Program that takes down every operation of the with-block; recordings do not
        nest.
        """
        if self.recording is not None:
            raise RuntimeError("a Program is being recorded already; recordings do not nest")
        # Tiles give the same bits for any number of threads; a BLAS may not.
        self.recording = CpuProgram(self.compiler, self.threads, tries=self.blas is None)
        try:
            yield self.recording
        finally:
            self.recording = None

    def synchronize(self) -> None:
        """Do nothing: work on the CPU is done when a call returns."""

    def feed(self, array: np.ndarray) -> Feed:
        """Return a second array in main memory, with a thread that fills it."""
        return HostFeed(array)

    def describe(self) -> dict[str, str]:
        """Return the device's name, its BLAS and its threads."""
        tiles = f"none: register tiles of {8 * vector_bytes()} bits"
        if self.precision == "medium":
            by_amx = " by AMX" if has_amx() else ""
            tiles += f", factors in bfloat16{by_amx}, sums in float32"
        return {
            "device": "cpu",
            "blas": self.blas.label if self.blas else tiles,
            "threads": str(self.threads),
        }

    def _one_and_zero(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        if dtype not in self._units:
            self._units[dtype] = np.ones(1, dtype), np.zeros(1, dtype)
        return self._units[dtype]


def _chosen_blas(gemm: str) -> Blas | None:
    """Return the BLAS that multiplies, None for the register tiles."""
    if gemm in ("auto", "tiles"):
        return None
    if gemm == "blas":
        return scipy_blas()
    if mkl_blas() is None:
        raise MissingExtraError("gemm mkl", "mkl", "mkl")
    return mkl_blas()


def cpu_precisions() -> tuple[str, ...]:
    """Return the precisions of float32 products that this processor has instructions for."""
    return tuple(word for word in ACCEPTED["CPU"] if word == "highest" or has_bfloat16())


def _checked_precision(precision: str, gemm: str) -> str:
    """Return the precision of products if it can be had; there is no falling back to another."""
    given = f"matmul_precision {check_precision(precision, 'CPU')!r} (bfloat16)"
    if precision not in cpu_precisions():
        raise UsageError(
            f"{given} needs the instructions AVX512-BF16 (Zen 4, Cooper Lake or later), "
            f"which Numba does not compile for here ({processor().name}). "
            "Accepted here: highest (float32); give --matmul-precision highest."
        )
    if precision == "medium" and gemm not in ("auto", "tiles"):
        raise UsageError(
            f"{given} is for the register tiles, not for gemm {gemm!r}; "
            "give --gemm tiles or leave it out."
        )
    return precision
