"""Training from a file that stays where it is: the same model, to the bit, as from memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastmlp
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.files.tensors import read_model
from fastmlp.run.train import set_up
from fastmlp.settings.settings import settings_from

ROWS = 500
BASE = {"preset": "plain", "hidden": "8", "epochs": 3, "batch_size": 16, "threads": "1"}
LARGE, SMALL = "1GB", "6kB"


def save(folder, dtype="f4", gaps=False, columns=16, rows=ROWS):
    random = np.random.default_rng(7)
    features = (50 * random.normal(size=(rows, columns)) + 100).clip(0, 250).astype(dtype)
    target = (features[:, 0] > features[:, 1]).astype(int) + (features[:, 2] > 150)
    if gaps:
        features[random.random(features.shape) < 0.1] = np.nan
    np.save(folder / "X.npy", features)
    np.save(folder / "y.npy", target)
    return f"{folder / 'X.npy'},{folder / 'y.npy'}"


def trained(folder, dataset, memory, **changes):
    settings = settings_from(BASE | {"dataset": dataset, "memory": memory} | changes)
    job = set_up(settings, out=folder / f"run-{memory}-{changes.get('threads', 1)}")
    metrics = job.run()
    return job, metrics


def model_of(job):
    """Return a model's tensors as bytes, and all that is said of it but the memory."""
    tensors, description = read_model(job.folder / "model.safetensors")
    description["settings"].pop("memory"), description["settings"].pop("threads")
    return {name: array.tobytes() for name, array in tensors.items()}, description


UNTIMED = ("seconds", "samples_per_second", "run_dir", "how", "threads")


def untimed(numbers):
    left_out = (*UNTIMED, "memory", "window_rows")
    return {key: value for key, value in numbers.items() if not key.endswith(left_out)}


def assert_same(one, other):
    assert model_of(one[0]) == model_of(other[0])
    histories = [[untimed(record.to_dict()) for record in job.records] for job, _ in (one, other)]
    assert histories[0] == histories[1]
    assert untimed(one[1]) == untimed(other[1])


CASES = {
    "bytes": ({"dtype": "u1"}, {"validation_fraction": 0.2, "early_stopping": 1}),
    "float32 with gaps": ({"gaps": True}, {"missing": "indicator", "normalize": "robust"}),
    "float64": ({"dtype": "f8"}, {"dtype": "float64", "validation_fraction": 0.1}),
    "float64 to float32": ({"dtype": "f8", "gaps": True}, {"log_every": 7, "drop_last": True}),
    "folds": ({}, {"folds": 3, "members": 3, "calibrate": "temperature", "hidden": "4"}),
    "members": ({}, {"members": 2, "class_weight": "balanced", "shuffle": False}),
    "bins": ({}, {"number_encoding": "piecewise(4)", "hidden": "4"}),
    "batch norm": ({}, {"batch_norm": "input", "bias_init": "he+5", "batch_size": 0}),
    "blocks": ({}, {"shuffle_block": 3}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_model_as_from_memory(tmp_path, case):
    files, changes = CASES[case]
    dataset = save(tmp_path, **files)
    in_memory = trained(tmp_path, dataset, LARGE, **changes)
    mapped = trained(tmp_path, dataset, SMALL, **changes)
    assert isinstance(in_memory[0].data.train.features, np.ndarray)
    assert isinstance(mapped[0].data.train.features, MappedRows)
    window = mapped[0].trainer.batches.window
    assert window is not None
    assert mapped[1]["memory"] == 6000
    assert mapped[1]["window_rows"] == len(window.array)
    if changes.get("batch_size") != 0:
        assert len(window.array) * 4 < ROWS
    assert_same(in_memory, mapped)


def test_the_same_bits_for_any_number_of_threads_and_any_window(tmp_path):
    dataset = save(tmp_path)
    runs = [
        trained(tmp_path, dataset, memory, threads=threads)
        for memory, threads in (("3kB", "1"), (SMALL, "2"), ("30000", "2"))
    ]
    for run in runs[1:]:
        assert_same(runs[0], run)


def test_a_run_that_was_stopped_goes_on(tmp_path):
    """From the middle of an epoch, and of a window."""
    dataset = save(tmp_path)
    whole = trained(tmp_path, dataset, SMALL)

    class Stopping(fastmlp.Callback):
        def progressed(self, trainer, progress):
            if progress.epoch == 2 and progress.step >= 5:
                trainer.interrupt()

    settings = settings_from(BASE | {"dataset": dataset, "memory": SMALL, "log_every": 5})
    job = set_up(settings, out=tmp_path / "stopped", callbacks=[Stopping()])
    assert job.run()["stop_reason"] == "interrupted"
    from fastmlp.run.resume import resume

    again = resume(tmp_path / "stopped")
    again.run()
    tensors = model_of(again)[0]
    assert tensors == model_of(whole[0])[0]


def test_a_map_of_somebody_else_s_is_trained_through_a_window(tmp_path):
    """As those that hold an encoded table: arrays that are mapped, not MappedRows."""
    from dataclasses import replace

    from fastmlp.backend import open_backend
    from fastmlp.preparation.prepare import Part, prepare
    from fastmlp.run.assembly import assemble

    dataset, found = save(tmp_path), []
    for memory in (LARGE, SMALL):
        settings = settings_from(BASE | {"dataset": dataset, "memory": memory})
        data = prepare(settings_from(settings.to_dict(), {"memory": LARGE}))
        if memory == SMALL:
            np.save(tmp_path / "train.npy", data.train.features)
            mapped = np.load(tmp_path / "train.npy", mmap_mode="r")
            train = Part(mapped, data.train.targets)
            data = replace(data, train=train, settings=replace(data.settings, memory=memory))
        parts = assemble(data, open_backend("cpu", threads=1)[0])
        parts.trainer.fit()
        found.append(parts.model.network.store.values.tobytes())
        assert (parts.trainer.batches.window is None) == (memory == LARGE)
    assert found[0] == found[1]


def test_the_command_line_says_it_and_predicts_and_evaluates(tmp_path, fastmlp, monkeypatch):
    from fastmlp.data import memory

    dataset = save(tmp_path)
    options = (f"--{name.replace('_', '-')}={value}" for name, value in BASE.items())
    done = fastmlp("train", dataset, *options, "--memory", "20kB", "--out", "run")
    assert done.code == 0
    assert "X.npy holds 32 kB, and the data may take 20 kB of memory (20kB)" in done.out
    expected = {}
    for available in (10**9, 20_000):
        monkeypatch.setattr(memory, "available_memory", lambda available=available: available)
        told = fastmlp("evaluate", "run", "--json").out
        later = fastmlp("evaluate", "run", dataset, "--json").out
        wrote = fastmlp("predict", "run", tmp_path / "X.npy", "-o", "p.csv")
        assert wrote.code == 0, wrote.err
        answer = told, later, Path("p.csv").read_text()
        assert expected.setdefault("answer", answer) == answer
    told = fastmlp("explain", "run", "--json")
    assert (told.code, told.err) == (0, "")
    bad = fastmlp("train", dataset, "--memory", "much")
    assert (bad.code, bad.err.count("\n")) == (2, 1)
    assert "memory must be auto, or a size such as 2GB or 512MiB; got 'much'" in bad.err


LIMITED = """
import json, resource, sys
import fastmlp
from fastmlp.data.limits import PROCESS, _status
small, large, settings, room = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
fastmlp.train(small, **settings, out="small")  # what training takes at all
kinds = {"VmSize": resource.RLIMIT_AS, "VmData": resource.RLIMIT_DATA}
for kind, limit in kinds.items():
    resource.setrlimit(limit, (_status(PROCESS)[kind] + room, resource.RLIM_INFINITY))
fastmlp.train(large, **settings, out="limited")
for limit in kinds.values():
    resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
fastmlp.train(large, **settings, out="unlimited")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's here")
def test_five_times_the_memory_that_there_is(tmp_path):
    """Of address space, which maps take too, and of what a process may write to."""
    random, room = np.random.default_rng(0), 32_000_000
    names = []
    for name, rows in (("small", 600), ("large", 31_000)):
        features = random.integers(0, 250, (rows, 1300), np.uint8)
        np.save(tmp_path / f"{name}.npy", features.astype(np.float32))
        np.save(tmp_path / f"{name}-y.npy", features[:, 0] > 100)
        names.append(f"{name}.npy,{name}-y.npy")
    assert (tmp_path / "large.npy").stat().st_size > 5 * room
    settings = BASE | {"epochs": 1, "batch_size": 256, "shuffle_block": 0, "device": "cpu"}
    words = [sys.executable, "-c", LIMITED, *names, json.dumps(settings), str(room)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [
        (tmp_path / run / "model.safetensors").read_bytes() for run in ("limited", "unlimited")
    ]
    assert files[0] == files[1]
