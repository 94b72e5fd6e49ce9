"""Sums over the ranks of a training by NCCL, on the stream on which everything else runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.backend.contract import Array
from fastmlp.errors import DeviceError
from fastmlp.ranks.contract import Ranks

from .context import one_line


class Nccl:
    """One communicator over all ranks, a GPU each.

    Making it is done together, and so is a first sum: a capture may not be the first to use it.

    Parameters
    ----------
    cupy
        The imported package.
    stream
        On which the sums run, current when this is made.
    ranks
        Who takes part. The first makes the identifier, which goes to the others by MPI.

    Raises
    ------
    DeviceError
        If NCCL is not installed, or refuses.
    """

    def __init__(self, cupy: Any, stream: Any, ranks: Ranks):
        self._nccl, self._stream = _found(cupy), stream
        self._elements = {
            np.dtype(np.float32): self._nccl.NCCL_FLOAT32,
            np.dtype(np.float64): self._nccl.NCCL_FLOAT64,
        }
        identifier = ranks.decide(self._nccl.get_unique_id)
        try:
            self._communicator = self._nccl.NcclCommunicator(ranks.size, identifier, ranks.rank)
        except self._nccl.NcclError as error:
            raise DeviceError(
                f"NCCL cannot connect {ranks.size} ranks: {one_line(error)}. Each needs a GPU of "
                "its own, and the machines a network in common (NCCL_DEBUG=INFO tells more)."
            ) from None
        self.allreduce(cupy.zeros((1,), np.float32))
        stream.synchronize()

    def allreduce(self, array: Array) -> None:
        """Hand array ← the sum of the ranks' arrays to the stream."""
        place, element = array.data.ptr, self._elements[array.dtype]
        try:
            self._communicator.allReduce(
                place, place, array.size, element, self._nccl.NCCL_SUM, self._stream.ptr
            )
        except self._nccl.NcclError as error:
            raise DeviceError(
                f"NCCL cannot add up over the ranks: {one_line(error)}. NCCL_DEBUG=INFO tells more."
            ) from None


def _found(cupy: Any) -> Any:
    """Return ``cupy.cuda.nccl``; CuPy has an empty stand-in where it finds no library."""
    nccl = getattr(cupy.cuda, "nccl", None)
    if nccl is None or not getattr(nccl, "available", True):
        raise DeviceError(
            "training on several GPUs adds up by NCCL, which CuPy does not find: "
            "pip install nvidia-nccl-cu12 (or nvidia-nccl-cu13)."
        )
    return nccl
