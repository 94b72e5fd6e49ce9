"""Runs in phases beside an oracle in plain NumPy that knows the data, the shuffles and the first
weights.
"""

import json

import numpy as np
import pytest
from oracles.losses import absolute_error, huber, squared_error
from oracles.optimizers import Adam, Momentum, RMSProp

from fastmlp.errors import UsageError
from fastmlp.model.model import load
from fastmlp.run.phases import parse_phases, set_up_phases
from fastmlp.run.train import set_up
from fastmlp.settings.settings import settings_from
from fastmlp.training.callbacks import Callback

ROWS, COLUMNS = 30, 3
LOSSES = {"mse": squared_error, "mae": absolute_error, "huber(0.75)": huber}
RULES = {"momentum": Momentum, "adam": Adam, "rmsprop": RMSProp, "sgd": None}


@pytest.fixture
def values_npz(tmp_path):
    generator = np.random.default_rng(5)
    x = generator.normal(size=(ROWS, COLUMNS))
    np.savez(tmp_path / "values.npz", X=x, y=np.sin(x[:, 0]) + generator.normal(0, 0.5, size=ROWS))
    return str(tmp_path / "values.npz")


def settings(dataset, **changes):
    base = {
        "dataset": dataset,
        "hidden": [5],
        "activation": "tanh",
        "task": "regression",
        "normalize": "none",
        "standardize_target": False,
        "test_fraction": 0.0,
        "dtype": "float64",
        "schedule": "constant",
        "lr": 0.01,
        "epochs": 2,
        "threads": 1,
        "seed": 7,
    }
    return settings_from(base, changes)


def keep_after(stage, take):
    """Return a dict that is filled with what ``take`` returns when a phase has ended."""
    kept = {}
    stage.trainer.callbacks[-1].training_ended = lambda trainer, result: kept.update(take())
    return kept


def weights(job):
    return {
        name: parameter.values.copy()
        for name, parameter in job.model.network.named_parameters().items()
    }


def permutation(epoch, seed=7):
    """The order of an epoch as the data's module promises it: Philox under (seed, 2^63 + epoch)."""
    key = np.array([seed, (1 << 63) | epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(ROWS)


def oracle(npz, first, phases, rule):
    """Train two dense layers by hand; return the weights, and the updates made in each epoch."""
    data = np.load(npz)
    x_all, t_all = data["X"], data["y"][:, None]
    names = ("dense_0.weight", "dense_0.bias", "dense_1.weight", "dense_1.bias")
    parameters = {name: first[name].copy() for name in names}
    rules = {name: RULES[rule]() for name in names} if RULES[rule] else None
    epoch, made = 0, []
    for phase in phases:
        for _ in range(phase["epochs"]):
            epoch += 1
            order = permutation(epoch)[: max(1, round(phase.get("rows_share", 1) * ROWS))]
            made.append(0)
            size = phase["batch_size"] or ROWS
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                x, t = x_all[rows], t_all[rows]
                a = np.tanh(x @ parameters["dense_0.weight"] + parameters["dense_0.bias"])
                y = a @ parameters["dense_1.weight"] + parameters["dense_1.bias"]
                loss, dy = LOSSES[phase["loss"]](y, t)
                if loss.mean() <= phase.get("loss_threshold", -1):
                    continue
                dz = dy / len(rows)
                da = dz @ parameters["dense_1.weight"].T * (1 - a**2)
                gradients = (x.T @ da, da.sum(axis=0), a.T @ dz, dz.sum(axis=0))
                for name, gradient in zip(names, gradients, strict=True):
                    direction = rules[name].direction(gradient) if rules else gradient
                    parameters[name] -= phase["lr"] * direction
                made[-1] += 1
    return parameters, made


PHASES = [
    {"epochs": 2, "loss": "mse", "lr": 0.02, "batch_size": 8},
    {"epochs": 3, "loss": "huber(0.75)", "lr": 0.005, "batch_size": 0, "rows_share": 0.4},
    {"epochs": 2, "loss": "mae", "lr": 0.01, "batch_size": 5},
    {"epochs": 3, "loss": "mse", "lr": 0.004, "batch_size": 4, "loss_threshold": 0.25},
]


@pytest.mark.parametrize("rule", sorted(RULES))
def test_parameters_and_state_go_on_from_phase_to_phase(values_npz, tmp_path, rule):
    job = set_up_phases(settings(values_npz, optimizer=rule), PHASES, out=tmp_path / "run")
    expected, made = oracle(values_npz, weights(job), PHASES, rule)
    assert 0 < sum(made[7:]) < 3 * 8, "the threshold must let some batches pass, not all"
    job.run()
    for name, value in expected.items():
        np.testing.assert_allclose(weights(job)[name], value, rtol=1e-9, atol=1e-12)
    updates = [record.update for record in job.records]
    np.testing.assert_array_equal(updates, np.cumsum(made))


def test_history_metrics_and_model_cover_the_whole_run(values_npz, tmp_path):
    job = set_up_phases(settings(values_npz), PHASES, out=tmp_path / "run")
    metrics = job.run()
    lines = [
        json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    ]
    assert [line["epoch"] for line in lines] == list(range(1, 11))
    assert [line["phase"] for line in lines] == [1, 1, 2, 2, 2, 3, 3, 4, 4, 4]
    assert metrics["epochs"] == 10
    assert metrics == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert json.loads((tmp_path / "run" / "phases.json").read_text()) == PHASES
    model = load(tmp_path / "run")
    assert model.loss.name == "squared_error"  # the last phase's
    np.testing.assert_array_equal(
        model.network.layers[0].weight.values, weights(job)["dense_0.weight"]
    )


def test_one_phase_is_an_ordinary_run_to_the_bit(values_npz, tmp_path):
    how = settings(
        values_npz, optimizer="adam", dropout=0.3, schedule="cosine", batch_size=7, epochs=4
    )
    plain = set_up(how, out=tmp_path / "plain")
    plain.run()
    phased = set_up_phases(how, [{}], out=tmp_path / "phased")
    phased.run()
    all_pass = set_up_phases(how, [{"loss_threshold": -1.0}], out=tmp_path / "selective")
    all_pass.run()
    for name, value in weights(plain).items():
        np.testing.assert_array_equal(weights(phased)[name], value)
        np.testing.assert_array_equal(weights(all_pass)[name], value)


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
def test_below_the_threshold_nothing_moves(values_npz, tmp_path, rule):
    tables = [{"epochs": 1, "batch_size": 8}, {"epochs": 2, "batch_size": 8, "loss_threshold": 1e6}]
    job = set_up_phases(
        settings(values_npz, optimizer=rule, dropout=0.2), tables, out=tmp_path / "run"
    )
    before = job.stages[0].trainer.optimizer
    kept = keep_after(
        job.stages[0],
        lambda: weights(job) | {name: values.copy() for name, values in before.state.items()},
    )
    job.run()
    state = job.stages[1].trainer.optimizer.state
    assert kept
    for name, value in kept.items():
        np.testing.assert_array_equal(state.get(name, weights(job).get(name)), value)
    assert [record.update for record in job.records] == [4, 4, 4]
    assert all(
        np.isfinite(record.train["loss"]) for record in job.records
    )  # what was looked at is still measured


def test_dropout_of_a_phase(values_npz, tmp_path):
    tables = [{"dropout": 0.5, "epochs": 1}, {"dropout": 0.0, "epochs": 1}]
    job = set_up_phases(settings(values_npz, batch_size=0), tables, out=tmp_path / "run")
    data, at_first = np.load(values_npz), weights(job)
    kept = keep_after(job.stages[0], lambda: weights(job))
    job.run()

    def loss(w):
        a = np.tanh(data["X"] @ w["dense_0.weight"] + w["dense_0.bias"])
        return ((a @ w["dense_1.weight"] + w["dense_1.bias"] - data["y"][:, None]) ** 2).mean()

    first, second = (record.train["loss"] for record in job.records)
    assert first != pytest.approx(loss(at_first), rel=1e-3)  # half of the units were missing
    assert second == pytest.approx(loss(kept), rel=1e-9)


def test_early_stopping_ends_its_phase_alone(values_npz, tmp_path):
    how = settings(values_npz, validation_fraction=0.2, early_stopping=1, lr=1e-9, batch_size=8)
    job = set_up_phases(how, [{"epochs": 50, "lr": 3.0}, {"epochs": 2}], out=tmp_path / "run")
    job.run()
    phases = [record.phase for record in job.records]
    assert 1 < phases.count(1) < 50
    assert phases.count(2) >= 1
    assert [record.epoch for record in job.records] == list(range(1, len(phases) + 1))


def test_a_diverged_phase_ends_the_run(values_npz, tmp_path):
    how = settings(values_npz, activation="relu", optimizer="sgd", batch_size=8)
    job = set_up_phases(
        how, [{"epochs": 1}, {"epochs": 30, "lr": 1e9}, {"epochs": 1}], out=tmp_path / "run"
    )
    with np.errstate(over="ignore"):
        metrics = job.run()
    assert "learning rate" in metrics["diverged"]
    assert max(record.phase for record in job.records) == 2


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"epochs": 1, "optimizer": "sgd"}, "'optimizer' cannot change"),
        ({"epochs": 1, "lrr": 0.1}, "did you mean 'lr'"),
        ({"epochs": 1, "rows_share": 0}, "rows_share"),
        ({"epochs": 1, "rows_share": True}, "rows_share"),
        ({"epochs": 1, "rows_share": 1.5}, "rows_share"),
        ({"epochs": 1, "loss_threshold": "high"}, "loss_threshold"),
        ({"epochs": 1, "loss_threshold": float("nan")}, "loss_threshold"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"epochs": "many"}, "phase 2: epochs must be a whole number"),
    ],
)
def test_phases_that_make_no_sense(table, words):
    with pytest.raises(UsageError, match="phase 2") as caught:
        parse_phases(settings("digits"), [{"epochs": 1}, table])
    assert words in str(caught.value)


def test_phases_need_epochs_and_equal_outputs(tmp_path):
    with pytest.raises(UsageError, match="no epochs"):
        parse_phases(settings_from({}), [{"lr": 0.1}])
    with pytest.raises(UsageError, match="checkpoint_every"):
        parse_phases(settings("digits", checkpoint_every=5), [{}])
    with pytest.raises(UsageError, match="average_weights does not go with phases"):
        parse_phases(settings("digits", average_weights="ema"), [{}])
    with pytest.raises(UsageError, match="1 to"):
        parse_phases(settings_from({}), [])
    how = settings_from({"dataset": "xor", "test_fraction": 0.0, "epochs": 1})
    with pytest.raises(UsageError, match="one output"):
        set_up_phases(how, [{"loss": "mse"}, {"loss": "log_loss"}], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_refused_phase_leaves_no_folder(values_npz, tmp_path):
    with pytest.raises(UsageError):
        set_up_phases(settings(values_npz), [{}, {"schedule": "foo"}], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class SeesShares:
    """Notes the shares that stand on the device after each epoch."""

    def __init__(self, job):
        self.seen = []
        for stage in job.stages:
            stage.trainer.callbacks.append(self._listener(stage))

    def _listener(self, stage):
        seen = self.seen

        class Listener(Callback):
            def epoch_ended(self, trainer, result):
                step, counters = trainer.step, trainer.network.counters
                decay = step._shares.get("weight_decay")
                seen.append((float(counters.dropout_share[0]), decay and float(decay.value[0])))

        return Listener()


def test_each_phase_has_its_own_schedules_of_dropout_and_decay(values_npz, tmp_path):
    base = settings(values_npz, dropout=0.4, weight_decay=0.1, batch_size=ROWS, dtype="float32")
    tables = [
        {"epochs": 4, "dropout_schedule": "flat_cosine(0.5)", "weight_decay_schedule": "cosine"},
        {"epochs": 2},
        {"epochs": 2, "batch_size": 10, "dropout_schedule": "cosine(0.5)"},
    ]
    job = set_up_phases(base, tables, out=tmp_path / "run")
    told = SeesShares(job)
    job.run()
    wave = [(1 + np.cos(np.pi * t)) / 2 for t in (0.25, 0.5, 0.75)]
    expected = [(1, 1), (1, wave[0]), (1, wave[1]), (wave[1], wave[2]), (1, None), (1, None)]
    last = [0.5 + 0.25 * (1 + np.cos(np.pi * t)) for t in (2 / 6, 5 / 6)]
    expected += [(share, None) for share in last]
    assert [each[0] for each in told.seen] == pytest.approx([each[0] for each in expected])
    for seen, (_, decay) in zip(told.seen, expected, strict=True):
        assert seen[1] == (None if decay is None else pytest.approx(decay))
