"""``fastmlp bench``: the command that users have, and the job behind it."""

import json

import numpy as np
import pytest

from fastmlp.backend import open_backend
from fastmlp.cli import main
from fastmlp.errors import DataError, DeviceError, UsageError
from fastmlp.machine import throughput
from fastmlp.machine.throughput import (
    SHAPES,
    TrainingLoop,
    find_shapes,
    initial_parameters,
    make_data,
    measure_shape,
    open_devices,
)

KEYS = {"shape", "network", "batch", "optimizer", "device", "samples_per_second", "microseconds_per_step", "gigaflops",
        "compile_seconds"}  # fmt: skip


@pytest.fixture
def fastmlp(capsys):
    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_json_on_standard_output(fastmlp):
    code, out, err = fastmlp("bench", "--shapes", "small", "--seconds", "0.05", "--json", "-")
    assert code == 0
    report = json.loads(out)
    [result] = [each for each in report["results"] if each["device"] == "cpu"]
    assert set(result) == KEYS
    assert (result["shape"], result["network"], result["batch"]) == ("small", "20-64-64-2", 32)
    assert result["samples_per_second"] == pytest.approx(32e6 / result["microseconds_per_step"])
    flops = SHAPES["small"].flops_per_step
    assert result["gigaflops"] == pytest.approx(flops / result["microseconds_per_step"] / 1e3)
    assert "samples/s" in err


def test_without_cuda_the_cpu_has_its_rows_and_the_gpu_a_reason(fastmlp, tiny, monkeypatch):
    def refuse(device, **named):
        if device == "cuda":
            raise DeviceError(
                "device 'cuda' cannot be used: no driver was found. Use --device cpu."
            )
        return open_backend(device, **named)

    monkeypatch.setattr(throughput, "open_backend", refuse)
    code, out, _ = fastmlp("bench", "--shapes", "tiny", "--seconds", "0.01")
    assert code == 0
    [row] = [line for line in out.splitlines() if line.startswith("tiny")]
    assert " cpu " in row
    assert "no rows for cuda: device 'cuda' cannot be used: no driver was found." in out


def test_files(fastmlp, tiny, tmp_path):
    files = tmp_path / "speed.json", tmp_path / "speed.svg"
    code, out, _ = fastmlp(
        "bench",
        "--device",
        "cpu",
        "--shapes",
        "tiny",
        "--seconds",
        "0.01",
        "--json",
        files[0],
        "--plot",
        files[1],
    )
    assert code == 0
    assert out.startswith("cpu: ")
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
    code, out, err = fastmlp("bench", "--seconds", "0.01", "--shapes", "small", *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert named in err


def test_every_device_refused_is_an_error(monkeypatch):
    def refuse(device, **named):
        raise DeviceError(f"no {device}")

    monkeypatch.setattr(throughput, "open_backend", refuse)
    with pytest.raises(DeviceError, match="no cuda"):
        open_devices(["cuda"])


def test_shapes_by_name():
    assert find_shapes([]) == find_shapes(["all"]) == list(SHAPES.values())
    assert [shape.name for shape in find_shapes(["wide", "small", "wide"])] == ["wide", "small"]
    with pytest.raises(UsageError):
        find_shapes(["nothing"])


def test_too_little_memory_is_told(tiny, monkeypatch):
    import fastmlp.data.memory as memory

    monkeypatch.setattr(memory, "available_memory", lambda: 100)
    with pytest.raises(DataError, match="the shape tiny needs"):
        measure_shape(tiny, open_backend("cpu", threads=1)[0], 0.01)


def loop_of(shape, shuffle=True):
    return TrainingLoop(
        shape,
        *make_data(shape),
        initial_parameters(shape),
        open_backend("cpu", threads=1)[0],
        shuffle,
    )


def test_an_epoch_visits_all_rows_and_learns(tiny):
    loop = loop_of(tiny)
    statistics = [loop.run_epoch() for _ in range(20)]
    assert {each.rows for each in statistics} == {tiny.rows}
    assert statistics[-1].loss < statistics[0].loss


def test_the_first_loss_is_that_of_the_initial_weights(tiny):
    """Before any update, against plain NumPy: the data, the weights and the loss are what they are
    said to be.
    """
    from dataclasses import replace

    shape = replace(tiny, batch=tiny.rows)
    features, labels = make_data(shape)
    x = features.astype(np.float64)
    parameters = initial_parameters(shape)
    for weight, bias in parameters[:-1]:
        x = np.maximum(x @ weight + bias, 0)
    z = x @ parameters[-1][0] + parameters[-1][1]
    losses = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]
    assert loop_of(shape).run_epoch().loss == pytest.approx(losses.mean(), rel=1e-5)


def test_run_for_counts_steps_and_rows(tiny):
    steps, rows, seconds = loop_of(tiny).run_for(0.02)
    assert seconds >= 0.02
    assert rows == steps * tiny.batch
    steps, rows, _ = loop_of(tiny).run_for(0.0)
    assert (steps, rows) == (1, tiny.batch)
