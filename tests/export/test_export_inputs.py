"""Encodings, embeddings, indicators: a trained model, its file and its exports say the same."""

import json

import numpy as np
import polars as pl
import pytest
from export_support import TOLERANCE, onnx_inputs, train

import fastmlp
from fastmlp.errors import ModelFileError
from fastmlp.files.tensors import read_model, write_model
from fastmlp.nn.inputs.piecewise import PiecewiseLinear

WAYS = {
    "clip": {"normalize": "robust", "input_activation": "smooth_clip(3)"},
    "piecewise": {"number_encoding": "piecewise(5)", "missing": "indicator"},
    "periodic": {"number_encoding": "periodic", "missing": "indicator"},
    "embedded": {"embed_above": 2, "embedding_width": 3},
    "all": {
        "normalize": "robust",
        "input_activation": "smooth_clip(2)",
        "number_encoding": "piecewise(7)",
        "missing": "indicator",
        "embed_above": 3,
    },
    "all periodic": {
        "input_activation": "smooth_clip(2)",
        "number_encoding": "periodic(4)",
        "embed_above": 3,
        "dtype": "float64",
    },
}


def table(rows=300, seed=0, towns=90):
    random = np.random.default_rng(seed)
    age, speed = random.uniform(18, 90, rows), random.standard_t(2, rows)
    town = random.integers(0, towns, rows)
    gaps = random.random(rows) < 0.15
    return pl.DataFrame(
        {
            "age": [None if gap else value for gap, value in zip(gaps, age, strict=True)],
            "speed": speed,
            "few": random.integers(0, 3, rows),
            "town": [f"town {number}" for number in town],
            "colour": random.choice(["red", "green"], rows),
            "label": np.where(np.sin(speed) + town % 2 + gaps > 0.9, "yes", "no"),
        }
    )


@pytest.fixture(scope="module", params=WAYS)
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.replace(" ", "_"))
    table().write_parquet(folder / "table.parquet")
    ways = {"dataset": str(folder / "table.parquet"), "epochs": 2} | WAYS[request.param]
    return folder / "run", train(folder, **ways)


def new_rows():
    rows = table(40, seed=1, towns=120).drop("label")
    gaps = pl.Series([None if row % 7 == 0 else town for row, town in enumerate(rows["town"])])
    return rows.with_columns(town=gaps, speed=rows["speed"] * 100)


def test_the_file_comes_back(trained):
    folder, model = trained
    again = fastmlp.load(folder, device="cpu")
    assert again.describe() == model.describe()
    expected = model.predict_outputs(new_rows(), notes=[])
    np.testing.assert_array_equal(again.predict_outputs(new_rows(), notes=[]), expected)


def test_onnx(trained, tmp_path):
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    _, model = trained
    model.export(tmp_path / "model.onnx")
    opened = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    names = [each.name for each in opened.get_outputs()]
    found = opened.run(None, onnx_inputs(new_rows()))[names.index("probabilities")]
    expected = model.predict_outputs(new_rows(), notes=[])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["model.npz", "model.json", "model_text", "net.safetensors"])
def test_other_exports(trained, tmp_path, name):
    _, model = trained
    kind = "text" if name == "model_text" else None
    for _ in range(2):  # the second replaces the first, which it must know for its own
        model.export(tmp_path / name, kind)
    named = {key: p.values for key, p in model.network.named_parameters().items()}
    if name == "model.npz":
        with np.load(tmp_path / name) as kept:
            assert all(np.array_equal(kept[key], values) for key, values in named.items())
            assert json.loads(str(kept["description"])) == json.loads(json.dumps(model.describe()))
    if name == "model.json":
        kept = json.loads((tmp_path / name).read_text())["arrays"]
        assert all(np.array_equal(kept[key], values) for key, values in named.items())
    if name == "net.safetensors":
        source = (tmp_path / "net.py").read_text()
        compile(source, "net.py", "exec")
        numbers = model.settings["number_encoding"].partition("(")[0]
        word = {"plain": "nn.Linear(", "piecewise": "Piecewise(", "periodic": "Waves("}[numbers]
        assert f"        {word}" in source
        assert ("        Lookup(" in source) == bool(model.features.codes)


def test_the_module_of_torch(trained):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    _, model = trained
    matrix = model.features.transform(new_rows()).astype(model.network.dtype)
    with torch.no_grad():
        found = model.to_torch(module=True)(torch.from_numpy(matrix)).softmax(1).numpy()
    assert np.allclose(found, model.predict_outputs(new_rows(), notes=[]), **TOLERANCE)


def test_edges_are_quantiles_of_the_training_rows(tmp_path):
    table().write_parquet(tmp_path / "table.parquet")
    model = train(
        tmp_path, dataset=str(tmp_path / "table.parquet"), test_fraction=0.0, epochs=1,
        number_encoding="piecewise(4)", input_activation="smooth_clip(3)", dtype="float64",
    )  # fmt: skip
    layer = next(each for each in model.network.layers if isinstance(each, PiecewiseLinear))
    matrix = model.features.transform(table().drop("label"))
    scaled = matrix * model.features.scale + model.features.shift
    edges = [np.unique(np.quantile(scaled[:, c], np.linspace(0, 1, 5))) for c in range(3)]
    assert [len(each) for each in edges][2] == 3  # of 0, 1 and 2: two bins
    clipped = [each / np.sqrt(1 + (each / 3) ** 2) for each in edges]
    left = np.concatenate([each[:-1] for each in clipped])
    np.testing.assert_allclose(layer.left.values, left, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        layer.right.values, np.concatenate([each[1:] for each in clipped]), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("trained", ["embedded"], indirect=True)
@pytest.mark.parametrize("codes", [[[3, 5]], [[3, 70], [4, 9]], [[90, 70]]])
def test_a_file_whose_embeddings_do_not_fit_its_columns(trained, tmp_path, codes):
    tensors, description = read_model(trained[0] / "model.safetensors")
    description["architecture"]["columns"]["codes"] = codes
    write_model(tmp_path / "model.safetensors", tensors, description)
    with pytest.raises(ModelFileError, match="damaged"):
        fastmlp.load(tmp_path, device="cpu")
