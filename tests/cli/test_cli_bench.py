"""``fastmlp bench``: the table, the files, and one line for what a user gets wrong."""

import json

import pytest

from fastmlp.backend import open_backend
from fastmlp.errors import DeviceError
from fastmlp.machine import throughput
from fastmlp.machine.throughput import SHAPES

KEYS = {"shape", "network", "batch", "optimizer", "device", "samples_per_second",
    "microseconds_per_step", "gigaflops",
        "compile_seconds"}  # fmt: skip


def test_json_on_standard_output(fastmlp):
    outcome = fastmlp("bench", "--shapes", "small", "--seconds", "0.05", "--json", "-")
    assert outcome.code == 0
    report = json.loads(outcome.out)
    [result] = [each for each in report["results"] if each["device"] == "cpu"]
    assert set(result) == KEYS
    assert (result["shape"], result["network"], result["batch"]) == ("small", "20-64-64-2", 32)
    assert result["samples_per_second"] == pytest.approx(32e6 / result["microseconds_per_step"])
    flops = SHAPES["small"].flops_per_step
    assert result["gigaflops"] == pytest.approx(flops / result["microseconds_per_step"] / 1e3)
    assert "samples/s" in outcome.err


def test_without_cuda_the_cpu_has_its_rows_and_the_gpu_a_reason(fastmlp, tiny, monkeypatch):
    def refuse(device, **named):
        if device == "cuda":
            raise DeviceError("device 'cuda' cannot be used: no driver was found. Use another.")
        return open_backend(device, **named)

    monkeypatch.setattr(throughput, "open_backend", refuse)
    outcome = fastmlp("bench", "--shapes", "tiny", "--seconds", "0.01")
    assert outcome.code == 0
    [row] = [line for line in outcome.out.splitlines() if line.startswith("tiny")]
    assert " cpu " in row
    assert "no rows for cuda: device 'cuda' cannot be used: no driver was found." in outcome.out


def test_files(fastmlp, tiny, tmp_path):
    files = tmp_path / "speed.json", tmp_path / "speed.svg"
    words = ("--device", "cpu", "--shapes", "tiny", "--seconds", "0.01")
    outcome = fastmlp("bench", *words, "--json", files[0], "--plot", files[1])
    assert outcome.code == 0
    assert outcome.out.startswith("cpu: ")
    assert json.loads(files[0].read_text())["results"][0]["shape"] == "tiny"
    assert b"<svg" in files[1].read_bytes()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--shapes", "smal"], "did you mean 'small'?"),
        (["--shapes", "all,small"], "'all'"),
        (["--device", "tpu"], "Accepted: auto, cpu, cuda, cuda:N"),
        (["--device", ","], "no device"),
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--threads", "0"], "threads"),
        (["--json", "no/such/folder/x.json"], "folder does not exist"),
        (["--plot", "picture.gif"], "Accepted: png, svg, pdf"),
    ],
)
def test_wrong_usage_is_one_line(fastmlp, words, named):
    fastmlp("bench", "--seconds", "0.01", "--shapes", "small", *words).is_refused(named)
