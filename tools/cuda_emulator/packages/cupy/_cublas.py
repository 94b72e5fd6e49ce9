"""Joins the emulated libcublas to the device: products go into streams and captures."""

from __future__ import annotations

import ctypes
from functools import cache

from . import _build, _device
from ._device import LOCK
from ._emulation import settings
from ._errors import CUDARuntimeError, MisuseError
from ._memory import device_memory

NOT_INITIALIZED, EXECUTION_FAILED, INTERNAL_ERROR = 1, 13, 14


class Product(ctypes.Structure):
    """One product, as cublas.cpp describes it."""

    _fields_ = (
        ("stream", ctypes.c_size_t),
        ("workspace", ctypes.c_size_t),
        ("workspace_size", ctypes.c_size_t),
        *((name, ctypes.c_int) for name in ("device", "is_double", "is_tf32", "scalars_on_device")),
        *(
            (name, ctypes.c_int)
            for name in ("transa", "transb", "m", "n", "k", "lda", "ldb", "ldc")
        ),
        *((name, ctypes.c_size_t) for name in ("alpha", "beta", "a", "b", "c")),
        ("alpha_value", ctypes.c_double),
        ("beta_value", ctypes.c_double),
    )


CREATE = ctypes.CFUNCTYPE(ctypes.c_int)
SUBMIT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Product))
WORKSPACE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t)


@cache
def library() -> ctypes.CDLL:
    """Return the library, joined to the device."""
    loaded = ctypes.CDLL(str(_build.cublas()))
    loaded.joined = CREATE(_create), SUBMIT(_submit), WORKSPACE(_check_workspace)
    loaded.fastmlp_cublas_register(*loaded.joined)
    return loaded


def _create() -> int:
    """Return the device of a new handle, or a negative status."""
    status = settings.failure("cublas-create")
    if status is not None:
        return -status
    try:
        return _device.current_device()
    except CUDARuntimeError:
        return -NOT_INITIALIZED


def _check_workspace(address: int, size: int) -> int:
    try:
        with LOCK:
            device_memory(address, size, "cublasSetWorkspace_v2", _device.current_device())
    except MisuseError as misuse:
        _device.present().fault = misuse
    return 0


def _submit(pointer) -> int:
    """Hand a product to its stream; return a status, as an exception cannot pass through C."""
    status = settings.failure("gemm")
    if status is not None:
        return status
    product = Product()
    ctypes.pointer(product)[0] = pointer[0]
    try:
        with LOCK:
            return _submit_checked(product)
    except (CUDARuntimeError, RuntimeError):
        return EXECUTION_FAILED
    except MisuseError as misuse:
        _device.present().fault = misuse  # raised by the next call of cupy's
        return 0


def _submit_checked(product: Product) -> int:
    machine = _device.present()
    queue = machine.queue(product.stream, product.device)
    if queue.device != product.device or _device.current_device() != product.device:
        return EXECUTION_FAILED
    used = [
        device_memory(address, size, f"cublasGemmEx: {name}", product.device)
        for name, address, size in _extents(product)
    ]
    if product.workspace:
        used.append(
            device_memory(
                product.workspace,
                product.workspace_size,
                "cublasGemmEx: the workspace",
                product.device,
            )
        )
    elif queue.capture is not None:
        return INTERNAL_ERROR  # it would allocate one of its own
    compute = library().fastmlp_cublas_compute
    label = f"emulated_gemm_{'fd'[product.is_double]}32_{product.m}x{product.n}x{product.k}"
    machine.submit(queue, "KERNEL", label, lambda: compute(ctypes.byref(product)), tuple(used))
    return 0


def _extents(product: Product):
    """Yield the name, address and bytes of each piece of memory that a product touches."""
    size = 8 if product.is_double else 4
    rows_a, columns_a = (product.m, product.k) if product.transa == 0 else (product.k, product.m)
    rows_b, columns_b = (product.k, product.n) if product.transb == 0 else (product.n, product.k)
    for name, address, rows, columns, leading in (
        ("A", product.a, rows_a, columns_a, product.lda),
        ("B", product.b, rows_b, columns_b, product.ldb),
        ("C", product.c, product.m, product.n, product.ldc),
    ):
        if rows and columns:
            yield name, address, ((columns - 1) * leading + rows) * size
    if product.scalars_on_device:
        yield "alpha", product.alpha, size
        yield "beta", product.beta, size
