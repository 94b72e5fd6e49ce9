"""A rank that fails ends all of them within seconds, with one line; what all have alike is raised
as ever; a stopped run goes on with another number of ranks.
"""

import json
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from oracles.rank_jobs import HERE, TIME_LIMIT, job, run_alone, run_job

from fastmlp.errors import UsageError
from fastmlp.model.model import load
from fastmlp.ranks.contract import Place
from fastmlp.ranks.failure import _line

JOB = HERE / "ending_jobs.py"
SOON = 30  # seconds; a job that hangs would take until TIME_LIMIT


def ended(kind, folder, ranks=2, **changes):
    start = time.monotonic()
    done = run_job(ranks, JOB, kind, folder, **changes)
    return done, time.monotonic() - start


def error_lines(done):
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("raise-in-callback", "error: ValueError: a callback of the first rank's own; run with "),
        ("other-file", "error: rank 1 of 2: .*nowhere.csv"),
    ],
)
def test_a_rank_that_fails_ends_all_with_one_line(tmp_path, kind, line):
    done, seconds = ended(kind, tmp_path / "run")
    assert done.returncode != 0
    assert seconds < SOON
    [said] = error_lines(done)
    assert re.match(line, said)
    assert "Traceback" not in done.stderr
    assert "trained" not in done.stdout


def test_an_error_that_nobody_catches_ends_all(tmp_path):
    done, seconds = ended("uncaught", tmp_path / "run")
    assert done.returncode != 0
    assert seconds < SOON
    assert "RuntimeError: before any training" in done.stderr


def test_a_killed_rank_ends_all(tmp_path):
    done, seconds = ended("kill", tmp_path / "run")
    assert done.returncode != 0
    assert seconds < SOON
    assert "trained" not in done.stdout


def test_what_all_ranks_meet_alike(tmp_path):
    """Errors are raised as ever, and what the first decides by callbacks and clocks holds."""
    done, _ = ended("alike", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for told in (
        "is told: hidden",
        "is told: ranks do not agree on the data: rank 0 has",
        "trained: a callback says so",
        "trained: 0.3 s of training are over",
    ):
        found = [line.partition(f" {told}")[0] for line in lines if told in line]
        assert sorted(found) == ["rank 0", "rank 1"], (told, lines)
    assert error_lines(done) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run-2"]


def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path):
    command, options = job(2, JOB, "endless", tmp_path / "run")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, **streams, **options)
    history = tmp_path / "run" / "history.jsonl"
    deadline = time.monotonic() + TIME_LIMIT
    while not (history.exists() and history.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIME_LIMIT)
    assert re.search("rank 0 trained: interrupted", out), err
    assert re.search("rank 1 trained: interrupted", out), err
    assert list((tmp_path / "run" / "checkpoints").iterdir())


def test_a_run_goes_on_with_another_number_of_ranks(tmp_path):
    undisturbed, stopped = tmp_path / "undisturbed", tmp_path / "stopped"
    assert run_alone(JOB, "undisturbed", undisturbed).returncode == 0
    done = run_job(2, JOB, "interrupt", stopped)
    assert done.stdout.count("trained: interrupted") == 2, done.stderr
    for ranks in (1, 3):
        folder = tmp_path / f"by_{ranks}"
        shutil.copytree(stopped, folder)
        words = JOB, "resume", folder
        done = run_alone(*words) if ranks == 1 else run_job(ranks, *words)
        assert done.stdout.count(f"resumed: 6 epochs, {ranks} ranks") == ranks, done.stderr
        close = {"rtol": 1e-10, "atol": 1e-10}
        np.testing.assert_allclose(snapshot(folder), snapshot(undisturbed), **close)
        records = (folder / "history.jsonl").read_text().splitlines()
        assert [json.loads(record)["epoch"] for record in records] == [1, 2, 3, 4, 5, 6]


def snapshot(folder):
    return np.concatenate(load(folder, device="cpu").network.store.snapshot())


def test_the_line_says_who_and_what(monkeypatch):
    first, other = Place(0, 4), Place(2, 4)
    assert _line(UsageError("no\nsuch thing."), first) == "error: no such thing.\n"
    assert _line(UsageError("no."), other) == "error: rank 2 of 4: no.\n"
    said = "error: ValueError: odd; run with FASTMLP_DEBUG=1 for the traceback.\n"
    assert _line(ValueError("odd"), first) == said
    assert _line(KeyboardInterrupt(), first) == "error: interrupted.\n"
    monkeypatch.setenv("FASTMLP_DEBUG", "1")
    with pytest.raises(ValueError, match="odd") as caught:
        raise ValueError("odd")
    assert _line(caught.value, first).startswith("Traceback (most recent call last):")
