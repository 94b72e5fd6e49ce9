"""Row hashes against plain Python: the same for ever, apart for different rows, anywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fastmlp.data.row_hashes import BLOCK, row_hashes

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mixed(word):
    word ^= word >> 30
    word = word * 0xBF58476D1CE4E5B9 & MASK
    word ^= word >> 27
    word = word * 0x94D049BB133111EB & MASK
    return word ^ word >> 31


def by_hand(*rows):
    """The hash of one row, given as bytes for each matrix."""
    total = 0
    for row in rows:
        words = [
            int.from_bytes(row[start : start + 8].ljust(8, b"\0"), "little")
            for start in range(0, len(row), 8)
        ]
        keys = [mixed(number * GOLDEN & MASK) for number in range(1, len(words) + 2)]
        own = sum(mixed(word ^ key) for word, key in zip(words, keys, strict=False)) + keys[
            -1
        ] * len(row)
        total = mixed((total * 0xBF58476D1CE4E5B9 + mixed(own & MASK)) & MASK)
    return total


@settings(deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.dtype("<i4"), np.dtype("<f4"), np.dtype("<f8")]),
        st.tuples(st.integers(1, 5), st.integers(1, 19)),
    )
)
def test_the_definition(matrix):
    target = np.arange(len(matrix), dtype="<i4")
    expected = [
        by_hand(row.tobytes(), label.tobytes()) for row, label in zip(matrix, target, strict=True)
    ]
    assert row_hashes(matrix, target).tolist() == expected


def test_they_never_change():
    """Models keep these numbers."""
    matrix = np.array([[0.5, -1.0, 3.0], [0.0, 0.0, 0.0]], np.float32)
    assert row_hashes(matrix, np.array([1, 2], np.int32)).tolist() == [
        1026874354690675860,
        6401653536953785927,
    ]


@pytest.mark.parametrize("rows", [0, 1, 2, BLOCK // 24 - 1, BLOCK // 24 + 1, 3 * BLOCK // 24 + 5])
def test_a_row_has_its_hash_wherever_it_stands(rows):
    matrix = np.random.default_rng(rows).integers(0, 3, size=(rows, 5)).astype(np.float32)
    labels = np.random.default_rng(1).integers(0, 2, size=rows).astype(np.int32)
    hashes = row_hashes(matrix, labels)
    order = np.random.default_rng(2).permutation(rows)
    assert np.array_equal(row_hashes(matrix[order], labels[order]), hashes[order])
    distinct = np.unique(np.column_stack([matrix, labels]), axis=0)
    assert len(np.unique(hashes)) == len(distinct)


def test_each_cell_and_the_label_count():
    matrix, labels = np.zeros((1, 40), np.float32), np.zeros(1, np.int32)
    seen = {
        row_hashes(matrix, labels)[0],
        row_hashes(matrix, labels + 1)[0],
        row_hashes(matrix[:, :39], labels)[0],
    }
    for column in range(40):
        for value in (1, -1, np.nextafter(np.float32(0), np.float32(1))):
            changed = matrix.copy()
            changed[0, column] = value
            seen.add(row_hashes(changed, labels)[0])
    assert len(seen) == 3 + 3 * 40


def test_memory_order_and_byte_order_do_not_count():
    matrix = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    hashes = row_hashes(matrix)
    for same in (
        np.asfortranarray(matrix),
        matrix.astype(">f4"),
        np.repeat(matrix, 2, axis=0)[::2],
    ):
        assert np.array_equal(row_hashes(same), hashes)


def test_a_million_small_rows_do_not_collide():
    """With 64 bits one of 37 million sets of 10⁶ rows has a shared hash; with 32, 116 pairs."""
    numbers = np.arange(1_000_000)
    matrix = np.stack([numbers // 1000, numbers % 1000], axis=1).astype(np.float32)
    assert len(np.unique(row_hashes(matrix))) == 1_000_000
