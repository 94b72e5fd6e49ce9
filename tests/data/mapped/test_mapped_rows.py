"""MappedRows stand where an array of rows does, and are never there as a whole."""

import numpy as np
import pytest

from fastmlp.data.mapped import rows as module
from fastmlp.data.mapped.reader import Stored
from fastmlp.data.mapped.rows import MappedRows, whole, within
from fastmlp.errors import DataError


@pytest.fixture
def matrix(tmp_path, random):
    """Return an array and where it lies in a file."""
    array = random.normal(size=(200, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", array)
    return array, Stored.of(np.load(tmp_path / "x.npy", mmap_mode="r"))


CHOICES = [
    slice(None),
    slice(3, 50),
    slice(190, 500),
    slice(0, 0),
    slice(10, 100, 7),
    slice(None, None, -1),
    np.array([5]),
    np.array([7, 7, 3, 199, 0, 3]),
    np.arange(200) % 3 == 0,
    np.zeros(0, np.int64),
]


@pytest.mark.parametrize("chosen", CHOICES, ids=str)
def test_rows_are_those_of_the_array(matrix, chosen, monkeypatch):
    array, stored = matrix
    mapped = MappedRows.of(stored, 1000)
    doubled = mapped.converted(lambda block: 2.0 * block[:, :4], 4, np.dtype(np.float64))
    assert (mapped.shape, mapped.dtype, len(mapped)) == (array.shape, array.dtype, 200)
    assert (mapped.nbytes, mapped.itemsize, mapped.ndim) == (array.nbytes, 4, 2)
    np.testing.assert_array_equal(mapped[chosen], array[chosen])
    monkeypatch.setattr(module, "PIECE_BYTES", 100)  # some pieces
    converted = doubled[chosen]
    np.testing.assert_array_equal(converted, 2.0 * array[chosen][:, :4])
    assert converted.dtype == np.float64
    assert converted.flags.c_contiguous


def test_some_rows_of_some_rows(matrix, random):
    array, stored = matrix
    first, second = random.permutation(200)[:90], random.integers(0, 90, 40)
    some = MappedRows.of(stored, 1000).only(first).only(second)
    np.testing.assert_array_equal(some[:], array[first][second])
    some.announce(np.arange(40))
    with pytest.raises(IndexError):
        some[np.array([40])]
    with pytest.raises(IndexError):
        some[np.array([-1])]


def test_it_does_not_become_an_array_by_accident(matrix):
    mapped = MappedRows.of(matrix[1], 1000)
    for use in (np.asarray, lambda rows: np.concatenate([rows, rows]), lambda rows: rows * 2):
        with pytest.raises(TypeError):
            use(mapped)
    for key in (3, (slice(None), 2), np.zeros((2, 2), int), np.array([0.5])):
        with pytest.raises(TypeError):
            mapped[key]
    assert "200 rows of 6 float32" in repr(mapped)


@pytest.mark.parametrize("memory", [1, 7000, 10**6])
def test_columns_in_blocks(matrix, memory):
    array, stored = matrix
    seen = np.full((6, 200), np.nan)
    for start, block in MappedRows.of(stored, memory).column_blocks():
        assert block.nbytes <= max(memory / 4, 800)
        seen[start : start + len(block)] = block
    np.testing.assert_array_equal(seen, array.T)


def test_pieces(matrix):
    array, stored = matrix
    pieces = list(MappedRows.of(stored, 1000).pieces(100))
    assert [first for first, _ in pieces] == list(range(0, 200, 4))
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in pieces]), array)


def test_only_a_file_that_is_too_large_stays_there(matrix, tmp_path):
    array, _ = matrix
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert within(array, "1") is array
    assert within(mapped, "4800") is mapped
    assert within(mapped) is mapped
    kept = within(mapped[1:], "4kB")
    assert isinstance(kept, MappedRows)
    assert within(kept, "1GB") is kept
    np.testing.assert_array_equal(kept[:], array[1:])


def test_a_whole_is_refused_where_memory_lacks(matrix, monkeypatch):
    array, stored = matrix
    mapped = MappedRows.of(stored, 1000)
    np.testing.assert_array_equal(whole(mapped, "x"), array)
    assert whole(array, "x") is array
    monkeypatch.setattr("fastmlp.data.memory.available_memory", lambda: 4000)
    with pytest.raises(DataError, match=r"x needs 4\.8 kB of memory"):
        whole(mapped, "x")
