"""ONNX: what ONNX Runtime makes of an exported file is what the model itself says, from raw rows to
labels.
"""

import sys

import numpy as np
import pytest
from export_support import (
    ACTIVATIONS,
    TOLERANCE,
    WORDS,
    learnt_factors_model,
    onnx_inputs,
    people,
    random_state,
    rows,
    save,
    strange_people,
    train,
)

import fastmlp
from fastmlp.errors import FastMLPWarning, MissingExtraError, UsageError

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")


def session(model, folder, **options):
    path = model.export(folder / "model.onnx", **options).paths[0]
    return runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])


def assert_same(model, opened, given, features):
    """Compare every output; return the probabilities or values."""
    outputs = model.predict_outputs(features)
    found = dict(
        zip([output.name for output in opened.get_outputs()], opened.run(None, given), strict=True)
    )
    if model.task == "regression":
        assert list(found) == ["prediction"]
        assert found["prediction"].dtype == np.float64
        # A value's own size matters, and so does that of the standardised one that the network
        # computes.
        scale = model.targets.deviation
        assert np.allclose(found["prediction"] / scale, outputs / scale, **TOLERANCE)
        return found["prediction"]
    assert list(found) == ["label", "probabilities"]
    assert np.allclose(found["probabilities"], outputs, **TOLERANCE)
    assert found["label"].tolist() == model.predict(features).tolist()
    return found["probabilities"]


def test_digits(digits, tmp_path):
    from sklearn.datasets import load_digits

    images = load_digits().data.astype(np.float32)
    opened = session(digits, tmp_path)
    assert [(each.name, each.type, each.shape) for each in opened.get_inputs()] == [
        ("features", "tensor(float)", ["rows", 64])
    ]
    assert_same(digits, opened, {"features": images}, images)


@pytest.mark.parametrize("count", [0, 1, 2, 257])
def test_any_number_of_rows(digits, tmp_path, count):
    images = rows(count, 64)
    assert_same(digits, session(digits, tmp_path), {"features": images}, images)


def test_a_table_of_every_kind_of_column(table, tmp_path):
    opened = session(table, tmp_path)
    types = {each.name: (each.type, each.shape) for each in opened.get_inputs()}
    assert types["colour"] == types["town"] == ("tensor(string)", ["rows", 1])
    numbers = [kind for name, kind in types.items() if name not in ("colour", "town")]
    assert numbers == [("tensor(double)", ["rows", 1])] * 5
    frame = people().drop("bought")
    assert_same(table, opened, onnx_inputs(frame), frame)


def test_unknown_texts_and_missing_values(table, tmp_path):
    frame = strange_people()
    # The empty text stands for a missing one in ONNX, so the model is asked for that.
    import polars

    asked = frame.with_columns(
        colour=polars.when(frame["colour"] == "").then(None).otherwise(frame["colour"])
    )
    with pytest.warns(FastMLPWarning) as told:
        probabilities = assert_same(table, session(table, tmp_path), onnx_inputs(frame), asked)
    assert ["'mauve'" in str(each.message) for each in told].count(True) >= 1
    assert len(np.unique(probabilities[:3].round(6), axis=0)) == 3, (
        "the rows must differ for the test to tell anything"
    )


def test_dates_and_times(tmp_path):
    import datetime

    import polars

    random = np.random.default_rng(0)
    start = datetime.datetime(2021, 5, 1)
    frame = polars.DataFrame(
        {
            "day": [
                start.date() + datetime.timedelta(days=int(n)) for n in random.integers(0, 900, 60)
            ],
            "moment": [
                start + datetime.timedelta(seconds=int(n)) for n in random.integers(0, 10**7, 60)
            ],
            "hour": [datetime.time(int(n)) for n in random.integers(0, 24, 60)],
            "length": [datetime.timedelta(minutes=int(n)) for n in random.integers(0, 99, 60)],
            "y": random.normal(size=60),
        }
    )
    frame.write_parquet(tmp_path / "times.parquet")
    model = train(tmp_path, dataset=str(tmp_path / "times.parquet"))
    opened = session(model, tmp_path)
    microseconds = frame["moment"].dt.timestamp("us").to_numpy()
    given = {
        "day": frame["day"].cast(polars.Int32).to_numpy().astype(np.float64)[:, None],
        "moment": (microseconds / 86_400e6)[:, None],
        "hour": (frame["hour"].cast(polars.Int64).to_numpy() / 1e9)[:, None],
        "length": frame["length"].dt.total_seconds().to_numpy().astype(np.float64)[:, None],
    }
    assert_same(model, opened, given, frame.drop("y"))
    notes = {
        value.name: value.doc_string for value in onnx.load(tmp_path / "model.onnx").graph.input
    }
    assert "days since 1970-01-01" in notes["moment"]
    assert "seconds" in notes["hour"]


def test_many_levels_share_one(tmp_path):
    import polars

    texts = [f"t{n % 80}" for n in range(400)] + [None] * 20
    frame = polars.DataFrame({"t": texts, "y": np.arange(420) % 2})
    frame.write_parquet(tmp_path / "d.parquet")
    model = train(tmp_path, dataset=str(tmp_path / "d.parquet"), epochs=30)
    asked = polars.DataFrame({"t": ["t1", "t79", "never seen", None]})
    assert_same(model, session(model, tmp_path), onnx_inputs(asked), asked)


def test_an_empty_text_is_a_missing_one(tmp_path):
    import polars

    frame = polars.DataFrame({"t": ["", "a", None] * 40, "y": [0, 1, 0] * 40})
    frame.write_parquet(tmp_path / "d.parquet")
    model = train(tmp_path, dataset=str(tmp_path / "d.parquet"), epochs=30)
    assert model.features.output_names == ("t=a", "t=(missing)")
    asked = polars.DataFrame({"t": ["", "a", None]})
    probabilities = assert_same(model, session(model, tmp_path), onnx_inputs(asked), asked)
    assert np.array_equal(probabilities[0], probabilities[2])


@pytest.mark.parametrize(
    "names",
    [["label", "probabilities", "softmax"], ["", "scale", "features"], ["gemm", "a b", "é"]],
)
def test_columns_may_be_called_anything(tmp_path, names):
    import polars

    x = rows(60, 3)
    frame = polars.DataFrame(
        {name: x[:, index] for index, name in enumerate(names)} | {"y": x[:, 0] > 0}
    )
    frame.write_parquet(tmp_path / "d.parquet")
    model = train(tmp_path, dataset=str(tmp_path / "d.parquet"), target="y")
    opened = session(model, tmp_path)
    inputs = [each.name for each in opened.get_inputs()]
    assert inputs == [name or "column_1" for name in names]
    given = {name: x[:, index, None].astype(np.float64) for index, name in enumerate(inputs)}
    label, probabilities = opened.run(None, given)
    assert np.allclose(probabilities, model.predict_outputs(frame.drop("y")), **TOLERANCE)
    assert label.tolist() == model.predict(frame.drop("y")).tolist()


def test_regression_in_the_targets_own_units(regression, tmp_path):
    x = rows(50, 4, dtype=np.float64) * [1, 10, 100, 0.1]
    x[::7, 2] = np.nan
    x = x.astype(np.float32)
    values = assert_same(regression, session(regression, tmp_path), {"features": x}, x)
    assert 9_000 < values[:, 0].mean() < 11_000


def test_several_labels_a_row(multilabel, tmp_path):
    x = rows(50, 5)
    assert_same(multilabel, session(multilabel, tmp_path), {"features": x}, x)


def test_one_logit(one_logit, tmp_path):
    x = rows(50, 5)
    opened = session(one_logit, tmp_path)
    assert [each.type for each in opened.get_outputs()] == ["tensor(bool)", "tensor(float)"]
    assert_same(one_logit, opened, {"features": x}, x)


@pytest.mark.parametrize(
    "labels", [[3, 8, 11], [0.5, 1.0, 2.5], ["ä", "", "c"]], ids=["int", "float", "text"]
)
def test_labels_of_every_type(tmp_path, labels):
    labels = sorted(labels)
    model = fastmlp.from_torch(random_state([4, 3]), classes=labels)
    x = rows(300, 4)
    assert_same(model, session(model, tmp_path), {"features": x}, x)
    assert set(model.predict(x).tolist()) == set(labels)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch_norm"])
def test_every_activation(activation, dtype, batch_norm, tmp_path):
    state = random_state([6, 12, 9, 3], dtype=dtype, batch_norm=batch_norm)
    model = fastmlp.from_torch(
        state, activation=WORDS.get(activation, activation), task="regression"
    )
    x = rows(200, 6, dtype=dtype)
    x[0] *= 1000  # far out nothing may overflow
    opened = session(model, tmp_path)
    values = opened.run(None, {"features": x})[0]
    expected = model.predict_outputs(x)
    assert np.isfinite(values).all()
    exact = dtype == np.float64 and activation != "gelu"  # erf is computed in float32
    scale = np.maximum(
        1, np.abs(expected).max(axis=1, keepdims=True)
    )  # of the terms that the row's numbers are sums of
    assert np.allclose(
        values / scale, expected / scale, **({"rtol": 1e-11, "atol": 1e-11} if exact else TOLERANCE)
    )


def test_inputs_far_from_zero(tmp_path):
    state = random_state([3, 8, 2])
    model = fastmlp.from_torch(
        state, activation="relu", task="classification", mean=[1000, 5, 0], deviation=[2, 5, 1]
    )
    x = (rows(50, 3) * [2, 5, 1] + [1000, 5, 0]).astype(np.float32)
    opened = session(model, tmp_path)
    assert np.allclose(opened.run(None, {"features": x})[1], model.predict_outputs(x), atol=1e-4)


def time_stamps():
    """Two columns so far from zero that float32 cannot tell their values apart, one near it, and
    gaps.
    """
    random = np.random.default_rng(0)
    x = np.c_[
        1.7e9 + random.permutation(600),
        48.1 + 1e-4 * random.normal(size=600),
        random.normal(size=600),
    ]
    return x, np.sin((x[:, 0] - 1.7e9) / 100) + (x[:, 1] - 48.1) * 1e4


@pytest.mark.parametrize("normalize", ["standard", "unit", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_matrix_far_from_zero(normalize, dtype, gaps, tmp_path):
    x, y = time_stamps()
    if gaps:
        x[::9, 0] = np.nan
    model = train(tmp_path, dataset=save(tmp_path, X=x, y=y), normalize=normalize, dtype=dtype)
    opened = session(model, tmp_path)
    assert opened.get_inputs()[0].type == "tensor(double)"
    scale = model.targets.deviation * (
        1 if normalize != "none" else np.abs(model.predict_outputs(x)).max()
    )
    found = opened.run(None, {"features": x})[0]
    assert np.allclose(found / scale, model.predict_outputs(x) / scale, **TOLERANCE)


def test_a_whole_number_far_from_zero(tmp_path):
    x, y = time_stamps()
    model = train(tmp_path, dataset=save(tmp_path, X=x[:, :1].astype(np.int64), y=y))
    assert_same(model, session(model, tmp_path), {"features": x[:, :1]}, x[:, :1].astype(np.int64))


def test_an_estimator_far_from_zero(tmp_path):
    x, y = time_stamps()
    theirs = fastmlp.MLPClassifier(
        (8,), max_iter=200, random_state=0, normalize="standard", tol=1
    ).fit(x, y > 0)
    probabilities = session(theirs.to_model(), tmp_path).run(None, {"features": x})[1]
    assert np.allclose(probabilities, theirs.predict_proba(x), **TOLERANCE)


def test_a_network_taken_over_with_inputs_far_from_zero(tmp_path):
    state, (x, _) = random_state([3, 8, 2]), time_stamps()
    how = {"mean": x.mean(axis=0), "deviation": x.std(axis=0)}
    model = fastmlp.from_torch(state, activation="relu", task="classification", **how)
    beside = fastmlp.from_torch(state, activation="relu", task="classification")
    expected = beside.predict_outputs(((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32))
    assert np.allclose(model.predict_outputs(x), expected, **TOLERANCE)
    assert_same(model, session(model, tmp_path), {"features": x}, x)


@pytest.mark.parametrize("opset", [13, 17, 21, "latest"])
def test_opsets(digits, table, tmp_path, opset):
    latest = onnx.defs.onnx_opset_version()
    for model in (digits, table):
        path = model.export(
            tmp_path / "m.onnx", opset=latest if opset == "latest" else opset
        ).paths[0]
        assert onnx.load(path).opset_import[0].version == (latest if opset == "latest" else opset)
    if opset != "latest":  # of which the runtime may not know yet
        x = rows(5, 64)
        assert_same(digits, session(digits, tmp_path, opset=opset), {"features": x}, x)
        frame = strange_people().tail(9)
        assert_same(table, session(table, tmp_path, opset=opset), onnx_inputs(frame), frame)


@pytest.mark.parametrize("opset", [12, 0, -1, 10**6])
def test_an_opset_that_cannot_be_written(digits, tmp_path, opset):
    with pytest.raises(UsageError, match="give 13 to"):
        digits.export(tmp_path / "m.onnx", opset=opset)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_not_fit_into_a_file(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("fastmlp.export.onnx.model.LARGEST_FILE", 1000)
    with pytest.raises(UsageError, match="larger than the 2 GiB"):
        digits.export(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_dropout_vanishes_and_the_file_says_what_it_holds(multilabel, table, tmp_path):
    import json

    graph = onnx.load(multilabel.export(tmp_path / "m.onnx").paths[0]).graph
    assert [node.op_type for node in graph.node if node.domain == ""][2:7] == [
        "Mul",
        "Add",
        "Gemm",
        "Relu",
        "Gemm",
    ]
    metadata = {
        each.key: each.value
        for each in onnx.load(table.export(tmp_path / "t.onnx").paths[0]).metadata_props
    }
    assert json.loads(metadata["fastmlp"]) == {
        "task": "classification",
        "classes": ["coffee", "milk", "tea"],
        "target": "bought",
        "columns": None,
        "adjustment": {"temperature": 1.0, "threshold": 0.5, "widening": []},
        "quantiles": [],
    }


def test_a_matrix_with_names_says_them(tmp_path):
    import json

    model = fastmlp.from_torch(
        random_state([2, 3]), task="regression", feature_names=["a", "b"], target_name="c"
    )
    model.export(tmp_path / "m.onnx")
    kept = json.loads(onnx.load(tmp_path / "m.onnx").metadata_props[0].value)
    about = {"task": "regression", "classes": None, "target": "c", "columns": ["a", "b"]}
    unadjusted = {"temperature": 1.0, "threshold": 0.5, "widening": []}
    assert kept == about | {"adjustment": unadjusted, "quantiles": []}


def test_the_package_is_missing(digits, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"fastmlp\[onnx\]"):
        digits.export(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_an_export_that_fails(digits, tmp_path):
    from fastmlp.files.atomic import WriteError

    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="cannot write"):
        digits.export(tmp_path / "file" / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_float64_all_through(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 3))
    model = train(
        tmp_path, dataset=save(tmp_path, X=x, y=x[:, 0] > 0), dtype="float64", batch_norm="input"
    )
    opened = session(model, tmp_path)
    assert opened.get_inputs()[0].type == "tensor(double)"
    assert np.allclose(
        opened.run(None, {"features": x})[1], model.predict_outputs(x), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_learnt_factors_and_clamped_outputs(tmp_path, dtype):
    model = learnt_factors_model(tmp_path, dtype=dtype)
    features = rows(300, 4, dtype=np.dtype(dtype)) * 3
    low, high = model.targets.limits
    values = assert_same(model, session(model, tmp_path), {"features": features}, features)
    assert ((values >= low) & (values <= high)).all()
    assert (values == low).any()
    assert (values == high).any()
    factors = model.network.named_parameters()
    assert (np.abs(factors["scale_0.factors"].values - 1) > 0.01).any()
    assert (np.abs(factors["mixed_activation_1.mix"].values - 1) > 0.001).any()
