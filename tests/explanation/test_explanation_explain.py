"""``fastmlp.explain``: which rows, which columns, how many; pictures; errors of one line."""

import time

import numpy as np
import pytest
from explanation_support import columns, frame, write_table

import fastmlp
from fastmlp.errors import DataError, FastMLPError, UsageError
from fastmlp.explanation.answers import answer_in_blocks
from fastmlp.explanation.explain import FEWEST_ROWS, Wishes, rows_within


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a table of every kind of column, of which the size and the colour tell."""
    folder = tmp_path_factory.mktemp("explain")
    table = columns(rows=200)
    target = np.where(table["size"] + (table["colour"] == "red") > 0.3, "yes", "no")
    data = write_table(folder / "table.csv", table, target)
    return fastmlp.train(
        dataset=data, target="answer", preset="plain", hidden="8", epochs=40, lr=0.02,
        validation_fraction=0.2, out=folder / "run",
    )  # fmt: skip


def test_the_test_rows_of_the_run_are_explained(run):
    told = fastmlp.explain(run.folder)
    assert (told.data, told.split, told.task, told.metric) == (
        "table",
        "test",
        "classification",
        "accuracy",
    )
    assert told.rows == run.metrics["test_rows"]
    assert told.baseline == run.metrics["test_accuracy"]
    assert sorted(each.column for each in told.importances) == sorted(columns(2))
    assert told.importances[0].column in ("size", "colour")
    means = [each.mean for each in told.importances]
    assert means == sorted(means, reverse=True)
    assert [each.column for each in told.dependences] == [
        each.column for each in told.importances[:6]
    ]
    assert told.heat_map is None
    assert all(each.losses.shape == (5,) for each in told.importances)


@pytest.mark.parametrize("rows", ["train", "validation", "test"])
def test_other_rows_of_the_run(run, rows):
    told = fastmlp.explain(run.model, rows=rows, metric="log_loss", dependence=0)
    assert (told.split, told.rows) == (rows, run.metrics[f"{rows}_rows"])
    assert told.baseline == pytest.approx(run.metrics[f"{rows}_loss"], rel=1e-5)
    assert told.dependences == ()


def test_the_seed_tells_the_shuffles(run):
    def losses(**changes):
        told = fastmlp.explain(run.model, metric="log_loss", dependence=0, **changes)
        return {each.column: each.losses.tolist() for each in told.importances}

    assert losses() == losses()
    assert losses() != losses(seed=1)
    assert losses(columns=["colour"]) == {"colour": losses()["colour"]}


def test_chosen_columns_alone_are_explained(run):
    told = fastmlp.explain(run.model, columns=["idle", "size"], dependence=1)
    assert [each.column for each in told.importances] == ["size", "idle"]
    assert [each.column for each in told.dependences] == ["size"]


def test_a_sample_is_drawn_where_the_budget_is_small(run):
    given = frame(columns(3000, seed=7), answer=["yes", "no"] * 1500)
    told = fastmlp.explain(run.model, given, budget=1e-9)
    assert told.rows == FEWEST_ROWS
    assert told.notes == ("a sample of 100 of the 3,000 rows is measured.",)
    assert fastmlp.explain(run.model, given, budget=1e-9).baseline == told.baseline
    assert fastmlp.explain(run.model, given, budget=float("inf"), dependence=0).rows == 3000


def test_rows_follow_from_the_budget_and_the_shapes_alone(run):
    short = rows_within(run.model, 6, Wishes(budget=1))
    assert rows_within(run.model, 6, Wishes(budget=10)) == pytest.approx(10 * short, rel=1e-3)
    assert rows_within(run.model, 6, Wishes(budget=1, repeats=50)) < short / 2
    assert rows_within(run.model, 10**6, Wishes(budget=1)) == FEWEST_ROWS


def test_several_outputs_and_labels_have_a_curve_each(tmp_path):
    features = np.random.default_rng(3).normal(size=(120, 3))
    values = 100 + 20 * features[:, :2]
    model = fastmlp.train((features, values), epochs=2, out=tmp_path / "two").model
    told = fastmlp.explain(model, features + 0.01, values)
    assert told.metric == "rmse"
    assert told.dependences[0].curves == ("prediction 1", "prediction 2")
    assert [each.column for each in told.importances] != []
    model = fastmlp.train(
        (features, (features > 0).astype(int)), epochs=2, out=tmp_path / "labels"
    ).model
    told = fastmlp.explain(model, features + 0.01, (features > 0).astype(int), points=2)
    assert told.dependences[0].curves == ("label 1", "label 2", "label 3")
    assert told.dependences[0].means.shape == (2, 3)


def test_two_classes_with_one_output_have_two_curves(tmp_path):
    features = np.random.default_rng(3).normal(size=(120, 3))
    labels = np.where(features[:, 0] > 0, "up", "down")
    settings = {"loss": "log_loss", "epochs": 20, "lr": 0.05, "hidden": "4"}
    model = fastmlp.train((features, labels), out=tmp_path / "run", **settings).model
    assert model.network.architecture.outputs == 1
    told = fastmlp.explain(model, features + 0.01, labels)
    assert told.dependences[0].curves == ("down", "up")
    assert told.importances[0].column == "column_1"
    np.testing.assert_allclose(told.dependences[0].means.sum(axis=1), 1, rtol=1e-6)


def test_pictures_are_shuffled_by_blocks(tmp_path):
    """Of 6×4 pixels one alone tells the class: its block has all of the importance."""
    pixels = np.random.default_rng(2).integers(0, 255, (300, 6, 4)).astype(np.uint8)
    labels = (pixels[:, 4, 1] > 127).astype(int)
    np.savez(tmp_path / "p.npz", X=pixels, y=labels)
    run = fastmlp.train(
        dataset=str(tmp_path / "p.npz"), hidden="none", epochs=1, out=tmp_path / "run"
    )
    weight = run.model.network.named_parameters()["dense_0.weight"]
    kernel = np.zeros((24, 2))
    kernel[4 * 4 + 1] = -9, 9
    weight.values[:] = kernel.reshape(weight.values.shape)
    told = fastmlp.explain(run.folder)
    assert told.heat_map.shape == (6, 4)
    told = fastmlp.explain(run.model, block=2)
    assert told.heat_map.shape == (3, 2)
    assert told.importances[0].column == "lines 5-6, columns 1-2"
    assert told.heat_map[2, 0] == told.importances[0].mean > 0.2
    assert np.count_nonzero(told.heat_map) == 1
    assert told.dependences == ()
    with pytest.raises(UsageError, match="these rows are pictures"):
        fastmlp.explain(run.model, columns=["column_1"])
    with pytest.raises(UsageError, match="block 7 does not fit"):
        fastmlp.explain(run.model, block=7)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repeats": 0}, "repeats must be a whole number from 1 on; got 0"),
        ({"repeats": 2.5}, "repeats must be"),
        ({"repeats": True}, "repeats must be"),
        ({"seed": -1}, "seed must be a whole number from 0 on"),
        ({"seed": 1 << 63}, "seed must be"),
        ({"points": 1}, "points must be a whole number from 2 on"),
        ({"dependence": -1}, "dependence must be"),
        ({"budget": 0}, "budget must be a number of seconds over 0"),
        ({"budget": float("nan")}, "budget must be"),
        ({"columns": "size"}, "columns must be a list of names; give \\['size'\\]"),
        ({"columns": ["sizes"]}, "no column 'sizes'; did you mean 'size'"),
        ({"rows": "tests"}, "rows 'tests' is not known; did you mean 'test'"),
        ({"metric": "r2"}, "metric of a classification 'r2' is not known"),
        ({"block": 2}, "block divides pictures"),
    ],
)
def test_mistakes_get_one_line(run, changes, words):
    with pytest.raises(FastMLPError, match=words) as caught:
        fastmlp.explain(run.model, **changes)
    assert "\n" not in str(caught.value)


def test_rows_that_cannot_be_explained(run):
    one = frame(columns(1), answer=["yes"])
    with pytest.raises(DataError, match="has 1 row to shuffle; give at least two"):
        fastmlp.explain(run.model, one)
    with pytest.raises(DataError, match="does not occur in the training rows"):
        fastmlp.explain(run.model, frame(columns(3), answer=["yes", "no", "maybe"]))
    with pytest.raises(DataError):
        fastmlp.explain(run.model, frame(columns(3)))


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_a_model_that_diverged_is_refused(tmp_path, metric):
    features = np.random.default_rng(3).normal(size=(60, 3))
    labels = np.where(features[:, 0] > 0, "up", "down")
    model = fastmlp.train((features, labels), epochs=1, out=tmp_path / "run").model
    model.network.named_parameters()["dense_0.weight"].values[:] = np.nan
    with pytest.raises(DataError, match=r"not all answers for .* are finite numbers"):
        fastmlp.explain(model, features + 0.01, labels, metric=metric)


def test_a_network_of_scikit_learn_is_explained():
    from sklearn.neural_network import MLPRegressor

    features = np.random.default_rng(3).normal(size=(200, 3))
    target = 5 * features[:, 1]
    theirs = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=2000, random_state=0)
    model = fastmlp.from_sklearn(theirs.fit(features, target))
    told = fastmlp.explain(model, features, target)
    assert told.importances[0].column == "column_2"
    assert told.baseline == pytest.approx(
        np.sqrt(np.mean((theirs.predict(features) - target) ** 2)), rel=1e-5
    )


def test_two_rows_are_enough(run):
    told = fastmlp.explain(run.model, frame(columns(2), answer=["yes", "no"]))
    assert told.rows == 2


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 700])
def test_answers_in_blocks_have_the_same_bits(run, rows):
    matrix = run.model.features.transform(frame(columns(rows)))
    blocks = answer_in_blocks(run.model, matrix)
    assert (blocks == run.model.outputs_of(matrix)).all()


def test_twenty_columns_of_a_thousand_rows_take_about_a_second(tmp_path):
    """Five repeats, with the dependence: measured at 0.3 s on one slow core; ten times are let."""
    draw = np.random.default_rng(1)
    table = {f"c{number}": draw.normal(size=1000).round(3) for number in range(20)}
    data = frame(table, answer=table["c3"])
    model = fastmlp.train(
        data, target="answer", preset="plain", epochs=2, hidden="64,64", out=tmp_path
    ).model
    given = frame({name: values + 0.001 for name, values in table.items()}, answer=table["c3"])
    fastmlp.explain(model, given)
    start = time.perf_counter()
    told = fastmlp.explain(model, given)
    assert time.perf_counter() - start < 3
    assert (told.rows, len(told.importances)) == (1000, 20)
