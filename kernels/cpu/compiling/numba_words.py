"""Words of Numba's that type checkers would misread, in a form that they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import extending


def intrinsic(generator: Callable | None = None, **options: Any) -> Callable[..., Any]:
    """Decorate what generates code for LLVM: it is called without its typing context."""
    return extending.intrinsic(*([generator] if generator else []), **options)


def compiled(function: Callable, signature: Any) -> Any:
    """Return a ``cfunc``, compiled for one signature."""
    compile_one: Callable[..., Any] = numba.cfunc
    return compile_one(signature, nopython=True)(function)
