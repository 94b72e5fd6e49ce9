"""split_rows: a partition, stratified, deterministic, and honest where rows do not suffice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmlp.data.splits import split_rows
from fastmlp.errors import DataError, UsageError


def split(target, test=0.2, validation=0.1, task="classification", seed=0, has_test=False):
    return split_rows(
        np.asarray(target),
        test_fraction=test,
        validation_fraction=validation,
        task=task,
        seed=seed,
        has_test=has_test,
    )


@given(
    sizes=st.lists(st.integers(2, 40), min_size=1, max_size=8),
    test=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    validation=st.sampled_from([0.0, 0.1, 0.2]),
    seed=st.integers(0, 2**64),
)
def test_parts_are_a_stratified_partition(sizes, test, validation, seed):
    target = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    try:
        parts = split(target, test, validation, seed=seed)
    except DataError:
        held_out = sum(max(1, round(len(target) * each)) for each in (test, validation) if each)
        assert held_out > len(target) - len(sizes)
        return
    train, validation_rows, test_rows = parts
    assert (validation_rows is None) == (validation == 0)
    assert (test_rows is None) == (test == 0)
    together = np.concatenate([part for part in parts if part is not None])
    assert np.array_equal(np.sort(together), np.arange(len(target)))
    for part in parts:
        assert part is None or (part.dtype == np.int64 and (np.diff(part) > 0).all())
    assert set(target[train]) == set(target)
    if test_rows is not None:
        assert len(test_rows) == max(1, round(len(target) * test))
        ideal = np.array(sizes) * len(test_rows) / len(target)
        assert (np.abs(np.bincount(target[test_rows], minlength=len(sizes)) - ideal) < 1).all()


def test_same_seed_same_split_other_seed_other_split():
    target = np.arange(100) % 3
    first, again, other = split(target, seed=7), split(target, seed=7), split(target, seed=8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_rare_class_stays_in_training():
    target = np.array(["common"] * 50 + ["rare"])
    train, _, _ = split(target, 0.3, 0.3)
    assert 50 in train


def test_regression_needs_no_classes():
    train, validation, test = split(np.linspace(0, 1, 10), task="regression")
    assert (len(train), len(validation), len(test)) == (7, 1, 2)
    train, validation, test = split(np.zeros((10, 3)), task="multilabel")
    assert (len(train), len(validation), len(test)) == (7, 1, 2)


def test_own_test_split_leaves_only_validation():
    train, validation, test = split(np.arange(100) % 2, has_test=True)
    assert test is None
    assert (len(train), len(validation)) == (90, 10)


def test_one_hot_targets_are_stratified():
    labels = np.arange(90) % 3
    _, _, test = split(np.eye(3)[labels], 0.3, 0)
    assert np.bincount(labels[test]).tolist() == [9, 9, 9]


def test_no_fractions_keep_every_row():
    assert [None if part is None else part.tolist() for part in split([0, 1], 0, 0)] == [
        [0, 1],
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("test", "validation"),
    [(-0.1, 0), (1.0, 0), (0, 1.0), (0.6, 0.4), (float("nan"), 0), (0, float("inf"))],
)
def test_fractions_out_of_range(test, validation):
    with pytest.raises(UsageError, match="fraction"):
        split([0, 1, 0, 1], test, validation)


def test_other_errors():
    with pytest.raises(DataError, match="no rows"):
        split([])
    with pytest.raises(DataError, match="one row of each of the 4 classes"):
        split([0, 1, 2, 3])
    with pytest.raises(DataError, match="one row must stay"):
        split([0.5, 0.7], task="regression")
    with pytest.raises(UsageError, match="task"):
        split([0, 1], task="ranking")
    with pytest.raises(UsageError, match="negative"):
        split([0, 1], seed=-1)
