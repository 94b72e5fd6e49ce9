"""Weights & Biases, offline: config, numbers by epoch, summary and artifact, read from its log."""

import struct

import numpy as np
import pytest

import fastmlp
from fastmlp.callbacks import WandB
from fastmlp.callbacks import wandb as module

wandb = pytest.importorskip("wandb")

DATA = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


BLOCK, HEADER = 32768, 7  # bytes: of LevelDB's log, and of the beginning of its file and records


def records(folder):
    """Return what W&B wrote of the one run below a folder, as its records."""
    from wandb.proto import wandb_internal_pb2

    [path] = folder.glob("wandb/offline-run-*/*.wandb")
    data, place, parts, found = path.read_bytes(), HEADER, b"", []
    while place + HEADER <= len(data):
        if BLOCK - place % BLOCK < HEADER:  # too little room for another one in this block
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEADER])
        parts += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):  # whole, or the last of its parts
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
    return found


def test_a_run_is_told_from_settings_to_files(here):
    callback = WandB("here", mode="offline", folder=here, name="first")
    run = fastmlp.train(
        DATA, hidden=[4], epochs=6, lr=0.02, preset="plain", out=here / "run", callbacks=[callback]
    )
    assert wandb.run is None
    found = records(here)
    [begun] = [each.run for each in found if each.WhichOneof("record_type") == "run"]
    assert begun.display_name == "first"
    assert begun.project == "here"
    config = {each.key: each.value_json for each in begun.config.update}
    assert config["lr"] == "0.02"
    rows = []
    for each in found:
        if each.WhichOneof("record_type") == "history":
            items = {item.key or item.nested_key[0]: item.value_json for item in each.history.item}
            rows.append((float(items["loss/train"]), int(items["_step"])))
    epochs = [record for record in run.history if record["kind"] == "epoch"]
    assert rows == [(record["train_loss"], record["update"]) for record in epochs]
    artifacts = [each.artifact for each in found if each.WhichOneof("record_type") == "artifact"]
    assert "run" in [each.name for each in artifacts]


def test_a_run_that_is_open_is_taken_and_left_open(here):
    with wandb.init(mode="offline", dir=str(here)) as own:
        fastmlp.train(
            DATA, epochs=2, preset="plain", out=here / "run", callbacks=[WandB(artifacts=False)]
        )
        assert wandb.run is own
        assert own.summary["test_accuracy"] is not None
        assert own.config["epochs"] == 2
    assert wandb.run is None


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(fastmlp.FastMLPError, match=r"pip install 'fastmlp\[wandb\]'"):
        WandB()
