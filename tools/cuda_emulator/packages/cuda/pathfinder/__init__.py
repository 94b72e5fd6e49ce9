"""A cuda.pathfinder for tests, which finds the emulated libcublas.

The folder ``cuda`` above it has no __init__.py: the real one is a namespace package too, and this
part of it comes first.
"""

from dataclasses import dataclass
from functools import cache

__all__ = ["DynamicLibNotFoundError", "LoadedDL", "load_nvidia_dynamic_lib"]


class DynamicLibNotFoundError(RuntimeError):
    """The library is not installed."""


@dataclass
class LoadedDL:
    """A library that has been loaded."""

    abs_path: str | None
    was_already_loaded_from_elsewhere: bool
    _handle_uint: int
    found_via: str


def load_nvidia_dynamic_lib(libname: str) -> LoadedDL:
    """Load the emulated library of a name; there is only cublas."""
    from cupy._emulation import settings

    if libname != "cublas" or settings.fails("cublas"):
        raise DynamicLibNotFoundError(
            f'Failure finding "lib{libname}.so.12": No such file: lib{libname}.so.12'
        )
    return _cublas()


@cache
def _cublas() -> LoadedDL:
    from cupy import _cublas

    library = _cublas.library()
    return LoadedDL(library._name, False, library._handle, "emulation")
