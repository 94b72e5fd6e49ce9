"""The loop over epochs: the best weights, early stopping, a diverged loss, interruption, records
and clocks.
"""

import json
import math

import numpy as np
import pytest

from fastmlp.files.atomic import WriteError
from fastmlp.run.train import set_up
from fastmlp.settings.settings import Settings
from fastmlp.training.callbacks import Callback, HistoryWriter, Record


class Watcher(Callback):
    """Keeps what a trainer tells, and the weights after every epoch."""

    def __init__(self):
        self.told, self.records, self.weights, self.progress = [], [], [], []
        self.result = None

    def training_started(self, trainer):
        self.told.append("started")
        self.weights.append(trainer.network.store.snapshot()[0])

    def progressed(self, trainer, progress):
        self.progress.append(progress)

    def recorded(self, trainer, record):
        self.told.append(record.kind)
        self.records.append(record)
        if record.kind == "epoch":
            self.weights.append(trainer.network.store.snapshot()[0])

    def training_ended(self, trainer, result):
        self.told.append("ended")
        self.result = result


class Scripted:
    """A monitored set whose losses are given."""

    name = "validation"

    def __init__(self, *losses, accuracies=None):
        self.losses, self.accuracies = iter(losses), accuracies and iter(accuracies)

    def run(self):
        numbers = {"loss": next(self.losses)}
        return numbers | {"accuracy": next(self.accuracies)} if self.accuracies else numbers


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    generator = np.random.default_rng(2)
    features = generator.normal(size=(50, 4)).astype(np.float32)
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, X=features, y=(features[:, 0] > 0).astype(np.int64))
    return str(path)


@pytest.fixture
def start(data, tmp_path):
    """Make a job on 50 rows in batches of 8, all of them for training: 7 updates an epoch."""

    def make(*callbacks, monitor=None, **settings):
        values = {
            "dataset": data,
            "hidden": "6",
            "epochs": 5,
            "batch_size": 8,
            "test_fraction": 0.0,
            "threads": "1",
        }
        job = set_up(Settings(**(values | settings)), out=tmp_path / "run", callbacks=callbacks)
        if monitor is not None:
            job.trainer.monitor = monitor
        return job

    return make


def weights(job):
    return job.model.network.store.snapshot()[0]


def test_callbacks_are_told_in_order(start):
    watcher = Watcher()
    result = start(watcher, epochs=3).trainer.fit()
    assert watcher.told == ["started", "epoch", "epoch", "epoch", "ended"]
    assert watcher.result is result
    assert [record.epoch for record in result.records] == [1, 2, 3]
    assert [record.update for record in result.records] == [7, 14, 21]
    assert result.epochs == 3
    assert [p.step for p in watcher.progress if p.epoch == 2][-1] == 7
    assert all(p.steps == 7 for p in watcher.progress)


def test_early_stopping_restores_the_best_epoch(start):
    watcher = Watcher()
    job = start(
        watcher,
        monitor=Scripted(3, 2, 1, 4, 1.5, 9, 9),
        early_stopping=3,
        epochs=50,
        validation_fraction=0.2,
    )
    result = job.trainer.fit()
    assert (result.best_epoch, result.epochs) == (3, 6)
    assert result.stop_reason == "no improvement for 3 epochs"
    assert np.array_equal(weights(job), watcher.weights[3])
    assert not np.array_equal(watcher.weights[6], watcher.weights[3])
    assert [record.is_best for record in result.records] == [True, True, True, False, False, False]


def test_an_equal_loss_is_no_improvement_and_nan_is_none(start):
    job = start(
        monitor=Scripted(2, 2, math.nan, 2), early_stopping=3, epochs=50, validation_fraction=0.2
    )
    result = job.trainer.fit()
    assert (result.best_epoch, result.epochs) == (1, 4)


def test_the_score_can_be_watched_instead_of_the_loss(start):
    monitor = Scripted(1, 2, 3, 4, accuracies=[0.5, 0.9, 0.8, 0.7])
    job = start(
        monitor=monitor, early_stopping=2, epochs=50, validation_fraction=0.2, watch="score"
    )
    assert job.trainer.fit().best_epoch == 2


def test_the_test_set_never_tells_the_best_epoch(start):
    monitor = Scripted(1, 2, 3, 4, 5)
    monitor.name = "test"
    result = start(monitor=monitor, lr=0.003).trainer.fit()
    losses = [record.train["loss"] for record in result.records]
    assert losses == sorted(losses, reverse=True)
    assert result.best_epoch == 5
    assert result.records[0].to_dict()["test_loss"] == 1


def test_without_early_stopping_the_last_weights_are_kept(start):
    watcher = Watcher()
    job = start(watcher, monitor=Scripted(1, 2, 3, 4, 5), validation_fraction=0.2)
    result = job.trainer.fit()
    assert result.best_epoch == 1
    assert np.array_equal(weights(job), watcher.weights[5])


class Poison(Callback):
    """Puts a NaN into the weights, at the first sign of an epoch or at its end."""

    def __init__(self, epoch, at_end):
        self.epoch, self.at_end = epoch, at_end

    def progressed(self, trainer, progress):
        if not self.at_end and progress.epoch == self.epoch and progress.step < progress.steps:
            trainer.network.store.values[0] = np.nan

    def recorded(self, trainer, record):
        if self.at_end and record.epoch == self.epoch:
            trainer.network.store.values[0] = np.nan


@pytest.mark.parametrize("at_end", [False, True], ids=["in the loss", "in the weights alone"])
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_diverged_loss_stops_and_gives_the_last_good_weights_back(start, epoch, at_end):
    watcher = Watcher()
    job = start(watcher, Poison(epoch, at_end), epochs=9)
    result = job.trainer.fit()
    assert result.diverged
    assert result.epochs == epoch - 1
    assert len(result.records) == epoch
    assert np.array_equal(weights(job), watcher.weights[epoch - 1])
    assert np.isfinite(weights(job)).all()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"lr": 1e30, "optimizer": "sgd"}, "learning rate 1e+30 is too large"),
        ({"lr": 1e30, "optimizer": "sgd", "reduction": "sum"}, "--reduction mean"),
        ({"lr": 1e30, "optimizer": "momentum", "momentum": 0.99}, "momentum 0.99"),
    ],
)
def test_the_likely_cause_is_named(start, settings, word):
    result = start(epochs=30, **settings).trainer.fit()
    assert word in result.diverged


class Interrupt(Callback):
    """Presses Ctrl-C in the midst of an epoch."""

    def __init__(self, epoch, poison=False):
        self.epoch, self.poison = epoch, poison

    def progressed(self, trainer, progress):
        if progress.epoch == self.epoch:
            if self.poison:
                trainer.network.store.values[0] = np.inf
            raise KeyboardInterrupt


def test_an_interruption_is_an_early_stop(start):
    watcher = Watcher()
    job = start(watcher, Interrupt(3))
    metrics = job.run()
    assert metrics["stop_reason"] == "interrupted"
    assert metrics["epochs"] == 2
    assert watcher.told[-1] == "ended"
    assert (job.folder / "model.safetensors").is_file()


def test_an_interruption_with_early_stopping_keeps_the_best(start):
    watcher = Watcher()
    job = start(
        watcher, Interrupt(4), monitor=Scripted(2, 1, 3), early_stopping=10, validation_fraction=0.2
    )
    job.trainer.fit()
    assert np.array_equal(weights(job), watcher.weights[2])


def test_an_interruption_while_diverging_keeps_finite_weights(start):
    watcher = Watcher()
    job = start(watcher, Interrupt(3, poison=True))
    job.trainer.fit()
    assert np.array_equal(weights(job), watcher.weights[2])


def test_a_callback_can_stop_training(start):
    class Enough(Callback):
        def recorded(self, trainer, record):
            if record.epoch == 2:
                trainer.stop_reason = "enough"

    result = start(Enough()).trainer.fit()
    assert (result.epochs, result.stop_reason) == (2, "enough")


@pytest.mark.parametrize("every", [1, 3, 7, 10])
def test_updates_are_recorded_every_n(start, every):
    watcher = Watcher()
    start(watcher, epochs=4, log_every=every).trainer.fit()
    assert [r.update for r in watcher.records if r.kind == "updates"] == list(
        range(every, 29, every)
    )


def test_recording_updates_does_not_change_training(start):
    plain, logged = start(), start(log_every=2, validation_fraction=None)
    plain.trainer.fit()
    logged.trainer.fit()
    assert np.array_equal(weights(plain), weights(logged))


def test_measuring_in_between_does_not_change_training(start):
    settings = {"validation_fraction": 0.3, "dropout": "0.3"}
    plain, logged = start(**settings), start(**settings, log_every=2)
    assert plain.trainer.fit().records[-1].monitor == logged.trainer.fit().records[-1].monitor
    assert np.array_equal(weights(plain), weights(logged))


def test_stretches_add_up_to_the_epoch(start):
    watcher = Watcher()
    start(watcher, epochs=1, log_every=1, batch_size=10).trainer.fit()
    *stretches, epoch = watcher.records
    assert len(stretches) == 5
    assert np.mean([r.train["loss"] for r in stretches]) == pytest.approx(epoch.train["loss"])
    assert np.mean([r.train["accuracy"] for r in stretches]) == pytest.approx(
        epoch.train["accuracy"]
    )


def test_same_seed_same_bits_other_seed_others(start):
    runs = [start(seed=seed, dropout="0.2", epochs=3) for seed in (1, 1, 2)]
    for run in runs:
        run.trainer.fit()
    assert np.array_equal(weights(runs[0]), weights(runs[1]))
    assert not np.array_equal(weights(runs[0]), weights(runs[2]))


def test_epochs_have_different_orders_unless_asked_not_to(start):
    class Orders(Callback):
        def __init__(self):
            self.orders = []

        def recorded(self, trainer, record):
            self.orders.append(trainer.batches.order.tolist())

    shuffled, plain = Orders(), Orders()
    start(shuffled).trainer.fit()
    start(plain, shuffle=False).trainer.fit()
    assert len({tuple(order) for order in shuffled.orders}) == 5
    assert all(sorted(order) == list(range(50)) for order in shuffled.orders)
    assert all(order == list(range(50)) for order in plain.orders)


def test_the_ragged_last_batch_can_be_left_out(start):
    watcher = Watcher()
    result = start(watcher, drop_last=True, epochs=2).trainer.fit()
    assert result.records[-1].update == 12
    whole = start(drop_last=True, batch_size=64, epochs=1).trainer.fit()
    assert whole.records[-1].update == 1


def test_the_clock_counts_training_alone(start, monkeypatch):
    class Clock:
        """A second from one look to the next."""

        now = 0.0

        def perf_counter(self):
            self.now += 1
            return self.now

    class Slow(Callback):
        def recorded(self, trainer, record):
            clock.now += 1000

        def progressed(self, trainer, progress):
            clock.now += 1000

    clock = Clock()
    monkeypatch.setattr("fastmlp.training.trainer.time", clock)
    result = start(Slow(), epochs=3).trainer.fit()
    assert 3 <= result.train_seconds < 1000
    assert result.samples_per_second == pytest.approx(150 / result.train_seconds)


def test_the_schedule_is_followed(start):
    watcher = Watcher()
    start(watcher, schedule="step(2,0.1)", lr=0.01, epochs=5).trainer.fit()
    assert [r.learning_rate for r in watcher.records] == pytest.approx(
        [0.01, 0.01, 0.001, 0.001, 0.0001]
    )


def test_plateau_follows_the_validation_loss(start):
    watcher = Watcher()
    job = start(
        watcher,
        monitor=Scripted(*[1.0] * 30),
        schedule="plateau",
        lr=0.01,
        epochs=30,
        validation_fraction=0.2,
    )
    job.trainer.fit()
    rates = [r.learning_rate for r in watcher.records]
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] < rates[0]


def test_history_is_one_json_object_a_line(start):
    job = start(epochs=3, log_every=4)
    job.run()
    lines = [json.loads(line) for line in (job.folder / "history.jsonl").read_text().splitlines()]
    assert lines == [json.loads(json.dumps(record.to_dict())) for record in job.records]
    assert [line["kind"] for line in lines].count("epoch") == 3


def test_history_knows_no_nan(tmp_path):
    writer = HistoryWriter(tmp_path / "h.jsonl")
    writer.recorded(None, Record("epoch", 1, 1, {"loss": math.nan}, {"loss": math.inf}))
    line = json.loads((tmp_path / "h.jsonl").read_text())
    assert line["train_loss"] is None
    assert line["validation_loss"] is None


def test_a_history_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(WriteError, match="No such file"):
        HistoryWriter(tmp_path / "missing" / "h.jsonl").recorded(
            None, Record("epoch", 1, 1, {"loss": 1.0})
        )
