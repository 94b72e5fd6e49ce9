"""A matrix that stays in its file is prepared as one in memory: the same numbers to the bit."""

import itertools

import numpy as np
import pytest

from fastmlp.data.mapped.rows import MappedRows
from fastmlp.errors import DataError
from fastmlp.preparation.prepare import prepare, sampled_fingerprint
from fastmlp.settings.settings import settings_from

ROWS, COLUMNS = 211, 5
LARGE, SMALL = "1GB", "200"


def save(folder, features, target=None):
    """Write a pair of files; return the setting that names them."""
    random = np.random.default_rng(5)
    target = random.integers(0, 3, len(features)) if target is None else target
    np.save(folder / "X.npy", features)
    np.save(folder / "y.npy", target)
    return f"{folder / 'X.npy'},{folder / 'y.npy'}"


def both(dataset, **changes):
    """Return the data as prepared in memory, and from the file."""
    given = {"preset": "plain", "validation_fraction": 0.2, "seed": 3} | changes
    return [
        prepare(settings_from(given, {"dataset": dataset, "memory": memory}))
        for memory in (LARGE, SMALL)
    ]


def assert_same(in_memory, mapped):
    for name, part in in_memory.parts.items():
        assert isinstance(part.features, np.ndarray)
        there = mapped.parts[name]
        assert isinstance(there.features, MappedRows)
        assert there.features.dtype == part.features.dtype
        assert there.features[:].tobytes() == part.features.tobytes()
        assert there.targets.tobytes() == part.targets.tobytes()
    assert mapped.features.to_dict() == in_memory.features.to_dict()
    assert mapped.known_rows.to_dict() == in_memory.known_rows.to_dict()
    assert sampled_fingerprint(mapped) == sampled_fingerprint(in_memory)
    said = [note for note in mapped.notes if "read as they are needed" not in note]
    assert [note for note in said if "written to a file aside" not in note] == in_memory.notes
    assert len(said) < len(mapped.notes)


def numbers(dtype, seed=0):
    random = np.random.default_rng(seed)
    if dtype is bool:
        return random.random((ROWS, COLUMNS)) < 0.5
    return (100 * random.normal(size=(ROWS, COLUMNS))).clip(0, 250).astype(dtype)


@pytest.mark.parametrize(
    "dtype", ["u1", "f4", "f8", ">f4", ">f8", "f2", "i2", "i8", ">u4", bool, np.longdouble]
)
def test_types_of_numbers(tmp_path, dtype):
    assert_same(*both(save(tmp_path, numbers(dtype))))


def test_whole_numbers_that_float32_cannot_hold(tmp_path):
    assert_same(*both(save(tmp_path, numbers("i8") + 2**24), dtype="float64"))


@pytest.mark.parametrize("normalize", ["none", "unit", "standard", "robust"])
@pytest.mark.parametrize(
    ("stored", "computed"), [*itertools.product(["float32", "float64"], repeat=2)]
)
def test_scaling_of_numbers_with_gaps(tmp_path, normalize, stored, computed):
    features = numbers(stored)
    features[np.random.default_rng(1).random(features.shape) < 0.2] = np.nan
    features[:, 3] = np.nan  # no value at all
    features[:, 4] += np.array(1e6, stored)  # far from zero
    kinds = {"missing": ("median", "indicator")[stored == computed]}
    assert_same(*both(save(tmp_path, features), normalize=normalize, dtype=computed, **kinds))


SHAPES = [(ROWS,), (ROWS, 4, 6), (ROWS, 6, 4, 3), (ROWS, 3, 6, 4), (ROWS, 1, 6, 4)]


@pytest.mark.parametrize("dtype", ["u1", "f4"])
@pytest.mark.parametrize(
    ("shape", "normalize"),
    [*((shape, "robust") for shape in SHAPES), (SHAPES[3], "standard"), (SHAPES[2], "unit")],
    ids=str,
)
def test_shapes(tmp_path, shape, dtype, normalize):
    features = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    in_memory, mapped = both(save(tmp_path, features), normalize=normalize, missing="indicator")
    assert_same(in_memory, mapped)
    assert mapped.input_shape == in_memory.input_shape


@pytest.mark.parametrize("dtype", ["f4", "i4"])
def test_columns_that_lie_together(tmp_path, dtype):
    in_memory, mapped = both(save(tmp_path, np.asfortranarray(numbers(dtype))))
    assert_same(in_memory, mapped)
    assert any("its rows were written to a file aside" in note for note in mapped.notes)


def test_targets_weights_and_folds(tmp_path):
    for target, changes in (
        (np.random.default_rng(2).normal(size=ROWS), {"task": "regression"}),
        (np.arange(ROWS) % 3, {"class_weight": "balanced", "folds": 3, "validation_fraction": 0}),
    ):
        in_memory, mapped = both(save(tmp_path, numbers("f4"), target), **changes)
        assert mapped.targets.to_dict() == in_memory.targets.to_dict()
        for name in ("weights", "folds"):
            one, other = getattr(in_memory, name), getattr(mapped, name)
            assert (one is None) == (other is None)
            assert one is None or one.tobytes() == other.tobytes()


def test_a_test_file_of_its_own(tmp_path):
    (tmp_path / "later").mkdir()
    held_out = save(tmp_path / "later", numbers("f4", seed=9))
    in_memory, mapped = both(save(tmp_path, numbers("f4")), test=held_out)
    assert_same(in_memory, mapped)
    assert mapped.rows["test"] == ROWS


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows.__setitem__((160, 2), np.inf), "row 161 holds inf"),
        (lambda rows: rows.__setitem__((7, 1), 1e39), "row 8 holds 1e\\+39, too large for float32"),
    ],
)
def test_what_cannot_be_used_is_told_as_in_memory(tmp_path, spoil, said):
    features = numbers("f8")
    spoil(features)
    dataset, told = save(tmp_path, features), []
    for memory in (LARGE, SMALL):
        with pytest.raises(DataError, match=said) as caught:
            prepare(settings_from({"dataset": dataset, "memory": memory, "preset": "plain"}))
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_the_budget_is_said_and_a_file_within_it_is_copied(tmp_path):
    dataset, size = save(tmp_path, numbers("f4")), ROWS * COLUMNS * 4
    settings = settings_from({"dataset": dataset, "preset": "plain", "memory": f"{size}"})
    assert isinstance(prepare(settings).train.features, np.ndarray)
    data = prepare(settings_from(settings.to_dict(), {"memory": f"{size - 1}"}))
    assert isinstance(data.train.features, MappedRows)
    (tmp_path / "narrow").mkdir()  # whole numbers that become as large
    narrow = save(tmp_path / "narrow", numbers("i1"))
    for memory, kind in ((size, np.ndarray), (size - 1, MappedRows)):
        changed = settings_from(settings.to_dict(), {"dataset": narrow, "memory": f"{memory}"})
        assert isinstance(prepare(changed).train.features, kind)
    said = r"X.npy holds 4.22 kB, and the data may take 4.22 kB of memory (4219): its rows are read"
    assert said in data.notes[0]
