"""The arithmetic: operations of a step, ratios, geometric means, exponents."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.numbers import best_peer, fitted_exponent, geometric_mean, share_of_peak, speed_against
from bench.rounds import Measurement
from fastmlp.machine.throughput import SHAPES, Shape


def flops_counted(widths, batch):
    """Count multiplications and additions product by product, as a step makes them."""
    total = 0
    for index, (before, after) in enumerate(pairwise(widths)):
        forward = [(batch, before, after)]
        weight_gradient = [(before, batch, after)]
        input_gradient = [(batch, after, before)] if index else []
        total += sum(2 * m * k * n for m, k, n in forward + weight_gradient + input_gradient)
    return total


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_flops_of_the_shapes(shape):
    assert shape.flops_per_step == flops_counted(shape.widths, shape.batch)


@given(st.lists(st.integers(1, 300), min_size=2, max_size=6), st.integers(1, 512))
def test_flops_of_any_network(widths, batch):
    assert Shape("any", tuple(widths), batch, "sgd", 0.1).flops_per_step == flops_counted(
        widths, batch
    )


def test_flops_of_one_layer_by_hand():
    assert Shape("one", (3, 2), 5, "sgd", 0.1).flops_per_step == 2 * (2 * 5 * 3 * 2)


def test_parameters_and_steps():
    shape = Shape("odd", (3, 4, 2), 8, "momentum", 0.1, momentum=0.5, rows=17)
    assert (shape.parameters, shape.steps) == (3 * 4 + 4 + 4 * 2 + 2, 3)
    assert (shape.network, shape.rule) == ("3-4-2", "momentum 0.5")


def test_the_shapes_have_no_ragged_batch():
    for shape in SHAPES.values():
        assert shape.rows % shape.batch == 0


@given(st.floats(-3, 3), st.floats(1e-6, 1e3))
def test_an_exact_power_is_found(exponent, factor):
    sizes = [1, 2, 5, 30, 100]
    assert fitted_exponent(sizes, [factor * size**exponent for size in sizes]) == pytest.approx(
        exponent, abs=1e-9
    )


def test_an_exponent_is_the_least_squares_line():
    sizes, times = [10, 20, 40], [1.0, 3.0, 4.0]
    x, y = np.log(sizes), np.log(times)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert fitted_exponent(sizes, times) == pytest.approx(slope)


@pytest.mark.parametrize("sizes", [[], [4], [4, 4]])
def test_no_exponent_from_one_size(sizes):
    assert math.isnan(fitted_exponent(sizes, [1.0] * len(sizes)))


def test_geometric_mean():
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)
    assert geometric_mean([3.0]) == pytest.approx(3.0)
    assert math.isnan(geometric_mean([]))


def test_share_of_peak():
    assert share_of_peak(5e9, 0.5, 20e9) == pytest.approx(0.5)


def measured(name, seconds, is_peer=True):
    return Measurement(name, "1 thread", is_peer, 0.0, seconds)


def test_the_best_peer_is_by_median_and_never_fastmlp():
    own, steady, lucky = (
        measured("fastmlp", [1.0], is_peer=False),
        measured("steady", [2.0, 2.0, 2.0]),
        measured("lucky", [0.1, 3.0, 3.0]),
    )
    assert best_peer([own, steady, lucky]) is steady
    assert speed_against(own, steady) == 2.0
    assert best_peer([own]) is None
    assert speed_against(own, None) is None


def test_a_measurement_as_json_has_its_spread():
    kept = measured("any", [3.0, 1.0, 2.0]).to_dict()
    assert (kept["median"], kept["min"], kept["max"]) == (2.0, 1.0, 3.0)
