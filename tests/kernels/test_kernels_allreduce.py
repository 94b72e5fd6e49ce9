"""The call of MPI_Allreduce: by a stand-in that says what it was given and adds to it."""

import ctypes

import numpy as np
import pytest
from oracles.coverage import covers

from fastmlp.kernels.cpu.ranks.allreduce import LONGEST

MPI_ALLREDUCE = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 6)
IN_PLACE, TOTAL, COMMUNICATOR = -1, 0x58000003, -(1 << 62) + 5
ELEMENTS = {"float32": (0x4C00040A, ctypes.c_float), "float64": (0x4C00080B, ctypes.c_double)}


class StandIn:
    """Two other ranks that hold 1, 2, 3, … and 2, 4, 6, …"""

    def __init__(self):
        self.calls = []
        self.function = MPI_ALLREDUCE(self._add)
        self.address = ctypes.cast(self.function, ctypes.c_void_p).value

    def _add(self, send, receive, count, element, total, communicator):
        self.calls.append((send, count, element, total, communicator))
        kind = next(kind for handle, kind in ELEMENTS.values() if handle == element)
        values = np.ctypeslib.as_array((kind * count).from_address(receive))
        values += 3 * np.arange(1, count + 1)
        return 0


@covers("allreduce")
@pytest.mark.parametrize("size", [1, 2, 17, 1000])
def test_the_sum_of_all_ranks(backend, dtype, random, size):
    ranks, values = StandIn(), random.standard_normal(size).astype(dtype)
    before, (element, _) = values.copy(), ELEMENTS[dtype.name]
    backend.ops.allreduce(ranks.address, IN_PLACE, element, TOTAL, COMMUNICATOR, values)
    np.testing.assert_array_equal(values, before + (3 * np.arange(1, size + 1)).astype(dtype))
    assert ranks.calls == [(IN_PLACE, size, element, TOTAL, COMMUNICATOR)]


def test_nothing_is_sent_of_an_empty_array(backend):
    ranks, values = StandIn(), np.zeros(0)
    element, _ = ELEMENTS["float64"]
    backend.ops.allreduce(ranks.address, IN_PLACE, element, TOTAL, COMMUNICATOR, values)
    assert ranks.calls == []


def test_a_message_is_counted_by_an_int():
    assert 0 < LONGEST < 2**31
