"""NCCL as CuPy wraps it: sums over processes, each with an emulated device, carried by MPI."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from .. import _device
from .._device import LOCK
from .._emulation import settings
from .._memory import device_memory

available = True
NCCL_SUM = 0
NCCL_FLOAT32, NCCL_FLOAT64 = 7, 8
ELEMENTS = {NCCL_FLOAT32: np.float32, NCCL_FLOAT64: np.float64}
IDENTIFIER_BYTES = 128


class NcclError(RuntimeError):
    """What NCCL returns if something went wrong."""

    def __init__(self, status: int):
        self.status = status
        super().__init__(f"NCCL_ERROR_{status}: unhandled system error")


def get_unique_id() -> tuple[int, ...]:
    """Return what one process makes and all of them must be given."""
    return tuple(np.random.default_rng().integers(0, 128, IDENTIFIER_BYTES).tolist())


class NcclCommunicator:
    """What ties the processes together; all make it at the same time.

    Parameters
    ----------
    ndev
        How many there are.
    commId
        From ``get_unique_id`` of one of them.
    rank
        The number of this one.
    """

    def __init__(self, ndev, commId, rank):
        if settings.fails("nccl"):
            raise NcclError(settings.failure("nccl"))
        if len(commId) != IDENTIFIER_BYTES or not 0 <= rank < ndev:
            raise NcclError(4)
        self._size, self._device = ndev, _device.current_device()
        self._world = _world()
        if ndev > 1 and set(self._world.allgather(tuple(commId))) != {tuple(commId)}:
            raise NcclError(5)

    def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream):
        """Hand recvbuf ← the sum of the processes' sendbuf to a stream, or to its capture."""
        if op != NCCL_SUM:
            raise NotImplementedError("the emulated NCCL adds up, and nothing else")
        dtype = np.dtype(ELEMENTS[datatype])
        with LOCK:
            machine = _device.present()
            used = tuple(
                device_memory(address, count * dtype.itemsize, "ncclAllReduce", self._device)
                for address in (sendbuf, recvbuf)
            )

            def run() -> None:
                own, summed = (_at(address, count, dtype) for address in (sendbuf, recvbuf))
                if self._size > 1:
                    summed[:] = self._sum(own)
                else:
                    summed[:] = own

            queue = machine.queue(stream, self._device)
            machine.submit(queue, "KERNEL", "ncclDevKernel_AllReduce", run, used)

    def _sum(self, own: np.ndarray) -> np.ndarray:
        summed = np.empty_like(own)
        self._world.Allreduce(own.copy(), summed)
        return summed


def _at(address: int, count: int, dtype: np.dtype) -> np.ndarray:
    size = count * dtype.itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)


@cache
def _world():
    """Return an MPI communicator of the emulation's own; None where there is no MPI."""
    try:
        from mpi4py import MPI
    except ImportError:
        return None
    return MPI.COMM_WORLD.Dup()
