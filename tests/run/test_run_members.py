"""Runs of several members: what they print, evaluate, export and go on with."""

import json
import re

import numpy as np
import pytest

import fastmlp
from fastmlp.cli import main
from fastmlp.cli.parameter_table import parameter_rows
from fastmlp.errors import DataError, UsageError
from fastmlp.run.phases import parse_phases
from fastmlp.run.recorded_step import recorded_step
from fastmlp.training.callbacks import Callback

HOW = {"hidden": "8,6", "epochs": 3, "batch_size": 50, "threads": "1", "seed": 4, "dropout": "0.1"}
KINDS = {
    "own": {"members": 3, "batch_norm": "hidden"},
    "folds": {"folds": 3, "members": 6},
    "shared": {"members": 3, "member_weights": "shared"},
    "folds that share": {"folds": 2, "members": 4, "member_weights": "shared"},
}


class StopAt(Callback):
    """Asks for a stop as Ctrl-C does."""

    def progressed(self, trainer, progress):
        if progress.epoch == 2 and progress.step >= 3:
            trainer._interrupts.requested = True


def train(folder, kind, **more):
    callbacks = more.pop("callbacks", ())
    how = {"dataset": "digits", **HOW, **KINDS[kind], **more}
    return fastmlp.train(out=folder, callbacks=callbacks, **how)


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory):
    return train(tmp_path_factory.mktemp("run") / "run", request.param, checkpoint_every=1)


def test_what_was_trained(run):
    settings = run.model.settings
    members = settings.get("members") or settings["folds"]
    assert run.metrics["parameters"] == run.model.network.architecture.parameters
    assert ("validation_loss" in run.metrics) == ("folds" in settings)
    assert run.model.network.architecture.members == members
    again = fastmlp.load(run.folder)
    x = np.random.default_rng(0).integers(0, 16, (300, 64)).astype(np.float64)
    for rows in (1, 5, 256, 300):
        assert np.array_equal(again.predict_proba(x[:rows]), run.model.predict_proba(x[:rows]))
    assert again.describe() == run.model.describe()


def test_validation_by_folds_is_close_to_the_test(run):
    """On rows that a member did not learn from it is about as good as on those of the test."""
    if "folds" in run.model.settings:
        validation, test = (run.metrics[f"{part}_loss"] for part in ("validation", "test"))
        assert 0.5 < validation / test < 2


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(run, tmp_path):
    kind = next(
        kind
        for kind, how in KINDS.items()
        if all(run.model.settings.get(name) == value for name, value in how.items())
    )
    stopped = train(tmp_path / "run", kind, checkpoint_every=1, callbacks=[StopAt()])
    assert stopped.metrics["stop_reason"] == "interrupted"
    fastmlp.train(resume=stopped.folder)
    bits = [(folder / "model.safetensors").read_bytes() for folder in (run.folder, stopped.folder)]
    assert bits[0] == bits[1]


def test_info_and_the_recorded_step(run, capsys):
    assert main(["info", str(run.folder)]) == 0
    printed = capsys.readouterr().out
    members = run.model.network.architecture.members
    assert f"{members} × 64-8-6-10" in printed
    assert "member_1" not in printed
    assert f"× {members} members" in printed
    assert f"{run.metrics['parameters']:,} trained parameters" in printed
    assert main(["info", str(run.folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(report["parameters"]) == len(run.model.network.named_parameters())
    step = recorded_step(run.folder, "cpu", threads=1)
    architecture = run.model.network.architecture
    hidden = 2 * architecture.networks
    assert step.layers == hidden + members
    assert step.operations.count("copy_rows") >= members
    assert main(["info", str(run.folder), "--graph"]) == 0


def test_evaluate_and_report(run, capsys):
    assert fastmlp.evaluate(run.folder)["split"] == "test"
    assert fastmlp.evaluate(run.folder)["loss"] == pytest.approx(run.metrics["test_loss"])
    if "folds" in run.model.settings:
        with pytest.raises(DataError, match="folds every training row validated the members"):
            fastmlp.evaluate(run.folder, split="validation")
    assert main(["report", str(run.folder)]) == 0
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    assert str(run.model.network.architecture) in text
    assert "First layer" in text or "first layer" in text


def test_the_start(tmp_path, capsys):
    words = ["--hidden", "8,6", "--epochs", "1", "--threads", "1", "--out", str(tmp_path / "run")]
    assert main(["train", "digits", "--folds", "4", *words]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^network +4 × 64-8-6-10, relu", printed, re.MULTILINE)
    assert "4 folds, each row validates in one" in printed
    assert "member_0.dense_0.weight" in printed
    assert "64×8 × 4 members" in printed
    assert f"{4 * 64 * 8:,}" in printed
    assert "member_1" not in printed
    assert "(told by validation)" in printed


def test_rows_of_the_table():
    arrays = [
        *((f"member_{m}.dense_0.weight", (4, 6)) for m in range(12)),
        ("fold_0.dense_0.weight", (2, 3)),
        ("fold_1.dense_0.weight", (2, 3)),
        *((f"fold_{f}.member_{m}.dense_0.bias", (5,)) for f in range(2) for m in range(3)),
        ("member_scale_0.scale", (3, 4)),
    ]
    assert parameter_rows(arrays) == [
        ("member_0.dense_0.weight", "4×6 × 12 members", "288"),
        ("fold_0.dense_0.weight", "2×3 × 2 folds", "12"),
        ("fold_0.member_0.dense_0.bias", "5 × 6 members", "30"),
        ("member_scale_0.scale", "3×4", "12"),
    ]


def test_early_stopping_by_folds_keeps_the_best_epoch(tmp_path):
    how = {"epochs": 30, "early_stopping": 2, "lr": 0.05}
    found = train(tmp_path / "run", "folds", **how).metrics
    assert found["best_epoch"] <= found["epochs"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"member_weights": "shared"}, "more than one member; give more members"),
        ({"member_weights": "shared", "folds": 3}, "more than one member of each fold"),
        ({"member_weights": "sharde", "members": 2}, "did you mean 'shared'"),
    ],
)
def test_what_is_not_shared_is_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        fastmlp.Settings(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"), [({"hidden": "none"}, "there is none"), ({"batch_norm": "all"}, "batch_")]
)
def test_what_cannot_be_shared_leaves_no_folder(tmp_path, wrong, message):
    how = {"members": 2, "member_weights": "shared", **wrong}
    with pytest.raises(UsageError, match=message):
        fastmlp.train("digits", out=tmp_path / "run", **how)
    assert not (tmp_path / "run").exists()


def test_phases_are_refused():
    for given in ({"members": 2}, {"folds": 3}):
        with pytest.raises(UsageError, match="members and folds do not go with phases"):
            parse_phases(fastmlp.Settings(**given), [{"epochs": 1}])


def test_memory_counts_the_rows_of_every_member(tmp_path, monkeypatch):
    from fastmlp.training import recorded

    monkeypatch.setattr(recorded, "available_memory", lambda: 20_000_000)
    how = {**HOW, "epochs": 1, "batch_size": 1000}
    fastmlp.train("digits", out=tmp_path / "one", **how)
    with pytest.raises(UsageError, match="of memory to train"):
        fastmlp.train("digits", out=tmp_path / "many", members=40, **how)
