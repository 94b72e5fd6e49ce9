"""``fastmlp info``: of this machine, and of a run."""

import json
import os
import platform
import sys
from pathlib import Path

import numpy
import pytest
from oracles.command_line import captured

import fastmlp as package
from fastmlp.machine.information import _processor

NARROWED = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}
CPUINFO = Path("/proc/cpuinfo")


def test_of_this_machine_as_json(fastmlp):
    report = fastmlp("info", "--json").json
    assert report["versions"]["fastmlp"] == package.__version__
    assert report["versions"]["python"] == platform.python_version()
    assert report["versions"]["numpy"] == numpy.__version__
    assert report["threads"] >= 1
    assert report["blas"]
    assert report["datasets"]["digits"] == report["datasets"]["xor"] == "built in"
    assert set(report["datasets"]) == {"digits", "mnist", "fashion-mnist", "kmnist", "xor"}
    assert report["cuda"] is not None or report["cuda_unavailable"]


def test_for_people(fastmlp):
    text = fastmlp("info").out
    for word in (
        *"fastmlp scikit-learn BLAS threads processor CUDA".split(),
        "kernel cache",
        "digits",
    ):
        assert word in text


@pytest.fixture(scope="module")
def narrowed():
    """What a process says whose kernels are compiled for a processor of 256 bits."""

    def say(*words):
        command = [sys.executable, "-m", "fastmlp", "info", *words]
        return captured(command, env={**os.environ, **NARROWED}, check=True).stdout

    return say


def test_the_vectors_of_the_processor_and_of_the_kernels(fastmlp, monkeypatch):
    """Against LLVM's own list of what this machine has."""
    import llvmlite.binding as llvm

    if any(name in os.environ for name in NARROWED):
        pytest.skip("kernels are narrowed from outside")
    has = llvm.get_host_cpu_features()
    bits = 512 if has.get("avx512f") else 256 if has.get("avx") else 128
    kernels = fastmlp("info", "--json").json["kernels"]
    assert (kernels["bits"], kernels["narrowed_by"]) == (bits, [])
    assert kernels["processor"] == llvm.get_host_cpu_name()
    [line] = [line for line in fastmlp("info").out.splitlines() if line.startswith("vectors")]
    assert f"kernels compiled for {kernels['vectors']} ({kernels['processor']})" in line
    assert "narrowed" not in line


@pytest.mark.skipif(platform.machine() != "x86_64", reason="narrows to a processor of x86-64")
def test_narrowed_vectors_and_who_narrowed_them(narrowed):
    kernels = json.loads(narrowed("--json"))["kernels"]
    assert (kernels["vectors"], kernels["bits"], kernels["processor"]) == (
        "AVX2 and FMA",
        256,
        "haswell",
    )
    [line] = [line for line in narrowed().splitlines() if line.startswith("vectors")]
    assert "kernels compiled for AVX2 and FMA (haswell)" in line
    is_wider = CPUINFO.exists() and "avx512f" in CPUINFO.read_text().split()
    assert kernels["narrowed_by"] == (list(NARROWED) if is_wider else [])
    assert line.endswith(", narrowed by NUMBA_CPU_NAME and NUMBA_CPU_FEATURES") == is_wider


@pytest.mark.parametrize("text", ["CPU part\t: 0xd0c\nFeatures\t: fp asimd sve\n", None])
def test_a_system_that_does_not_name_the_processor(monkeypatch, text):
    """Linux on ARM, and macOS, where there is no such file."""

    def read_text(path, **options):
        if text is None:
            raise FileNotFoundError(path)
        return text

    monkeypatch.setattr("fastmlp.machine.information.Path.read_text", read_text)
    for known, said in (("neoverse-n1", "neoverse-n1"), ("generic", platform.machine())):
        monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda known=known: known)
        assert _processor() == (said, *(("SVE", 16) if text else ("unknown", 0)))


def test_where_data_sets_are(fastmlp, here, monkeypatch):
    from fastmlp.data.sources.datasets import PARTS

    (here / "mnist").mkdir()
    for part in PARTS:
        (here / "mnist" / part).write_bytes(b"")
    monkeypatch.setenv("FASTMLP_DATA_DIR", str(here))
    found = fastmlp("info", "--json").json["datasets"]
    assert found["mnist"] == str(here / "mnist")
    assert found["kmnist"] is None
    assert "will be downloaded" in fastmlp("info").out


def test_a_missing_extra_is_named(fastmlp, monkeypatch):
    import importlib.metadata as metadata

    import fastmlp.machine.information as information

    def version(name):
        if name == "onnx":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(information, "version", version)
    assert "not installed; pip install 'fastmlp[onnx]'" in fastmlp("info").out


def test_of_a_run(fastmlp, flower_run):
    report = fastmlp("info", flower_run, "--json").json
    assert report["task"] == "classification"
    assert report["classes"] == ["x", "y", "z"]
    assert report["target_name"] == "species"
    assert report["rows"] == {"train": 36, "validation": 12, "test": 12}
    assert report["architecture"]["hidden"] == [16]
    assert report["parameters"]["dense_0.weight"] == [3, 16]
    assert report["parameter_count"] == 3 * 16 + 16 + 16 * 3 + 3
    assert report["metrics"] == json.loads((flower_run / "metrics.json").read_text())
    text = fastmlp("info", flower_run).out
    for word in ("3-16-3", "species", "test_accuracy", "seed", "115 trained parameters"):
        assert word in text


def test_of_a_model_file_alone(fastmlp, flower_run, here):
    (here / "alone.safetensors").write_bytes((flower_run / "model.safetensors").read_bytes())
    assert fastmlp("info", "alone.safetensors", "--json").json["metrics"] is None


def test_damaged_metrics_are_one_line(fastmlp, flower_run, here):
    (here / "run").mkdir()
    (here / "run" / "model.safetensors").write_bytes(
        (flower_run / "model.safetensors").read_bytes()
    )
    for text in ("{", "[1]", "[" * 100_000):
        (here / "run" / "metrics.json").write_text(text)
        fastmlp("info", "run").is_refused("metrics.json")
