"""The CUDA backend: CuPy arrays, CUDA C++ kernels, cuBLAS, and Programs that become CUDA graphs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastmlp.backend.contract import Array, Backend
from fastmlp.backend.feed import Feed
from fastmlp.backend.precision import FACTORS, check_precision
from fastmlp.errors import DeviceError, choose
from fastmlp.kernels import cpu as _twins  # noqa: F401  enters every operation into the table
from fastmlp.kernels.cuda.source import OPTIONS, Kernel, kernels, scalar_functions, text
from fastmlp.kernels.operation import Operation
from fastmlp.ranks.contract import ALONE, Ranks

from .context import DeviceContext, one_line
from .cublas import Cublas
from .device import open_device
from .feed import CudaFeed
from .launch import Launch, prepare
from .nccl import Nccl
from .program import CudaProgram

COMPILED_RATHER_THAN_LOADED = 0.05  # seconds: CuPy does not say whether its disk cache had a kernel
KINDS = ("nn", "nt", "tn")


class CudaBackend(Backend):
    """Arrays in the memory of a GPU; every operation is a kernel of kernels/cuda on one stream of
    this backend's own.

    Parameters
    ----------
    index
        Number of the device, from 0.
    precision
        Of float32 matrix products: ``"highest"``, or ``"high"`` for TF32.
    announce
        Called with an instance's name after each kernel that had to be compiled.
    ranks
        The processes that train a network together, each on a GPU of its own.

    Attributes
    ----------
    context, stream
        The device with the stream on which everything runs, in order.

    Raises
    ------
    DeviceError
        If the device cannot be used; the message names cause and remedy.
    """

    def __init__(
        self,
        index: int = 0,
        precision: str = "highest",
        announce: Callable[[str], None] = lambda name: None,
        ranks: Ranks = ALONE,
    ):
        super().__init__(ranks)
        self.name = f"cuda:{index}"
        self.compile_seconds = 0.0
        self.recording: CudaProgram | None = None
        self._announce = announce
        self._functions: dict[str, Any] = {}
        self._units: dict[np.dtype, tuple[Array, Array]] = {}
        self._cupy, device = open_device(index)
        # After the device: without one, auto takes the CPU and its words.
        self.precision = check_precision(precision, "CUDA")
        self.context = DeviceContext(self._cupy, device)
        self.stream = self.context.stream
        properties = self._cupy.cuda.runtime.getDeviceProperties(index)
        self._label = properties["name"].decode()
        self._multiprocessors = properties["multiProcessorCount"]
        with self.context.active():
            self._blas = Cublas(self._cupy, self.stream, properties["major"], precision)
        self._nccl: Nccl | None = None

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return an uninitialised array; CuPy's pool aligns it to 512 bytes."""
        with self.context.active():
            return self._cupy.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return an array of zeros."""
        with self.context.active():
            return self._cupy.zeros(shape, dtype)

    def from_numpy(self, values: np.ndarray) -> Array:
        """Return a copy on the device."""
        array = self.empty(values.shape, values.dtype.newbyteorder("="))
        self.assign(array, values)
        return array

    def to_numpy(self, array: Array) -> np.ndarray:
        """Return a copy on the host, after all work on the stream is done."""
        with self.context.active():
            return array.get()

    def assign(self, target: Array, values: np.ndarray) -> None:
        """Write host values into a device array of the same shape; the host memory may be changed
        afterwards.
        """
        values = np.ascontiguousarray(values, dtype=target.dtype)
        if values.shape != target.shape:
            raise ValueError(
                f"cannot assign an array of shape {values.shape} to one of shape {target.shape}"
            )
        with self.context.active():
            target.set(values)
            self.stream.synchronize()

    def scalar_function(self, name: str) -> str:
        """Return the name under which kernels/cuda knows a scalar function."""
        if name not in scalar_functions():
            raise KeyError(name)
        return name

    def matmul(self, kind, a, b, c, alpha=None, beta=None) -> None:
        """Compute c = alpha·op(a)·op(b) + beta·c by cuBLAS; see Backend.matmul."""
        choose("kind", kind, KINDS)
        if c.size == 0:
            return
        one, zero = self._one_and_zero(c.dtype)
        operands = a, b, c, one if alpha is None else alpha, zero if beta is None else beta
        self._take(
            Launch(f"gemm_{kind}", partial(self._blas.gemm, kind, *operands), (c,), operands)
        )

    def _allreduce(self, array: Array) -> None:
        with self.context.active():
            if self._nccl is None:  # together with the other ranks, as all that it does
                self._nccl = Nccl(self._cupy, self.stream, self.ranks)
        self._take(Launch("allreduce", partial(self._nccl.allreduce, array), (array,), (array,)))

    def launch(self, operation: Operation, *arguments: Any) -> None:
        """Run an operation now, or write it down while recording."""
        kernel = kernels().get(operation.name)
        if kernel is None:
            if not operation.composite:
                raise TypeError(f"{operation.name} has no CUDA kernel; it belongs to the CPU")
            operation.body(self.ops, *arguments)
            return
        array_type = self._cupy.ndarray
        launch = prepare(
            operation, kernel, arguments, array_type, self._compiled, self._multiprocessors
        )
        if launch is not None:
            self._take(launch)

    @contextmanager
    def record(self) -> Iterator[CudaProgram]:
        """Yield a Program that takes down every operation of the with-block; recordings do not
        nest.
        """
        if self.recording is not None:
            raise RuntimeError("a Program is being recorded already; recordings do not nest")
        self.recording = CudaProgram(self.context, self.notices, self.ranks)
        try:
            yield self.recording
        finally:
            self.recording = None

    def synchronize(self) -> None:
        """Wait until the stream has done everything."""
        with self.context.active():
            self.stream.synchronize()

    def feed(self, array: Array) -> Feed:
        """Return pinned double buffers and a stream of their own."""
        import cupyx  # pyright: ignore[reportMissingModuleSource]

        with self.context.active():
            return CudaFeed(self._cupy, cupyx, self.stream, array)

    def free_memory(self) -> int:
        """Return the bytes that can still be allocated on the device."""
        with self.context.active():
            free, _ = self._cupy.cuda.runtime.memGetInfo()
            pool = self._cupy.get_default_memory_pool()
            return free + pool.free_bytes()

    def describe(self) -> dict[str, str]:
        """Return the device's name and libraries."""
        return {
            "device": f"{self.name} {self._label}",
            "blas": f"cuBLAS {self._blas.version()}, "
            f"products of float32 in {FACTORS[self.precision]}",
            "threads": "1",
        }

    def _take(self, launch: Launch) -> None:
        if self.recording is not None:
            self.recording.launches.append(launch)
            return
        with self.context.active():
            launch.run()

    def _compiled(self, kernel: Kernel, instance: str) -> Any:
        """Return an instance's function, compiled by NVRTC or loaded from CuPy's disk cache."""
        if instance not in self._functions:
            start = time.perf_counter()
            with self.context.active():
                try:
                    module = self._cupy.RawModule(
                        code=text(kernel.stem), options=OPTIONS, name_expressions=(instance,)
                    )
                    self._functions[instance] = module.get_function(instance)
                except self._cupy.cuda.compiler.CompileException as error:
                    first = next(
                        (line for line in str(error).splitlines() if "error" in line),
                        one_line(error),
                    )
                    raise DeviceError(
                        f"NVRTC cannot compile {instance}: {first}. Install fastmlp[cuda12] "
                        "(or cuda13) anew; if it happens again, report it with this line."
                    ) from None
            seconds = time.perf_counter() - start
            self.compile_seconds += seconds
            if seconds > COMPILED_RATHER_THAN_LOADED:
                self._announce(instance)
        return self._functions[instance]

    def _one_and_zero(self, dtype: np.dtype) -> tuple[Array, Array]:
        if dtype not in self._units:
            self._units[dtype] = self.from_numpy(np.ones(1, dtype)), self.zeros((1,), dtype)
        return self._units[dtype]
