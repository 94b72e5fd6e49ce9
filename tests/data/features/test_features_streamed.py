"""Order statistics of rows in a file: those of the sorted column, whatever the sample says."""

import numpy as np
import pytest

from fastmlp.data.features.order_statistics import streamed
from fastmlp.data.features.order_statistics.quantiles import column_quantiles
from fastmlp.data.mapped.reader import Stored
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.errors import DataError

SHARES = (0, 0.25, 1 / 3, 0.5, 0.999, 1)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Pieces as small as the memory says, so that there are several."""
    monkeypatch.setattr(streamed, "SMALLEST_PIECE", 100)


def in_file(folder, array, memory):
    np.save(folder / "x.npy", array)
    return MappedRows.of(Stored.of(np.load(folder / "x.npy", mmap_mode="r")), memory)


def by_sorting(columns, shares):
    """Return the two values between which each quantile lies, column by column, without gaps."""
    found = np.zeros((2, len(shares), len(columns)))
    for number, column in enumerate(columns):
        values = np.sort(column[~np.isnan(column)]).astype(np.float64)
        for share, at in enumerate(np.array(shares) * max(len(values) - 1, 0)):
            if len(values):
                found[:, share, number] = values[int(np.floor(at))], values[int(np.ceil(at))]
    return found


def columns_of(kind, rows, random):
    """Return columns unlike each other: spread, tied, sorted, and one with an odd end."""
    spread = random.normal(size=rows)
    odd = np.where(np.arange(rows) < rows - 3, 0.0, random.normal(size=rows))
    ties = random.integers(0, 3, rows)
    matrix = np.stack([spread, odd, ties, np.arange(rows), np.full(rows, 7)], axis=1)
    if kind == "uint8":
        matrix = np.abs(matrix) % 256
    return matrix.astype(kind)


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("rows", [1, 2, 3, 100, 3001])
@pytest.mark.parametrize("memory", [2000, 10**8])
def test_as_of_sorted_columns(tmp_path, random, kind, rows, memory):
    array = columns_of(kind, rows, random)
    found = streamed.order_statistics(in_file(tmp_path, array, memory), SHARES)
    np.testing.assert_array_equal(found, by_sorting(array.T, SHARES))


def test_gaps_do_not_count(tmp_path, random):
    array = columns_of("float32", 2000, random)
    array[random.random(array.shape) < 0.4] = np.nan
    array[:, 3], array[:-1, 4] = np.nan, np.nan
    counts = np.count_nonzero(~np.isnan(array), axis=0)
    found = streamed.order_statistics(in_file(tmp_path, array, 20_000), SHARES, counts)
    np.testing.assert_array_equal(found, by_sorting(array.T, SHARES))


@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_all_pixels_of_a_channel_are_one_column(tmp_path, random, kind):
    array = random.integers(0, 200, (300, 5 * 3)).astype(kind)
    array[:, 2::3] //= 4
    found = streamed.order_statistics(in_file(tmp_path, array, 10_000), SHARES, channels=3)
    np.testing.assert_array_equal(found, by_sorting(array.reshape(-1, 3).T, SHARES))


def test_a_sample_unlike_the_whole_costs_a_second_look(tmp_path, random, monkeypatch):
    array = columns_of("float32", 4000, random)
    monkeypatch.setattr(streamed, "MARGIN", 0)  # a bracket that seldom holds the rank
    looked, look = [], streamed._look_at_all
    monkeypatch.setattr(
        streamed, "_look_at_all", lambda *given: looked.append(given[2]) or look(*given)
    )
    found = streamed.order_statistics(in_file(tmp_path, array, 50_000), SHARES)
    np.testing.assert_array_equal(found, by_sorting(array.T, SHARES))
    assert len(looked) == 1
    assert 0 in looked[0]


def test_a_column_that_memory_cannot_hold_is_refused(tmp_path, random, monkeypatch):
    array = columns_of("float32", 4000, random)
    monkeypatch.setattr(streamed, "SHARE_OF_CANDIDATES", 10**9)
    monkeypatch.setattr("fastmlp.data.memory.available_memory", lambda: 15_999)
    with pytest.raises(DataError, match="a column of 4,000 values needs 16 kB of memory"):
        streamed.order_statistics(in_file(tmp_path, array, 10_000), SHARES)


@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
def test_quantiles_are_those_of_the_array_to_the_bit(tmp_path, random, kind, channels):
    array = np.abs(100 * random.normal(size=(777, 6))).clip(0, 255).astype(kind)
    rows = in_file(tmp_path, array, 5000)
    expected = column_quantiles(array, SHARES, channels)
    assert column_quantiles(rows, SHARES, channels).tobytes() == expected.tobytes()


def test_no_columns(tmp_path):
    rows = in_file(tmp_path, np.ones((9, 2)), 100)
    none = rows.converted(lambda block: block[:, :0], 0, np.dtype(np.float64))
    assert column_quantiles(none, SHARES).shape == (6, 0)
