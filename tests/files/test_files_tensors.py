"""Model files: read back to the bit as written; whatever else is read gets one line."""

import json
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from fastmlp.errors import ModelFileError
from fastmlp.files.atomic import WriteError
from fastmlp.files.tensors import LARGEST_HEADER, read_model, take_tensor, write_model

TENSORS = {
    "dense_0.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    "dense_0.bias": np.array([-0.0, 1e-300]),
}
DESCRIPTION = {"architecture": {"hidden": [2]}, "name": 'ä\u2028"', "numbers": [0.1, 1e308, -3]}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    write_model(path, TENSORS, DESCRIPTION)
    return path


def metadata(description=DESCRIPTION, version=1):
    return {"fastmlp": json.dumps({"format_version": version, "description": description})}


def test_round_trip_to_the_bit(model):
    tensors, description = read_model(model)
    assert description == DESCRIPTION
    assert set(tensors) == set(TENSORS)
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        assert tensors[name].shape == array.shape
        assert tensors[name].tobytes() == array.tobytes()


def test_the_same_model_is_the_same_file(model, tmp_path):
    for number in range(3):
        write_model(tmp_path / str(number), TENSORS, DESCRIPTION)
        assert (tmp_path / str(number)).read_bytes() == model.read_bytes()


def test_arrays_that_are_not_contiguous(tmp_path):
    array = np.arange(12, dtype=np.float64).reshape(3, 4).T
    write_model(tmp_path / "m", {"a": array}, {})
    assert np.array_equal(read_model(tmp_path / "m")[0]["a"], array)


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(WriteError):
        write_model(tmp_path / "missing" / "m", TENSORS, DESCRIPTION)


def test_nan_in_the_description_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_model(tmp_path / "m", TENSORS, {"mean": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arrays", "kept", "said"),
    [
        (TENSORS, None, "not a fastmlp model"),
        (TENSORS, {"format": "pt"}, "not a fastmlp model"),
        (TENSORS, metadata(version=2), "upgrade"),
        (TENSORS, metadata(version="1"), "format version '1'"),
        (TENSORS, metadata(version=True), "format version True"),
        (TENSORS, metadata([1, 2]), "not an object"),
        (TENSORS, {"fastmlp": "{"}, "damaged"),
        (TENSORS, {"fastmlp": "[" * 100_000}, "damaged"),
        (TENSORS, {"fastmlp": '{"format_version": 1, "description": {"mean": NaN}}'}, "NaN"),
        ({"a": np.zeros(2, np.int64)}, metadata(), "int64"),
        ({"a": np.zeros(2, np.float16)}, metadata(), "float16"),
        ({"a": np.array([1, np.nan])}, metadata(), "not finite"),
        ({"a": np.array([-np.inf], np.float32)}, metadata(), "not finite"),
    ],
)
def test_files_that_are_refused(tmp_path, arrays, kept, said):
    save_file(arrays, tmp_path / "m", kept)
    with pytest.raises(ModelFileError, match=said) as caught:
        read_model(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_a_header_that_lies_takes_no_memory(tmp_path):
    for length in (2**63, LARGEST_HEADER + 1, 100):
        (tmp_path / "m").write_bytes(struct.pack("<Q", length) + b"{}")
        with pytest.raises(ModelFileError, match="header does not fit"):
            read_model(tmp_path / "m")


def test_a_folder_or_nothing(tmp_path):
    with pytest.raises(ModelFileError, match="Is a directory"):
        read_model(tmp_path)
    with pytest.raises(ModelFileError, match="No such file"):
        read_model(tmp_path / "missing")


def test_every_truncation_is_refused(model):
    whole = model.read_bytes()
    for length in range(0, len(whole), 7):
        model.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            read_model(model)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused_but_nothing_else(model, position, value):
    content = bytearray(model.read_bytes())
    try:
        content[position % len(content)] = value
        changed = model.with_name("changed")
        changed.write_bytes(content)
        tensors, description = read_model(changed)
    except ModelFileError:
        return
    assert isinstance(description, dict)
    assert all(np.isfinite(array).all() for array in tensors.values())


def test_take_tensor_checks_name_and_shape(model):
    tensors, _ = read_model(model)
    assert take_tensor(model, tensors, "dense_0.weight", (2, 3)) is tensors["dense_0.weight"]
    with pytest.raises(ModelFileError, match=r"'dense_1\.weight' is missing"):
        take_tensor(model, tensors, "dense_1.weight", (2, 3))
    with pytest.raises(ModelFileError, match="shape"):
        take_tensor(model, tensors, "dense_0.weight", (3, 2))
