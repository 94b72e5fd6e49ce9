"""Every instance of every CUDA kernel that the library can ask for: to be compiled and searched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from fastmlp.kernels.cpu import activations, losses
from fastmlp.kernels.cuda import source
from fastmlp.kernels.cuda.source import Kernel
from fastmlp.nn.losses import INVERSE_LINKS

# What each type parameter of a kernel stands for. A new one must be entered here, or its kernels
# cannot be listed.
ELEMENT_TYPES = {
    "T": (np.float32, np.float64),
    "Source": (np.uint8, np.float32, np.float64),  # features and targets as they are stored
    "Element": (np.int32, np.float32, np.float64),  # labels and weights
}
# Where the Numba twins of each kind of scalar function stand.
FUNCTIONS = {"Activation<T>": activations, "Loss<T>": losses}


@dataclass(frozen=True)
class Instance:
    """A kernel with the dtype of each array parameter, in order, and its scalar functions."""

    kernel: Kernel
    element_types: tuple[np.dtype, ...]
    functions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The C++ name, such as ``bias_activation<float, relu<float>>``."""
        return self.kernel.instance(list(self.element_types), list(self.functions))


@cache
def instances(stem: str | None = None) -> list[Instance]:
    """Return every instance of the kernels of one file, or of all files."""
    return [
        Instance(kernel, element_types, functions)
        for kernel in source.kernels().values()
        if stem in (None, kernel.stem)
        for element_types in _element_types(kernel)
        for functions in _functions(kernel)
    ]


def functions_with_derivative(module) -> list[str]:
    """Return the names of a Numba module's scalar functions that have a derivative."""
    return [
        name.removesuffix("_derivative") for name in vars(module) if name.endswith("_derivative")
    ]


def _element_types(kernel: Kernel) -> list[tuple[np.dtype, ...]]:
    fixed = {text: dtype for dtype, text in source.ELEMENT_TYPES.items()}
    names = [name for kind, name in kernel.template if kind == "typename"]
    chosen = (
        dict(zip(names, types, strict=True))
        for types in product(*(ELEMENT_TYPES[name] for name in names))
    )
    elements = [parameter.element for parameter in kernel.parameters if parameter.element]
    return [
        tuple(np.dtype(bound.get(element, fixed.get(element))) for element in elements)
        for bound in chosen
    ]


def _functions(kernel: Kernel) -> list[tuple[str, ...]]:
    """Return a kernel's choices of functions: ``value`` plain, ``derivative`` its derivative."""
    kinds = [(kind, name) for kind, name in kernel.template if kind != "typename"]
    if not kinds:
        return [()]
    suffix = {"value": "", "derivative": "_derivative"}
    module = FUNCTIONS[kinds[0][0]]
    names = functions_with_derivative(module)
    if kernel.name == "activation_forward":  # also takes predictions back to outputs
        names = list(dict.fromkeys([*names, *INVERSE_LINKS.values()]))
    return [tuple(name + suffix[role] for _, role in kinds) for name in names]
