"""A run on data that are read in parts: the same model, and within a limit of memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars
import pytest
from oracles.staged_tables import mixed_table

import fastmlp
from fastmlp.data.staged.sizes import memory_of
from fastmlp.preparation.staged import Staging

BASE = {"hidden": "8", "epochs": 2, "threads": "1", "device": "cpu", "batch_size": 256}
ROOM = 64_000_000  # bytes that a process may take beyond what it has


@pytest.mark.parametrize("preset", ["plain", "tables"])
def test_the_model_is_the_same_to_the_byte(tmp_path, monkeypatch, preset):
    mixed_table(1500).write_csv(tmp_path / "table.csv")
    settings = BASE | {"dataset": str(tmp_path / "table.csv"), "preset": preset}
    settings |= {"cache_dir": str(tmp_path / "cache"), "batch_size": 64, "shuffle_block": 0}
    runs = []
    for part in (True, False, True):
        with monkeypatch.context() as patch:
            if not part:
                patch.setattr(Staging, "of", lambda *_, **__: None)
            runs.append(fastmlp.train(**settings, out=tmp_path / f"run-{len(runs)}"))
    models = {(run.folder / "model.safetensors").read_bytes() for run in runs}
    assert len(models) == 1
    timed = ("seconds", "samples", "run_dir")
    metrics = [
        {name: value for name, value in run.metrics.items() if not any(map(name.count, timed))}
        for run in runs
    ]
    assert metrics[0] == metrics[1] == metrics[2]


LIMITED = """
import resource, sys, threading
import fastmlp
from fastmlp.data.limits import PROCESS, _status
small, large, out = sys.argv[2:]
fastmlp.train(dataset=small, **{settings!r}, out=out + "-first")  # what it takes to train at all
threading.stack_size(1 << 20)
most = _status(PROCESS)["VmData"] + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
fastmlp.train(dataset=large, **{settings!r}, out=out)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's here")
def test_five_times_the_memory_that_there_is(tmp_path, monkeypatch):
    random, rows = np.random.default_rng(2), 40_000
    numbers = {f"x{place}": random.integers(0, 200, rows, np.uint8) for place in range(150)}
    towns = polars.Series("town", [f"town {number}" for number in random.integers(0, 40, rows)])
    label = polars.when(polars.col("x0") > 99).then(polars.lit("high")).otherwise(polars.lit("low"))
    table = polars.DataFrame(numbers).with_columns(towns, label=label)
    small, large = (str(tmp_path / f"{name}.csv") for name in ("small", "large"))
    table.head(500).write_csv(small)
    table.write_csv(large)
    assert memory_of([Path(large)]) > 5 * ROOM  # what it takes to read it whole, about
    settings = BASE | {"preset": "plain", "epochs": 1, "memory": "10MB", "shuffle_block": 0}
    settings |= {"cache_dir": str(tmp_path / "cache")}
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "POLARS_MAX_THREADS": "1"}
    program = LIMITED.format(settings=settings)
    words = [sys.executable, "-c", program, str(ROOM), small, large, str(tmp_path / "limited")]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr(Staging, "of", lambda *_, **__: None)
    whole = fastmlp.train(dataset=large, **settings, out=tmp_path / "whole")
    limited = (tmp_path / "limited" / "model.safetensors").read_bytes()
    assert limited == (whole.folder / "model.safetensors").read_bytes()
