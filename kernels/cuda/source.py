"""Reads the .cu files: which kernels there are, what each takes, how it is launched, and the text
that NVRTC is given.

A kernel is a template, if its types vary. Its signature says all that a launch needs; nothing is
written down a second time:

    template <typename T, Activation<T> value> __global__ void EACH_ELEMENT_OF(z)
    bias_activation(Matrix<T> z, Vector<const T> bias, double parameter) {

Types are deduced from the arrays of a call, function parameters are filled with the names of scalar
functions, and the word after ``void`` says who does what (see common.cuh). A test holds every
signature against the Numba twin's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from fastmlp.kernels import constants

HERE = Path(__file__).parent
# What is pasted in front of a file, beside the constants and common.cuh.
HEADERS = {
    "dense": ("activations.cuh",),
    "distortions": ("philox.cuh",),
    "dropout": ("philox.cuh",),
    "mixing": ("activations.cuh",),
}
# For NVRTC: C++17, and lambdas without a word are code for the device.
OPTIONS = ("-std=c++17", "--device-as-default-execution-space")
# The C++ name of each element type that an array may have.
ELEMENT_TYPES = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.int32): "int32",
    np.dtype(np.int64): "int64",
    np.dtype(np.uint8): "uint8",
}
SIGNATURE = re.compile(
    r"^(?:template\s*<(?P<template>[^{;]*?)>\s*)?__global__\s+void\s+(?P<launch>[A-Z_]+)(?:\((?P<over>\w+)\))?\s+"
    r"(?P<name>\w+)\s*\((?P<parameters>[^)]*)\)\s*\{",
    re.MULTILINE,
)
# name(z, p) or name(y, t, p), all of T.
SCALAR = re.compile(
    r"^template <typename T>\s*__device__ T (\w+)\(T \w+, T \w+(?:, T \w+)?\) \{", re.MULTILINE
)
ARRAY = re.compile(r"(?P<kind>Matrix|Vector)<(?P<const>const )?(?P<element>\w+)>")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: its name, its C++ type, and for arrays the element's type as it is
    written.
    """

    name: str
    type: str
    kind: str  # Matrix, Vector, or the type of a number
    element: str = ""
    is_read_only: bool = False


@dataclass(frozen=True)
class Kernel:
    """A kernel's signature.

    Attributes
    ----------
    name
        The operation's name.
    stem
        The file it stands in.
    template
        Its template parameters in order: (``"typename"``, name), or (type of a function, name).
    launch
        The word that says who does what, such as ``EACH_ELEMENT_OF``.
    over
        The array that the word is about; empty for one thread or one block.
    parameters
        What it is called with.
    """

    name: str
    stem: str
    template: tuple[tuple[str, str], ...]
    launch: str
    over: str
    parameters: tuple[Parameter, ...]

    @property
    def functions(self) -> list[str]:
        """The names of the template parameters that are scalar functions, in order."""
        return [name for kind, name in self.template if kind != "typename"]

    def instance(self, element_types: list[np.dtype], functions: list[str]) -> str:
        """Return the C++ name of the instance for these arrays and scalar functions:
        ``sgd<float>``.

        Parameters
        ----------
        element_types
            The dtype of each array parameter, in order.
        functions
            The name of a scalar function for each template parameter that is one.

        Raises
        ------
        TypeError
            If the arrays' types do not fit the signature.
        """
        arrays = [parameter for parameter in self.parameters if parameter.element]
        bound: dict[str, str] = {}
        names = {name for kind, name in self.template if kind == "typename"}
        for parameter, dtype in zip(arrays, element_types, strict=True):
            given = ELEMENT_TYPES.get(np.dtype(dtype), str(dtype))
            expected = (
                bound.setdefault(parameter.element, given)
                if parameter.element in names
                else parameter.element
            )
            if given != expected or given not in ELEMENT_TYPES.values():
                raise TypeError(f"{self.name}: {parameter.name} must hold {expected}, not {given}")
        chosen = iter(functions)
        arguments = [
            bound[name] if kind == "typename" else _function_instance(kind, next(chosen), bound)
            for kind, name in self.template
        ]
        return f"{self.name}<{', '.join(arguments)}>" if arguments else self.name


def _function_instance(kind: str, function: str, bound: dict[str, str]) -> str:
    """Return ``relu<float>`` for a template parameter ``Activation<T> value``."""
    element = kind.partition("<")[2].rstrip("> ")
    return f"{function}<{bound[element]}>"


@cache
def kernels() -> dict[str, Kernel]:
    """Return every kernel of the .cu files by its name."""
    found = (
        _kernel(path.stem, match)
        for path in sorted(HERE.glob("*.cu"))
        for match in _signatures(path)
    )
    return {kernel.name: kernel for kernel in found}


@cache
def scalar_functions() -> frozenset[str]:
    """Return the names of the activations, losses and derivatives that kernels are instantiated
    with.
    """
    files = [name for names in HEADERS.values() for name in names] + [
        path.name for path in HERE.glob("*.cu")
    ]
    return frozenset(
        name for file in files for name in SCALAR.findall((HERE / file).read_text(encoding="utf-8"))
    )


@cache
def text(stem: str) -> str:
    """Return what NVRTC is given for a file: what all share, the file's headers, the file."""
    files = (*HEADERS.get(stem, ()), f"{stem}.cu")
    return "\n".join([shared(), *((HERE / name).read_text(encoding="utf-8") for name in files)])


@cache
def shared() -> str:
    """Return what stands before every kernel: the numbers of ``kernels.constants``, common.cuh."""
    numbers = ", ".join(
        f"{name} = {value}" for name, value in vars(constants).items() if type(value) is int
    )
    common = (HERE / "common.cuh").read_text(encoding="utf-8")
    return f"enum : int {{ {numbers} }};\n{common}"


def _signatures(path: Path) -> list[re.Match]:
    source = path.read_text(encoding="utf-8")
    matches = list(SIGNATURE.finditer(source))
    if len(matches) != source.count("__global__"):
        raise ValueError(
            f"{path.name}: {source.count('__global__')} kernels, "
            f"but {len(matches)} signatures can be read"
        )
    return matches


def _kernel(stem: str, match: re.Match) -> Kernel:
    parts = match["template"].split(",") if match["template"] else []
    template = tuple(tuple(part.strip().rsplit(None, 1)) for part in parts)
    parameters = tuple(_parameter(part) for part in match["parameters"].split(","))
    return Kernel(match["name"], stem, template, match["launch"], match["over"] or "", parameters)


def _parameter(part: str) -> Parameter:
    type_name, name = part.rsplit(None, 1)
    type_name = " ".join(type_name.split())
    array = ARRAY.fullmatch(type_name)
    if array is None:
        return Parameter(name, type_name, type_name)
    return Parameter(name, type_name, array["kind"], array["element"], array["const"] is not None)
