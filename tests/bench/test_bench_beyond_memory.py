"""``python -m bench.beyond_memory``: all ways train the same; what is printed was measured."""

import json

import numpy as np
import pytest

from bench import beyond_memory
from fastmlp.errors import FastMLPError


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("block", [1 << 20, 500])
def test_the_file_is_whole_in_one_piece_or_many(tmp_path, monkeypatch, dtype, block):
    monkeypatch.setattr(beyond_memory, "BLOCK", block)
    rows = beyond_memory.write_matrix(tmp_path, 40_000, 20, dtype)
    matrix, labels = (np.load(tmp_path / f"{name}.npy") for name in "Xy")
    assert matrix.shape == (rows, 20)
    assert matrix.dtype == dtype
    np.testing.assert_array_equal(matrix.argmax(axis=1), labels)


def test_the_command(invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(beyond_memory, "in_a_process", beyond_memory.train_alone)
    monkeypatch.setitem(beyond_memory.TRAINING, "epochs", 1)
    words = ("--gigabytes", 0.0004, "--columns", 20, "--folder", tmp_path)
    done = invoke(beyond_memory.command, *words, "--json", tmp_path / "out.json")
    assert done.exception is None, done.output
    result = json.loads((tmp_path / "out.json").read_text())
    assert list(result["ways"]) == ["memory", "warm", "cold"]
    assert result["memory"] == 80_000
    assert len({way["train_loss"] for way in result["ways"].values()}) == 1
    assert "5,000 rows × 20 float32, 400 kB; the data may take 80 kB" in done.output
    assert "the losses are the same to the bit" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_what_does_not_fit_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(beyond_memory, "in_a_process", lambda folder, way, *rest: way)
    monkeypatch.setattr(beyond_memory, "available_memory", lambda: 199)
    assert list(beyond_memory.compare(tmp_path, 100, 20, {})) == ["warm", "cold"]


def test_a_way_that_fails_is_told_in_a_line(tmp_path):
    with pytest.raises(FastMLPError, match=r"training by warm failed: .*X\.npy"):
        beyond_memory.in_a_process(tmp_path, "warm", "1kB", {})
