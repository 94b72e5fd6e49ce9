"""Preparation: splits, statistics of the training rows alone, weights of classes."""

import numpy as np
import pytest

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.row_hashes import row_hashes
from fastmlp.errors import UsageError
from fastmlp.preparation.prepare import class_weights, prepare, read_source
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


def shops(path, rows=60, shops=12):
    """A table with a column of texts that says something of the target."""
    random = np.random.default_rng(4)
    shop = random.integers(0, shops, rows)
    value = (shop + random.normal(size=rows)).round(3)
    lines = [f"s{number:02},{each}" for number, each in zip(shop, value, strict=True)]
    path.write_text("\n".join(["shop,value", *lines]) + "\n")
    return str(path)


HOW = {"preset": "plain", "target_statistics": 8, "max_levels": 4, "dtype": "float64"}


@pytest.mark.parametrize("folds", [None, 2, 3])
def test_training_rows_have_statistics_of_other_rows(tmp_path, folds):
    settings = Settings(dataset=shops(tmp_path / "d.csv"), folds=folds, **HOW)
    data = prepare(settings)
    assert data.features.output_names[-1] == "shop:target"
    without = HOW | {"target_statistics": 0}
    plain = prepare(Settings(dataset=settings.dataset, folds=folds, **without))
    for name, part in data.parts.items():
        other = plain.parts[name]
        assert (part is None) == (other is None)
        if part is not None and other is not None:
            np.testing.assert_array_equal(part.features[:, :-1], other.features)
    column = data.train.features[:, -1]
    assert abs(column.mean()) < 1e-12
    assert np.corrcoef(column, data.train.targets[:, 0])[0, 1] > 0.5
    assert (data.stacked is None) == (folds is None)
    assert plain.stacked is None
    assert plain.train_hashes is None


@pytest.mark.parametrize("folds", [2, 5])
def test_a_stack_of_rows_does_not_know_its_fold(tmp_path, folds):
    path = tmp_path / "d.csv"
    settings = Settings(dataset=shops(path), folds=folds, test_fraction=0.0, **HOW)
    data = prepare(settings)
    rows = len(data.train)
    assert data.stacked is not None
    assert len(data.stacked) == folds * rows
    np.testing.assert_array_equal(data.stacked.targets, np.tile(data.train.targets, (folds, 1)))
    lines = path.read_text().splitlines()
    for fold in range(folds):
        # The targets of the fold change places, so that all other rows' mean and spread stay.
        inside = np.flatnonzero(data.folds == fold)
        changed = list(lines)
        for row, other in zip(inside, np.roll(inside, 1), strict=True):
            shop, value = lines[row + 1].split(",")[0], lines[other + 1].split(",")[1]
            changed[row + 1] = f"{shop},{value}"
        path.write_text("\n".join(changed) + "\n")
        again = prepare(settings)
        np.testing.assert_array_equal(again.folds, data.folds)
        for stack in range(folds):
            before, after = (
                each.stacked.features[stack * rows : (stack + 1) * rows, -1]
                for each in (data, again)
            )
            # Up to what all columns share: where 0 lies.
            moved = (after - after.mean()) - (before - before.mean())
            assert (np.abs(moved).max() < 1e-12) == (stack == fold)


def test_known_rows_are_those_of_transform(tmp_path):
    data = prepare(Settings(dataset=shops(tmp_path / "d.csv"), test_fraction=0.0, **HOW))
    source = read_source(Settings(dataset=str(tmp_path / "d.csv")))
    later = data.features.transform(source.features)
    assert not np.array_equal(later, data.train.features)
    hashes = row_hashes(later, data.train.targets)
    assert data.known_rows.train_sum == int(hashes.sum())


def test_a_table_without_many_texts_has_no_statistics(tmp_path):
    path = shops(tmp_path / "d.csv", shops=5)
    data = prepare(Settings(dataset=path, **HOW))
    assert "shop:target" not in data.features.output_names
    assert [note for note in data.notes if "none has target statistics" in note] == [
        "no column holds more than 8 different texts, so none has target statistics."
    ]
    assert data.train_hashes is None


@pytest.mark.parametrize("rows", [3, 4, 9])
def test_statistics_of_few_rows(tmp_path, rows):
    path = tmp_path / "d.csv"
    lines = [f"t{row % 2}{'x' * (row % 3)},{row}.5" for row in range(rows)]
    path.write_text("\n".join(["text,value", *lines]) + "\n")
    how = {"target_statistics": 1, "test_fraction": 0.0, "categorical": "text"}
    data = prepare(Settings(dataset=str(path), **how))
    assert data.features.output_names[-1] == "text:target"
    assert np.isfinite(data.train.features).all()
