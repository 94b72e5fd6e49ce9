"""What tells the best epoch, and what else is chosen by validation rows, beside scikit-learn."""

import json

import numpy as np
import pytest
from sklearn import metrics as oracle

import fastmlp
import fastmlp.preparation.given
from fastmlp.errors import UsageError
from fastmlp.run.phases import set_up_phases
from fastmlp.run.train import set_up
from fastmlp.settings.settings import Settings
from fastmlp.training.callbacks import Callback

HOW = {"hidden": "6", "batch_size": 32, "threads": "1", "validation_fraction": 0.25, "lr": 0.01}


def rare(rows=1500, share=0.1, seed=0, noise=1.0):
    """Two classes, of which the second is rare and overlaps the first."""
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < share).astype(np.int64)
    features = random.normal(size=(rows, 4)) * noise + labels[:, None] * 0.8
    return features.astype(np.float32), labels


def quantities(rows=400, seed=0):
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3)).astype(np.float32)
    spread = 0.2 + np.abs(features[:, 1])
    return features, 10 + 3 * features[:, 0] + spread * random.normal(size=rows)


class Watcher(Callback):
    """Keeps what the network says of the validation rows after each epoch."""

    def __init__(self):
        self.outputs, self.weights, self.job = [], [], None

    def recorded(self, trainer, record):
        if record.kind == "epoch":
            model, part = self.job.model, self.job.data.validation
            self.outputs.append(model._recorded.run(part.features).copy())
            self.weights.append(trainer.network.store.snapshot()[0])


def watched(tmp_path, data, **settings):
    watcher = Watcher()
    settings = Settings(**HOW | {"epochs": 8} | settings)
    given = fastmlp.preparation.given.Given(data, None)
    watcher.job = set_up(settings, out=tmp_path / "run", callbacks=[watcher], given=given)
    metrics = watcher.job.run()
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    return watcher, metrics, [json.loads(line) for line in lines]


def normalized(outputs):
    outputs = outputs.astype(np.float64)
    return outputs / outputs.sum(axis=1, keepdims=True)


def f1(truth, outputs):
    return oracle.f1_score(truth, outputs.argmax(axis=1), zero_division=0)


CASES = {
    "f1": (f1, max),
    "auc": (lambda truth, outputs: oracle.roc_auc_score(truth, outputs[:, 1]), max),
    "log_loss": (oracle.log_loss, min),
    "balanced_accuracy": (
        lambda truth, outputs: oracle.balanced_accuracy_score(truth, outputs.argmax(axis=1)),
        max,
    ),
    "accuracy": (lambda truth, outputs: (truth == outputs.argmax(axis=1)).mean(), max),
}


@pytest.mark.parametrize("word", CASES)
def test_a_metric_tells_the_best_epoch(tmp_path, word):
    score, best = CASES[word]
    watcher, metrics, history = watched(tmp_path, rare(), metric=word, early_stopping=8, seed=1)
    truth = watcher.job.data.validation.targets
    expected = [score(truth, normalized(outputs)) for outputs in watcher.outputs]
    found = [record[f"validation_{word}"] for record in history]
    assert found == pytest.approx(expected, rel=1e-5)
    best_epoch = expected.index(best(expected)) + 1
    assert metrics["best_epoch"] == best_epoch
    assert metrics[f"validation_{word}"] == pytest.approx(best(expected), rel=1e-5)
    assert {f"train_{word}", f"test_{word}"} <= metrics.keys()
    assert metrics["metric"] == word
    kept = watcher.job.model.network.store.snapshot()[0]
    assert np.array_equal(kept, watcher.weights[best_epoch - 1])


def test_a_metric_of_quantities_in_their_own_unit(tmp_path):
    watcher, metrics, history = watched(tmp_path, quantities(), metric="mae", early_stopping=8)
    encoder, part = watcher.job.data.targets, watcher.job.data.validation
    truth = part.targets * encoder.deviation + encoder.mean
    expected = [
        oracle.mean_absolute_error(truth, outputs * encoder.deviation + encoder.mean)
        for outputs in watcher.outputs
    ]
    assert [record["validation_mae"] for record in history] == pytest.approx(expected, rel=1e-5)
    assert metrics["best_epoch"] == int(np.argmin(expected)) + 1


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_a_metric_under_other_losses(tmp_path, loss):
    watcher, metrics, _ = watched(tmp_path, rare(400, 0.4), metric="f1", loss=loss, epochs=3)
    outputs = watcher.outputs[-1].astype(np.float64)
    outputs = np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
    expected = f1(watcher.job.data.validation.targets, outputs)
    assert metrics["validation_f1"] == pytest.approx(expected)


def test_a_metric_of_several_labels(tmp_path):
    features, _ = rare(300)
    labels = (features[:, :3] > 0.5).astype(np.int64)
    watcher, metrics, _ = watched(tmp_path, (features, labels), metric="f1", epochs=3)
    truth, said = watcher.job.data.validation.targets, watcher.outputs[-1] > 0.5
    assert metrics["validation_f1"] == pytest.approx(oracle.f1_score(truth, said, average="macro"))


class StopAt(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def progressed(self, trainer, progress):
        if progress.epoch == self.epoch and progress.step >= 3:
            trainer.interrupt()


@pytest.mark.parametrize("epoch", [1, 5])
def test_a_run_that_goes_on_chooses_the_same(tmp_path, epoch):
    how = HOW | {"metric": "auc", "early_stopping": 4, "epochs": 8, "calibrate": "temperature"}
    whole = fastmlp.train(*rare(), **how, out=tmp_path / "whole")
    cut = fastmlp.train(*rare(), **how, out=tmp_path / "cut", callbacks=[StopAt(epoch)])
    assert cut.metrics["stop_reason"] == "interrupted"
    again = fastmlp.train(*rare(), resume=cut.folder)
    names = ("model.safetensors",)
    for name in names:
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    kept = ("best_epoch", "validation_auc", "test_auc", "temperature")
    assert {key: again.metrics[key] for key in kept} == {key: whole.metrics[key] for key in kept}


def test_another_metric_after_a_resume_begins_anew(tmp_path):
    how = HOW | {"early_stopping": 50, "epochs": 4, "checkpoint_every": 1}
    run = fastmlp.train(*rare(), **how, out=tmp_path / "run")  # by the loss, which is positive
    again = fastmlp.train(*rare(), resume=run.folder, metric="log_loss", epochs=6)
    assert again.metrics["best_epoch"] >= 5
    once_more = fastmlp.train(*rare(), resume=run.folder, metric="log_loss", epochs=8)
    bests = [record["epoch"] for record in once_more.history if record["is_best"]]
    assert bests[-1] == once_more.metrics["best_epoch"]


def test_phases_have_metrics_of_their_own(tmp_path):
    np.savez(tmp_path / "data.npz", X=rare()[0], y=rare()[1])
    settings = Settings(**HOW, dataset=str(tmp_path / "data.npz"))
    job = set_up_phases(
        settings, [{"epochs": 2, "metric": "f1"}, {"epochs": 2, "metric": "auc"}],
        out=tmp_path / "run",
    )  # fmt: skip
    metrics = job.run()
    names = [sorted(set(record.monitor) - {"loss", "accuracy"}) for record in job.records]
    assert names == [["f1"], ["f1"], ["auc"], ["auc"]]
    assert "validation_auc" in metrics


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "auc", "validation_fraction": 0.0}, "metric auc tells the best epoch by the"),
        ({"metric": "rmse"}, "rmse goes with regression; this is a classification task"),
        ({"metric": "f1", "watch": "score"}, "both say what tells the best epoch"),
        ({"metric": "log_loss", "loss": "squared_error"}, "needs probabilities, which loss"),
        ({"metric": "f3"}, "metric 'f3' is not known"),
    ],
)
def test_what_is_refused_before_any_work(tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        fastmlp.train(*rare(200), **HOW | changes, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_validation_rows_of_one_class_have_no_auc(tmp_path):
    features, labels = rare(40)
    labels[:] = 0
    labels[0] = 1  # which is not among the few validation rows
    with pytest.raises(UsageError, match="auc cannot be computed, since all validation rows"):
        fastmlp.train(
            features, labels, **HOW | {"validation_fraction": 0.1}, metric="auc",
            test_fraction=0.0, out=tmp_path / "run",
        )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that learnt its few rows by heart is surer than it is right."""
    how = HOW | {"hidden": "64", "epochs": 60, "calibrate": "temperature"}
    return fastmlp.train(*rare(500, 0.4), **how, out=tmp_path_factory.mktemp("warm") / "run")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    how = HOW | {"hidden": "64", "epochs": 60}
    return fastmlp.train(*rare(500, 0.4), **how, out=tmp_path_factory.mktemp("plain") / "run")


class TestCalibration:
    def test_it_makes_the_log_loss_smaller(self, run, plain):
        metrics = run.metrics
        assert metrics["temperature"] > 1.2
        assert metrics["validation_log_loss_after"] < metrics["validation_log_loss_before"]
        of = {"split": "validation"}
        after = fastmlp.evaluate(run.folder, *rare(500, 0.4), **of)
        before = fastmlp.evaluate(plain.folder, *rare(500, 0.4), **of)
        assert after["log_loss"] == pytest.approx(metrics["validation_log_loss_after"], rel=1e-4)
        assert before["log_loss"] == pytest.approx(metrics["validation_log_loss_before"], rel=1e-4)
        assert "temperature" not in plain.metrics

    def test_probabilities_are_those_of_scaled_logits(self, run, plain):
        features = rare(50, 0.4, seed=9)[0]
        before = plain.model.predict_proba(features).astype(np.float64)
        expected = before ** (1 / run.metrics["temperature"])
        expected /= expected.sum(axis=1, keepdims=True)
        loaded = fastmlp.load(run.folder)
        for model in (run.model, loaded):
            assert model.predict_proba(features) == pytest.approx(expected, abs=1e-5)
            assert np.array_equal(model.predict(features), plain.model.predict(features))
        assert loaded.adjustment == run.model.adjustment
        row_by_row = np.vstack([loaded.predict_proba(row[None]) for row in features[:5]])
        assert row_by_row == pytest.approx(expected[:5], abs=1e-5)

    @pytest.mark.parametrize("loss", ["log_loss", "auto"])
    def test_with_one_logit_and_several_labels(self, tmp_path, loss):
        features, labels = rare(300, 0.4)
        several = np.stack([labels, features[:, 0] > 0], axis=1).astype(np.int64)
        target = labels if loss == "log_loss" else several
        run = fastmlp.train(
            features, target, **HOW, loss=loss, epochs=3, calibrate="temperature",
            out=tmp_path / "run",
        )  # fmt: skip
        plain = fastmlp.train(features, target, **HOW, loss=loss, epochs=3, out=tmp_path / "plain")
        odds = plain.model.predict_proba(features).astype(np.float64)
        odds = (odds / (1 - odds)) ** (1 / run.metrics["temperature"])
        expected = odds / (1 + odds)
        assert fastmlp.load(run.folder).predict_proba(features) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"validation_fraction": 0.0}, "a temperature is fitted on the validation rows"),
            ({"loss": "squared_error"}, "calibrate temperature needs probabilities, which loss"),
            ({"calibrate": "platt"}, "calibrate 'platt' is not known"),
        ],
    )
    def test_what_is_refused(self, tmp_path, changes, message):
        how = HOW | {"calibrate": "temperature"} | changes
        with pytest.raises(UsageError, match=message):
            fastmlp.train(*rare(200), **how, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()


class TestThreshold:
    def train(self, folder, **changes):
        how = HOW | {"metric": "f1", "threshold": "auto", "epochs": 10} | changes
        return fastmlp.train(*rare(6000, 0.01, noise=0.7), **how, out=folder)

    @pytest.mark.parametrize("metric", ["f1", "balanced_accuracy"])
    def test_rare_classes_are_found(self, tmp_path, metric):
        """One row of a hundred: with ½ hardly any is found."""
        run = self.train(tmp_path / "run", metric=metric)
        plain = self.train(tmp_path / "plain", metric=metric, threshold="0.5")
        for part in ("validation", "test"):
            assert run.metrics[f"{part}_{metric}"] > plain.metrics[f"{part}_{metric}"] + 0.02
        threshold = run.metrics["threshold"]
        assert 0 < threshold < 0.5
        assert run.metrics["threshold_by"] == f"best {metric} of the validation rows"
        features, labels = rare(3000, 0.01, seed=8, noise=0.7)
        for model in (run.model, fastmlp.load(run.folder)):
            expected = model.predict_proba(features)[:, 1].astype(float) > threshold
            assert np.array_equal(model.predict(features), expected.astype(int))
        report = fastmlp.evaluate(run.folder, features, labels)
        scores = {"f1": oracle.f1_score, "balanced_accuracy": oracle.balanced_accuracy_score}
        assert report[metric] == pytest.approx(scores[metric](labels, expected))
        assert report["accuracy"] == pytest.approx((labels == expected).mean())
        assert np.diag(report["confusion_matrix"]).sum() == (labels == expected).sum()

    def test_each_epoch_is_watched_at_its_best_threshold(self, tmp_path):
        watcher, metrics, history = watched(
            tmp_path, rare(2000, 0.05), metric="f1", threshold="auto", epochs=4, early_stopping=4
        )
        truth = watcher.job.data.validation.targets
        best = []
        for outputs in watcher.outputs:
            tried = np.unique(outputs[:, 1])[:-1]
            best.append(max(oracle.f1_score(truth, outputs[:, 1] > each) for each in tried))
        assert [record["validation_f1"] for record in history] == pytest.approx(best)
        assert metrics["best_epoch"] == best.index(max(best)) + 1
        assert metrics["validation_f1"] == pytest.approx(max(best))

    def test_other_metrics_ask_for_a_half(self, tmp_path):
        run = self.train(tmp_path / "run", metric="auc")
        assert (run.metrics["threshold"], run.model.adjustment.threshold) == (0.5, 0.5)
        assert run.metrics["threshold_by"] == "metric auc asks for no other"

    def test_a_number_holds_in_training_too(self, tmp_path):
        watcher, metrics, history = watched(
            tmp_path, rare(2000, 0.05), metric="f1", threshold="0.2", epochs=4
        )
        truth = watcher.job.data.validation.targets
        said = [outputs[:, 1].astype(float) > 0.2 for outputs in watcher.outputs]
        expected = [oracle.f1_score(truth, each) for each in said]
        assert [record["validation_f1"] for record in history] == pytest.approx(expected)
        assert history[-1]["validation_accuracy"] == (said[-1] == truth).mean()
        assert metrics["validation_f1"] == pytest.approx(expected[-1])
        assert metrics["threshold"] == 0.2

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"threshold": "1.5"}, "threshold must be greater than 0 and less than 1; got 1.5"),
            ({"threshold": "half"}, "threshold must be auto or a number between 0 and 1"),
            ({"threshold": "0.2", "loss": "squared_error"}, "threshold needs probabilities"),
            ({"threshold": "auto", "validation_fraction": 0.0}, "threshold auto is picked by"),
        ],
    )
    def test_what_is_refused(self, tmp_path, changes, message):
        with pytest.raises(UsageError, match=message):
            fastmlp.train(*rare(200), **HOW | changes, out=tmp_path / "run")

    def test_other_tasks_have_none(self, tmp_path):
        features, target = quantities(60)
        with pytest.raises(UsageError, match="for two classes, and this is a regression task"):
            fastmlp.train(features, target, **HOW, threshold="auto", out=tmp_path / "run")
        three = np.arange(60) % 3
        with pytest.raises(UsageError, match="for two classes, and this is 3 classes"):
            fastmlp.train(features, three, **HOW, threshold="0.3", out=tmp_path / "run")
