"""``fastmlp --device cuda`` from end to end, and what is said where CUDA cannot be used."""

import json
import os
import sys
from pathlib import Path

import pytest
from device import EMULATED, environment
from oracles.command_line import captured

pytestmark = pytest.mark.gpu


def fastmlp(*arguments, **variables):
    command = [sys.executable, "-m", "fastmlp", *map(str, arguments)]
    return captured(command, env={**environment(), **variables}, timeout=300)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, cuda):
    """The same command on both devices."""
    found = {}
    for device in ("cpu", "cuda"):
        folder = tmp_path_factory.mktemp("runs") / device
        done = fastmlp(
            "train", "digits", "--seed", 0, "--device", device, "--out", folder, "--json"
        )
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


def test_auto_takes_cuda_and_says_so(tmp_path):
    done = fastmlp("train", "digits", "--epochs", 1, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "(chosen by auto: a CUDA device works)" in done.stdout
    assert "cuda:0" in done.stdout


def test_auto_without_cuda_says_why(emulated, tmp_path):
    done = fastmlp(
        *"train digits --epochs 1 --out".split(),
        tmp_path / "run",
        FASTMLP_EMULATION_FAIL="no-device",
    )
    assert done.returncode == 0, done.stderr
    assert "cpu (chosen by auto: the NVIDIA driver finds no CUDA device" in done.stdout


@pytest.mark.parametrize("failure", ["no-driver", "cublas"])
def test_info_tells_why_cuda_does_not_work(emulated, failure):
    done = fastmlp("info", FASTMLP_EMULATION_FAIL=failure)
    assert done.returncode == 0, done.stderr
    reason = {"no-driver": "no NVIDIA driver", "cublas": "cuBLAS cannot be loaded"}[failure]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("CUDA ")]
    assert "no: device 'cuda' cannot be used: " in line
    assert reason in line


def test_info_lists_the_nodes_of_a_step(runs):
    done = fastmlp("info", runs["cpu"]["run_dir"], "--graph", "--device", "cuda")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "20 operations a step on cuda:0: 3 layers, adam"
    assert "activation_bias_gradient" in done.stdout


@pytest.mark.parametrize(
    ("failure", "message"),
    [("no-driver", "no NVIDIA driver"), ("no-device", "finds no CUDA device"),
        ("import", "cannot be imported"),
     ("cublas", "cuBLAS cannot be loaded"), ("memory", "not enough memory")],
)  # fmt: skip
def test_cuda_that_cannot_be_used_is_one_line_with_a_remedy(emulated, tmp_path, failure, message):
    done = fastmlp("train", "digits", "--device", "cuda", "--epochs", 1, "--out", tmp_path / "run",
                   FASTMLP_EMULATION_FAIL=failure)  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_gpu_that_is_required_and_missing_is_a_failure():
    if not EMULATED:
        pytest.skip("there is a GPU")
    test = f"{Path(__file__).parent / 'test_cuda_products.py'}::test_a_product_of_no_rows"
    command = [sys.executable, "-m", "pytest", test, "-p", "no:cacheprovider"]
    done = captured(command, env={**os.environ, "FASTMLP_REQUIRE_GPU": "1"}, timeout=120)
    assert done.returncode == 1
    assert "CuPy finds no CUDA device" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_a_device_that_does_not_exist():
    done = fastmlp("train", "digits", "--device", "cuda:7")
    assert done.returncode == 2
    assert "cuda:7 does not exist" in done.stderr
    assert "cuda:0" in done.stderr
