"""read_idx: every value type, and nothing but a DataError from damage."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmlp.data.sources.idx import VALUE_TYPES, is_idx_name, read_idx
from fastmlp.errors import DataError


def idx_bytes(array):
    codes = {np.dtype(name): code for code, name in VALUE_TYPES.items()}
    stored = array.astype(array.dtype.newbyteorder(">"))
    return (
        struct.pack(f">HBB{array.ndim}I", 0, codes[stored.dtype], array.ndim, *array.shape)
        + stored.tobytes()
    )


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 2, 5), (2, 3, 2, 2)])
def test_round_trip(tmp_path, kind, shape, zipped):
    array = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    path = tmp_path / "any-idx"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if zipped else content)
    read = read_idx(path)
    assert np.array_equal(read, array)
    assert read.dtype == array.dtype
    assert read.dtype.isnative


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data(), zipped=st.booleans())
def test_damage_is_a_data_error_or_harmless(tmp_path, data, zipped):
    content = idx_bytes(np.arange(60, dtype=np.uint8).reshape(5, 3, 4))
    content = bytearray(gzip.compress(content, mtime=0) if zipped else content)
    content = content[: data.draw(st.integers(0, len(content)))]
    for position, bit in data.draw(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 7)), max_size=4)
    ):
        if position < len(content):
            content[position] ^= 1 << bit
    path = tmp_path / "damaged-idx"
    path.write_bytes(content)
    size, message = 0, ""
    try:
        size = read_idx(path).nbytes
    except DataError as error:
        message = str(error)
    assert size <= len(content) * 1032
    assert "\n" not in message


@pytest.mark.parametrize("cut", [0, 2, 4, 9, 15, 20, 75])
@pytest.mark.parametrize("zipped", [False, True])
def test_truncated(tmp_path, cut, zipped):
    content = idx_bytes(np.zeros((5, 3, 4), np.uint8))[:cut]
    (tmp_path / "cut").write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(DataError, match="cut"):
        read_idx(tmp_path / "cut")


@pytest.mark.parametrize("zipped", [False, True])
def test_longer_than_the_header_says(tmp_path, zipped):
    content = idx_bytes(np.zeros(5, np.uint8)) + b"!"
    (tmp_path / "long").write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(DataError, match="longer"):
        read_idx(tmp_path / "long")


@pytest.mark.parametrize("zipped", [False, True])
def test_promised_sizes_take_no_memory(tmp_path, zipped):
    content = struct.pack(">HBB4I", 0, 0x0E, 4, *[2**32 - 1] * 4) + b"x" * 100
    (tmp_path / "liar").write_bytes(gzip.compress(content) if zipped else content)
    tracemalloc.start()
    with pytest.raises(DataError, match="too short"):
        read_idx(tmp_path / "liar")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_missing_file_and_other_formats(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="Is a directory"):
        read_idx(tmp_path)
    (tmp_path / "text").write_text("label,pixel\n")
    with pytest.raises(DataError, match="not an IDX file"):
        read_idx(tmp_path / "text")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train-images-idx3-ubyte", True),
        ("t10k-labels.idx1-ubyte.gz", True),
        ("images-idx3", True),
        ("labels-idx1.gz", True),
        ("a.idx", True),
        ("idx.csv", False),
        ("data.npz", False),
    ],
)
def test_names(tmp_path, name, expected):
    assert is_idx_name(tmp_path / name) is expected
