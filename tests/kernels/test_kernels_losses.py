"""Losses, gradients and right rows against SciPy's special functions, and the sums of an epoch."""

import numpy as np
import pytest
from oracles import losses as oracle
from oracles.comparison import assert_close
from oracles.coverage import covers

from fastmlp.kernels.constants import RIGHT_ARGMAX, RIGHT_NEVER, RIGHT_THRESHOLD
from fastmlp.kernels.cpu.losses import plain_softmax_cross_entropy

SHAPES = [(1, 1), (1, 7), (3, 2), (17, 5), (33, 33), (37, 66)]
SMOOTHINGS = [0.0, 0.1]
SCALE = 0.125  # of the gradient: 1/m or 1 in use


class Results:
    """Buffers for a loss, filled with numbers that must not survive."""

    def __init__(self, shape, dtype):
        self.gradient = np.full(shape, np.nan, dtype)
        self.losses, self.right = np.full(shape[0], np.nan), np.full(shape[0], np.nan)
        self.arrays = self.gradient, self.losses, self.right


def logits_and_weights(shape, dtype, random):
    logits = (3 * random.standard_normal(shape)).astype(dtype)
    return logits, random.uniform(0.1, 2, shape[0]).astype(dtype)


def check(results, losses, slopes, right, weights, size=1.0):
    """Compare with an oracle's (loss, gradient of the row's own loss, right)."""
    dtype, weights = results.gradient.dtype, weights.astype(np.float64)
    # The rows' losses are held in float64, but computed in the element's type.
    assert_close(results.losses.astype(dtype), weights * losses, units=16, scale=size * weights)
    assert_close(
        results.gradient,
        SCALE * weights[:, None] * slopes,
        units=16,
        scale=SCALE * weights[:, None] * size,
    )
    np.testing.assert_array_equal(results.right, right)


@covers("softmax_cross_entropy")
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_softmax_cross_entropy(backend, dtype, random, shape, smoothing):
    logits, weights = logits_and_weights(shape, dtype, random)
    labels = random.integers(0, shape[1], shape[0]).astype(np.int32)
    results = Results(shape, dtype)
    backend.ops.softmax_cross_entropy(logits, labels, weights, smoothing, SCALE, *results.arrays)
    expected = oracle.softmax_cross_entropy(
        logits, oracle.distributions(labels, shape[1]), smoothing
    )
    check(results, *expected, weights, size=np.abs(logits).max(initial=1.0))


@covers("softmax_cross_entropy_soft")
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_softmax_cross_entropy_of_distributions(backend, dtype, random, shape, smoothing):
    logits, weights = logits_and_weights(shape, dtype, random)
    targets = random.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype)
    results = Results(shape, dtype)
    backend.ops.softmax_cross_entropy_soft(
        logits, targets, weights, smoothing, SCALE, *results.arrays
    )
    expected = oracle.softmax_cross_entropy(logits, targets, smoothing)
    check(results, *expected, weights, size=np.abs(logits).max(initial=1.0) * 2)


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "distributions"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_is_its_plain_body(backend, dtype, random, shape, smoothing, soft):
    logits, weights = logits_and_weights(shape, dtype, random)
    labels = random.integers(0, shape[1], shape[0]).astype(np.int32)
    targets = oracle.distributions(labels, shape[1]).astype(dtype)
    if soft:
        targets = random.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype)
    found, plain = Results(shape, dtype), Results(shape, np.float64)
    ops, how = backend.ops, (weights, smoothing, SCALE, *found.arrays)
    if soft:
        ops.softmax_cross_entropy_soft(logits, targets, *how)
    else:
        ops.softmax_cross_entropy(logits, labels, *how)
    exact = (array.astype(np.float64) for array in (logits, targets, weights))
    plain_softmax_cross_entropy(*exact, smoothing, SCALE, *plain.arrays)
    size = 2 * weights * np.abs(logits).max(initial=1.0)
    assert_close(found.losses.astype(dtype), plain.losses, units=16, scale=size)
    assert_close(found.gradient, plain.gradient, units=16, scale=SCALE * size[:, None])
    np.testing.assert_array_equal(found.right, plain.right)


def test_labels_and_one_hot_rows_agree(backend, dtype, random):
    logits, weights = logits_and_weights((17, 5), dtype, random)
    labels = random.integers(0, 5, 17).astype(np.int32)
    first, second = Results((17, 5), dtype), Results((17, 5), dtype)
    backend.ops.softmax_cross_entropy(logits, labels, weights, 0.1, SCALE, *first.arrays)
    targets = oracle.distributions(labels, 5).astype(dtype)
    backend.ops.softmax_cross_entropy_soft(logits, targets, weights, 0.1, SCALE, *second.arrays)
    assert_close(first.gradient, second.gradient, units=4, scale=SCALE)
    np.testing.assert_array_equal(first.right, second.right)


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "distributions"])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_cross_entropy_of_extreme_logits(backend, dtype, soft, size):
    logits, weights = np.array([[size, -size, 0.0], [-size, size, 0.0]], dtype), np.ones(2, dtype)
    labels, results = np.zeros(2, np.int32), Results((2, 3), dtype)
    if soft:
        targets = oracle.distributions(labels, 3).astype(dtype)
        backend.ops.softmax_cross_entropy_soft(logits, targets, weights, 0.0, 1.0, *results.arrays)
    else:
        backend.ops.softmax_cross_entropy(logits, labels, weights, 0.0, 1.0, *results.arrays)
    np.testing.assert_allclose(results.losses, [0, 2 * size], rtol=1e-6)
    np.testing.assert_allclose(results.gradient, [[0, 0, 0], [-1, 1, 0]], atol=1e-6)
    np.testing.assert_array_equal(results.right, [1, 0])


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "distributions"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_cross_entropy_does_not_depend_on_a_shift(backend, dtype, soft, smoothing):
    # Whole numbers near 10000 are exact in float32, so the loss is that of the logits without the
    # shift.
    logits, weights = np.array([[1.0, 0.0, 3.0]]), np.ones(1, dtype)
    labels, results = np.array([2], np.int32), Results((1, 3), dtype)
    shifted, targets = (
        (logits + 10_000).astype(dtype),
        oracle.distributions(labels, 3).astype(dtype),
    )
    operation = (
        backend.ops.softmax_cross_entropy_soft if soft else backend.ops.softmax_cross_entropy
    )
    operation(shifted, targets if soft else labels, weights, smoothing, 1.0, *results.arrays)
    expected, _, _ = oracle.softmax_cross_entropy(logits, targets, smoothing)
    assert_close(results.losses.astype(dtype), expected, units=16)


ELEMENTWISE_PARAMETER = {
    "log_loss": 0.1,
    "squared_error": 0.0,
    "absolute_error": 0.0,
    "huber": oracle.DELTA,
    "poisson": 0.0,
    "pinball": 0.3,
}


def elementwise(
    backend,
    name,
    outputs,
    targets,
    weights,
    parameter,
    right,
    results,
    element_weight=0.25,
    threshold=0.0,
):
    functions = backend.scalar_function(name), backend.scalar_function(f"{name}_derivative")
    how = parameter, element_weight, SCALE, right, threshold
    backend.ops.elementwise_loss(*functions, outputs, targets, weights, *how, *results.arrays)


@covers("elementwise_loss")
@pytest.mark.parametrize("name", sorted(oracle.ELEMENTWISE))
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_elementwise_losses(backend, dtype, random, name, shape):
    outputs, weights = logits_and_weights(shape, dtype, random)
    targets = {"log_loss": random.random(shape) < 0.5, "poisson": random.poisson(2.0, shape)}
    targets = targets.get(name, random.standard_normal(shape)).astype(dtype)
    results, parameter = Results(shape, dtype), ELEMENTWISE_PARAMETER[name]
    elementwise(backend, name, outputs, targets, weights, parameter, RIGHT_NEVER, results)
    values, slopes = oracle.ELEMENTWISE[name](
        outputs.astype(np.float64), targets.astype(np.float64), parameter
    )
    size = np.abs(values).sum(axis=1).max(initial=1.0)
    check(results, 0.25 * values.sum(axis=1), 0.25 * slopes, np.zeros(shape[0]), weights, size)


@covers("quantile_loss")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_each_output_has_its_level(backend, dtype, random, shape):
    outputs, weights = logits_and_weights(shape, dtype, random)
    targets = random.standard_normal(shape).astype(dtype)
    levels = np.linspace(0.05, 0.95, shape[1]).astype(dtype)
    results = Results(shape, dtype)
    backend.ops.quantile_loss(outputs, targets, levels, weights, 0.25, SCALE, *results.arrays)
    exact = (array.astype(np.float64) for array in (outputs, targets, levels))
    values, slopes = oracle.pinball(*exact)
    size = np.abs(values).sum(axis=1).max(initial=1.0)
    check(results, 0.25 * values.sum(axis=1), 0.25 * slopes, np.zeros(shape[0]), weights, size)


def test_log_loss_of_extreme_logits(backend, dtype):
    outputs, targets = np.array([[1e4, -1e4, 1e4, -1e4]], dtype), np.array([[1, 0, 0, 1]], dtype)
    results = Results((1, 4), dtype)
    elementwise(
        backend, "log_loss", outputs, targets, np.ones(1, dtype), 0.0, RIGHT_NEVER, results, 1.0
    )
    np.testing.assert_allclose(results.losses, [2e4], rtol=1e-6)
    np.testing.assert_allclose(results.gradient, SCALE * np.array([[0, 0, 1, -1]]), atol=1e-30)


def test_log_loss_keeps_the_precision_of_small_losses(backend, dtype):
    outputs = np.array([[15.0], [-20.0]], dtype)
    targets, results = np.array([[1.0], [0.0]], dtype), Results((2, 1), dtype)
    elementwise(
        backend, "log_loss", outputs, targets, np.ones(2, dtype), 0.0, RIGHT_NEVER, results, 1.0
    )
    expected, _ = oracle.log_loss(outputs.astype(np.float64), targets.astype(np.float64))
    assert_close(results.losses.astype(dtype), expected[:, 0], units=16)


@pytest.mark.parametrize("name", sorted(oracle.ELEMENTWISE))
def test_nan_outputs_give_nan_losses_and_gradients(backend, dtype, name):
    outputs, targets = np.array([[0.5, np.nan], [0.5, 0.25]], dtype), np.ones((2, 2), dtype)
    results = Results((2, 2), dtype)
    parameter = ELEMENTWISE_PARAMETER[name]
    elementwise(backend, name, outputs, targets, np.ones(2, dtype), parameter, RIGHT_NEVER, results)
    np.testing.assert_array_equal(np.isnan(results.losses), [True, False])
    np.testing.assert_array_equal(np.isnan(results.gradient), [[False, True], [False, False]])


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "distributions"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_logits_give_nan_loss_and_gradient(backend, dtype, soft, place):
    logits = np.zeros((2, 3), dtype)
    logits[0, place] = np.nan
    labels, results = np.array([0, 1], np.int32), Results((2, 3), dtype)
    targets = oracle.distributions(labels, 3).astype(dtype) if soft else labels
    operation = (
        backend.ops.softmax_cross_entropy_soft if soft else backend.ops.softmax_cross_entropy
    )
    operation(logits, targets, np.ones(2, dtype), 0.0, 1.0, *results.arrays)
    np.testing.assert_array_equal(np.isnan(results.losses), [True, False])
    np.testing.assert_array_equal(np.isnan(results.gradient), [[True] * 3, [False] * 3])


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "distributions"])
@pytest.mark.parametrize("place", [0, 1, 2, 33])
@pytest.mark.parametrize("label", [0, 1, 33])
def test_nan_logits_are_never_right(backend, dtype, soft, place, label):
    logits = np.zeros((2, 35), dtype)
    logits[:, label], logits[0, place] = 5, np.nan  # but for the NaN both rows would be right
    labels, results = np.full(2, label, np.int32), Results((2, 35), dtype)
    targets = oracle.distributions(labels, 35).astype(dtype) if soft else labels
    operation = (
        backend.ops.softmax_cross_entropy_soft if soft else backend.ops.softmax_cross_entropy
    )
    operation(logits, targets, np.ones(2, dtype), 0.0, 1.0, *results.arrays)
    np.testing.assert_array_equal(results.right, [0, 1])


@pytest.mark.parametrize("how", [RIGHT_THRESHOLD, RIGHT_ARGMAX], ids=["threshold", "largest"])
@pytest.mark.parametrize("place", [0, 1, 2, 33])
@pytest.mark.parametrize("label", [0, 1, 33])
@pytest.mark.parametrize("name", sorted(oracle.ELEMENTWISE))
def test_nan_outputs_are_never_right(backend, dtype, name, how, place, label):
    outputs, targets = np.full((2, 35), -5, dtype), np.zeros((2, 35), dtype)
    outputs[:, label], targets[:, label], outputs[0, place] = 5, 1, np.nan
    results = Results((2, 35), dtype)
    elementwise(
        backend,
        name,
        outputs,
        targets,
        np.ones(2, dtype),
        ELEMENTWISE_PARAMETER[name],
        how,
        results,
    )
    np.testing.assert_array_equal(results.right, [0, 1])


def test_a_tie_is_decided_for_the_first_class(backend, dtype):
    logits, weights = np.ones((2, 3), dtype), np.ones(2, dtype)
    results = Results((2, 3), dtype)
    backend.ops.softmax_cross_entropy(
        logits, np.array([0, 1], np.int32), weights, 0.0, 1.0, *results.arrays
    )
    np.testing.assert_array_equal(results.right, [1, 0])


@pytest.mark.parametrize("columns", [2, 31, 33, 70])
def test_equal_peaks_are_decided_for_the_first_in_rows_of_any_length(
    backend, dtype, random, columns
):
    logits = random.integers(0, 3, (40, columns)).astype(dtype)
    labels, weights = logits.argmax(axis=1).astype(np.int32), np.ones(40, dtype)
    labels[::2] = columns - 1 - logits[::2, ::-1].argmax(axis=1)  # the last of the equals
    results = Results(logits.shape, dtype)
    backend.ops.softmax_cross_entropy(logits, labels, weights, 0.0, 1.0, *results.arrays)
    np.testing.assert_array_equal(results.right, logits.argmax(axis=1) == labels)


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_right_by_threshold_asks_for_every_output(backend, dtype, threshold):
    outputs = np.array([[2, -1], [2, 1], [-2, -1], [0, 1]], dtype) * 0.1 + threshold
    outputs = outputs.astype(dtype)
    targets = np.array([[1, 0], [1, 0], [0, 0], [0, 1]], dtype)
    results = Results((4, 2), dtype)
    elementwise(
        backend,
        "log_loss",
        outputs,
        targets,
        np.ones(4, dtype),
        0.0,
        RIGHT_THRESHOLD,
        results,
        1.0,
        threshold,
    )
    np.testing.assert_array_equal(results.right, [1, 0, 1, 1])


def test_right_by_largest_output(backend, dtype, random):
    outputs = random.standard_normal((33, 4)).astype(dtype)
    labels = random.integers(0, 4, 33)
    targets, results = oracle.distributions(labels, 4).astype(dtype), Results((33, 4), dtype)
    elementwise(
        backend, "squared_error", outputs, targets, np.ones(33, dtype), 0.0, RIGHT_ARGMAX, results
    )
    np.testing.assert_array_equal(results.right, outputs.argmax(axis=1) == labels)


@covers("accumulate_sums")
@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_accumulate_sums(backend, random, rows):
    losses, right = random.standard_normal(rows), (random.random(rows) < 0.5).astype(np.float64)
    sums = np.array([10.0, 20.0, 30.0])
    backend.ops.accumulate_sums(losses, right, sums)
    assert_close(
        sums,
        [10 + losses.sum(), 20 + right.sum(), 30 + rows],
        units=8,
        scale=10 + np.abs(losses).sum(),
    )
