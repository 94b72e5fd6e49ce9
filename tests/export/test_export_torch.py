"""PyTorch: the state_dict without torch, and with it the module and the generated file, which say
what the model says.
"""

import ast
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from export_support import ACTIVATIONS, TOLERANCE, WORDS, linear, random_state, rows, strange_people
from safetensors.numpy import load_file

import fastmlp
from fastmlp.errors import FastMLPError, UsageError

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(
    not HAS_TORCH, reason="PyTorch is not installed (the extra bench has it)"
)


def probabilities(model, outputs):
    """What the model reports for the logits of its module."""
    if model.task == "regression":
        return outputs.numpy()
    shares = outputs.softmax(1) if model.loss.name == "softmax_cross_entropy" else outputs.sigmoid()
    shares = shares.numpy()
    return (
        np.hstack([1 - shares, shares])
        if model.task == "classification" and shares.shape[1] == 1
        else shares
    )


def generated(path):
    """Import a generated file."""
    spec = importlib.util.spec_from_file_location("generated", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_same(model, network, features):
    import torch

    matrix = model.features.transform(features).astype(model.network.dtype)
    with torch.no_grad():
        found = probabilities(model, network(torch.from_numpy(matrix)))
    expected = model.predict_outputs(features, notes=[])
    scale = 1 if model.task != "regression" else np.abs(expected).max(axis=0)
    assert np.allclose(found / scale, expected / scale, **TOLERANCE)


def test_the_state_dict_is_that_of_a_sequential(digits):
    state = digits.to_torch()
    assert {name: array.shape for name, array in state.items()} == {
        "0.scale": (64,),
        "0.shift": (64,),
        "1.weight": (16, 64),
        "1.bias": (16,),
        "3.weight": (8, 16),
        "3.bias": (8,),
        "5.weight": (10, 8),
        "5.bias": (10,),
    }
    assert {array.dtype for array in state.values()} == {np.dtype(np.float32)}
    x = rows(20, 64)
    scaled = x * state["0.scale"].astype(float) + state["0.shift"]
    hidden = np.maximum(linear(np.maximum(linear(scaled, state, "1"), 0), state, "3"), 0)
    logits = linear(hidden, state, "5")
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(digits.predict_outputs(x), shares, atol=1e-5)


def test_the_arrays_are_copies(digits):
    digits.to_torch()["1.weight"][:] = 0
    assert digits.to_torch()["1.weight"].any()


def test_no_torch_is_imported_for_arrays(tmp_path):
    script = (
        "import sys; sys.modules['torch'] = None; import numpy as np, fastmlp;"
        "model = fastmlp.from_torch({'weight': np.ones((2, 3))}, task='regression');"
        "print(sorted(model.to_torch()), model.export(sys.argv[1]).format)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "m.safetensors"], capture_output=True, text=True
    )
    assert done.stdout.split() == ["['0.bias',", "'0.weight']", "torch"], done.stderr


def test_a_module_without_torch_is_refused_in_one_line(digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FastMLPError, match="pip install torch"):
        digits.to_torch(module=True)


def test_the_files(multilabel, tmp_path):
    written = multilabel.export(tmp_path / "net.safetensors")
    assert [path.name for path in written.paths] == ["net.safetensors", "net.py"]
    arrays = load_file(tmp_path / "net.safetensors")
    assert all(np.array_equal(arrays[name], array) for name, array in multilabel.to_torch().items())
    source = (tmp_path / "net.py").read_text()
    assert "nn.Dropout(p=0.2)" in source
    assert "logits; .sigmoid()" in source
    compile(source, "net.py", "exec")


def test_batch_normalisation_can_be_trained_on(regression, tmp_path):
    regression.export(tmp_path / "net.safetensors")
    source = (tmp_path / "net.py").read_text()
    assert source.count("eps=1e-05, momentum=0.2)") == 3  # their momentum is what our decay leaves
    assert load_file(tmp_path / "net.safetensors")["1.num_batches_tracked"].shape == ()


def test_a_name_that_would_be_written_twice(digits, tmp_path):
    with pytest.raises(UsageError, match="safetensors"):
        digits.export(tmp_path / "net.py", "torch")


@pytest.mark.parametrize("label", ['"""', "'''\nimport os", "\\", "\u2028", "# é"])
def test_labels_cannot_become_code(label, tmp_path):
    model = fastmlp.from_torch(random_state([2, 2]), classes=[label, "~~~~"])
    model.export(tmp_path / f"{label[:1]} '\"net.safetensors")
    [source] = tmp_path.glob("*.py")
    tree = ast.parse(source.read_text())
    found = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    assert ast.literal_eval(found["CLASSES"]) == model.classes
    kinds = [
        "Expr",
        "ImportFrom",
        "Import",
        "ImportFrom",
        "ImportFrom",
        "Assign",
        "Assign",
        "FunctionDef",
    ]
    assert [type(node).__name__ for node in tree.body] == kinds


def test_columns_of_a_table_are_named(table, tmp_path):
    table.export(tmp_path / "net.safetensors")
    assert f"COLUMNS = {list(table.features.output_names)!a}" in (tmp_path / "net.py").read_text()


@needs_torch
@pytest.mark.parametrize("name", ["digits", "table", "regression", "multilabel", "one_logit"])
def test_module_and_generated_file(name, request, tmp_path):
    model = request.getfixturevalue(name)
    features = (
        strange_people().with_columns(colour=None)
        if name == "table"
        else rows(60, model.features.output_columns)
    )
    assert_same(model, model.to_torch(module=True), features)
    model.export(tmp_path / "net.safetensors")
    network = generated(tmp_path / "net.py").build()
    assert not network.training
    assert_same(model, network, features)


@needs_torch
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_activation(activation, dtype, tmp_path):
    state = random_state([6, 12, 9, 3], dtype=dtype, batch_norm=True)
    model = fastmlp.from_torch(
        state, activation=WORDS.get(activation, activation), task="regression"
    )
    x = rows(200, 6, dtype=dtype)
    assert_same(model, model.to_torch(module=True), x)
    model.export(tmp_path / "net.safetensors")
    assert_same(model, generated(tmp_path / "net.py").build(), x)


@needs_torch
def test_there_and_back(digits, regression):
    """What from_torch makes of the module is the model again."""
    for model, count in ((digits, 64), (regression, 4)):
        again = fastmlp.from_torch(model.to_torch(module=True), task=model.task)
        assert again.network.architecture.batch_norm == model.network.architecture.batch_norm
        x = rows(40, count)
        expected = model.predict_outputs(x)
        assert np.allclose(again.predict_outputs(x) / expected, 1, rtol=0, atol=1e-5)


def test_the_arrays_of_learnt_factors(learnt_factors):
    """The state_dict of the module, computed here in NumPy as its layers do."""
    state, x = learnt_factors.to_torch(), rows(50, 4) * 3
    hidden = (x * state["0.scale"] + state["0.shift"]) * state["1.scale"] + state["1.shift"]
    for place, word in (("2", "selu"), ("4", "signed_log")):
        z, mix = linear(hidden, state, place), state[f"{int(place) + 1}.mix"]
        hidden = mix * ACTIVATIONS[word](z) + (1 - mix) * z
    values = linear(hidden, state, "6") * state["7.scale"] + state["7.shift"]
    values = np.clip(values, state["8.low"], state["8.high"])
    scale = np.abs(values).max(axis=0)
    assert np.allclose(learnt_factors.predict(x) / scale, values / scale, atol=2e-5)


def test_the_file_of_learnt_factors_has_their_layers(learnt_factors, tmp_path):
    learnt_factors.export(tmp_path / "net.safetensors")
    text = (tmp_path / "net.py").read_text()
    classes = {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    assert classes == {"Scale", "Mixed", "Clamp", "SignedLog"}
    assert "Mixed(16, nn.SELU())," in text
    assert "Mixed(8, SignedLog())," in text


@needs_torch
def test_there_and_back_with_learnt_factors(learnt_factors, tmp_path):
    module = learnt_factors.to_torch(module=True)
    assert_same(learnt_factors, module, rows(100, 4) * 3)
    learnt_factors.export(tmp_path / "net.safetensors")
    assert_same(learnt_factors, generated(tmp_path / "net.py").build(), rows(100, 4) * 3)
    again = fastmlp.from_torch(module, task="regression")
    x = rows(100, 4) * 3
    scale = np.abs(learnt_factors.predict(x)).max(axis=0)
    assert np.allclose(again.predict(x) / scale, learnt_factors.predict(x) / scale, atol=2e-5)
    assert again.network.architecture.activation_mix
