"""Parts of batches: every row is on one rank, together the ranks' batches are the whole ones."""

import numpy as np
import pytest
from oracles.ranks import ranks_of
from test_step_batches import numbered

from fastmlp.step.part import WHOLE, Part, by_rank, part_of


def stretches(part, rows, members):
    return [(first, range(rows)[own]) for first, own in part.stretches(rows, members)]


def test_what_lies_together():
    assert stretches(WHOLE, 12, 3) == [(0, range(12))]
    assert stretches(Part(0, 4, 4), 12, 3) == [(0, range(12))]
    assert stretches(Part(2, 5, 7), 3, 1) == [(2, range(3))]
    # Three members' blocks of 7, of each the rows from 2 up to 5:
    assert stretches(Part(2, 5, 7), 9, 3) == [(2, range(3)), (9, range(3, 6)), (16, range(6, 9))]
    assert stretches(Part(2, 2, 7), 0, 3) == [(2, range(0)), (9, range(0)), (16, range(0))]
    assert Part(2, 5, 7).rows == 3
    assert Part(0, 0, 1).rows == 0
    assert not Part(0, 0, 1).is_whole


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(("blocks", "block", "ragged"), [(1, 6, 2), (3, 4, 1), (2, 5, 4)])
def test_ranks_have_the_batches_of_one_process_between_them(backend, size, blocks, block, ragged):
    order = np.random.default_rng(3).permutation(blocks * (3 * block + ragged))
    batch_size, found = blocks * block, []
    sizes = [batch_size] * 3 + [blocks * ragged]
    for ranks in ranks_of(size):
        batches = numbered(backend, len(order), batch_size, ranks=ranks, blocks=blocks)
        batches.set_order(order)
        batches.counters.start_epoch(0)
        found.append([])
        for rows in sizes:
            batches.begin(rows)
            x, labels, weights = batches.load(rows)
            part = batches.counters.part
            assert (part.of, len(x)) == (rows // blocks, blocks * part.rows)
            assert len(labels) == len(weights) == len(x)
            np.testing.assert_array_equal(labels, x[:, 0])
            found[-1].append(x[:, 0].reshape(blocks, -1).copy())
    for number, rows in enumerate(sizes):
        together = np.concatenate([own[number] for own in found], axis=1)
        start = number * batch_size
        np.testing.assert_array_equal(together.ravel(), order[start : start + rows])


def test_one_process_keeps_the_order():
    order = np.arange(12)
    [alone] = ranks_of(1)
    assert by_rank(order, 6, 3, alone) is order
    assert part_of(6, 3, alone) == Part(0, 2, 2)
    first, second = ranks_of(2)
    assert by_rank(order, 6, 1, first) is order
    expected = [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    np.testing.assert_array_equal(by_rank(order, 6, 3, first), expected)
    assert part_of(6, 3, second) == Part(1, 2, 2)


def test_a_window_is_divided_too(backend):
    first, second = ranks_of(2)
    rows = []
    for ranks in (first, second):
        batches = numbered(backend, 10, 4, ranks=ranks, window_bytes=64)
        batches.set_order(np.arange(10)[::-1].copy())
        batches.window.start(0)
        batches.window.take()
        batches.counters.start_epoch(0)
        batches.begin(4)
        rows += list(batches.load(4)[0][:, 0])
    assert rows == [9, 8, 7, 6]
