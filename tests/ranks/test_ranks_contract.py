"""What a process alone does, and how rows are divided among several."""

import numpy as np
import pytest
from oracles.ranks import ranks_of

from fastmlp.ranks.contract import ALONE


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [0, 1, 2, 6, 7, 1000])
def test_parts_are_all_rows_once_and_nearly_equal(rows, size):
    parts = [each.part(rows) for each in ranks_of(size)]
    assert [row for first, stop in parts for row in range(first, stop)] == list(range(rows))
    lengths = [stop - first for first, stop in parts]
    assert max(lengths) - min(lengths) <= 1


def test_one_process_decides_for_itself():
    assert ALONE.is_alone
    assert ALONE.is_first
    assert ALONE.decide(lambda: [3]) == [3]
    numbers = np.array([1.5, np.nan])
    assert ALONE.total(numbers) is numbers
    ALONE.check_alike("anything", "whatever")
    with pytest.raises(KeyError), ALONE.guarded():
        raise KeyError("as ever")
    assert ALONE.reduction is None


def test_ranks_are_described_for_people():
    first, second = ranks_of(2)
    assert str(ALONE) == "1"
    assert str(first) == "2 on 1 machine, MPI 4"
    assert (first.is_first, second.is_first) == (True, False)
