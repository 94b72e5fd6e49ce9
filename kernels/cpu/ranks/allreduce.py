"""The sum of an array over the ranks of a training, by MPI_Allreduce that is called at its
address: a replayed step has it without Python.
"""

from __future__ import annotations

from fastmlp.kernels.cpu.compiling.intrinsics import call_allreduce
from fastmlp.kernels.operation import Integer, Vector, operation, updates

# Elements of one message: MPI counts them with an int of 32 bits.
LONGEST = 1 << 30


@operation
def allreduce(
    routine: Integer,
    in_place: Integer,
    element: Integer,
    total: Integer,
    communicator: Integer,
    values: Vector[updates],
):
    """values ← the sum of values over the ranks, on every rank.

    The first thread alone calls, since no part of the array is a thread's own: barriers stand
    before and after. An error does not come back: the communicator's handler ends the job.
    """
    for start in range(0, values.size, LONGEST):
        part = values[start : start + LONGEST]
        call_allreduce(routine, in_place, part.ctypes.data, part.size, element, total, communicator)
