"""Ensembles of tables, with all that the preset gives them: ONNX and PyTorch predict the same."""

import importlib.util
from functools import cache

import numpy as np
import polars as pl
import pytest
from export_support import onnx_inputs, softmax, train

CLOSE = {"rtol": 0, "atol": 1e-5}  # of probabilities, and of values by the size of the largest
PRESET = {"preset": "tables", "hidden": "16,8", "epochs": 4}
ALONE = {"folds": None, "members": 3, "validation_fraction": 0.2}
OTHER_INPUTS = {"number_encoding": "periodic(4)", "embed_above": 10, "embedding_width": 3}
WAYS = {
    "classes": {},
    "one logit": {"target": "bought", "loss": "log_loss", "calibrate": "temperature"},
    "shared": {"folds": 2, "members": 4, "member_weights": "shared"},
    "other inputs": OTHER_INPUTS | {"input_activation": "smooth_clip(2)"},
    "factors": {"input_scale": True, "activation_mix": True, "batch_norm": "hidden"},
    "one network": {"folds": None, "validation_fraction": 0.2},
    "double": {"dtype": "float64"},
    "regression": {"target": "price"},
    "regression, shared": {"target": "price", "folds": 2, "members": 4, "member_weights": "shared"},
    "counts": {"target": "visits", "loss": "poisson", "clamp_outputs": True},
    "quantiles": {"target": "price", "quantiles": "0.1,0.5,0.9"},
    "quantiles without folds": {"target": "price", "quantiles": "0.1,0.3,0.7,0.9"} | ALONE,
}


def table(rows=400, seed=0, towns=60):
    """Numbers with gaps and with long tails, texts with few and with many levels."""
    random = np.random.default_rng(seed)
    age, speed = random.uniform(18, 90, rows), random.standard_t(2, rows)
    town = random.integers(0, towns, rows)
    gaps = random.random(rows) < 0.15
    score = np.sin(speed) + 0.5 * (town % 3) + gaps + random.normal(size=rows) * 0.7
    return pl.DataFrame(
        {
            "age": [None if gap else value for gap, value in zip(gaps, age, strict=True)],
            "speed": speed,
            "town": [f"town {number}" for number in town],
            "colour": random.choice(["red", "green", "blue"], rows),
            "kind": np.array(["a", "b", "c"])[np.digitize(score, [0.3, 1.2])],
            "bought": score > 0.8,
            "price": 2000 + 300 * score,
            "visits": random.poisson(np.exp(0.6 * score)),
        }
    )


TARGETS = ["kind", "bought", "price", "visits"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    @cache
    def model(way):
        settings = {"target": "kind"} | PRESET | WAYS[way]
        folder = tmp_path_factory.mktemp("presets")
        others = [name for name in TARGETS if name != settings["target"]]
        table().drop(others).write_csv(folder / "table.csv")
        task = "regression" if settings["target"] in ("price", "visits") else "auto"
        return train(folder, dataset=str(folder / "table.csv"), task=task, **settings)

    return model


def new_rows():
    """Rows with towns that training did not know, gaps and speeds beyond all that it saw."""
    rows = table(80, seed=1, towns=90).drop(TARGETS)
    towns = pl.Series([None if row % 7 == 0 else town for row, town in enumerate(rows["town"])])
    return rows.with_columns(town=towns, speed=rows["speed"] * 100)


def assert_close(model, found):
    expected = model.predict_outputs(new_rows(), notes=[])
    size = np.abs(expected).max() if model.task == "regression" else 1.0
    np.testing.assert_allclose(found / size, expected / size, **CLOSE)


def test_the_preset_gives_what_is_tested_here(trained):
    model = trained("classes")
    architecture, columns = model.network.architecture, model.features.to_dict()["features"]
    assert architecture.members == 5
    assert architecture.number_encoding.startswith("piecewise")
    assert architecture.input_activation == "smooth_clip(3)"
    assert model.adjustment.temperature != 1
    assert any(each.get("statistics") for each in columns["columns"])
    assert any(each.get("indicator") for each in columns["columns"])
    assert trained("regression").targets.limits is not None
    assert trained("one logit").network.architecture.outputs == 1
    assert trained("quantiles").adjustment.widening
    assert trained("quantiles").targets.limits is not None


@pytest.mark.parametrize("way", WAYS)
def test_onnx(trained, way, tmp_path):
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    model = trained(way)
    model.export(tmp_path / "model.onnx")
    opened = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    name = "prediction" if model.task == "regression" else "probabilities"
    [found] = opened.run([name], onnx_inputs(new_rows()))
    assert_close(model, found)


def predicted(model, outputs):
    """What the generated file says is to be made of a module's outputs."""
    link = model.loss.kind.link
    if link == "softmax":
        return softmax(outputs)
    if link == "sigmoid":
        shares = 1 / (1 + np.exp(-outputs))
        return np.hstack([1 - shares, shares])
    return np.exp(outputs) if link == "exponential" else outputs


@pytest.mark.parametrize("way", WAYS)
def test_torch(trained, way, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = trained(way)
    matrix = torch.from_numpy(model.features.transform(new_rows(), notes=[]))
    with torch.no_grad():
        outputs = model.to_torch(module=True)(matrix.to(getattr(torch, model.network.dtype.name)))
    assert_close(model, predicted(model, outputs.numpy().astype(np.float64)))
    model.export(tmp_path / "net.safetensors")
    spec = importlib.util.spec_from_file_location("generated", tmp_path / "net.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.no_grad():
        again = module.build()(matrix.to(getattr(torch, model.network.dtype.name)))
    assert torch.equal(again, outputs)


@pytest.mark.parametrize("way", WAYS)
def test_the_arrays_and_the_code_of_torch(trained, way, tmp_path):
    """Without PyTorch: the file is Python, and has a class for each layer that torch.nn lacks."""
    model = trained(way)
    model.export(tmp_path / "net.safetensors")
    source = (tmp_path / "net.py").read_text()
    compile(source, "net.py", "exec")
    wanted = {"SmoothClip"}
    wanted |= {"Ensemble"} if model.network.architecture.members > 1 else set()
    wanted |= {"Waves", "Lookup", "Leaving"} if way == "other inputs" else {"Piecewise"}
    wanted |= {"Mixed"} if way == "factors" else set()
    wanted |= {"Clamp"} if model.targets.limits is not None else set()
    wanted |= {"Quantiles"} if model.levels else set()
    if model.task != "classification" or model.adjustment.temperature != 1:
        wanted |= {"Scale"}
    assert wanted <= {line.split()[1].partition("(")[0] for line in source.splitlines()
                      if line.startswith("class ")}  # fmt: skip
