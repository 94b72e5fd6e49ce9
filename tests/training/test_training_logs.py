"""Logs while training: CSV and TensorBoard hold what history.jsonl does, also after a resume."""

import csv
import sys
from importlib.util import find_spec

import pytest

import fastmlp
from fastmlp.cli import main
from fastmlp.errors import MissingExtraError, UsageError
from fastmlp.files.atomic import WriteError

needs_tensorboard = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="the package tensorboard is not installed"
)
SETTINGS = {"dataset": "digits", "hidden": [8], "seed": 1, "threads": "1", "device": "cpu"}


def lines(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def scalars(folder):
    """What TensorBoard's own reader finds: a list of (step, value) for each tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def epochs(run):
    return [record for record in run.history if record["kind"] == "epoch"]


def test_csv_holds_the_history(tmp_path):
    log = fastmlp.CsvLog(tmp_path / "log.csv")
    run = fastmlp.train(
        **SETTINGS,
        epochs=3,
        log_every=10,
        validation_fraction=0.1,
        callbacks=[log],
        out=tmp_path / "run",
    )
    kept = lines(tmp_path / "log.csv")
    assert len(kept) == 3
    for line, record in zip(kept, epochs(run), strict=True):
        assert list(line) == [name for name in record if name != "kind"]
        assert {name: float(text) for name, text in line.items()} == {
            name: float(record[name]) for name in line
        }


def test_csv_of_a_run_that_goes_on(tmp_path):
    path = tmp_path / "log.csv"
    run = fastmlp.train(
        **SETTINGS,
        epochs=2,
        checkpoint_every=1,
        callbacks=[fastmlp.CsvLog(path)],
        out=tmp_path / "run",
    )
    first = path.read_text()
    path.write_text(
        first + first.splitlines()[-1].replace("2,", "3,", 1) + "\n4,92,0.1"
    )  # ahead of the checkpoint, cut off
    fastmlp.train(resume=run.folder, epochs=5, callbacks=[fastmlp.CsvLog(path)])
    assert [line["epoch"] for line in lines(path)] == ["1", "2", "3", "4", "5"]
    assert path.read_text().startswith(first)
    fastmlp.train(**SETTINGS, epochs=1, callbacks=[fastmlp.CsvLog(path)], out=tmp_path / "other")
    assert len(lines(path)) == 1, "another run begins anew"


def test_csv_of_numbers_that_are_not_finite(tmp_path):
    run = {
        "optimizer": "sgd",
        "lr": 1e30,
        "normalize": "none",
        "activation": "identity",
        "epochs": 2,
    }
    fastmlp.train(
        **SETTINGS, **run, callbacks=[fastmlp.CsvLog(tmp_path / "log.csv")], out=tmp_path / "run"
    )
    assert lines(tmp_path / "log.csv")[0]["train_loss"] == ""


def test_csv_never_replaces_another_file(tmp_path):
    for content in (b"name,epoch\n", b"\xff\xfe", b"epoch"):
        (tmp_path / "mine.csv").write_bytes(content)
        with pytest.raises(UsageError, match="would be lost"):
            fastmlp.CsvLog(tmp_path / "mine.csv")
        assert (tmp_path / "mine.csv").read_bytes() == content
    with pytest.raises(UsageError, match="would be lost"):
        fastmlp.CsvLog(tmp_path)
    with pytest.raises(UsageError, match="make it first"):
        fastmlp.CsvLog(tmp_path / "none" / "log.csv")


def test_csv_on_a_full_disk(tmp_path, monkeypatch):
    log = fastmlp.CsvLog(tmp_path / "log.csv")
    log.path = type(log.path)("/dev/full")
    log._columns = ["epoch"]
    record = type(
        "Record",
        (),
        {"kind": "epoch", "epoch": 2, "is_best": True, "to_dict": lambda self: {"epoch": 2}},
    )
    with pytest.raises(WriteError, match="No space left"):
        log.recorded(None, record())


@needs_tensorboard
def test_tensorboard_holds_the_history(tmp_path):
    log = fastmlp.TensorBoard(tmp_path / "logs" / "first")
    run = fastmlp.train(
        **SETTINGS,
        epochs=3,
        log_every=10,
        validation_fraction=0.1,
        callbacks=[log],
        out=tmp_path / "run",
    )
    found = scalars(tmp_path / "logs" / "first")
    for tag, name in [
        ("loss/train", "train_loss"),
        ("accuracy/train", "train_accuracy"),
        ("loss/validation", "validation_loss"),
        ("accuracy/validation", "validation_accuracy"),
        ("epoch", "epoch"),
        ("learning_rate", "learning_rate"),
        ("samples_per_second", "samples_per_second"),
    ]:
        expected = [
            (record["update"], pytest.approx(record[name], rel=1e-6)) for record in epochs(run)
        ]
        assert found[tag] == expected
    stretches = [record for record in run.history if record["kind"] == "updates"]
    expected = [
        (record["update"], pytest.approx(record["train_loss"], rel=1e-6)) for record in stretches
    ]
    assert found["updates/train_loss"] == expected
    assert len(expected) > 3


@needs_tensorboard
def test_tensorboard_of_a_run_that_goes_on(tmp_path):
    """What is trained again replaces what the first process had written ahead of its last
    checkpoint.
    """
    folder, words = tmp_path / "logs", SETTINGS | {"epochs": 6, "checkpoint_every": 2}

    class Killed(fastmlp.Callback):
        def recorded(self, trainer, record):
            if record.epoch == 3:
                raise RuntimeError("killed")

    board = fastmlp.TensorBoard(folder)
    with pytest.raises(RuntimeError, match="killed"):
        fastmlp.train(**words, callbacks=[board, Killed()], out=tmp_path / "run")
    board._records.close()
    assert len(scalars(folder)["epoch"]) == 3
    fastmlp.train(resume=tmp_path / "run", callbacks=[fastmlp.TensorBoard(folder)])
    found = scalars(folder)["epoch"]
    assert [value for _, value in found] == [1, 2, 3, 4, 5, 6]
    assert len(list(folder.iterdir())) == 2


@needs_tensorboard
def test_both_from_the_command_line(tmp_path):
    words = [
        "train",
        "digits",
        "--hidden",
        "8",
        "--epochs",
        "2",
        "--quiet",
        "--out",
        str(tmp_path / "run"),
    ]
    assert (
        main(
            [*words, "--tensorboard", str(tmp_path / "tb"), "--csv-log", str(tmp_path / "log.csv")]
        )
        == 0
    )
    kept = [
        (int(line["update"]), pytest.approx(float(line["test_loss"]), rel=1e-6))
        for line in lines(tmp_path / "log.csv")
    ]
    assert scalars(tmp_path / "tb")["loss/test"] == kept
    assert len(kept) == 2


@needs_tensorboard
def test_with_an_estimator(tmp_path):
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning

    digits = load_digits()
    logs = [fastmlp.TensorBoard(tmp_path / "tb"), fastmlp.CsvLog(tmp_path / "log.csv")]
    classifier = fastmlp.MLPClassifier(hidden_layer_sizes=(8,), max_iter=12, tol=0, callbacks=logs)
    with pytest.warns(ConvergenceWarning):  # twelve epochs are few
        classifier.fit(digits.data[:300], digits.target[:300])
    assert len(lines(tmp_path / "log.csv")) == len(scalars(tmp_path / "tb")["loss/train"]) == 12


@needs_tensorboard
def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    words = [
        "train",
        "digits",
        "--hidden",
        "8",
        "--epochs",
        "1",
        "--quiet",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main([*words, "--tensorboard", str(tmp_path / "file" / "tb")]) == 2
    assert "error: cannot write into" in capsys.readouterr().err


def test_the_package_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("fastmlp.training.logs.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"fastmlp\[tensorboard\]"):
        fastmlp.TensorBoard(tmp_path)
    assert (
        main(
            [
                "train",
                "digits",
                "--out",
                str(tmp_path / "run"),
                "--tensorboard",
                str(tmp_path / "tb"),
            ]
        )
        == 2
    )
    assert "pip install 'fastmlp[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists(), "said before any work is done"
