"""``fastmlp evaluate``: numbers that agree with training and scikit-learn, as text and as JSON."""

import json

import numpy as np
import pytest
from cli_support import PLAIN, flowers, prices, write


def test_default_are_the_test_rows_of_the_run(fastmlp, flower_run):
    report = fastmlp("evaluate", flower_run, "--json").json
    metrics = json.loads((flower_run / "metrics.json").read_text())
    assert report["loss"] == pytest.approx(metrics["test_loss"], rel=1e-6)
    assert report["accuracy"] == metrics["test_accuracy"]
    assert report["rows"] == metrics["test_rows"] == 12
    validation = fastmlp("evaluate", flower_run, "--split", "validation", "--json").json
    assert validation["loss"] == pytest.approx(metrics["validation_loss"], rel=1e-6)


def test_json_agrees_with_predictions_counted_by_hand(fastmlp, flower_run, here):
    data = write(here / "other.csv", flowers(rows=45, seed=9))
    report = fastmlp("evaluate", flower_run, data, "--json").json
    assert report["split"] == "all"
    fastmlp("predict", flower_run, data, "-o", "p.csv")
    predicted = [line.split(",")[1] for line in (here / "p.csv").read_text().splitlines()[1:]]
    true = [line.split(",")[-1] for line in data.read_text().splitlines()[1:]]
    matrix = [
        [
            sum(t == row and p == column for t, p in zip(true, predicted, strict=True))
            for column in "xyz"
        ]
        for row in "xyz"
    ]
    assert report["confusion_matrix"] == matrix
    assert report["labels"] == list("xyz")
    assert report["accuracy"] == pytest.approx(np.trace(matrix) / 45)
    for index, name in enumerate("xyz"):
        right, said, there = (
            matrix[index][index],
            sum(row[index] for row in matrix),
            sum(matrix[index]),
        )
        scores = report["per_class"][name]
        assert scores["support"] == there
        assert scores["precision"] == pytest.approx(right / said if said else 0)
        assert scores["recall"] == pytest.approx(right / there)
        assert scores["f1"] == pytest.approx(2 * right / (said + there))
    for average, weights in (
        ("macro_avg", np.ones(3)),
        ("weighted_avg", np.array(matrix).sum(axis=1)),
    ):
        for word in ("precision", "recall", "f1"):
            values = [report["per_class"][name][word] for name in "xyz"]
            assert report[average][word] == pytest.approx(np.average(values, weights=weights))
        assert report[average]["support"] == 45


def test_a_table_for_people(fastmlp, flower_run):
    text = fastmlp("evaluate", flower_run).out
    assert "data      run" not in text
    assert "flowers, test rows (12)" in text
    assert "true \\ predicted" in text
    for word in ("loss", "accuracy", "precision", "macro average", "weighted average"):
        assert word in text


def test_more_than_twenty_classes_have_no_matrix_on_the_terminal(fastmlp, here):
    rows = [f"{i % 21},{i % 7},c{i % 21:02d}" for i in range(210)]
    write(here / "many.csv", ["a,b,label", *rows])
    fastmlp(
        "train", "many.csv", *PLAIN, "--epochs", "1", "--hidden", "4", "--quiet", "--out", "run"
    )
    text = fastmlp("evaluate", "run").out
    assert "confusion matrix of 21 classes is shown by --json" in text
    assert "true \\ predicted" not in text
    assert len(fastmlp("evaluate", "run", "--json").json["confusion_matrix"]) == 21


def test_regression_in_the_targets_own_unit(fastmlp, price_run, here):
    data = write(here / "prices.csv", prices())
    report = fastmlp("evaluate", price_run, data, "--json").json
    fastmlp("predict", price_run, data, "-o", "p.csv")
    predicted = np.array(
        [float(line.split(",")[1]) for line in (here / "p.csv").read_text().splitlines()[1:]]
    )
    true = np.array([float(line.split(",")[-1]) for line in data.read_text().splitlines()[1:]])
    assert report["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - true) ** 2)), rel=1e-5)
    assert report["mae"] == pytest.approx(np.mean(np.abs(predicted - true)), rel=1e-5)
    assert report["r2"] == pytest.approx(
        1 - np.sum((predicted - true) ** 2) / np.sum((true - true.mean()) ** 2), rel=1e-5
    )
    assert "accuracy" not in report
    assert "rmse" in fastmlp("evaluate", price_run, data).out


def test_a_constant_target_is_still_json(fastmlp, price_run, here):
    data = write(here / "one.csv", ["a,b,price", "0.1,0.2,5"])
    assert fastmlp("evaluate", price_run, data, "--json").json["r2"] == 0


def test_several_labels(fastmlp, here):
    generator = np.random.default_rng(5)
    features = generator.normal(size=(80, 4)).astype(np.float32)
    np.savez(here / "m.npz", X=features, y=(features[:, :3] > 0).astype(np.int64))
    assert (
        fastmlp(
            "train", "m.npz", "--hidden", "16", "--epochs", "400", "--out", "run", "--quiet"
        ).code
        == 0
    )
    report = fastmlp("evaluate", "run", "--json").json
    assert report["task"] == "multilabel"
    assert list(report["per_class"]) == ["1", "2", "3"]
    assert report["per_class"]["1"]["f1"] > 0.6
    assert "confusion_matrix" not in report
    assert fastmlp("evaluate", "run").out.count("average") == 2
    fastmlp("predict", "run", "m.npz", "-o", "p.csv")
    assert (here / "p.csv").read_text().splitlines()[0] == "row,label_1,label_2,label_3,p_1,p_2,p_3"


def test_label_smoothing_counts_in_evaluation_as_in_training(fastmlp, here, flowers_csv):
    result = fastmlp(
        "train",
        flowers_csv,
        *PLAIN,
        "--label-smoothing",
        "0.2",
        "--epochs",
        "3",
        "--out",
        "run",
        "--json",
    ).json
    report = fastmlp("evaluate", "run", "--json").json
    assert report["loss"] == pytest.approx(result["test_loss"], rel=1e-6)


def test_changed_data_are_noticed(fastmlp, here, flowers_csv):
    fastmlp("train", flowers_csv, *PLAIN, "--epochs", "2", "--quiet", "--out", "run")
    write(flowers_csv, flowers(rows=90))
    fastmlp("evaluate", "run").is_refused(
        "not what it was in training", "of its 12 test rows", "90 rows now, 60 then"
    )


def test_a_run_without_test_rows(fastmlp, here, flowers_csv):
    fastmlp(
        "train",
        flowers_csv,
        *PLAIN,
        "--epochs",
        "2",
        "--quiet",
        "--test-fraction",
        "0",
        "--out",
        "run",
    )
    fastmlp("evaluate", "run").is_refused("no test rows", "train")
    assert fastmlp("evaluate", "run", "--split", "train", "--json").json["rows"] == 60


def test_a_test_file_of_the_training(fastmlp, here, flowers_csv):
    write(here / "held.csv", flowers(rows=30, seed=8))
    result = fastmlp(
        "train",
        flowers_csv,
        *PLAIN,
        "--test",
        "held.csv",
        "--epochs",
        "2",
        "--json",
        "--out",
        "run",
    ).json
    assert (result["train_rows"], result["test_rows"]) == (60, 30)
    assert fastmlp("evaluate", "run", "--json").json["loss"] == pytest.approx(
        result["test_loss"], rel=1e-6
    )


def test_columns_in_another_order_with_an_own_target(fastmlp, flower_run, here):
    rows = [line.split(",") for line in flowers()[1:]]
    data = write(here / "turned.csv", ["kind,c,b,a", *(f"{s},{c},{b},{a}" for a, b, c, s in rows)])
    report = fastmlp("evaluate", flower_run, data, "--target", "kind", "--json").json
    straight = fastmlp(
        "evaluate", flower_run, write(here / "straight.csv", flowers()), "--json"
    ).json
    assert report["loss"] == pytest.approx(straight["loss"])
