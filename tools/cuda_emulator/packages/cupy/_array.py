"""cupy.ndarray: an array in device memory that never turns into NumPy's by itself.

It offers what the backend uses and refuses the rest: arithmetic, comparison and mixing with NumPy
arrays.
"""

from __future__ import annotations

import ctypes
import math
import operator

import numpy as np

from . import _device, _memory
from ._copy import DEVICE_TO_DEVICE, DEVICE_TO_HOST, HOST_TO_DEVICE, copy_async
from ._device import LOCK
from ._memory import MemoryPointer
from .cuda.stream import get_current_stream, queue_of


class ndarray:
    """An array on a device.

    Attributes
    ----------
    shape, dtype, size, ndim, nbytes, itemsize, strides, flags
        As NumPy's.
    data
        The MemoryPointer: ``data.ptr`` is the address.
    """

    data: MemoryPointer
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None or order != "C":
            raise NotImplementedError(
                "the emulation makes only C-contiguous arrays with memory of their own"
            )
        dtype = _checked_dtype(dtype)
        shape = (
            tuple(map(operator.index, shape))
            if isinstance(shape, tuple | list)
            else (operator.index(shape),)
        )
        if any(length < 0 for length in shape):
            raise ValueError("negative dimensions are not allowed")
        pointer = _memory.allocate(math.prod(shape) * dtype.itemsize, get_current_stream().ptr)
        self._take(pointer.mem, pointer.mem.bytes().view(dtype).reshape(shape))

    def _take(self, owner, view: np.ndarray) -> None:
        self._view = view  # the same memory; read and written only when a stream comes to it
        self.data = MemoryPointer(owner, view.ctypes.data - owner.address if owner.size else 0)

    def _derived(self, view: np.ndarray) -> ndarray:
        array = ndarray.__new__(ndarray)
        array._take(self.data.mem, view)
        return array

    shape = property(lambda self: self._view.shape)
    dtype = property(lambda self: self._view.dtype)
    size = property(lambda self: self._view.size)
    ndim = property(lambda self: self._view.ndim)
    nbytes = property(lambda self: self._view.size * self._view.itemsize)
    itemsize = property(lambda self: self._view.itemsize)
    strides = property(lambda self: self._view.strides)
    flags = property(lambda self: Flags(self._view))

    @property
    def device(self):
        """The device on which the array lies."""
        from .cuda.device import Device

        return Device(self.data.device_id)

    def __len__(self):
        return len(self._view)

    def __getitem__(self, key):
        parts = key if isinstance(key, tuple) else (key,)
        if any(isinstance(part, ndarray | np.ndarray | list | bool) for part in parts):
            raise NotImplementedError("the emulation offers only basic slices, which are views")
        rest = (
            () if any(part is ... for part in parts) else (...,)
        )  # so that a single element is a view too
        return self._derived(self._view[(*parts, *rest)])

    def __setitem__(self, key, value):
        target = self[key]
        if isinstance(value, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        if isinstance(value, ndarray):
            _copy_elements(target, value)
        else:
            target.fill(value)

    def get(self, stream=None, order="C", out=None, blocking=True):
        """Return a copy on the host, or copy into ``out``; waits if ``blocking``."""
        if out is not None:
            if not isinstance(out, np.ndarray):
                raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
            if out.dtype != self.dtype:
                raise TypeError(f"{out.dtype} array cannot be obtained from {self.dtype} array")
            if out.shape != self.shape:
                raise ValueError(
                    f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}"
                )
            if not out.flags.c_contiguous:
                raise RuntimeError(
                    "`out` cannot be specified when copying to non-contiguous ndarray"
                )
        stream = get_current_stream() if stream is None else stream
        _refuse_in_capture(stream, "D2H transfers")
        result = np.empty(self.shape, self.dtype) if out is None else out
        source = self if self._view.flags.c_contiguous else self.copy()
        if self.size:
            copy_async(
                result.ctypes.data, source.data.ptr, self.nbytes, DEVICE_TO_HOST, queue_of(stream)
            )
        if blocking:
            stream.synchronize()
        return result

    def set(self, arr, stream=None):
        """Copy a NumPy array of the same shape and type here, asynchronously."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self._view.flags.c_contiguous:
            raise RuntimeError("Cannot set to non-contiguous array")
        stream = get_current_stream() if stream is None else stream
        _refuse_in_capture(stream, "H2D transfers")
        source = np.ascontiguousarray(arr)
        if self.size:
            copy_async(
                self.data.ptr, source.ctypes.data, self.nbytes, HOST_TO_DEVICE, queue_of(stream)
            )

    def fill(self, value):
        """Write a number into every element, in the current stream."""
        if isinstance(value, ndarray):
            raise NotImplementedError("the emulation fills with numbers of the host only")
        value = np.asarray(value, self.dtype)
        if value.shape != ():
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if self.size == 0:
            return
        view, used = self._view, self._used("fill")
        is_memset = self._view.flags.c_contiguous and not value
        kind = "MEMSET" if is_memset else "KERNEL"
        with LOCK:
            queue = queue_of(get_current_stream())
            _device.present().submit(queue, kind, "cupy_fill", lambda: np.copyto(view, value), used)

    def copy(self, order="C"):
        """Return a copy on the device, made in the current stream."""
        duplicate = ndarray(self.shape, self.dtype)
        _copy_elements(duplicate, self)
        return duplicate

    def reshape(self, *shape, order="C", copy=None):
        """Return a view of another shape."""
        view = self._view.reshape(*shape, order=order)
        if not np.shares_memory(view, self._view) and self.size:
            raise NotImplementedError("the emulation reshapes only where that is a view")
        return self._derived(view)

    def ravel(self, order="C"):
        """Return a view of one dimension."""
        return self.reshape(-1, order=order)

    def view(self, dtype=None, type=None):
        """Return a view of the same memory, as another element type where one is given."""
        return self._derived(
            self._view if dtype is None else self._view.view(_checked_dtype(dtype))
        )

    def _used(self, what: str) -> tuple:
        return (
            (_memory.device_memory(self.data.ptr, 1, what, _device.current_device()),)
            if self.size
            else ()
        )

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct"
            " a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        raise TypeError(
            f"the emulation offers no arithmetic: numpy.{ufunc.__name__} with a device array"
        )

    def __array_function__(self, func, types, args, kwargs):
        raise TypeError(f"the emulation offers no numpy.{func.__name__} with a device array")

    def __repr__(self):
        return f"<device array {self.dtype} {self.shape}>"


class Flags:
    """The layout of an array."""

    def __init__(self, view: np.ndarray):
        self.c_contiguous, self.f_contiguous = view.flags.c_contiguous, view.flags.f_contiguous
        self.owndata = view.base is None


def _refused(name: str):
    def method(self, *others):
        if any(isinstance(other, np.ndarray) for other in others):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        raise NotImplementedError(
            f"the emulation offers no {name} of device arrays; the backend does not use it"
        )

    return method


_BINARY = "add sub mul truediv floordiv mod pow and or xor lshift rshift".split()
_OTHERS = "eq ne lt le gt ge neg pos abs invert bool int float index contains iter".split()
for _name in (*_OTHERS, *(prefix + name for prefix in ("", "r", "i") for name in _BINARY)):
    setattr(ndarray, f"__{_name}__", _refused(_name))


def matmul_of_cublas(*operands):
    """Refuse: CuPy's own products call cuBLAS by wrappers that a capture stops."""
    if get_current_stream().is_capturing():
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    raise NotImplementedError(
        "the emulation offers no matrix products of CuPy's; the backend calls libcublas"
    )


ndarray.__matmul__ = ndarray.__rmatmul__ = ndarray.__imatmul__ = matmul_of_cublas


def empty(shape, dtype=float, order="C"):
    """Return an array whose bytes are 0xFF."""
    return ndarray(shape, dtype, order=order)


def zeros(shape, dtype=float, order="C"):
    """Return an array of zeros, written in the current stream."""
    array = ndarray(shape, dtype, order=order)
    array.fill(0)
    return array


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    """Return an array of the same shape and type, its bytes 0xFF."""
    if not isinstance(prototype, ndarray):
        raise TypeError(f"Unsupported type {type(prototype)}")
    return ndarray(
        prototype.shape if shape is None else shape, prototype.dtype if dtype is None else dtype
    )


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Return an array on the device: the same one, or a copy made in the current stream."""
    if isinstance(a, ndarray) and (dtype is None or a.dtype == dtype) and not copy:
        return a
    return array(a, dtype, blocking=blocking)


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """Return a copy on the device, made in the current stream."""
    if isinstance(obj, ndarray):
        if dtype is not None and obj.dtype != dtype:
            raise NotImplementedError("the emulation converts no device arrays")
        return obj.copy()
    values = np.array(obj, dtype, ndmin=ndmin, order="C")
    made = ndarray(values.shape, values.dtype)
    made.set(values)
    if blocking:
        get_current_stream().synchronize()
    return made


def _copy_elements(target: ndarray, source: ndarray) -> None:
    if target.shape != source.shape or target.dtype != source.dtype:
        raise NotImplementedError(
            "the emulation copies only between device arrays of one shape and type"
        )
    if target.size == 0:
        return
    if target._view.flags.c_contiguous and source._view.flags.c_contiguous:
        copy_async(
            target.data.ptr,
            source.data.ptr,
            target.nbytes,
            DEVICE_TO_DEVICE,
            queue_of(get_current_stream()),
        )
        return
    to, of, used = target._view, source._view, (*target._used("copy"), *source._used("copy"))
    with LOCK:
        queue = queue_of(get_current_stream())
        _device.present().submit(queue, "KERNEL", "cupy_copy", lambda: np.copyto(to, of), used)


def _refuse_in_capture(stream, what: str) -> None:
    if stream.is_capturing():
        raise RuntimeError(f"the current stream is capturing, so {what} are disallowed")


def _checked_dtype(dtype) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc" or dtype.itemsize > ctypes.sizeof(ctypes.c_double) * 2:
        raise TypeError(f"Unsupported dtype {dtype}")
    if not dtype.isnative:
        raise ValueError(f"Unsupported dtype {dtype} (not in native byte order)")
    return dtype
