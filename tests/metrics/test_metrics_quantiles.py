"""Quantiles in order, and intervals that cover what they say, by the definition of split conformal
prediction.
"""

import itertools
import math

import numpy as np
import pytest

from fastmlp.metrics.quantiles import conformal_widening, coverage, fewest_rows, intervals, ordered

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def drawn(rows, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("factor", [0.0, 0.3, -0.3, -5.0])
def test_quantiles_never_cross_and_cover_no_less(count, factor):
    values = drawn(200, count)
    half = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
    found = ordered(values, tuple(factor * half))
    assert (np.diff(found, axis=1) >= 0).all()
    moved = np.sort(values, axis=1) + factor * half
    for each in range(count // 2):
        low, high = moved[:, each], moved[:, count - 1 - each]
        covered = low <= high  # an interval that is turned round holds nothing
        assert (found[covered, each] <= low[covered]).all()
        assert (found[covered, count - 1 - each] >= high[covered]).all()
    if factor == 0:
        assert np.array_equal(found, np.sort(values, axis=1))


def test_intervals_are_pairs_from_outside():
    assert [each.levels for each in intervals(LEVELS)] == [(0.05, 0.95), (0.25, 0.75)]
    assert [each.nominal for each in intervals(LEVELS)] == [0.9, 0.5]
    assert intervals((0.5,)) == []


@pytest.mark.parametrize("rows", [19, 20, 39, 200])
@pytest.mark.parametrize("shift", [0.0, 1.0, -1.0])
def test_the_widening_is_the_rank_s_score(rows, shift):
    """Sorted scores, counted one by one."""
    values = np.sort(drawn(rows, 2), axis=1) + np.array([-1.5 + shift, 1.5 - shift])
    values = np.sort(values, axis=1)
    truth = drawn(rows, 1, seed=1)[:, 0]
    widening = conformal_widening((0.05, 0.95), values, truth)
    scores = sorted(
        max(low - t, t - high)
        for (low, high), t in zip(values.tolist(), truth.tolist(), strict=True)
    )
    rank = next(k for k in itertools.count(1) if k >= (rows + 1) * 0.9 - 1e-9)
    assert widening == (-scores[rank - 1], scores[rank - 1])


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_rows_that_it_is_chosen_by_are_covered(count):
    levels = tuple(np.linspace(0.1, 0.9, count))
    values, truth = ordered(0.1 * drawn(300, count)), 3 * drawn(300, 1, seed=1)[:, 0]
    found = ordered(values, conformal_widening(levels, values, truth))
    for each in intervals(levels):
        assert coverage(each, found, truth) >= each.nominal


def test_new_rows_are_covered_on_average():
    """The mean over many draws is from 1 − α to 1 − α + 1/(n + 1), up to chance."""
    random, rows, shares = np.random.default_rng(0), 50, []
    [interval] = intervals((0.1, 0.9))
    for _ in range(400):
        values = np.sort(random.normal(size=(rows, 2)), axis=1)
        widening = conformal_widening((0.1, 0.9), values, random.normal(size=rows))
        new = np.sort(random.normal(size=(200, 2)), axis=1)
        shares.append(coverage(interval, ordered(new, widening), random.normal(size=200)))
    error = 3 * np.std(shares) / math.sqrt(len(shares))
    assert 0.8 - error <= np.mean(shares) <= 0.8 + 1 / (rows + 1) + error


@pytest.mark.parametrize(
    ("levels", "rows"), [((0.05, 0.95), 9), ((0.025, 0.975), 19), ((0.25, 0.75), 1), ((0.5,), 1)]
)
def test_the_fewest_rows(levels, rows):
    assert fewest_rows(levels) == rows
    values = np.sort(drawn(rows, len(levels)), axis=1)
    assert len(conformal_widening(levels, values, drawn(rows, 1)[:, 0])) == len(levels)


def test_a_middle_quantile_stays():
    values = ordered(drawn(100, 5))
    assert conformal_widening(LEVELS, values, drawn(100, 1)[:, 0])[2] == 0
