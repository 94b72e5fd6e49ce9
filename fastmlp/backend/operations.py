"""The operations of the kernels as functions that a backend launches.

A type checker is told that ``backend.ops`` is this module, which holds the kernels themselves: it
knows what each takes, and an editor goes from ``ops.x`` to the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from fastmlp.kernels.operation import OPERATIONS

if TYPE_CHECKING:
    from fastmlp.kernels.cpu.dense import *  # noqa: F403
    from fastmlp.kernels.cpu.distortions import *  # noqa: F403
    from fastmlp.kernels.cpu.dropout import *  # noqa: F403
    from fastmlp.kernels.cpu.gather import *  # noqa: F403
    from fastmlp.kernels.cpu.inputs import *  # noqa: F403
    from fastmlp.kernels.cpu.losses import *  # noqa: F403
    from fastmlp.kernels.cpu.members import *  # noqa: F403
    from fastmlp.kernels.cpu.mixing import *  # noqa: F403
    from fastmlp.kernels.cpu.normalization import *  # noqa: F403
    from fastmlp.kernels.cpu.optimizers import *  # noqa: F403
    from fastmlp.kernels.cpu.products.amx import *  # noqa: F403
    from fastmlp.kernels.cpu.products.bfloat16 import *  # noqa: F403
    from fastmlp.kernels.cpu.products.blas import *  # noqa: F403
    from fastmlp.kernels.cpu.products.gemm import *  # noqa: F403
    from fastmlp.kernels.cpu.ranks.allreduce import *  # noqa: F403
    from fastmlp.kernels.cpu.scaling import *  # noqa: F403


class Operations:
    """The operations of fastmlp.kernels by name, launched by one backend.

    Parameters
    ----------
    launch
        Given an Operation and what it is called with, runs it or writes it down.
    """

    def __init__(self, launch: Callable[..., None]):
        for operation in OPERATIONS.values():
            setattr(self, operation.name, partial(launch, operation))

    def __iter__(self) -> Iterator[str]:
        return iter(OPERATIONS)
