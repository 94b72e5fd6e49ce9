"""Models with a temperature, a threshold or quantiles: exports say what the model says."""

import json

import numpy as np
import pytest

import fastmlp
from fastmlp.metrics.quantiles import ordered

HOW = {"hidden": "8", "epochs": 8, "threads": "1", "validation_fraction": 0.3, "batch_size": 32}
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(600, 4)).astype(np.float32)
CLASSES = np.where(X[:, 0] + RANDOM.normal(size=600) > 1.5, "rare", "common")
VALUES = 5 + 2 * X[:, 0] + RANDOM.normal(size=600) * (0.3 + np.abs(X[:, 1]))
KINDS = {
    "temperature": (CLASSES, {"calibrate": "temperature", "hidden": "64", "epochs": 40}),
    "one_logit": (CLASSES, {"calibrate": "temperature", "loss": "log_loss"}),
    "threshold": (CLASSES, {"threshold": "auto", "metric": "f1", "calibrate": "temperature"}),
    "quantiles": (VALUES, {"quantiles": "0.1,0.3,0.5,0.7,0.9"}),
    "pair": (VALUES, {"quantiles": "0.1,0.9", "dtype": "float64"}),
    "unconfirmed": (VALUES, {"quantiles": "0.1,0.5,0.9", "validation_fraction": 0.0}),
}


@pytest.fixture(scope="module", params=KINDS)
def model(request, tmp_path_factory):
    target, settings = KINDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    return fastmlp.train(X, target, **HOW | settings, out=folder / "run").model


def test_onnx(model, tmp_path):
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    path = model.export(tmp_path / "model.onnx").paths[0]
    opened = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    [taken] = opened.get_inputs()
    kind = np.float64 if "double" in taken.type else np.float32
    found = opened.run(None, {taken.name: X.astype(kind)})
    expected = model.predict_outputs(X)
    if model.levels:
        assert np.allclose(found[0], expected, rtol=1e-5, atol=1e-5)
        assert opened.get_outputs()[0].shape == ["rows", len(model.levels)]
    else:
        assert found[0].tolist() == model.predict(X).tolist()
        assert np.allclose(found[1], expected, rtol=1e-5, atol=1e-6)
    about = json.loads(opened.get_modelmeta().custom_metadata_map["fastmlp"])
    kept = model.adjustment.to_dict()
    assert about["adjustment"] == kept | {"widening": list(kept["widening"])}
    assert about["quantiles"] == list(model.levels)


@pytest.mark.parametrize("form", ["npz", "json"])
def test_descriptions_say_it(model, tmp_path, form):
    path = model.export(tmp_path / f"model.{form}").paths[0]
    if form == "npz":
        described = json.loads(str(np.load(path)["description"]))
    else:
        described = json.loads(path.read_text())["description"]
    kept = model.adjustment.to_dict()
    assert described["adjustment"] == kept | {"widening": list(kept["widening"])}
    if model.levels:
        assert described["settings"]["quantiles"] == ",".join(map(str, model.levels))


def through(state, x, layers):
    """The exported arrays, applied in NumPy: Scale, Linear, ReLU, Linear and what is behind."""
    x = x.astype(np.float64)
    for index in range(layers):
        arrays = {
            name.partition(".")[2]: array.astype(np.float64)
            for name, array in state.items()
            if name.startswith(f"{index}.")
        }
        if "weight" in arrays:
            x = x @ arrays["weight"].T + arrays["bias"]
        elif "scale" in arrays:
            x = x * arrays["scale"] + arrays["shift"]
        elif "widening" in arrays:
            x = ordered(x, tuple(arrays["widening"]))
        else:
            x = np.maximum(x, 0)
    return x


def test_torch_arrays_and_source(model, tmp_path):
    exported = model.export(tmp_path / "model.safetensors", "torch")
    source = exported.paths[1].read_text()
    compile(source, "generated", "exec")
    state = model.to_torch()
    outputs = through(state, X, 1 + max(int(name.partition(".")[0]) for name in state))
    expected = model.predict_outputs(X)
    if model.levels:
        assert np.allclose(outputs, expected, atol=1e-4)
        assert f"LEVELS = {list(model.levels)!r}" in source
        assert "class Quantiles(nn.Module):" in source
        return
    if outputs.shape[1] == 1:
        outputs = np.hstack([np.zeros_like(outputs), outputs])
    shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    assert np.allclose(shares / shares.sum(axis=1, keepdims=True), expected, atol=1e-5)
    assert (f"THRESHOLD = {model.adjustment.threshold!r}" in source) == (
        model.adjustment.threshold != 0.5
    )
    assert f"temperature {model.adjustment.temperature!r}" in source


def test_the_module(model):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    network, dtype = model.to_torch(module=True), model.network.dtype
    outputs = network(torch.from_numpy(X.astype(dtype))).detach().numpy()
    if model.levels:
        assert np.allclose(outputs, model.predict_outputs(X), atol=1e-4)
