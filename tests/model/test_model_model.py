"""Models: saved and loaded they say the same, and a file that was tampered with is refused in one
line.
"""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

import fastmlp
from fastmlp.data.loading import load as load_source
from fastmlp.errors import DataError, FastMLPError, ModelFileError
from fastmlp.files.tensors import read_model, write_model


def rows(run, count=7):
    return np.random.default_rng(4).normal(size=(count, 4)).astype(np.float32)


def test_a_loaded_model_says_the_same_to_the_bit(run):
    model = fastmlp.load(run.folder)
    assert np.array_equal(model.predict_outputs(rows(run)), run.model.predict_outputs(rows(run)))
    assert model.classes == run.model.classes
    assert model.settings == run.model.settings
    assert model.target_name == "y"
    assert model.rows == {"train": 42, "validation": 6, "test": 12}


def test_probabilities_against_numpy(run):
    x = rows(run).astype(np.float64) * run.model.features.scale + run.model.features.shift
    with safe_open(run.folder / "model.safetensors", framework="numpy") as file:
        arrays = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}  # noqa: SIM118
    hidden = np.maximum(x @ arrays["dense_0.weight"] + arrays["dense_0.bias"], 0)
    logits = hidden @ arrays["dense_1.weight"] + arrays["dense_1.bias"]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(run.model.predict_outputs(rows(run)), shares, atol=1e-5)
    assert np.array_equal(run.model.predict(rows(run)), shares.argmax(axis=1))


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257])
def test_any_number_of_rows(run, count):
    outputs = run.model.predict_outputs(rows(run, count))
    assert outputs.shape == (count, 3)
    if count:
        assert np.allclose(
            outputs[-1:], run.model.predict_outputs(rows(run, count)[-1:]), atol=1e-6
        )
    assert run.model.predict(rows(run, count)).shape == (count,)


def test_other_columns_are_refused(run):
    with pytest.raises(DataError, match="trained on 4"):
        run.model.predict(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "log_loss", "mse"])
def test_two_classes_have_two_probabilities_whatever_the_loss(tmp_path, loss):
    features = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    np.savez(tmp_path / "d.npz", X=features, y=np.where(features[:, 0] > 0, "yes", "no"))
    settings = {
        "dataset": str(tmp_path / "d.npz"),
        "hidden": [8],
        "epochs": 150,
        "lr": 0.02,
        "loss": loss,
    }
    model = fastmlp.load(fastmlp.train(**settings, out=tmp_path / "run").folder)
    outputs = model.predict_outputs(features)
    assert outputs.shape == (60, 2)
    assert model.classes == ["no", "yes"]
    assert np.mean(model.predict(features) == np.where(features[:, 0] > 0, "yes", "no")) > 0.9


def test_several_outputs(tmp_path):
    features = np.random.default_rng(0).normal(size=(60, 3))
    target = np.stack([100 + 5 * features[:, 0], 0.01 * features[:, 1]], axis=1)
    np.savez(tmp_path / "d.npz", X=features, y=target)
    trained = fastmlp.train(
        dataset=str(tmp_path / "d.npz"), hidden="none", epochs=500, lr=0.05, out=tmp_path / "run"
    )
    predicted = fastmlp.load(trained.folder).predict(features)
    assert np.allclose(predicted, target, rtol=1e-2, atol=1e-3)


def test_batch_normalisation_is_kept(tmp_path):
    features = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    np.savez(tmp_path / "d.npz", X=features, y=(features[:, 0] > 0).astype(int))
    trained = fastmlp.train(
        dataset=str(tmp_path / "d.npz"),
        hidden=[4],
        epochs=3,
        batch_norm="all",
        out=tmp_path / "run",
    )
    loaded = fastmlp.load(trained.folder)
    assert np.array_equal(loaded.predict_outputs(features), trained.model.predict_outputs(features))


def test_a_device_that_is_not_there(run):
    with pytest.raises(FastMLPError, match="not known"):
        fastmlp.load(run.folder, device="tpu")


def paths(value, prefix=()):
    """Yield the way to every entry of nested dicts and lists."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield (*prefix, key)
        yield from paths(inner, (*prefix, key))


ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1,
        2**70,
        1e308,
        "",
        "x",
        "relu",
        [],
        {},
        [1],
        {"a": 1},
        "..",
        [None],
        10**10,
    ]
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_description_that_was_tampered_with_is_refused_or_works(run, tmp_path, data):
    tensors, description = read_model(run.folder / "model.safetensors")
    way = data.draw(st.sampled_from(list(paths(description))))
    inner = description
    for key in way[:-1]:
        inner = inner[key]
    if data.draw(st.booleans()):
        inner[way[-1]] = data.draw(ODD)
    else:
        del inner[way[-1]]
    write_model(tmp_path / "m", tensors, description)
    try:
        model = fastmlp.load(tmp_path / "m")
    except ModelFileError:
        return
    assert model.predict_outputs(rows(run)).shape[0] == 7


@pytest.mark.parametrize("change", ["missing", "wrong shape", "more hidden", "larger hidden"])
def test_arrays_that_do_not_fit_the_description(run, tmp_path, change):
    tensors, description = read_model(run.folder / "model.safetensors")
    if change == "missing":
        del tensors["dense_1.bias"]
    elif change == "wrong shape":
        tensors["dense_0.weight"] = tensors["dense_0.weight"].T
    elif change == "more hidden":
        description["architecture"]["hidden"] = [6, 6]
    else:
        description["architecture"]["hidden"] = [10**12]
    write_model(tmp_path / "m", tensors, description)
    with pytest.raises(ModelFileError, match="damaged"):
        fastmlp.load(tmp_path / "m")


def test_nothing_in_the_file_is_code(run):
    content = (run.folder / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert set(header["__metadata__"]) == {"fastmlp"}
    assert json.loads(header["__metadata__"]["fastmlp"])["format_version"] == 1


def test_small_predictions_are_recorded_once_and_stay_right(tmp_path):
    """Calls of the same size share a recording: each must see its own rows, and the weights as they
    are now.
    """
    run = fastmlp.train(dataset="digits", hidden=[8], epochs=1, seed=0, out=tmp_path / "run")
    features = load_source("digits").features
    at_once = run.model.predict_outputs(features)
    for rows in (1, 7, 1):
        for start in (0, 100, 1000):
            part = run.model.predict_outputs(features[start : start + rows])
            np.testing.assert_array_equal(part, at_once[start : start + rows])
    compiled = run.model.network.backend.compile_seconds
    run.model.network.named_parameters()["dense_1.bias"].values[3] += 100
    assert run.model.predict_outputs(features[:1]).argmax() == 3
    assert run.model.network.backend.compile_seconds == compiled
    for rows in range(1, 40):  # more sizes than are kept
        np.testing.assert_array_equal(run.model.predict(features[:rows]), np.full(rows, 3))
