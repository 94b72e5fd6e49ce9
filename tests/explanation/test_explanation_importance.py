"""Permutation importance beside its closed form for linear models, and beside scikit-learn's."""

from functools import partial
from itertools import permutations

import numpy as np
import pandas
import pytest
from explanation_support import columns, frame, linear_model
from sklearn.inspection import permutation_importance
from sklearn.utils import check_random_state

import fastmlp
from fastmlp.explanation.answers import answer_in_blocks
from fastmlp.explanation.groups import Group, groups_of_columns
from fastmlp.explanation.importance import draw_orders, permutation_importances
from fastmlp.explanation.scores import METRICS, Score, score_of

SLOPES = np.array([2.0, -0.5, 0.0])


def linear(matrix):
    return matrix @ SLOPES[:, None] + 7.0


def singles(count):
    return [Group(f"c{place}", np.array([place])) for place in range(count)]


def squared(matrix, truth):
    """Return a Score whose measure is the mean squared error: its expectation has a closed form."""

    class Squared(Score):
        def measure(self, outputs):
            return float(np.mean((outputs - self.truth) ** 2))

    return Squared("rmse", "regression", truth)


def test_over_all_permutations_the_squared_error_is_twice_slope_squared_times_variance(random):
    """E (x_π(i) − x_i)² = 2 Var x for a uniform π, so that the error of β·x grows by 2 β² Var x."""
    matrix = random.normal(size=(5, 3))
    every = np.array(list(permutations(range(5))))
    score = squared(matrix, linear(matrix))
    baseline, found = permutation_importances(linear, matrix, singles(3), score, every)
    assert baseline == 0
    expected = 2 * SLOPES**2 * matrix.var(axis=0)
    np.testing.assert_allclose([each.mean for each in found], expected, rtol=1e-12)
    assert (found[2].losses == 0).all()


def test_columns_of_a_group_move_together(random):
    """Two columns of one group: 2 (a² Var x + b² Var y + 2ab Cov xy), not the sum of two."""
    matrix = random.normal(size=(5, 3))
    matrix[:, 1] += matrix[:, 0]
    every = np.array(list(permutations(range(5))))
    both = [Group("both", np.array([0, 1]))]
    _, found = permutation_importances(linear, matrix, both, squared(matrix, linear(matrix)), every)
    joint = (matrix[:, :2] @ SLOPES[:2]).var()
    assert found[0].mean == pytest.approx(2 * joint, rel=1e-12)


def test_rmse_of_a_linear_model_is_root_two_times_slope_times_deviation(tmp_path):
    """With the noise σ of the target: √(σ² + 2β²Var x) − σ; drawn shuffles of 4,000 rows."""
    draw = np.random.default_rng(8)
    table = {name: draw.normal(size=4000).round(4) for name in ("a", "b", "idle")}
    slopes = {"a": 3.0, "b": -1.0}
    model = linear_model(tmp_path, table, slopes, 2.0)
    noise = draw.normal(size=4000)
    target = 3 * table["a"] - table["b"] + 2 + noise
    told = fastmlp.explain(model, frame(table, answer=target), rows=None, repeats=20)
    assert told.rows == 4000
    sigma = np.sqrt(np.mean(noise**2))
    assert told.baseline == pytest.approx(sigma, rel=1e-12)
    found = {each.column: each for each in told.importances}
    assert [each.column for each in told.importances] == ["a", "b", "idle"]
    for name, slope in slopes.items():
        expected = np.sqrt(sigma**2 + 2 * slope**2 * table[name].var()) - sigma
        assert found[name].mean == pytest.approx(expected, rel=0.02)
    assert (found["idle"].losses == 0).all()
    assert found["idle"].deviation == 0


def orders_of_scikit_learn(rows, repeats, seed):
    """Return the permutations that scikit-learn draws, for every column the same.

    It shuffles an index that is shuffled already, and takes the column as the last repeat left it.
    """
    own = check_random_state(check_random_state(seed).randint(np.iinfo(np.int32).max + 1))
    index, order, orders = np.arange(rows), np.arange(rows), []
    for _ in range(repeats):
        own.shuffle(index)
        order = order[index]
        orders.append(order)
    return np.array(orders)


@pytest.mark.parametrize("metric", METRICS["classification"])
@pytest.mark.parametrize("rows", [2, 257, 301])
def test_scikit_learn_finds_the_same_on_the_same_permutations(tmp_path, rows, metric):
    """Of a table: scikit-learn shuffles its columns before they are encoded, a text's too."""
    table = columns(rows=320)
    target = np.where(table["size"] + (table["colour"] == "red") > 0.3, "yes", "no")
    model = fastmlp.train(
        frame(table, answer=target), target="answer", preset="plain", hidden="8", epochs=15,
        lr=0.02, out=tmp_path / "run",
    ).model  # fmt: skip
    features, truth = pandas.DataFrame(table)[:rows], target[:rows]
    score = score_of(model, truth, metric)

    def scorer(estimator, rows_given, _):
        measure = score.measure(model.predict_outputs(rows_given))
        return measure if metric == "accuracy" else -measure

    class Estimator:
        def fit(self, *_):
            return self

        def predict(self, *_):
            return None

    theirs = permutation_importance(
        Estimator(), features, truth, scoring=scorer, n_repeats=3, random_state=4
    )
    orders = orders_of_scikit_learn(rows, 3, 4)
    matrix = model.features.transform(frame(table)[:rows])
    answer = partial(answer_in_blocks, model)
    groups = groups_of_columns(model.features.inputs)
    _, ours = permutation_importances(answer, matrix, groups, score, orders)
    assert [each.column for each in ours] == list(features.columns)
    np.testing.assert_allclose(
        [each.losses for each in ours], theirs.importances, rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose([each.mean for each in ours], theirs.importances_mean, atol=1e-12)
    np.testing.assert_allclose(
        [each.deviation for each in ours], theirs.importances_std, atol=1e-12
    )


def test_the_matrix_stays_as_it_is(random):
    matrix = random.normal(size=(40, 3))
    before = matrix.copy()
    orders = draw_orders(40, 2, 0)
    permutation_importances(linear, matrix, singles(3), squared(matrix, linear(matrix)), orders)
    assert (matrix == before).all()


def test_orders_are_permutations_that_the_seed_tells():
    orders = draw_orders(50, 4, 3)
    assert orders.shape == (4, 50)
    assert (np.sort(orders, axis=1) == np.arange(50)).all()
    assert len({tuple(order) for order in orders}) == 4
    assert (draw_orders(50, 4, 3) == orders).all()
    assert (draw_orders(50, 4, 4) != orders).any()
    assert (draw_orders(50, 2, 3) == orders[:2]).all()
