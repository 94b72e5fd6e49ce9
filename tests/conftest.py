"""Shared fixtures. pytest puts this folder on sys.path, so tests import ``oracles``."""

import sys
from pathlib import Path

import numpy as np
import pytest
from oracles.command_line import Outcome
from small_data import save_classes

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.cli import main


@pytest.fixture(scope="session")
def backend():
    return CpuBackend(threads=1)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def random():
    return np.random.default_rng(20240229)


_cupy = {}


@pytest.hookimpl(tryfirst=True)  # before fixtures of any scope
def pytest_runtest_setup(item):
    """Let ``auto`` mean the CPU wherever CUDA is not tested: no GPU is found, not even emulated."""
    if "cuda" not in item.path.relative_to(Path(__file__).parent).parts:
        _cupy.setdefault("cupy", sys.modules.get("cupy"))
        sys.modules["cupy"] = None
    elif "cupy" in _cupy:
        del sys.modules["cupy"]
        if (package := _cupy.pop("cupy")) is not None:
            sys.modules["cupy"] = package


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fastmlp(here, capsys):
    """Run a command line in this process."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(autouse=True)
def _claimed_operations_run(request, monkeypatch):
    """Fail a test that claims by ``covers`` to check operations but launches none of them."""
    claimed = getattr(getattr(request, "function", None), "covers", ())
    if not claimed:
        yield
        return
    operations, launched = request.getfixturevalue("backend").ops, set()

    def noting(name, launch):
        def note_and_launch(*arguments):
            launched.add(name)
            return launch(*arguments)

        return note_and_launch

    for name in claimed:
        monkeypatch.setattr(operations, name, noting(name, getattr(operations, name)))
    yield
    assert launched, (
        f"claims to cover {claimed} but launches none of them"
    )  # one of several in each case will do


@pytest.fixture
def classes_npz(tmp_path):
    return save_classes(tmp_path / "classes.npz")


@pytest.fixture
def prices_npz(tmp_path):
    features = np.random.default_rng(2).normal(size=(70, 3))
    np.savez(tmp_path / "prices.npz", X=features, y=1000 + 50 * features[:, 0])
    return str(tmp_path / "prices.npz")


@pytest.fixture
def tiny(monkeypatch):
    """A shape of a few numbers, known to the command line by its name."""
    from fastmlp.machine import throughput

    shape = throughput.Shape("tiny", (5, 7, 3), 4, "adam", 1e-3, rows=48)
    monkeypatch.setitem(throughput.SHAPES, "tiny", shape)
    return shape


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A trained run with validation and test rows."""
    from fastmlp import train

    folder = tmp_path_factory.mktemp("run")
    data = save_classes(folder / "classes.npz")
    return train(
        dataset=data,
        hidden=[6],
        epochs=20,
        batch_size=16,
        validation_fraction=0.1,
        out=folder / "run",
    )
