"""RawModule and RawKernel: text for NVRTC, built by g++ for the host, and launches whose every
argument is checked.

The real launch takes what it is given; a wrong size or type there is a wrong result, or none. Here
each argument must have exactly the type of its parameter, and each pointer must lead into live
memory of the device that is long enough.
"""

from __future__ import annotations

import ctypes
import operator
import re
from functools import cache

import numpy as np

from . import _build, _device
from ._device import LOCK
from ._emulation import settings
from ._errors import (
    CAPTURE_IMPLICIT,
    CAPTURE_INVALIDATED,
    CAPTURE_UNSUPPORTED,
    INVALID_VALUE,
    NOT_FOUND,
    CUDADriverError,
    CUDARuntimeError,
    MisuseError,
    explained,
)
from ._memory import Allocation, device_memory
from .cuda.compiler import CompileException
from .cuda.stream import get_current_stream, queue_of

KNOWN_OPTIONS = re.compile(
    r"--?std=|--device-as-default-execution-space$|-default-device$|-[DI]\w|--?use_fast_math$|-ftz="
)
# The structs of common.cuh: what a parameter of each kind must be given.
STRUCTS = {
    "Vector": np.dtype([("data", "<u8"), ("size", "<i8")]),
    "Matrix": np.dtype([("data", "<u8"), ("rows", "<i8"), ("columns", "<i8")]),
}
NUMBERS = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "int32": np.dtype(np.int32),
    "int64": np.dtype(np.int64),
    "uint8": np.dtype(np.uint8),
    "uint32": np.dtype(np.uint32),
    "uint64": np.dtype(np.uint64),
}
ARRAY = re.compile(r"(Matrix|Vector)<(?:const )?(\w+)>")
LARGEST_GRID = (2**31 - 1, 65535, 65535)
LARGEST_BLOCK = (1024, 1024, 64)
IN_CAPTURE = (CAPTURE_UNSUPPORTED, CAPTURE_INVALIDATED, CAPTURE_IMPLICIT)


class RawModule:
    """CUDA C++ as text, and the kernels of it that ``name_expressions`` names."""

    code: str
    options: tuple[str, ...]
    backend: str
    name_expressions: tuple[str, ...] | None

    def __init__(self, *, code=None, path=None, options=(), backend="nvrtc", name_expressions=None):
        if path is not None:
            raise NotImplementedError("the emulation builds from text, not from a cubin")
        if code is None:
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        if not isinstance(options, tuple):
            raise TypeError(
                "Argument 'options' has incorrect type (expected tuple, got"
                f" {type(options).__name__})"
            )
        if not isinstance(code, str):
            raise TypeError(
                f"Argument 'code' has incorrect type (expected str, got {type(code).__name__})"
            )
        if backend != "nvrtc":
            raise NotImplementedError("the emulation stands in for NVRTC only")
        self.code, self.options, self.backend = code, options, backend
        self.name_expressions = None if name_expressions is None else tuple(name_expressions)

    def compile(self, log_stream=None):
        """Build the text; otherwise that is done when the first kernel is asked for."""
        _library(self.code, self.options, self.name_expressions or ())

    def get_function(self, name):
        """Return a kernel by its name expression."""
        if not isinstance(name, str):
            raise TypeError(
                f"Argument 'name' has incorrect type (expected str, got {type(name).__name__})"
            )
        _device.current_device()
        return RawKernel._of(
            _library(self.code, self.options, self.name_expressions or ()),
            name,
            self.name_expressions,
        )


class RawKernel:
    """A kernel that can be launched; made by RawModule.get_function."""

    name: str
    max_threads_per_block: int

    def __init__(self, code, name, options=(), backend="nvrtc"):
        raise NotImplementedError("the emulation makes kernels by RawModule only")

    @classmethod
    def _of(cls, library: ctypes.CDLL, name: str, names: tuple[str, ...] | None) -> RawKernel:
        types = library.fastmlp_parameters(name.encode())
        if types is None or name not in (names or ()):
            raise CUDADriverError(NOT_FOUND)
        kernel = cls.__new__(cls)
        kernel.name = kernel.__name__ = name
        kernel._library = library
        kernel._types = [part for part in types.decode().split(";") if part]
        kernel.max_threads_per_block = library.fastmlp_max_threads(name.encode())
        return kernel

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        """Check everything and hand the launch to a stream, by default the current one."""
        with LOCK:
            machine, queue = (
                _device.present(),
                queue_of(get_current_stream() if stream is None else stream),
            )
            machine.check()
            self._check_shape(grid, block)
            if shared_mem:
                raise NotImplementedError("the emulation has no dynamic shared memory")
            run, used = self._prepared(grid, block, args, queue.device)
            try:
                machine.submit(
                    queue, "KERNEL", f"{self.name}<<<{grid},{block},{shared_mem}>>>", run, used
                )
            except CUDARuntimeError as error:
                if error.status in IN_CAPTURE:
                    raise CUDADriverError(error.status) from None
                raise

    def _check_shape(self, grid: tuple, block: tuple) -> None:
        for what, given, largest in ("grid", grid, LARGEST_GRID), ("block", block, LARGEST_BLOCK):
            if not isinstance(given, tuple):
                raise TypeError(
                    f"Argument '{what}' has incorrect type (expected tuple, got"
                    f" {type(given).__name__})"
                )
            if not 1 <= len(given) <= 3:
                raise ValueError(f"{self.name}: {what} must have 1 to 3 lengths, not {given}")
            for length, limit in zip(map(operator.index, given), largest, strict=False):
                if not 1 <= length <= limit:
                    why = (
                        f"{self.name}: {what} {given}; CuPy itself makes 1 of 0, and runs a block"
                        " where none was asked for"
                    )
                    raise explained(CUDADriverError(INVALID_VALUE), why)
        threads = int(np.prod(block))
        if threads > self.max_threads_per_block:
            why = (
                f"{self.name}: {threads} threads a block, above its launch bounds of"
                f" {self.max_threads_per_block}"
            )
            raise explained(CUDADriverError(INVALID_VALUE), why)

    def _prepared(self, grid: tuple, block: tuple, args, device: int):
        """Return a function that runs the kernel with the arguments of now, and its memory."""
        if len(args) != len(self._types):
            raise TypeError(
                f"{self.name} takes {len(self._types)} arguments ({'; '.join(self._types)}), not"
                f" {len(args)}"
            )
        used: list[Allocation] = []
        values = [
            self._checked(position, type_name, value, device, used)
            for position, (type_name, value) in enumerate(zip(self._types, args, strict=True))
        ]
        addresses = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        shape = [(ctypes.c_uint * 3)(*(*lengths, 1, 1)[:3]) for lengths in (grid, block)]
        call, name, text = (
            self._library.fastmlp_launch,
            self.name.encode(),
            ctypes.create_string_buffer(2000),
        )

        def run(keep=values):
            status = settings.failure("launch")
            if status is not None:
                raise CUDARuntimeError(status)
            if call(name, *shape, addresses, text, len(text)):
                raise MisuseError(text.value.decode())

        return run, tuple(used)

    def _checked(
        self, position: int, type_name: str, value, device: int, used: list[Allocation]
    ) -> np.ndarray:
        """Return a copy of an argument as a 0-d array of exactly the parameter's type."""
        what = f"{self.name}: argument {position}"
        array = ARRAY.fullmatch(type_name)
        if array is None:
            dtype = NUMBERS[type_name]
            fits = type(value) is dtype.type or (
                type(value) is np.ndarray and value.shape == () and value.dtype == dtype
            )
            if not fits:
                raise TypeError(
                    f"{what} must be numpy.{dtype}, for {type_name}, not {_described(value)}"
                )
            return np.array(value, dtype)
        kind, element = array.groups()
        if not (type(value) is np.ndarray and value.shape == () and value.dtype == STRUCTS[kind]):
            fields = ", ".join(STRUCTS[kind].names)
            raise TypeError(
                f"{what} must be a 0-d NumPy array of ({fields}), for {type_name}, not"
                f" {_described(value)}"
            )
        data, *lengths = value[()].tolist()
        if any(length < 0 for length in lengths):
            raise ValueError(f"{what}: negative length in {lengths}")
        size = int(np.prod(lengths)) * NUMBERS[element].itemsize
        if size:
            if data % NUMBERS[element].itemsize:
                raise MisuseError(f"{what}: {data:#x} is no address of a {element}")
            used.append(device_memory(data, size, what, device))
        return value.copy()


def _described(value) -> str:
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {value.shape} and type {value.dtype}"
    return f"{type(value).__module__}.{type(value).__qualname__} {value!r}"


def _library(code: str, options: tuple[str, ...], names: tuple[str, ...]) -> ctypes.CDLL:
    """Return the loaded build of a text, or what NVRTC would say."""
    if unknown := [option for option in options if not KNOWN_OPTIONS.match(option)]:
        raise CompileException(
            f"nvrtc: error: unrecognized option {unknown[0]} found", code, "emulated.cu", options
        )
    if settings.fails("compile"):
        raise CompileException(
            "emulated.cu(1): error: a failure that was asked for", code, "emulated.cu", options
        )
    try:
        return _loaded(code, names)
    except RuntimeError as error:
        raise CompileException(str(error), code, "emulated.cu", options) from None


@cache
def _loaded(code: str, names: tuple[str, ...]) -> ctypes.CDLL:
    library = ctypes.CDLL(str(_build.kernels(code, names)))
    library.fastmlp_parameters.argtypes, library.fastmlp_parameters.restype = (
        (ctypes.c_char_p,),
        ctypes.c_char_p,
    )
    library.fastmlp_max_threads.argtypes = (ctypes.c_char_p,)
    lengths, addresses = ctypes.POINTER(ctypes.c_uint), ctypes.POINTER(ctypes.c_void_p)
    library.fastmlp_launch.argtypes = (
        ctypes.c_char_p,
        lengths,
        lengths,
        addresses,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )
    return library
