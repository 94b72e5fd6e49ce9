"""Ensembles in other programs: each format predicts what the model predicts."""

import importlib.util
import json
from functools import cache

import numpy as np
import pytest
from export_support import train
from oracles.activations import VALUES
from scipy import special

import fastmlp
from fastmlp.errors import UsageError

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 4)).astype(np.float32)
TARGETS = {
    "classes": np.array(["a", "b", "c"])[(X[:, 0] > 0) + (X[:, 1] > 0).astype(int)],
    "one logit": X[:, 0] > 0,
    "multilabel": (X[:, :2] > 0).astype(int),
    "regression": 1e3 + X[:, :2] * [5, 50],
    "counts": RANDOM.poisson(np.exp(X[:, 0])),
}
LOSSES = {"one logit": "log_loss", "counts": "poisson"}
HOW = {
    "own": {"members": 3, "batch_norm": "hidden", "dropout": 0.1},
    "folds": {"folds": 3},
    "shared": {"members": 4, "member_weights": "shared", "dropout": 0.1},
    "folds that share": {"folds": 2, "members": 4, "member_weights": "shared"},
}
CASES = [(what, "own") for what in TARGETS] + [("classes", how) for how in HOW if how != "own"]
CASES += [("regression", "shared"), ("counts", "folds that share")]
pytestmark = pytest.mark.parametrize(("what", "how"), CASES, ids=str)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    @cache
    def model(what, how):
        settings = {"loss": LOSSES.get(what, "auto"), "hidden": [6, 5], "epochs": 2, **HOW[how]}
        folder = tmp_path_factory.mktemp("members")
        np.savez(folder / "data.npz", X=X, y=TARGETS[what])
        return train(folder, dataset=str(folder / "data.npz"), activation="tanh", **settings)

    return model


def close(found, expected):
    scale = np.maximum(np.abs(expected).max(axis=0), 1)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-6)


def test_onnx(trained, what, how, tmp_path):
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    model = trained(what, how)
    model.export(tmp_path / "model.onnx")
    file = (tmp_path / "model.onnx").read_bytes()
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    name = "prediction" if model.task == "regression" else "probabilities"
    [found] = session.run([name], {"features": X})
    close(found, model.predict_outputs(X))
    if model.task != "regression":
        [labels] = session.run(["label"], {"features": X})
        assert (labels == model.predict(X)).all()


def linked(model, outputs):
    """Return what a module's outputs are for its loss."""
    link = {"softmax": special.softmax, "sigmoid": special.expit, "exponential": np.exp}
    kind = model.loss.kind.link
    given = {"axis": 1} if kind == "softmax" else {}
    found = link[kind](outputs, **given) if kind in link else outputs
    if model.task == "classification" and found.shape[1] == 1:
        return np.hstack([1 - found, found])
    return found


@needs_torch
def test_torch(trained, what, how, tmp_path):
    import torch

    model = trained(what, how)
    with torch.no_grad():
        outputs = model.to_torch(module=True)(torch.from_numpy(X)).numpy()
    close(linked(model, outputs.astype(np.float64)), model.predict_outputs(X))
    model.export(tmp_path / "model.safetensors", "torch")
    spec = importlib.util.spec_from_file_location("generated", tmp_path / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.no_grad():
        again = module.build()(torch.from_numpy(X)).numpy()
    assert np.array_equal(again, outputs)
    with pytest.raises(UsageError, match="is an ensemble, which can be exported but not read"):
        fastmlp.from_torch(model.to_torch(module=True))


def test_state_dict(trained, what, how, tmp_path):
    """Its arrays, by their names alone, predict what the model predicts."""
    model = trained(what, how)
    state = {name: array.astype(np.float64) for name, array in model.to_torch().items()}
    x, predictions = X.astype(np.float64), []
    if "0.scale" in state:
        x = x * state["0.scale"] + state["0.shift"]
    [prefix] = {name.partition(".members.")[0] for name in state if ".members." in name}
    members = {int(name.split(".")[2]) for name in state if ".members." in name}
    for member in sorted(members):
        start = f"{prefix}.members.{member}."
        own = {name.removeprefix(start): array for name, array in state.items() if start in name}
        predictions.append(linked_by_member(model, x, own))
    found = np.mean(predictions, axis=0)
    after = f"{int(prefix) + 1}.scale"
    if after in state:
        found = found * state[after] + state[f"{int(prefix) + 1}.shift"]
    close(found, model.predict_outputs(X))
    path = tmp_path / "weights.safetensors"
    model.export(path, "torch")
    for source in (model.to_torch(), path):
        with pytest.raises(UsageError, match="is an ensemble, which can be exported but not read"):
            fastmlp.from_torch(source, activation="tanh")


def linked_by_member(model, x, own):
    """Return a member's predictions by the arrays of its nn.Sequential; tanh is between."""
    layers = sorted({int(name.partition(".")[0]) for name in own})
    last = layers[-1]
    for layer in layers:
        weight, bias = own[f"{layer}.weight"], own.get(f"{layer}.bias", 0.0)
        if f"{layer}.running_mean" in own:
            deviation = np.sqrt(own[f"{layer}.running_var"] + 1e-5)
            x = weight * (x - own[f"{layer}.running_mean"]) / deviation + bias
        else:
            x = x @ weight.T + bias
        is_normalized = f"{layer + 1}.running_mean" in own
        x = VALUES["hyperbolic_tangent"](x) if layer != last and not is_normalized else x
    return linked(model, x)


@pytest.mark.parametrize("kind", ["npz", "json", "text"])
def test_arrays(trained, what, how, kind, tmp_path):
    model = trained(what, how)
    path = tmp_path / {"npz": "a.npz", "json": "a.json", "text": "a"}[kind]
    for _ in range(2):  # an export may replace an earlier one
        model.export(path, kind)
    if kind == "npz":
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files if name != "description"}
    elif kind == "json":
        content = json.loads(path.read_text())["arrays"]
        arrays = {name: np.array(array) for name, array in content.items()}
    else:
        arrays = {file.stem: np.loadtxt(file, ndmin=1) for file in path.glob("*.txt")}
    for name, parameter in model.network.named_parameters().items():
        found = arrays[name].reshape(parameter.shape).astype(np.float32)
        assert np.array_equal(found, parameter.values)
    first = {"own": "member_2.dense_0.weight", "folds": "member_2.dense_0.weight"}
    first |= {"shared": "member_scale_0.scale", "folds that share": "fold_1.dense_0.weight"}
    assert first[how] in arrays
