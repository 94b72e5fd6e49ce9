"""``quantiles``: from training to predictions, with intervals that cover what they say."""

import csv

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss, r2_score

import fastmlp
from fastmlp.errors import ModelFileError, UsageError
from fastmlp.files.tensors import read_model, write_model
from fastmlp.settings.settings import Settings

HOW = {
    "hidden": "12", "epochs": 25, "batch_size": 32, "threads": "1", "lr": 0.01,
    "validation_fraction": 0.2, "quantiles": "0.05,0.5,0.95",
}  # fmt: skip


def uneven(rows=1500, seed=0):
    """A target whose spread depends on a feature."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3)).astype(np.float32)
    spread = 0.2 + np.abs(features[:, 1])
    return features, 10 + 3 * features[:, 0] + spread * random.normal(size=rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fastmlp.train(*uneven(), **HOW, out=tmp_path_factory.mktemp("quantiles") / "run")


def test_intervals_cover_what_they_say(run):
    [interval] = run.metrics["coverage"]
    assert (interval["low"], interval["high"], interval["nominal"]) == (0.05, 0.95, 0.9)
    assert interval["validation"] >= 0.9
    assert run.metrics["conformal"] is True
    features, target = uneven(4000, seed=5)  # 300 rows tell the share to some hundredths
    low, _, high = run.model.predict(features).T
    assert ((low <= target) & (target <= high)).mean() == pytest.approx(0.9, abs=0.04)
    assert run.metrics["test_coverage"] == interval["test"] == pytest.approx(0.9, abs=0.06)
    wide, narrow = np.abs(features[:, 1]) > 1.5, np.abs(features[:, 1]) < 0.2
    assert (high - low)[wide].mean() > 2 * (high - low)[narrow].mean()


def test_a_file_predicts_the_same_in_order(run):
    features, _ = uneven(300, seed=6)
    found = fastmlp.load(run.folder).predict(features)
    assert np.array_equal(found, run.model.predict(features))
    assert found.shape == (300, 3)
    assert (np.diff(found, axis=1) >= 0).all()
    assert run.model.predict_outputs(features[:0]).shape == (0, 3)


def test_columns_are_named_by_level(run, tmp_path):
    from fastmlp.model.predict import predict, write_predictions

    features, _ = uneven(5)
    predictions = predict(run.folder, features)
    assert list(predictions.columns) == ["row", "q_0.05", "q_0.5", "q_0.95"]
    write_predictions(predictions, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        rows = [[float(cell) for cell in row[1:]] for row in list(csv.reader(file))[1:]]
    assert rows == pytest.approx(run.model.predict(features))


def test_metrics_are_of_the_middle_and_of_all(run):
    features, target = uneven(500, seed=7)
    report = fastmlp.evaluate(run.folder, features, target)
    found = run.model.predict(features)
    each = [
        mean_pinball_loss(target, found[:, k], alpha=a) for k, a in enumerate((0.05, 0.5, 0.95))
    ]
    assert report["pinball"] == pytest.approx(np.mean(each))
    assert report["r2"] == pytest.approx(r2_score(target, found[:, 1]))


def test_without_validation_rows_nothing_is_confirmed(tmp_path):
    how = HOW | {"validation_fraction": 0.0, "epochs": 2}
    run = fastmlp.train(*uneven(200), **how, out=tmp_path / "run")
    assert run.metrics["conformal"] is False
    assert run.model.adjustment.is_none
    assert set(run.metrics["coverage"][0]) == {"low", "high", "nominal", "test"}
    assert (np.diff(run.model.predict(uneven(50)[0]), axis=1) >= 0).all()


def test_one_quantile_by_the_loss_alone(tmp_path):
    how = HOW | {"quantiles": None, "loss": "pinball(0.9)", "epochs": 60}
    run = fastmlp.train(*uneven(), **how, out=tmp_path / "run")
    features, target = uneven(3000, seed=5)
    assert (target < run.model.predict(features)).mean() == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantiles": "0.5,0.1"}, "the numbers must ascend"),
        ({"quantiles": "0,0.5"}, "the level must be greater than 0 and less than 1"),
        ({"quantiles": "low,high"}, "quantiles must be numbers between 0 and 1"),
        ({"loss": "huber"}, "quantiles are learnt by loss pinball, not by huber"),
        ({"quantiles": "0.001,0.999"}, "confirmed by at least 499 validation rows, and there are"),
    ],
)
def test_what_is_refused(tmp_path, changes, message):
    with pytest.raises(UsageError) as error:
        fastmlp.train(*uneven(200), **HOW | changes, out=tmp_path / "run")
    assert message in str(error.value)
    assert not (tmp_path / "run").exists()


def test_of_several_targets_there_are_no_quantiles(tmp_path):
    features, target = uneven(100)
    with pytest.raises(UsageError, match="quantiles are of one target, and there are 2"):
        fastmlp.train(features, np.stack([target, target], 1), **HOW, out=tmp_path / "run")


def test_a_setting_is_a_loss_with_levels():
    assert Settings(quantiles="0.05,0.5").loss_word == "pinball(0.05,0.5)"
    assert Settings(loss="huber(2)").loss_word == "huber(2)"


@pytest.mark.parametrize(
    "forged",
    [
        {"widening": [1.0, 2.0]}, {"widening": [1.0, "x", 2.0]}, {"widening": "wide"},
        {"temperature": 2.0}, {"threshold": 0.3}, {"temperature": "warm"}, [],
    ],
)  # fmt: skip
def test_a_file_of_a_stranger_is_checked(run, tmp_path, forged):
    tensors, description = read_model(run.folder / "model.safetensors")
    kept = description["adjustment"]
    description["adjustment"] = kept | forged if isinstance(forged, dict) else forged
    write_model(tmp_path / "model.safetensors", tensors, description)
    with pytest.raises(ModelFileError, match="damaged"):
        fastmlp.load(tmp_path)


def test_a_file_of_old_has_nothing_adjusted(run, tmp_path):
    tensors, description = read_model(run.folder / "model.safetensors")
    del description["adjustment"]
    write_model(tmp_path / "model.safetensors", tensors, description)
    assert fastmlp.load(tmp_path).adjustment.is_none
