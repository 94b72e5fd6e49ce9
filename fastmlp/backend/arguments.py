"""Checks what an operation is called with, before a kernel on any device reads memory by it."""

from __future__ import annotations

from typing import Any

from fastmlp.kernels.operation import Argument, Operation

DIMENSIONS = {"vector": 1, "matrix": 2}


def check_call(
    operation: Operation, arguments: tuple, array_type: type
) -> list[tuple[Argument, Any]]:
    """Return each argument of a call beside its description.

    Parameters
    ----------
    operation
        What is called.
    arguments
        As the layers give them.
    array_type
        The device's arrays: ``numpy.ndarray`` or ``cupy.ndarray``.

    Raises
    ------
    TypeError
        For a wrong number of arguments, or an array of the wrong kind, dimensions or layout.
    """
    described = operation.passed
    if len(arguments) != len(described):
        names = ", ".join(described)
        raise TypeError(
            f"{operation.name} takes {len(described)} arguments ({names}), not {len(arguments)}"
        )
    for (name, kind), value in zip(described.items(), arguments, strict=True):
        if kind.kind in DIMENSIONS:
            _check_array(f"{operation.name}: {name}", DIMENSIONS[kind.kind], value, array_type)
    return list(zip(described.values(), arguments, strict=True))


def _check_array(name: str, dimensions: int, value: Any, array_type: type) -> None:
    is_array = isinstance(value, array_type)
    if is_array and value.ndim == dimensions and value.flags.c_contiguous and value.dtype.isnative:
        return
    wanted = f"{array_type.__module__.partition('.')[0]}.{array_type.__name__}"
    found = f"{value.dtype} {value.shape}" if is_array else type(value).__name__
    raise TypeError(
        f"{name} must be a C-contiguous {wanted} of {dimensions} dimensions in native byte order, "
        f"not {found}"
    )
