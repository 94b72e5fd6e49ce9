"""Predictions from Python, and their files."""

import csv
import io

import numpy as np
import pytest

import fastmlp
from fastmlp.errors import UsageError
from fastmlp.model.predict import Predictions, output_kind, write_csv, write_predictions


def test_columns_are_those_of_the_model(run, tmp_path):
    features = np.random.default_rng(3).normal(size=(9, 4)).astype(np.float32)
    np.savez(tmp_path / "new.npz", X=features)
    predictions = fastmlp.predict(run.folder, tmp_path / "new.npz")
    assert list(predictions.columns) == ["row", "label", "p_0", "p_1", "p_2"]
    assert len(predictions) == 9
    assert np.array_equal(predictions.columns["label"], run.model.predict(features))
    outputs = run.model.predict_outputs(features)
    assert np.array_equal(
        np.stack([predictions.columns[f"p_{c}"] for c in range(3)], axis=1), outputs
    )


@pytest.mark.parametrize("rows", [1, 9_999, 10_000, 10_001, 25_000])
def test_a_long_table_is_written_whole(rows):
    values = np.random.default_rng(0).normal(size=rows).astype(np.float32)
    file = io.StringIO()
    write_csv(Predictions({"row": np.arange(1, rows + 1), "prediction": values}), file)
    read = list(csv.reader(io.StringIO(file.getvalue())))
    assert read[0] == ["row", "prediction"]
    assert [int(row[0]) for row in read[1:]] == list(range(1, rows + 1))
    assert np.array_equal(np.array([row[1] for row in read[1:]], np.float32), values)


@pytest.mark.parametrize("name", ["a.json", "a", "a.csv.gz", ".csv"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.csv or \.parquet"):
        write_predictions(Predictions({"row": np.arange(2)}), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_suffixes_in_capitals():
    assert output_kind("A.CSV") == ".csv"


def test_parquet_keeps_types(tmp_path):
    import polars

    columns = {
        "row": np.arange(1, 3),
        "label": np.array(["a", "b,c"]),
        "p_a": np.array([0.1, 0.2], np.float32),
    }
    write_predictions(Predictions(columns), tmp_path / "p.parquet")
    frame = polars.read_parquet(tmp_path / "p.parquet")
    assert frame.schema == {"row": polars.Int64, "label": polars.String, "p_a": polars.Float32}
    assert frame["label"].to_list() == ["a", "b,c"]


def test_several_outputs_have_a_column_each(tmp_path):
    features = np.random.default_rng(0).normal(size=(40, 2))
    np.savez(tmp_path / "d.npz", X=features, y=features * 3.5 + 1)
    trained = fastmlp.train(
        dataset=str(tmp_path / "d.npz"), hidden="none", epochs=2, out=tmp_path / "run"
    )
    predictions = fastmlp.predict(trained.model, tmp_path / "d.npz")
    assert list(predictions.columns) == ["row", "prediction_1", "prediction_2"]


def test_scripts_of_earlier_versions_find_it():
    from fastmlp.jobs.predict import predict

    assert predict is fastmlp.predict
