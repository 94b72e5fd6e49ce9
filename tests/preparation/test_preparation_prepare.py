"""Preparation: splits, statistics of the training rows alone, weights of classes."""

import numpy as np
import pytest

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.errors import UsageError
from fastmlp.preparation.prepare import class_weights, prepare
from fastmlp.settings.settings import Settings

NUMBERS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 2], np.int32)


@pytest.fixture
def encoder():
    return TargetEncoder().fit(np.array(["a"] * 6 + ["b"] * 2 + ["c"] * 2))


def test_balanced_weights(encoder):
    weights = class_weights("balanced", encoder, NUMBERS)
    by_hand = np.array([10 / (3 * 6)] * 6 + [10 / (3 * 2)] * 4)
    assert np.allclose(weights, by_hand / by_hand.mean())
    assert weights.mean() == pytest.approx(1)
    totals = [weights[np.flatnonzero(number == NUMBERS)].sum() for number in range(3)]
    assert np.allclose(totals, totals[0])


def test_weights_by_label(encoder):
    weights = class_weights("b=3, c=0", encoder, NUMBERS)
    assert np.allclose(weights / weights[0], [1] * 6 + [3] * 2 + [0] * 2)
    assert weights.mean() == pytest.approx(1)
    assert class_weights("none", encoder, NUMBERS) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b", "cannot be read"),
        ("d=1", "'d', which the target lacks"),
        ("b=x", "must be a number"),
        ("b=-1", "at least 0"),
        ("b=nan", "must be a number"),
        ("b=inf", "must be a number"),
        ("a=0,b=0,c=0", "every training row the weight 0"),
    ],
)
def test_weights_that_are_refused(encoder, text, said):
    with pytest.raises(UsageError, match=said):
        class_weights(text, encoder, NUMBERS)


def test_a_regression_has_no_classes_to_weigh():
    encoder = TargetEncoder().fit(np.linspace(0, 1, 10))
    with pytest.raises(UsageError, match="classification"):
        class_weights("balanced", encoder, NUMBERS)


def test_splits_do_not_overlap_and_hold_every_row(tmp_path):
    np.savez(tmp_path / "d.npz", X=np.arange(100.0)[:, None], y=np.arange(100) % 2)
    settings = Settings(
        dataset=str(tmp_path / "d.npz"),
        validation_fraction=0.2,
        test_fraction=0.3,
        normalize="none",
    )
    data = prepare(settings)
    assert data.rows == {"train": 50, "validation": 20, "test": 30}
    rows = np.concatenate(
        [part.features[:, 0] for part in (data.train, data.validation, data.test)]
    )
    assert sorted(rows) == list(range(100))
    for part in (data.train, data.validation, data.test):
        assert np.array_equal(part.targets, part.features[:, 0].astype(int) % 2)
    again, other = prepare(settings), prepare(Settings(**{**settings.to_dict(), "seed": 1}))
    assert np.array_equal(again.train.features, data.train.features)
    assert not np.array_equal(other.train.features, data.train.features)


def test_statistics_come_from_the_training_rows_alone(tmp_path):
    features = np.random.default_rng(0).normal(size=(100, 1)) * 7 + 3
    np.savez(tmp_path / "d.npz", X=features, y=features[:, 0] * 2)
    data = prepare(Settings(dataset=str(tmp_path / "d.npz"), dtype="float64"))
    scaled = data.train.features * data.features.scale + data.features.shift
    assert scaled.mean() == pytest.approx(0, abs=1e-9)
    assert scaled.std() == pytest.approx(1)
    assert data.train.targets.mean() == pytest.approx(0, abs=1e-9)
    assert data.train.targets.std() == pytest.approx(1)
    assert data.test.targets.mean() != pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("given", "rows"),
    [({}, 0), ({"early_stopping": 5}, 10), ({"early_stopping": 5, "validation_fraction": 0.0}, 0)],
)
def test_early_stopping_takes_validation_rows(tmp_path, given, rows):
    np.savez(tmp_path / "d.npz", X=np.arange(100.0)[:, None], y=np.arange(100) % 2)
    assert prepare(Settings(dataset=str(tmp_path / "d.npz"), **given)).rows["validation"] == rows
