"""Encodings of numbers and embeddings of codes against plain NumPy, forward and backward."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

SHAPES = [(0, 3), (1, 1), (3, 7), (17, 5), (70, 40)]
OUTPUTS = 3


def nothing(shape, dtype):
    return np.full(shape, np.nan, dtype)


@covers("copy_columns")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_copy_columns(backend, dtype, random, shape):
    x, y = (random.standard_normal(shape).astype(dtype) for _ in range(2))
    columns = np.flatnonzero(random.random(shape[1]) < 0.5)
    expected = y.copy()
    expected[:, columns] = x[:, columns]
    backend.ops.copy_columns(x, columns, y)
    np.testing.assert_array_equal(y, expected)


def bins(columns, random):
    """Return counts of components by column, and the edges of each that has some."""
    counts = random.integers(0, 5, columns)
    counts[-1] = 6
    edges = [np.sort(random.choice(np.arange(-40, 41), n + 1, False)) / 16 for n in counts]
    return counts, edges


def piecewise_case(shape, dtype, random):
    counts, edges = bins(shape[1], random)
    starts = np.append(0, np.cumsum(counts)).astype(np.int64)
    left, right = (
        np.concatenate(parts).astype(dtype)
        for parts in zip(*((each[:-1], each[1:]) for each in edges), strict=True)
    )
    x = (2 * random.standard_normal(shape)).astype(dtype)
    return x, (starts, left, right), edges


def components(x, edges):
    """Return the components of one column and their slopes, both (rows, bins), in float64."""
    bins = len(edges) - 1
    lowest, highest = np.zeros(bins), np.ones(bins)
    lowest[:1], highest[-1:] = -np.inf, np.inf
    widths = np.diff(edges)
    whole = (x[:, None].astype(np.float64) - edges[:-1]) / widths
    values = np.clip(whole, lowest, highest)
    return values, np.where(values == whole, 1 / widths, 0)


@covers("piecewise_forward")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_piecewise_forward(backend, dtype, random, shape):
    x, parameters, edges = piecewise_case(shape, dtype, random)
    y = nothing((shape[0], shape[1] + len(parameters[1])), dtype)
    backend.ops.piecewise_forward(x, *parameters, y)
    of_columns = [components(x[:, c], edges[c])[0] for c in range(shape[1])]
    assert_close(y, np.hstack([x, *of_columns]), units=4, scale=4.0)


@covers("piecewise_backward")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_piecewise_backward(backend, dtype, random, shape):
    x, parameters, edges = piecewise_case(shape, dtype, random)
    dy = random.standard_normal((shape[0], shape[1] + len(parameters[1]))).astype(dtype)
    dx, expected = nothing(shape, dtype), dy[:, : shape[1]].astype(np.float64)
    for c in range(shape[1]):
        own = dy[:, shape[1] + parameters[0][c] : shape[1] + parameters[0][c + 1]]
        expected[:, c] += (own * components(x[:, c], edges[c])[1]).sum(axis=1)
    backend.ops.piecewise_backward(dy, x, *parameters, dx)
    assert_close(dx, expected, units=8, scale=50.0)


def test_a_piecewise_encoding_goes_on_beyond_its_outer_edges(backend, dtype):
    starts = np.array([0, 3])
    left, right = np.array([0, 1, 3], dtype), np.array([1, 3, 4], dtype)
    x = np.array([[-2], [0.5], [2], [3], [9], [np.nan]], dtype)
    y = nothing((6, 4), dtype)
    backend.ops.piecewise_forward(x, starts, left, right, y)
    expected = [[-2, 0, 0], [0.5, 0, 0], [1, 0.5, 0], [1, 1, 0], [1, 1, 6], [np.nan] * 3]
    np.testing.assert_array_equal(y[:, 1:], expected)


def periodic_case(shape, frequencies, dtype, random):
    numbers = np.flatnonzero(random.random(shape[1]) < 0.7) if shape[1] > 1 else np.array([0])
    n = len(numbers)
    sizes = {"frequency": frequencies, "phase": frequencies}
    sizes |= {"weight": OUTPUTS * frequencies, "bias": OUTPUTS}
    arrays = {name: random.standard_normal((n, size)).astype(dtype) for name, size in sizes.items()}
    return random.standard_normal(shape).astype(dtype), numbers, arrays


def waves_of(x, numbers, arrays):
    """Return angles in turns of (rows, numbers, frequencies), rounded as they are in x's type."""
    exact = {name: array.astype(np.float64) for name, array in arrays.items()}
    turns = exact["frequency"] * x[:, numbers, None].astype(np.float64) + exact["phase"]
    weight = exact["weight"].reshape(len(numbers), OUTPUTS, -1)
    return 2 * np.pi * turns, weight, exact


PERIODIC_SHAPES = [(0, 3), (1, 1), (3, 7), (17, 5), (70, 40)]


@covers("periodic_forward")
@pytest.mark.parametrize("frequencies", [1, 3, 16, 33])
@pytest.mark.parametrize("shape", PERIODIC_SHAPES, ids=str)
def test_periodic_forward(backend, dtype, random, shape, frequencies):
    x, numbers, arrays = periodic_case(shape, frequencies, dtype, random)
    waves = nothing((shape[0], len(numbers) * frequencies), dtype)
    y = nothing((shape[0], shape[1] + OUTPUTS * len(numbers)), dtype)
    backend.ops.periodic_forward(x, numbers, *arrays.values(), waves, y)
    angles, weight, exact = waves_of(x, numbers, arrays)
    assert_close(waves, np.cos(angles).reshape(waves.shape), scale=np.abs(angles).max(initial=1.0))
    outputs = np.einsum("rnf,nof->rno", np.cos(angles), weight) + exact["bias"]
    expected = np.hstack([x, outputs.reshape(shape[0], len(numbers) * OUTPUTS)])
    assert_close(y, expected, units=8, scale=60.0 * frequencies**0.5)


@covers("periodic_backward")
@pytest.mark.parametrize("frequencies", [1, 3, 16, 33])
@pytest.mark.parametrize("shape", PERIODIC_SHAPES, ids=str)
def test_periodic_backward(backend, dtype, random, shape, frequencies):
    x, numbers, arrays = periodic_case(shape, frequencies, dtype, random)
    angles, weight, _ = waves_of(x, numbers, arrays)
    waves = np.cos(angles).reshape(shape[0], len(numbers) * frequencies).astype(dtype, order="C")
    dy = random.standard_normal((shape[0], shape[1] + OUTPUTS * len(numbers))).astype(dtype)
    given = [arrays[name] for name in ("frequency", "phase", "weight")]
    made = [nothing(array.shape, dtype) for array in arrays.values()]
    backend.ops.periodic_backward(dy, x, numbers, waves, *given, *made)
    of_outputs = dy[:, shape[1] :].astype(np.float64).reshape(shape[0], len(numbers), OUTPUTS)
    turned = -2 * np.pi * np.sin(angles) * np.einsum("rno,nof->rnf", of_outputs, weight)
    expected = [
        (turned * x[:, numbers, None]).sum(axis=0),
        turned.sum(axis=0),
        np.einsum("rno,rnf->nof", of_outputs, np.cos(angles)).reshape(len(numbers), -1),
        of_outputs.sum(axis=0),
    ]
    for result, oracle in zip(made, expected, strict=True):
        assert_close(result, oracle, units=8, scale=60.0 * max(shape[0], 1) ** 0.5)


@covers("periodic_input_gradient")
@pytest.mark.parametrize("shape", PERIODIC_SHAPES, ids=str)
def test_periodic_input_gradient(backend, dtype, random, shape):
    x, numbers, arrays = periodic_case(shape, 16, dtype, random)
    angles, weight, exact = waves_of(x, numbers, arrays)
    dy = random.standard_normal((shape[0], shape[1] + OUTPUTS * len(numbers))).astype(dtype)
    dx, expected = nothing(shape, dtype), dy[:, : shape[1]].astype(np.float64)
    of_outputs = dy[:, shape[1] :].astype(np.float64).reshape(shape[0], len(numbers), OUTPUTS)
    turned = -2 * np.pi * np.sin(angles) * np.einsum("rno,nof->rnf", of_outputs, weight)
    expected[:, numbers] += (turned * exact["frequency"]).sum(axis=2)
    given = [arrays[name] for name in ("frequency", "phase", "weight")]
    backend.ops.periodic_input_gradient(dy, x, numbers, *given, dx)
    assert_close(dx, expected, units=8, scale=400.0)


@pytest.mark.parametrize("phase", [0.0, 0.25, -0.5, 12345.25])
def test_whole_turns_come_off_exactly(backend, dtype, phase):
    x = np.arange(-3, 1000, dtype=dtype)[:, None]
    one = np.ones((1, 1), dtype)
    waves, y = nothing((len(x), 1), dtype), nothing((len(x), 4), dtype)
    arrays = one, np.full((1, 1), phase, dtype), np.ones((1, 3), dtype), np.zeros((1, 3), dtype)
    backend.ops.periodic_forward(x, np.array([0]), *arrays, waves, y)
    expected = np.full(len(x), np.cos(2 * np.pi * (phase % 1)))
    assert_close(waves[:, 0], expected, units=2, scale=1.0)


EMBEDDINGS = [((0, 3), [2], 4), ((1, 1), [0], 1), ((3, 7), [0, 6], 5), ((70, 9), [1, 2, 8], 40)]


def embedding_case(shape, codes, width, dtype, random):
    counts = random.integers(1, 9, len(codes))
    counts[0] = 40
    starts = np.append(0, np.cumsum(counts)).astype(np.int64)
    x = random.standard_normal(shape).astype(dtype)
    for k, column in enumerate(codes):
        x[:, column] = random.integers(0, counts[k], shape[0])
    plain = np.setdiff1d(np.arange(shape[1]), codes)
    table = random.standard_normal((starts[-1], width)).astype(dtype)
    return x, (plain, np.array(codes), starts), table


def one_hot(x, codes, starts):
    """Return for each column of codes its levels (rows, table rows), 1 where one is taken."""
    found = np.zeros((len(codes), len(x), starts[-1]))
    for k, column in enumerate(codes):
        found[k, np.arange(len(x)), starts[k] + x[:, column].astype(int)] = 1
    return found


@covers("embedding_forward")
@pytest.mark.parametrize(("shape", "codes", "width"), EMBEDDINGS)
def test_embedding_forward(backend, dtype, random, shape, codes, width):
    x, where, table = embedding_case(shape, codes, width, dtype, random)
    y = nothing((shape[0], len(where[0]) + len(codes) * width), dtype)
    backend.ops.embedding_forward(x, *where, table, y)
    levels = one_hot(x, codes, where[2])
    expected = np.hstack([x[:, where[0]], *(each @ table.astype(np.float64) for each in levels)])
    np.testing.assert_array_equal(y, expected)


@covers("embedding_backward")
@pytest.mark.parametrize(("shape", "codes", "width"), EMBEDDINGS)
def test_embedding_backward(backend, dtype, random, shape, codes, width):
    x, where, table = embedding_case(shape, codes, width, dtype, random)
    dy = random.standard_normal((shape[0], len(where[0]) + len(codes) * width)).astype(dtype)
    dtable = nothing(table.shape, dtype)
    plain, *places = where
    backend.ops.embedding_backward(dy, x, len(plain), *places, dtable)
    levels = one_hot(x, codes, where[2])
    parts = dy[:, len(where[0]) :].astype(np.float64).reshape(shape[0], len(codes), width)
    expected = sum(levels[k].T @ parts[:, k] for k in range(len(codes)))
    assert_close(dtable, expected, units=8, scale=4.0)


@covers("embedding_input_gradient")
@pytest.mark.parametrize(("shape", "codes", "width"), EMBEDDINGS)
def test_embedding_input_gradient(backend, dtype, random, shape, codes, width):
    x, where, _ = embedding_case(shape, codes, width, dtype, random)
    dy = random.standard_normal((shape[0], len(where[0]) + len(codes) * width)).astype(dtype)
    dx = nothing(x.shape, dtype)
    backend.ops.embedding_input_gradient(dy, where[0], dx)
    expected = np.zeros(x.shape)
    expected[:, where[0]] = dy[:, : len(where[0])]
    np.testing.assert_array_equal(dx, expected)


def test_codes_outside_the_table_take_its_ends(backend, dtype):
    x = np.array([[-1], [np.nan], [2], [1.4], [7], [np.inf], [-np.inf], [1e30]], dtype)
    y, table = nothing((8, 1), dtype), np.arange(3, dtype=dtype)[:, None]
    where = np.zeros(0, np.int64), np.array([0]), np.array([0, 3])
    backend.ops.embedding_forward(x, *where, table, y)
    np.testing.assert_array_equal(y[:, 0], [0, 0, 2, 1, 2, 2, 0, 2])
