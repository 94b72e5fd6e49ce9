"""``fastmlp export`` on the command line."""

import json

import numpy as np
import pytest
from export_support import train


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    return train(tmp_path_factory.mktemp("digits"), dataset="digits")


@pytest.fixture
def run(digits, tmp_path):
    (tmp_path / "run").mkdir()
    digits.save(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("onnx", "model.onnx"),
        ("torch", "torch_model.safetensors"),
        ("npz", "model.npz"),
        ("text", "model_text"),
        ("json", "model.json"),
    ],
)
def test_every_format_lands_in_the_folder_of_the_run(kind, name, run, fastmlp):
    if kind == "onnx":
        pytest.importorskip("onnx", reason="the package onnx is not installed")
    outcome = fastmlp("export", run, "--format", kind)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"wrote {run / name} (")
    assert (run / name).exists()


def test_onnx_says_what_goes_in_and_comes_out(run, fastmlp):
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    words = ("export", run / "model.safetensors", "-o", run / "d.onnx", "--opset", "15")
    assert fastmlp(*words).out.splitlines()[1:] == [
        "ONNX opset 15",
        "input   features: float (rows, 64); numbers, as they were before scaling",
        "output  label: int64 (rows,); the likeliest class",
        "output  probabilities: float (rows, 10); by class, in the order of the metadata's classes",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--format onnx|torch|npz|text|json"),
        (["--format", "onxn"], "did you mean 'onnx'"),
        (["-o", "model.pt"], "does not tell a format"),
        (["--format", "npz", "--opset", "17"], "opset belongs to the format onnx"),
        (["--format", "npz", "-o", "/proc/none/x.npz"], "cannot write"),
        (["--format", "npz", "--opset", "x"], "opset"),
    ],
)
def test_mistakes_get_one_line(words, message, run, fastmlp):
    fastmlp("export", run, *words).is_refused(message)


def test_no_run(fastmlp, tmp_path):
    fastmlp("export", tmp_path / "none", "--format", "npz").is_refused("cannot read the model")


def test_json_on_the_command_line_is_json(run, fastmlp):
    fastmlp("export", run, "-o", run / "a.json")
    content = json.loads((run / "a.json").read_text())
    assert np.array(content["arrays"]["dense_0.weight"]).shape == (64, 16)
