"""Matrix products by cuBLAS, called through ctypes with a handle, a stream and a workspace of our
own.

CuPy refuses its own cuBLAS wrappers while a stream captures, so the same library is called without
them. alpha and beta are read on the device at each replay. Matrices are row-major and cuBLAS is
column-major: a row-major array that it reads is its own transpose, so c = a·b is asked of it as cᵀ
= bᵀ·aᵀ, with the operands exchanged.
"""

from __future__ import annotations

import ctypes

import numpy as np

from fastmlp.backend.contract import Array
from fastmlp.backend.precision import ACCEPTED
from fastmlp.errors import DeviceError

from .context import LOST

OPERATION_N, OPERATION_T = 0, 1
POINTER_MODE_DEVICE = 1
GEMM_DEFAULT = -1
DATA_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}
COMPUTE_32F, COMPUTE_32F_FAST_TF32, COMPUTE_64F = 68, 77, 70
PRECISIONS = ACCEPTED["CUDA"]
HOPPER = 9  # from this major compute capability on, products want the larger workspace
SMALL_WORKSPACE, LARGE_WORKSPACE = 4 << 20, 32 << 20
STATUS = {
    1: "not initialised",
    3: "out of memory",
    7: "invalid value",
    8: "not supported on this device",
    11: "access to memory failed",
    13: "execution failed",
    14: "internal error",
    15: "not supported",
}


class Cublas:
    """A cuBLAS handle on one stream.

    Parameters
    ----------
    cupy
        The imported package.
    stream
        The stream on which products run, current when this is made.
    major
        Major compute capability of the device.
    precision
        ``"highest"``: float32 products in float32; ``"high"``: in TF32, which keeps 10 bits of each
        factor's mantissa.

    Raises
    ------
    DeviceError
        If the library is missing or refuses.
    """

    def __init__(self, cupy, stream, major: int, precision: str = "highest"):
        self._library, self._cupy, self._stream = _load_library(), cupy, stream
        self._compute = {
            np.dtype(np.float32): COMPUTE_32F if precision == "highest" else COMPUTE_32F_FAST_TF32,
            np.dtype(np.float64): COMPUTE_64F,
        }
        self._handle = ctypes.c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._call("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream.ptr))
        # After the stream, which resets it: without a workspace of its own a product could not be
        # captured.
        self._workspace = cupy.empty(
            (LARGE_WORKSPACE if major >= HOPPER else SMALL_WORKSPACE,), np.uint8
        )
        size = ctypes.c_size_t(self._workspace.nbytes)
        self._call(
            "cublasSetWorkspace_v2", self._handle, ctypes.c_void_p(self._workspace.data.ptr), size
        )
        self._call("cublasSetPointerMode_v2", self._handle, POINTER_MODE_DEVICE)

    def version(self) -> str:
        """Return the library's version, such as ``12.9.2``."""
        number = ctypes.c_int()
        self._call("cublasGetVersion_v2", self._handle, ctypes.byref(number))
        return f"{number.value // 10000}.{number.value // 100 % 100}.{number.value % 100}"

    def gemm(self, kind: str, a: Array, b: Array, c: Array, alpha: Array, beta: Array) -> None:
        """Hand c = alpha·op(a)·op(b) + beta·c to the stream; see Backend.matmul."""
        m, n = c.shape
        inner = a.shape[0] if kind == "tn" else a.shape[1]
        element = DATA_TYPES[c.dtype]
        self._call(
            "cublasGemmEx",
            self._handle,
            OPERATION_T if kind == "nt" else OPERATION_N,
            OPERATION_T if kind == "tn" else OPERATION_N,
            n,
            m,
            inner,
            ctypes.c_void_p(alpha.data.ptr),
            ctypes.c_void_p(b.data.ptr),
            element,
            b.shape[1],
            ctypes.c_void_p(a.data.ptr),
            element,
            a.shape[1],
            ctypes.c_void_p(beta.data.ptr),
            ctypes.c_void_p(c.data.ptr),
            element,
            n,
            self._compute[c.dtype],
            GEMM_DEFAULT,
        )

    def close(self) -> None:
        """Give the handle back."""
        if self._handle:
            self._call("cublasDestroy_v2", self._handle)
            self._handle = ctypes.c_void_p()

    def _call(self, name: str, *arguments) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            self._raise_if_lost()
            raise DeviceError(
                f"cuBLAS: {name} failed: {STATUS.get(status, 'unknown status')} ({status}). "
                "Use --device cpu, or look for "
                "another process that fills the device's memory."
            )

    def _raise_if_lost(self) -> None:
        """Let an error that has ended the context speak for itself, if that is why cuBLAS fails."""
        try:
            self._stream.synchronize()
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            if error.status in LOST:
                raise


def _load_library() -> ctypes.CDLL:
    """Return the libcublas that CuPy would load."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib  # pyright: ignore[reportMissingModuleSource]

        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DeviceError(
            f"cuBLAS cannot be loaded: {reason}. Install it with "
            "pip install 'fastmlp[cuda12]' (or cuda13), or with the "
            "CUDA toolkit."
        ) from None
