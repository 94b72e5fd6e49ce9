"""``python -m bench.reading``: all readers make the same matrix; what is printed was measured."""

import json

import numpy as np
import pytest

from bench import readers, reading, tables
from fastmlp.errors import FastMLPError, UsageError


def test_all_readers_agree(tmp_path):
    path = tmp_path / "long.csv"
    tables.write_long(path, 500)
    own, polars, pandas = (readers.READERS[name](path) for name in ("fastmlp", "polars", "pandas"))
    assert own.shape == (500, tables.DECIMALS + tables.WHOLE + sum(map(len, tables.LEVELS)) + 1)
    for other in (polars, pandas):
        # The order of a text's levels is each reader's own.
        assert np.array_equal(np.sort(own, axis=1), np.sort(other, axis=1))


def test_wide_files_hold_the_same(tmp_path):
    for suffix in (".csv", ".npz"):
        tables.write_wide(tmp_path / f"wide{suffix}", 30)
    csv, npz = (
        readers.READERS["fastmlp"](tmp_path / f"wide{suffix}") for suffix in (".csv", ".npz")
    )
    assert csv.shape == (tables.WIDE_ROWS, 30)
    assert np.allclose(csv, npz)


def test_the_long_table_is_the_same_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "PIECE", 7)
    tables.write_long(tmp_path / "pieces.csv", 20)
    lines = (tmp_path / "pieces.csv").read_text().splitlines()
    assert len(lines) == 21
    assert [line for line in lines if "label" in line] == lines[:1]


def test_the_command(invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "SHAPES", {"long": 60, "wide": 25, "wider": 25})
    monkeypatch.setattr(reading, "in_a_process", reading.read)
    done = invoke(
        reading.command, "--shapes", "long,wide", "--rounds", 2, "--json", tmp_path / "out.json"
    )
    assert done.exception is None, done.output
    shapes = json.loads((tmp_path / "out.json").read_text())["shapes"]
    assert list(shapes["long"]["turns"]) == ["fastmlp", "polars", "pandas"]
    assert list(shapes["wide"]["turns"]) == ["fastmlp, CSV", "fastmlp, npz", "the parse", "polars"]
    for shape in shapes.values():
        assert shape["ratio"] > 0
        assert all(len(turns) == 2 for turns in shape["turns"].values())
    assert "long, 60 rows:" in done.output


def test_ratios_are_of_medians(monkeypatch, tmp_path):
    seconds = {"fastmlp": [8, 2, 3], "polars": [1, 2, 9], "pandas": [5, 5, 5]}
    taken = {name: iter(values) for name, values in seconds.items()}
    monkeypatch.setattr(
        reading,
        "in_a_process",
        lambda reader, table, small: {"seconds": next(taken[reader]), "megabytes": 1},
    )
    assert reading.read_long(tmp_path, 20, rounds=3)["ratio"] == 1.5


def test_one_turn_in_a_process_of_its_own(tmp_path):
    for name in ("small.csv", "wide.csv"):
        tables.write_wide(tmp_path / name, 20)
    turn = reading.in_a_process("parse", tmp_path / "wide.csv", tmp_path / "small.csv")
    assert (turn["rows"], turn["columns"]) == (tables.WIDE_ROWS, 21)
    with pytest.raises(FastMLPError, match=r"parse failed on absent\.csv"):
        reading.in_a_process("parse", tmp_path / "absent.csv", tmp_path / "small.csv")


def test_an_unknown_shape_is_refused(invoke):
    assert isinstance(invoke(reading.command, "--shapes", "round").exception, UsageError)
