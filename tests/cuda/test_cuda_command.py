"""``fastmlp --device cuda`` from end to end, in processes of their own; and what is said where CUDA cannot be used."""

import json
import subprocess
import sys

import pytest
from device import environment

pytestmark = pytest.mark.gpu


def fastmlp(*arguments, **variables):
    command = [sys.executable, "-m", "fastmlp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**environment(), **variables}, timeout=300)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, cuda):
    """The same command on both devices."""
    found = {}
    for device in ("cpu", "cuda"):
        folder = tmp_path_factory.mktemp("runs") / device
        done = fastmlp("train", "digits", "--seed", 0, "--device", device, "--out", folder, "--json")
        assert done.returncode == 0, done.stderr
        found[device] = json.loads(done.stdout)
    return found


def test_both_devices_end_with_the_same_accuracy(runs):
    rows = runs["cuda"]["test_rows"]
    assert runs["cuda"]["device"] == "cuda:0"
    assert abs(runs["cuda"]["test_accuracy"] - runs["cpu"]["test_accuracy"]) * rows < 1
    assert "CUDA graph" in runs["cuda"]["how"]


def test_a_model_goes_from_device_to_device(runs, tmp_path):
    for device in ("cpu", "cuda"):
        for other in ("cpu", "cuda"):
            done = fastmlp("evaluate", runs[device]["run_dir"], "--device", other, "--json")
            assert done.returncode == 0, done.stderr
            measured = json.loads(done.stdout)
            assert abs(measured["accuracy"] - runs[device]["test_accuracy"]) < 1e-9


def test_auto_takes_cuda_and_says_so():
    done = fastmlp("train", "digits", "--epochs", 1, "--out", "-", "--help")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("failure", "message"),
    [("no-driver", "no NVIDIA driver"), ("no-device", "finds no CUDA device"), ("import", "cannot be imported"),
     ("cublas", "cuBLAS cannot be loaded"), ("memory", "not enough memory")],
)  # fmt: skip
def test_cuda_that_cannot_be_used_is_one_line_with_a_remedy(emulated, tmp_path, failure, message):
    done = fastmlp("train", "digits", "--device", "cuda", "--epochs", 1, "--out", tmp_path / "run",
                   FASTMLP_EMULATION_FAIL=failure)  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_device_that_does_not_exist():
    done = fastmlp("train", "digits", "--device", "cuda:7")
    assert done.returncode == 2
    assert "cuda:7 does not exist" in done.stderr
    assert "cuda:0" in done.stderr
