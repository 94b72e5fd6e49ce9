"""Rows of a file, read near ones at once: the same as an array's, in any order and number."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.data.mapped import reader as module
from fastmlp.data.mapped.reader import RowReader, Stored, can_be_read
from fastmlp.errors import DataError

HEAD = 100  # bytes before the rows


def written(path, rows, width):
    """Write rows of bytes behind a head; return them and what reads them."""
    content = np.random.default_rng(0).integers(0, 256, (rows, width), np.uint8)
    path.write_bytes(bytes(HEAD) + content.tobytes() + b"tail")
    return content, RowReader(Stored(str(path), HEAD, (rows, width), np.dtype(np.uint8)))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("rows") / "rows.bin"


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 300),
    width=st.sampled_from([1, 7, 64, 5000]),
    wanted=st.integers(0, 400),
    near=st.sampled_from([0, 100, 4096]),
    longest=st.sampled_from([1, 500, 1 << 20]),
    seed=st.integers(0, 5),
    is_placed=st.booleans(),
)
def test_the_same_rows_as_of_an_array(place, rows, width, wanted, near, longest, seed, is_placed):
    content, reader = written(place, rows, width)
    random = np.random.default_rng(seed)
    chosen = np.sort(random.integers(0, rows, wanted))
    out = np.zeros((wanted, width), np.uint8)
    places = random.permutation(wanted) if is_placed else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NEAR", near)
        patch.setattr(module, "SCRATCH", longest)
        reader.read(chosen, out, places)
        reader.announce(chosen)
    np.testing.assert_array_equal(out if places is None else out[places], content[chosen])


def test_without_reading_at_a_place_the_file_is_mapped(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "preadv", raising=False)
    content, reader = written(tmp_path / "x", 20, 9)
    out, chosen = np.zeros((4, 9), np.uint8), np.array([0, 3, 3, 19])
    reader.announce(chosen)
    reader.read(chosen, out)
    np.testing.assert_array_equal(out, content[chosen])
    reader.read(chosen, out, np.array([3, 2, 1, 0]))
    np.testing.assert_array_equal(out[::-1], content[chosen])


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="the file is mapped here")
def test_few_reads_for_near_rows_and_one_for_a_far_one(tmp_path, monkeypatch):
    content, reader = written(tmp_path / "x", 1000, 100)
    calls, preadv = [], os.preadv

    def counting(descriptor, buffers, offset):
        calls.append((offset - HEAD, sum(len(each) for each in buffers)))
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", counting)
    chosen = np.array([3, 10, 11, 500, 990, 999])
    out = np.zeros((6, 100), np.uint8)
    reader.read(chosen, out)
    assert calls == [(300, 900), (50_000, 100), (99_000, 1000)]
    np.testing.assert_array_equal(out, content[chosen])


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="the file is mapped here")
def test_a_read_that_the_system_cuts_short_goes_on(tmp_path, monkeypatch):
    content, reader = written(tmp_path / "x", 50, 10)
    preadv = os.preadv
    monkeypatch.setattr(os, "preadv", lambda d, buffers, at: preadv(d, [buffers[0][:7]], at))
    out = np.zeros((50, 10), np.uint8)
    reader.read(np.arange(50), out)
    np.testing.assert_array_equal(out, content)


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="a map's file cannot be cut here")
def test_a_file_that_became_shorter_is_one_line_and_no_crash(tmp_path):
    _, reader = written(tmp_path / "x", 50, 10_000)
    os.truncate(tmp_path / "x", HEAD + 40 * 10_000)
    out = np.zeros((2, 10_000), np.uint8)
    reader.read(np.array([1, 39]), out)
    with pytest.raises(DataError, match="x has become shorter since it was opened"):
        reader.read(np.array([1, 45]), out)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        RowReader(Stored(str(tmp_path / "none"), 0, (1, 1), np.dtype(np.uint8)))


def test_where_views_of_a_map_lie(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(240.0).reshape(20, 12))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for view in (mapped, mapped[3:], mapped[5:9], mapped.reshape(20, 3, 4)[7:], mapped.ravel()):
        assert can_be_read(view)
        stored = Stored.of(view)
        content = np.fromfile(stored.path, np.float64, view.size, offset=stored.start)
        np.testing.assert_array_equal(content, np.asarray(view).ravel())
    assert not can_be_read(mapped[:, 2:])
    assert not can_be_read(mapped[:0])
    assert not can_be_read(np.asarray(mapped))
    assert not can_be_read(mapped + 1)
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    private[0] = 7  # which is not in the file
    assert not can_be_read(private)
