"""The benches on the emulated device, from end to end: all of ``--device cuda`` but its figures."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from oracles.command_line import captured

from bench import gpu, train
from bench.contenders import own_on_gpu
from bench.kernel_cases import measured_operations
from bench.place import Place
from bench.problem import make_problem
from bench.with_fastmlp import Training
from bench.workers import Worker

ROOT = Path(__file__).parent.parent.parent
EMULATOR = ROOT / "tools" / "cuda_emulator" / "packages"
DEVICE = "Emulated device"
OWN = own_on_gpu(Place("cuda:0"), threads=1)

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="the emulated device needs g++, which is not installed"
)


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    """Every process that is started here finds the emulated device."""
    monkeypatch.setenv("PYTHONPATH", str(EMULATOR))
    monkeypatch.setattr(
        gpu, "open_device", lambda index: None
    )  # this process has no device of its own


def test_the_losses_are_those_of_the_cpu(tiny):
    expected = Training(make_problem(tiny), 1, shuffle=True).run(3)
    with Worker(OWN, OWN.variants[0], "Training", tiny, shuffle=True) as worker:
        _, losses = worker.run(3)
    assert losses == pytest.approx(expected, rel=1e-5)
    assert worker.device_bytes > 0
    assert worker.notices == []  # no graph was given up


def test_a_device_that_does_not_exist_is_told(tiny):
    other = own_on_gpu(Place("cuda:7"), threads=1)
    with pytest.raises(gpu.WorkerError, match="device cuda:7 does not exist"):
        Worker(other, other.variants[0], "Training", tiny, shuffle=True)


def test_training(tiny, invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "peak_size", lambda place: 32)
    file = tmp_path / "train.json"
    words = (
        *"--device cuda --matmul-precision high --shapes tiny --peers none --rounds".split(),
        2,
    )
    result = invoke(train.command, *words, "--seconds", 0.001, "--json", file)
    assert result.return_value == 0, (result.output, result.exception)
    report = json.loads(file.read_text())
    assert report["machine"]["precision"] == "high"
    found = report["machine"]["found"]["fastmlp"]
    assert DEVICE in found["device"]
    assert "TF32" in found["libraries"]
    assert set(report["peak_gigaflops"]) == {"fastmlp cuBLAS"}
    [measured] = report["shapes"]["tiny"]["results"]
    assert (measured["variant"], measured["is_peer"]) == ("cuda:0", False)
    assert measured["device_bytes"] > 0
    assert f"fastmlp on cuda:0 {DEVICE}" in result.stdout


def test_every_kernel_is_launched_and_captured(tmp_path):
    file = tmp_path / "kernels.json"
    words = [*"--device cuda --size 9x21 --rounds 1 --seconds 0.0005 --json".split(), str(file)]
    done = captured([sys.executable, "-m", "bench.kernels", *words], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert f"fastmlp on cuda:0 {DEVICE}" in done.stdout
    assert "note:" not in done.stdout  # no graph was given up
    report = json.loads(file.read_text())
    names = [each["kernel"].partition(" ")[0] for each in report["kernels"]]
    assert names == 2 * measured_operations()  # float32, float64
    assert {each["product"] for each in report["products"]} == {"nn", "nt", "tn"}
