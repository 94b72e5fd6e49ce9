"""Partial dependence: straight lines of known slope, and means of predictions made one by one."""

import datetime
from functools import partial

import numpy as np
import pytest
from explanation_support import COLOURS, columns, frame, linear_model

import fastmlp
from fastmlp.explanation.answers import answer_in_blocks
from fastmlp.explanation.dependence import grid, partial_dependence

WEIGHTS = {"size": 2.5, "far": -0.01, "colour=red": 4.0, "colour=blue": -1.0, "is_new": 3.0}
WEIGHTS["day"] = 0.125


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    table = columns(rows=80)
    model = linear_model(tmp_path_factory.mktemp("linear"), table, WEIGHTS, 10.0)
    given = frame(table, answer=np.arange(80) / 7)
    explanation = fastmlp.explain(model, given, points=9, repeats=1)
    return model, table, {each.column: each for each in explanation.dependences}


def test_every_column_is_there_with_its_kind(told):
    kinds = {name: each.kind for name, each in told[2].items()}
    assert kinds == {
        "size": "number",
        "far": "number",
        "idle": "number",
        "colour": "text",
        "is_new": "truth",
        "day": "date",
    }
    assert all(each.curves == ("answer",) for each in told[2].values())


@pytest.mark.parametrize("name", ["size", "far", "idle", "day"])
def test_the_dependence_of_a_linear_model_is_a_line_of_its_slope(told, name):
    found = told[2][name]
    assert 5 <= len(found.places) <= 9
    assert (np.diff(found.places) > 0).all()
    slopes = np.diff(found.means[:, 0]) / np.diff(found.places)
    np.testing.assert_allclose(slopes, WEIGHTS.get(name, 0.0), rtol=1e-6, atol=1e-12)


def test_the_level_of_the_line_is_the_mean_of_the_others(told):
    model, table, found = told
    given = frame(table, size=np.full(80, found["size"].places[3]))
    assert found["size"].means[3, 0] == pytest.approx(model.predict(given).mean(), rel=1e-12)


def test_a_text_has_a_value_for_each_level(told):
    found = told[2]["colour"]
    assert found.values == tuple(sorted(COLOURS))
    blue, green, red = found.means[:, 0]
    assert red - green == pytest.approx(4)
    assert blue - green == pytest.approx(-1)


def test_truth_values_are_words(told):
    found = told[2]["is_new"]
    assert found.values == ("false", "true")
    assert found.places.tolist() == [0, 1]
    assert np.diff(found.means[:, 0]) == pytest.approx([3])


def test_dates_are_written_as_dates_and_placed_by_days(told):
    _, table, found = told
    days = [datetime.date.fromisoformat(value) for value in found["day"].values]
    assert set(days) <= set(table["day"])
    since = [(day - datetime.date(1970, 1, 1)).days for day in days]
    assert found["day"].places.tolist() == since


def test_numbers_far_from_zero_are_written_in_full(told):
    _, table, found = told
    assert {int(value) for value in found["far"].values} <= set(table["far"].tolist())


def test_classes_have_a_curve_each_that_is_the_mean_of_predictions_one_by_one(tmp_path):
    table = columns(rows=90)
    target = np.where(table["size"] > 0.4, "high", np.where(table["size"] < -0.4, "low", "mid"))
    model = fastmlp.train(
        frame(table, answer=target), target="answer", preset="plain", hidden="8", epochs=15,
        lr=0.02, out=tmp_path / "run",
    ).model  # fmt: skip
    given = frame(table, answer=target)
    told = fastmlp.explain(model, given, columns=["colour", "size"], points=5, rows="train")
    assert told.rows == model.rows["train"]
    told = fastmlp.explain(model, frame(columns(40, seed=9), answer=target[:40]), points=5)
    assert told.split == "all"
    found = {each.column: each for each in told.dependences}
    assert found["size"].curves == ("high", "low", "mid")
    np.testing.assert_allclose(found["size"].means.sum(axis=1), 1, rtol=1e-6)
    for name in ("size", "colour"):
        dtype = float if name == "size" else str
        for value, means in zip(found[name].values, found[name].means, strict=True):
            changed = frame(columns(40, seed=9), **{name: np.full(40, dtype(value))})
            expected = model.predict_proba(changed).mean(axis=0)
            np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-6)


def test_the_grid_is_every_value_of_few_and_quantiles_of_many(random):
    few = np.array([3, 1, 1, 2], np.float32)
    assert grid(few, 5).tolist() == [1, 2, 3]
    many = random.permutation(101).astype(np.float32)
    found = grid(many, 10)
    assert found.dtype == np.float32
    assert found.tolist() == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]
    # Half of the rows are 0, and so are half of the quantiles.
    assert len(grid(np.maximum(many - 50, 0), 10)) == 6
    assert grid(np.zeros(7, np.uint8), 2).tolist() == [0]


def test_the_matrix_stays_as_it_is(told):
    model, table, _ = told
    matrix = model.features.transform(frame(table))
    before = matrix.copy()
    answer = partial(answer_in_blocks, model)
    partial_dependence(answer, matrix, model.features.inputs[0], ["answer"], 3)
    assert (matrix == before).all()


def test_what_stands_beside_a_column_goes_with_it(tmp_path):
    table = columns(rows=80)
    rows = np.arange(80)
    del table["far"]  # curves are drawn of so many columns
    table["town"] = np.array([f"t{row % 5}" for row in rows])
    table["idle"] = [None if row % 9 == 4 else row % 3 for row in rows]
    weights = {"town:target": 2.0, "town=t1": 1.0, "idle": 3.0, "idle=(missing)": 50.0}
    how = {"missing": "indicator", "target_statistics": 4, "max_levels": 3, "categorical": "town"}
    model = linear_model(tmp_path, table, weights, **how)
    names = model.features.output_names
    assert {"town:target", "idle=(missing)"} <= set(names)
    assert "colour:target" not in names
    explanation = fastmlp.explain(model, frame(table, answer=rows / 7), repeats=1)
    told = {each.column: each for each in explanation.dependences}
    # The mean answer over rows in which the column was set by hand.
    kept = [f"t{number}" for number in range(5) if f"town=t{number}" in names]
    assert len(kept) == 2
    for name, cells in (("town", kept), ("idle", [0, 2])):
        means = [model.predict(frame({**table, name: [cell] * 80})).mean() for cell in cells]
        found = dict(zip(told[name].values, told[name].means[:, 0], strict=True))
        assert [found[str(cell)] for cell in cells] == pytest.approx(means)
    # Texts that share a level have the mean of their statistics.
    rest = [f"t{number}" for number in range(5) if f"town=t{number}" not in names]
    means = [model.predict(frame({**table, "town": [text] * 80})).mean() for text in rest]
    found = dict(zip(told["town"].values, told["town"].means[:, 0], strict=True))
    assert found["(other)"] == pytest.approx(np.mean(means))
