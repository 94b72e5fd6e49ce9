"""The same row predicts the same whatever it comes from: a CSV file however written, Parquet,
Arrow, frames, dicts, ONNX.
"""

import csv
import datetime
import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import pandas
import polars
import pytest
from every_kind import EPOCH, SAME_IN_ALL, tables
from hypothesis import HealthCheck, given, settings

import fastmlp

TYPES = {
    "whole": polars.Int64,
    "far": polars.Int64,
    "decimals": polars.Float64,
    "far decimals": polars.Float64,
    "percents": polars.Float64,
    "money": polars.Float64,
    "truths": polars.Boolean,
    "dates": polars.Datetime("us"),
    "times": polars.Time,
    "texts": polars.String,
    "codes": polars.String,
    "constant": polars.Int64,
    "empty": polars.String,
    "identifier": polars.Int64,
}
SMALL = {
    "preset": "plain",
    "hidden": "4",
    "epochs": 1,
    "threads": 1,
    "test_fraction": 0.0,
    "seed": 3,
    "device": "cpu",
}
TARGET = "outcome"


def write_csv(path, cells, separator=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(cells)
        writer.writerows(zip(*cells.values(), strict=True))
    return path


def frame_of(table, is_new):
    """Return the typed values as a polars frame."""
    return polars.DataFrame(
        [
            polars.Series(
                name, column.new_values if is_new else column.values, dtype=TYPES[column.kind]
            )
            for name, column in table.columns.items()
        ]
    )


def outputs(predictions):
    return np.column_stack(
        [values for name, values in predictions.columns.items() if name not in ("row", "label")]
    )


def as_number(value):
    """Return a value as the inputs of an ONNX file want it: dates in days, times in seconds."""
    if value is None:
        return np.nan
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) / datetime.timedelta(days=1)
    if isinstance(value, datetime.time):
        return 3600.0 * value.hour + 60 * value.minute + value.second
    return float(value)


def by_onnx(model, table, folder):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model.export(folder / "model.onnx")
    session = runtime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    rows = {}
    for each in session.get_inputs():
        values = table.columns[each.name].new_values
        if each.type == "tensor(string)":
            cells = ["" if value is None else str(value).strip() for value in values]
            rows[each.name] = np.array(cells, dtype=object)[:, None]
        else:
            rows[each.name] = np.array([as_number(value) for value in values])[:, None]
    name = "prediction" if model.task == "regression" else "probabilities"
    return session.run([name], rows)[0]


def other_files(table, folder):
    """Yield the new rows as files of other sorts."""
    cells, frame = table.cells(True), frame_of(table, True)
    yield "tabs", write_csv(folder / "tabs.tsv", cells, "\t")
    yield (
        "semicolons and a byte order mark",
        write_csv(folder / "semicolons.csv", cells, ";", "utf-8-sig"),
    )
    turned = (
        {"before": ["0,5"] * frame.height}
        | dict(reversed(cells.items()))
        | {TARGET: ["?"] * frame.height}
    )
    yield "other columns, another order", write_csv(folder / "turned.csv", turned)
    frame.write_parquet(folder / "new.parquet")
    yield "parquet", folder / "new.parquet"
    frame.select(reversed(frame.columns)).write_ipc(folder / "new.feather")
    yield "feather", folder / "new.feather"


def in_memory(table):
    """Yield the new rows as Python may hold them."""
    frame = frame_of(table, True)
    plain = {name: column.new_values for name, column in table.columns.items()}
    yield "polars", frame
    yield (
        "texts as categories",
        frame.with_columns(polars.col(polars.String).cast(polars.Categorical)),
    )
    yield "lazy", frame.lazy()
    yield (
        "whole numbers as floats",
        frame.with_columns(polars.col(polars.Int64).cast(polars.Float64)),
    )
    yield "pandas", pandas.DataFrame(plain)
    yield "pandas, nullable", pandas.DataFrame(plain).convert_dtypes()
    yield "columns", plain
    if importlib.util.find_spec("pyarrow"):
        yield "pandas, from polars", frame.to_pandas()
        yield "arrow", frame.to_arrow()
    yield (
        "rows",
        [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)],
    )


def check(table, trained_on, folder):
    run = fastmlp.train(dataset=trained_on, target=TARGET, out=folder / "run", **SMALL)
    by_csv = fastmlp.predict(run.folder, write_csv(folder / "new.csv", table.cells(True)))
    expected = outputs(by_csv)
    assert len(expected) == len(next(iter(table.cells(True).values())))
    scale = 1e-6 * max(1, np.abs(expected).max())
    for name, path in other_files(table, folder):
        assert np.allclose(
            outputs(fastmlp.predict(run.folder, path)), expected, rtol=0, atol=scale
        ), name
    for name, rows in in_memory(table):
        assert np.allclose(
            outputs(fastmlp.predict(run.folder, rows)), expected, rtol=0, atol=scale
        ), name
        if run.model.task == "classification":
            assert np.allclose(run.model.predict_proba(rows), expected, rtol=0, atol=scale), name
    assert np.allclose(by_onnx(run.model, table, folder), expected, rtol=1e-6, atol=scale), "onnx"


@pytest.mark.filterwarnings("ignore::fastmlp.errors.FastMLPWarning")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables())
def test_of_a_model_that_a_csv_file_trained(table):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_csv(folder / "train.csv", table.cells(False) | {TARGET: table.target.cells})
        check(table, path, folder)


@pytest.mark.filterwarnings("ignore::fastmlp.errors.FastMLPWarning")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables(SAME_IN_ALL, "."))
def test_of_a_model_that_a_parquet_file_trained(table):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = polars.Series(TARGET, table.target.values, dtype=TYPES[table.target.kind])
        frame_of(table, False).with_columns(target).write_parquet(folder / "train.parquet")
        check(table, folder / "train.parquet", folder)
