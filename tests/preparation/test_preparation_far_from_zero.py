"""Runs on columns far from zero: the same rows are learnt as well from an array as from a table."""

import numpy as np
import polars as pl
import pytest

import fastmlp

HOW = {
    "preset": "plain",
    "epochs": 100,
    "hidden": [32],
    "lr": 0.01,
    "seed": 0,
    "device": "cpu",
    "threads": 1,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same 600 rows as CSV and as arrays: a second a row since 1970, and a column of chance."""
    folder, random = tmp_path_factory.mktemp("rows"), np.random.default_rng(0)
    t = 1.7e9 + random.permutation(600)
    X = np.c_[t, random.normal(size=600)]
    y = np.sin(2 * (t - t.mean()) / t.std()) + 0.02 * random.normal(size=600)
    pl.DataFrame({"t": X[:, 0], "w": X[:, 1], "y": y}).write_csv(folder / "rows.csv")
    np.savez(folder / "rows.npz", X=X, y=y)
    np.save(folder / "new.npy", X)
    np.savez(folder / "whole.npz", X=X[:, :1].astype(np.int64), y=y)
    return folder


@pytest.fixture(scope="module")
def runs(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    names = ("rows.csv", "rows.npz", "whole.npz")
    return {
        name: fastmlp.train(dataset=str(files / name), out=folder / name, **HOW) for name in names
    }


def test_an_array_is_learnt_as_the_table_is(runs):
    expected = runs["rows.csv"].metrics["test_r2"]
    assert expected > 0.95
    assert runs["rows.npz"].metrics["test_r2"] == pytest.approx(expected, abs=1e-3)
    assert runs["whole.npz"].metrics["test_r2"] > 0.95


def test_a_loaded_model_predicts_and_is_evaluated_the_same(runs, files):
    run = runs["rows.npz"]
    loaded = fastmlp.load(run.folder, device="cpu")
    mapped = np.load(files / "new.npy", mmap_mode="r")
    expected = run.model.predict(np.array(mapped))
    np.testing.assert_array_equal(loaded.predict(mapped), expected)
    np.testing.assert_array_equal(
        fastmlp.predict(loaded, files / "new.npy").columns["prediction"], expected
    )
    measured = fastmlp.evaluate(run.folder, device="cpu")
    assert measured["r2"] == pytest.approx(run.metrics["test_r2"], rel=1e-6)


def test_arrays_written_for_others_are_used_as_documented(runs, files, tmp_path):
    model, X = runs["rows.npz"].model, np.load(files / "new.npy")
    model.export(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    a = (X - model.describe()["features"]["features"]["origins"]) * arrays["scale"] + arrays[
        "shift"
    ]
    a = np.maximum(a @ arrays["dense_0.weight"] + arrays["dense_0.bias"], 0)
    outputs = a @ arrays["dense_1.weight"] + arrays["dense_1.bias"]
    np.testing.assert_allclose(
        model.targets.decode_values(outputs)[:, 0], model.predict(X), rtol=1e-5, atol=1e-5
    )


def test_the_pytorch_file_names_the_origins(runs, tmp_path):
    model = runs["rows.npz"].model
    model.export(tmp_path / "net.safetensors")
    source = (tmp_path / "net.py").read_text()
    assert f"ORIGINS = {model.describe()['features']['features']['origins']}\n" in source
    runs["rows.csv"].model.export(tmp_path / "table.safetensors")
    assert "ORIGINS" not in (tmp_path / "table.py").read_text()
