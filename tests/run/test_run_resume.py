"""Runs that go on: to the same bits after any stop, with what may be changed, and from a checkpoint
that is sound.
"""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastmlp
from fastmlp.errors import ModelFileError, UsageError
from fastmlp.run.resume import resume
from fastmlp.training.callbacks import Callback
from fastmlp.training.checkpoint import newest_checkpoint

HOW = {
    "dataset": "digits", "hidden": "16,8", "dropout": "0.2", "batch_norm": "hidden", "epochs": 6,
    "batch_size": 50, "early_stopping": 6, "log_every": 7, "checkpoint_every": 1, "threads": "1",
    "seed": 4,
}  # fmt: skip


class StopAt(Callback):
    """Asks for a stop as Ctrl-C does, at the first look after so many steps of an epoch."""

    def __init__(self, epoch, step):
        self.epoch, self.step = epoch, step

    def progressed(self, trainer, progress):
        if progress.epoch == self.epoch and progress.step >= self.step:
            trainer._interrupts.requested = True


def model_bits(folder):
    return (folder / "model.safetensors").read_bytes()


def learnt(folder):
    """Return the history without what a clock said."""
    lines = (folder / "history.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [
        {key: value for key, value in record.items() if "second" not in key} for record in records
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    fastmlp.train(**HOW, out=folder)
    return folder


def interrupted(folder, epoch, step, **changes):
    run = fastmlp.train(**HOW | changes, out=folder, callbacks=[StopAt(epoch, step)])
    assert run.metrics["stop_reason"] == "interrupted"
    return run.folder


@pytest.mark.parametrize(("epoch", "step"), [(1, 1), (3, 9), (4, 26), (6, 26)])
def test_a_run_that_was_interrupted_ends_with_the_same_bits(undisturbed, tmp_path, epoch, step):
    folder = interrupted(tmp_path / "run", epoch, step)
    run = fastmlp.train(resume=folder)
    assert run.folder == folder
    assert model_bits(folder) == model_bits(undisturbed)
    assert learnt(folder) == learnt(undisturbed)
    assert [resumed["changed"] for resumed in run.metrics["resumes"]] == [{}]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
@pytest.mark.parametrize("schedule", ["plateau(1,0.5)", "one_cycle"])
def test_every_memory_is_kept(tmp_path, optimizer, schedule):
    how = HOW | {"optimizer": optimizer, "schedule": schedule, "lr": 0.05}
    fastmlp.train(**how, out=tmp_path / "whole")
    for epoch, step in ((2, 11), (5, 3)):  # stopped twice
        stopping = [StopAt(epoch, step)]
        if epoch == 2:
            fastmlp.train(**how, out=tmp_path / "parts", callbacks=stopping)
        else:
            fastmlp.train(resume=tmp_path / "parts", callbacks=stopping)
    fastmlp.train(resume=tmp_path / "parts")
    assert model_bits(tmp_path / "parts") == model_bits(tmp_path / "whole")
    assert learnt(tmp_path / "parts") == learnt(tmp_path / "whole")


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adamw"])
def test_scheduled_dropout_and_decay_go_on(tmp_path, optimizer):
    how = HOW | {"optimizer": optimizer, "weight_decay": 0.01, "schedule": "log_cosine(2)"}
    how |= {"dropout_schedule": "flat_cosine(0.3)", "weight_decay_schedule": "cosine"}
    how |= {"input_scale": True, "activation_mix": True, "parametrization": "ntk"}
    fastmlp.train(**how, bias_init="he+5", out=tmp_path / "whole")
    stopping = [StopAt(3, 11)]
    fastmlp.train(**how, bias_init="he+5", out=tmp_path / "parts", callbacks=stopping)
    fastmlp.train(resume=tmp_path / "parts")
    assert model_bits(tmp_path / "parts") == model_bits(tmp_path / "whole")
    assert learnt(tmp_path / "parts") == learnt(tmp_path / "whole")


def test_ctrl_c_leaves_a_checkpoint_in_any_case(tmp_path):
    folder = interrupted(tmp_path / "run", 2, 3, checkpoint_every=None)
    assert len(list((folder / "checkpoints").iterdir())) == 1
    assert fastmlp.train(resume=folder).metrics["epochs"] == 6


def test_the_newest_two_and_the_best_are_kept(undisturbed):
    names = sorted(path.name for path in (undisturbed / "checkpoints").iterdir())
    assert 2 <= len(names) <= 3
    updates = [int(name[7:17]) for name in names]
    assert updates[-2:] == [5 * 26, 6 * 26]


def damage(path, how):
    data = bytearray(path.read_bytes())
    if how == "a bit":
        data[len(data) // 2] ^= 4
    elif how == "cut short":
        data = data[: len(data) // 3]
    elif how == "trailing bytes":
        data += b"more"
    elif how == "emptied":
        data = b""
    elif how == "a header's length":
        data[:8] = (1 << 60).to_bytes(8, "little")
    path.write_bytes(data)


@pytest.mark.parametrize(
    "how", ["a bit", "cut short", "trailing bytes", "emptied", "a header's length"]
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(undisturbed, tmp_path, how):
    folder = interrupted(tmp_path / "run", 5, 3)
    newest = max((folder / "checkpoints").iterdir())
    damage(newest, how)
    _, notes = newest_checkpoint(folder)
    assert len(notes) == 1
    assert newest.name in notes[0]
    job = resume(folder)
    assert job.backend.notices == notes
    job.run()
    assert model_bits(folder) == model_bits(undisturbed)
    assert learnt(folder) == learnt(undisturbed)


def test_no_sound_checkpoint_is_one_line_with_a_remedy(tmp_path):
    folder = interrupted(tmp_path / "run", 1, 3, checkpoint_every=None)
    for path in (folder / "checkpoints").iterdir():
        damage(path, "emptied")
    with pytest.raises(
        ModelFileError, match=r"no checkpoint to go on from \(1 damaged\).*Train anew"
    ):
        fastmlp.train(resume=folder)


def test_what_is_not_a_run(tmp_path):
    with pytest.raises(ModelFileError, match="not a run's folder"):
        fastmlp.train(resume=tmp_path)


CHANGES = {
    "lr": 0.002, "loss": "mse", "dropout": "0.5", "epochs": 8, "optimizer": "sgd",
    "schedule": "constant", "l2": 0.01, "clip_norm": 1.0, "batch_size": 32, "label_smoothing": 0.1,
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_may_change(tmp_path, name):
    folder = interrupted(tmp_path / "run", 3, 3)
    run = fastmlp.train(resume=folder, **{name: CHANGES[name]})
    assert run.metrics["epochs"] == CHANGES["epochs"] if name == "epochs" else 6
    assert run.metrics["resumes"][0]["changed"] == {name: CHANGES[name]}
    assert run.metrics["resumes"][0]["epoch"] == 3
    assert f"{name} = " in (folder / "config.toml").read_text()
    assert [r["epoch"] for r in run.history if r["kind"] == "epoch"] == list(
        range(1, run.metrics["epochs"] + 1)
    )


@pytest.mark.parametrize(
    "change", [{"hidden": "9"}, {"seed": 5}, {"dtype": "float64"}, {"batch_norm": "none"}]
)
def test_a_setting_that_may_not(undisturbed, change):
    with pytest.raises(UsageError, match="cannot change when a run goes on"):
        fastmlp.train(resume=undisturbed, **change)


def test_an_unknown_setting(undisturbed):
    with pytest.raises(UsageError, match="not known"):
        fastmlp.train(resume=undisturbed, learning_rat=1)


IMPATIENT = HOW | {"epochs": 40, "early_stopping": 1, "lr": 0.05, "schedule": "constant"}


@pytest.mark.parametrize("how", [HOW, IMPATIENT], ids=["all epochs", "early stopping"])
@pytest.mark.parametrize(
    "lost",
    [["metrics.json"], ["metrics.json", "model.safetensors"], "metrics of fewer epochs"],
    ids=str,
)
def test_a_run_that_was_killed_after_its_last_epoch_is_finished(tmp_path, how, lost):
    folder = fastmlp.train(**how, out=tmp_path / "run").folder
    bits, history = model_bits(folder), learnt(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    if isinstance(lost, str):  # of the run before it was resumed with more epochs
        (folder / "metrics.json").write_text(
            json.dumps(metrics | {"epochs": metrics["epochs"] - 1})
        )
    else:
        for name in lost:
            (folder / name).unlink()
    run = fastmlp.train(resume=folder)
    assert (model_bits(folder), learnt(folder)) == (bits, history)
    for name in ("epochs", "best_epoch", "stop_reason", "test_loss", "train_accuracy"):
        assert run.metrics[name] == metrics[name]


def test_a_run_that_stopped_early_has_nothing_left(tmp_path):
    run = fastmlp.train(**IMPATIENT, out=tmp_path / "run")
    assert run.metrics["epochs"] < 40
    with pytest.raises(UsageError, match="1 without an improvement; give more patience"):
        fastmlp.train(resume=run.folder)
    assert fastmlp.train(resume=run.folder, early_stopping=40).metrics["epochs"] == 40


def test_nothing_is_left(undisturbed):
    before = model_bits(undisturbed), (undisturbed / "config.toml").read_text()
    with pytest.raises(UsageError, match="all of its 6 epochs"):
        fastmlp.train(resume=undisturbed)
    assert (model_bits(undisturbed), (undisturbed / "config.toml").read_text()) == before


def test_other_data_are_refused(tmp_path):
    path = tmp_path / "data.csv"
    rows = np.random.default_rng(0).standard_normal((90, 3))
    write = lambda values: np.savetxt(path, values, delimiter=",", header="a,b,y", comments="")  # noqa: E731
    write(rows)
    how = {
        "dataset": str(path),
        "target": "y",
        "preset": "plain",
        "hidden": "4",
        "epochs": 3,
        "threads": "1",
        "checkpoint_every": 1,
    }
    folder = fastmlp.train(**how, out=tmp_path / "run").folder
    write(rows + 1)
    with pytest.raises(UsageError, match="has changed"):
        fastmlp.train(resume=folder, epochs=5)


def test_a_disk_that_is_full_does_not_end_the_run(tmp_path, monkeypatch):
    from fastmlp.files.atomic import WriteError
    from fastmlp.training import checkpoint

    def full(*arguments):
        raise WriteError("cannot write: No space left on device. Free space.")

    monkeypatch.setattr(checkpoint, "write_model", full)
    run = fastmlp.train(**HOW, out=tmp_path / "run")
    assert run.metrics["epochs"] == 6
    assert any("No space left" in notice for notice in run.model.network.backend.notices)


def test_settings_do_not_go_with_resume(undisturbed):
    with pytest.raises(UsageError, match="leave them out"):
        fastmlp.train(resume=undisturbed, out="elsewhere")


def start(folder, *arguments, errors=subprocess.DEVNULL):
    words = [
        f"--{name.replace('_', '-')}={value}" for name, value in SLOW.items() if name != "dataset"
    ]
    command = [
        sys.executable,
        "-m",
        "fastmlp",
        "train",
        *(arguments or ("digits", *words)),
        "--quiet",
    ]
    out = ["--out", str(folder)] if not arguments else []
    return subprocess.Popen([*command, *out], stdout=subprocess.DEVNULL, stderr=errors)


SLOW = HOW | {"epochs": 120, "early_stopping": 120, "hidden": "64,32"}


def test_a_run_that_is_killed_at_random_ends_with_the_same_bits(tmp_path):
    """SIGKILL, between writes and during them; the twenty of ``python
    tests/run/kill_and_resume.py`` in short.
    """
    from kill_and_resume import kill_until_done

    whole = tmp_path / "whole"
    assert start(whole).wait() == 0
    kills = kill_until_done(start, tmp_path / "killed", kills=3, seed=1)
    assert kills == 3
    assert model_bits(tmp_path / "killed") == model_bits(whole)
    assert learnt(tmp_path / "killed") == learnt(whole)


def test_ctrl_c_prints_how_to_go_on(tmp_path):
    process = start(tmp_path / "run", errors=subprocess.PIPE)
    while not (tmp_path / "run" / "history.jsonl").exists():
        time.sleep(0.02)
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"fastmlp train --resume {tmp_path / 'run'}" in errors.decode()


RANDOM = {
    "dataset": "digits",
    "hidden": "16",
    "batch_norm": "hidden",
    "epochs": 4,
    "batch_size": 50,
    "augment": "shift(1),rotate(10),scale(0.1),elastic(8,2),flip",
    "checkpoint_every": 1,
    "log_every": 7,
    "threads": "1",
}


@pytest.mark.parametrize("average", ["none", "ema(0.95)", "mean(0.5)"])
@pytest.mark.parametrize(("epoch", "step"), [(1, 3), (3, 9)])
def test_distorted_pictures_and_averages_go_on_to_the_same_bits(tmp_path, average, epoch, step):
    how = RANDOM | {"average_weights": average}
    fastmlp.train(**how, out=tmp_path / "whole")
    run = fastmlp.train(**how, out=tmp_path / "run", callbacks=[StopAt(epoch, step)])
    assert run.metrics["stop_reason"] == "interrupted"
    fastmlp.train(resume=run.folder)
    assert model_bits(run.folder) == model_bits(tmp_path / "whole")
    assert learnt(run.folder) == learnt(tmp_path / "whole")


@pytest.mark.parametrize("folds", [None, 3])
def test_a_run_with_target_statistics_goes_on_to_the_same_bits(tmp_path, folds):
    random = np.random.default_rng(0)
    code = random.integers(0, 20, 200)
    lines = [f"c{each:02},{each % 3 + random.normal():.3f}" for each in code]
    (tmp_path / "d.csv").write_text("\n".join(["code,value", *lines]) + "\n")
    changes = {"dataset": str(tmp_path / "d.csv"), "target_statistics": 8, "folds": folds}
    run = fastmlp.train(**HOW | changes, out=tmp_path / "whole")
    assert "code:target" in run.model.features.output_names
    folder = interrupted(tmp_path / "run", 3, 2, **changes)
    fastmlp.train(resume=folder)
    assert model_bits(folder) == model_bits(tmp_path / "whole")
