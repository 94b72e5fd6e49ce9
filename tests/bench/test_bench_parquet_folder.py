"""``python -m bench.parquet_folder``: all ways train the same; what is printed was measured."""

import json

import pytest

from bench import parquet_folder
from fastmlp.errors import FastMLPError


def test_the_command(invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_folder, "in_a_process", parquet_folder.train_alone)
    monkeypatch.setattr(parquet_folder, "PART_ROWS", 900)
    words = ("--gigabytes", 0.0002, "--columns", 8, "--share", 2, "--folder", tmp_path)
    done = invoke(parquet_folder.command, *words, "--json", tmp_path / "out.json")
    assert done.exception is None, done.output
    result = json.loads((tmp_path / "out.json").read_text())
    assert list(result["ways"]) == ["memory", "parts", "cache"]
    assert {way["rows"] for way in result["ways"].values()} == {3125}
    assert len({way["train_loss"] for way in result["ways"].values()}) == 1
    assert "3,125 rows × 8 columns, 200 kB; the data may take 400 kB" in done.output
    assert "the losses are the same to the bit" in done.output
    assert "fitting" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_what_does_not_fit_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_folder, "in_a_process", lambda folder, way, *rest: way)
    monkeypatch.setattr(parquet_folder, "available_memory", lambda: 399)
    assert list(parquet_folder.compare(tmp_path, 100, 20, {})) == ["parts", "cache"]


def test_a_way_that_fails_is_told_in_a_line(tmp_path):
    with pytest.raises(FastMLPError, match=r"training by parts failed: .*parts"):
        parquet_folder.in_a_process(tmp_path, "parts", "1kB", {})
