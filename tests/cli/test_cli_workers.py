"""``fastmlp train`` on several ranks, by mpiexec or ``--workers``: one of them prints, writes."""

import json
import sys

import numpy as np
import pytest
from cli_support import PLAIN, flowers, write
from oracles.rank_jobs import mpiexec, run_alone, run_job

from fastmlp.backend.available import available_threads
from fastmlp.cli.workers import without_workers
from fastmlp.errors import MissingExtraError, UsageError
from fastmlp.ranks import starting

HOW = ("--epochs", 2, "--hidden", 4, "--device", "cpu", "--seed", 3, *PLAIN)


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "flowers.csv", flowers())


def test_one_rank_prints_and_writes(tmp_path, table):
    done = run_job(2, "-m", "fastmlp", "train", table, *HOW, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    metrics = json.loads(line)
    assert metrics["ranks"] == 2
    assert done.stderr.count("training on flowers") == 1
    assert "ranks     2 on 1 machine, " in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flowers.csv", "run"]
    alone = run_alone("-m", "fastmlp", "train", table, *HOW, "--out", tmp_path / "alone", "--json")
    single = json.loads(alone.stdout)
    assert "ranks" not in single
    for name in ("train_loss", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(metrics[name], single[name], rtol=1e-4)


@pytest.mark.parametrize(
    ("words", "line"),
    [(("--hidden", "many"), "error: hidden"), (("--no-such-option",), "error: No such option")],
)
def test_a_mistake_is_told_once(table, words, line):
    done = run_job(2, "-m", "fastmlp", "train", table, *words)
    assert done.returncode == 2
    said = [each for each in done.stderr.splitlines() if each.startswith("error: ")]
    assert len(said) == 1
    assert said[0].startswith(line)


def test_the_command_of_the_ranks(monkeypatch):
    monkeypatch.setattr(starting, "launcher", lambda: "mpiexec")
    words = starting.command(2, ["train", "digits"])
    assert words == ["mpiexec", "-n", "2", sys.executable, "-m", "fastmlp", "train", "digits"]


def test_workers_start_ranks(tmp_path, table):
    mpiexec()  # or skip
    most, out = available_threads(), tmp_path / "run"
    words = ("train", table, *HOW, "--out", out, "--workers", most, "--json")
    done = run_alone("-m", "fastmlp", *words)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert (metrics["epochs"], metrics.get("ranks", 1)) == (2, most)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("train a.csv --workers 2 --lr 1", "train a.csv --lr 1"),
        ("train --workers=2 a.csv", "train a.csv"),
        ("train a.csv --workers 2", "train a.csv"),
    ],
)
def test_the_ranks_start_no_others(words, kept):
    assert without_workers(words.split()) == kept.split()


@pytest.mark.parametrize("workers", [0, -1, 3])
def test_no_more_workers_than_there_is_room_for(workers):
    with pytest.raises(UsageError, match=f"from 1 to 2, the cores here.*got {workers}"):
        starting.check_workers(workers, 2, "cores")
    starting.check_workers(2, 2, "cores")


def test_ranks_start_no_workers(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    with pytest.raises(UsageError, match="leave one of them out"):
        starting.check_workers(2, 2, "cores")


def test_without_mpi_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(starting, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fastmlp\[mpi\]'"):
        starting.launcher()
