"""Orders of an epoch: NumPy's permutation, or blocks that a slow disk can follow."""

import numpy as np
import pytest

from fastmlp.step.shuffles import TOGETHER, permuted


def philox(seed=3):
    return np.random.Generator(np.random.Philox(key=seed))


@pytest.mark.parametrize("rows", [0, 1, 2, 1000])
def test_without_blocks_it_is_the_permutation_of_earlier_versions(rows):
    own = 5 + 2 * np.arange(rows)
    np.testing.assert_array_equal(permuted(own, philox()), philox().permutation(own))
    np.testing.assert_array_equal(permuted(np.arange(rows), philox()), philox().permutation(rows))


@pytest.mark.parametrize(("rows", "block"), [(0, 3), (1, 1), (7, 3), (1000, 1), (10, 100)])
def test_every_row_comes_once(rows, block):
    own = 5 + 2 * np.arange(rows)
    order = permuted(own, philox(), block)
    np.testing.assert_array_equal(np.sort(order), own)
    np.testing.assert_array_equal(order, permuted(own, philox(), block))
    if rows > 100:
        assert (order != permuted(own, philox(4), block)).any()


def test_a_stretch_holds_whole_blocks_and_they_are_mixed():
    rows, block = 100_000, 100
    order = permuted(np.arange(rows), philox(), block)
    stretches = [order[at : at + TOGETHER * block] for at in range(0, rows, TOGETHER * block)]
    for stretch in stretches:
        blocks, sizes = np.unique(stretch // block, return_counts=True)
        assert (sizes == block).all()
        assert len(blocks) == len(stretch) // block
        batch = np.unique(stretch[:64] // block)
        assert len(batch) > 25  # of 64 rows, many of other blocks
    places = np.concatenate(stretches[:3]) / rows
    assert 0.4 < places.mean() < 0.6  # from all over the file
