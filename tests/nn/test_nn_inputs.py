"""Layers before the first dense one: gradients, what they compute in plain NumPy, their errors."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from oracles.gradients import check_gradients
from oracles.networks import build

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.errors import UsageError
from fastmlp.nn.inputs.columns import InputColumns, parse_number_encoding
from fastmlp.nn.inputs.piecewise import PiecewiseLinear
from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture, Network

ROWS, INPUTS = 9, 6
MIXED = {
    "plain": InputColumns((0, 3), ((1, 4), (5, 11))),
    "piecewise(3)": InputColumns((0, 3, 4), ((1, 4), (5, 11)), (2, 0, 3)),
    "periodic(5)": InputColumns((0, 4), ((1, 4), (5, 11))),
}
ALL_CODES = InputColumns((), tuple((column, 3) for column in range(INPUTS)))


def inputs(columns, rows=ROWS, seed=5):
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, INPUTS))
    for position, count in columns.codes if columns else ():
        x[:, position] = random.integers(0, count, rows)
    return x


def check(backend, columns=None, **architecture):
    network = build(
        backend, rows=ROWS, input_gradient=True, inputs=INPUTS, columns=columns,
        activation="tanh", embedding_width=3, **architecture,
    )  # fmt: skip
    random = np.random.default_rng(6)
    for layer in network.layers:
        layer.unsettle(random)
    loss = parse_loss("mse", task="regression", outputs=3)
    loss.bind(backend, network.dtype, ROWS, 3)
    targets, weights = random.standard_normal((ROWS, 3)), random.uniform(0.5, 1.5, ROWS)
    check_gradients(network, loss, inputs(columns), targets, weights)
    assert network.parameter_count() == network.architecture.parameters


@pytest.mark.parametrize("encoding", MIXED)
@pytest.mark.parametrize("how", [{}, {"input_activation": "smooth_clip(2)", "batch_norm": "all"}])
def test_gradients(backend, encoding, how):
    check(backend, number_encoding=encoding, **how)
    check(backend, MIXED[encoding], number_encoding=encoding, **how)


def test_gradients_of_codes_alone(backend):
    check(backend, ALL_CODES)
    check(backend, ALL_CODES, number_encoding="periodic")


def encoded(network, x):
    """What the first dense layer is given, in plain NumPy, from the parameters' names."""
    arrays = {name: p.values.astype(np.float64) for name, p in network.named_parameters().items()}
    architecture = network.architecture
    columns, codes = architecture.input_columns, [p for p, _ in architecture.input_columns.codes]
    y = x.copy()
    if architecture.input_activation != "identity":
        rest = np.setdiff1d(np.arange(x.shape[1]), codes)
        y[:, rest] = y[:, rest] / np.sqrt(1 + (y[:, rest] / 2) ** 2)
    parts = []
    if "piecewise_0.left" in arrays:
        start, left, right = 0, arrays["piecewise_0.left"], arrays["piecewise_0.right"]
        for number, bins in zip(columns.numbers, columns.bins, strict=True):
            for t in range(bins):
                low, high = left[start + t], right[start + t]
                share = (y[:, number] - low) / (high - low)
                share = share if t == 0 else np.maximum(share, 0)
                parts.append(share if t == bins - 1 else np.minimum(share, 1))
            start += bins
    if "periodic_0.phase" in arrays:
        frequency, phase, weight, bias = (
            arrays[f"periodic_0.{name}"] for name in ("frequency", "phase", "weight", "bias")
        )
        for i, number in enumerate(columns.numbers):
            waves = np.cos(2 * np.pi * (np.outer(y[:, number], frequency[i]) + phase[i]))
            parts += list((waves @ weight[i].reshape(3, -1).T + bias[i]).T)
    vectors, start = [], 0
    for position, count in columns.codes:
        table = arrays["embedding_0.table"][start : start + count]
        vectors.append(table[x[:, position].astype(int)])
        start += count
    plain = np.delete(y, codes, axis=1)
    return np.hstack([plain, *(part[:, None] for part in parts), *vectors])


@pytest.mark.parametrize("encoding", MIXED)
@pytest.mark.parametrize("clip", ["identity", "smooth_clip(2)"])
def test_what_they_compute(backend, encoding, clip):
    network = build(
        backend, rows=ROWS, inputs=INPUTS, columns=MIXED[encoding], number_encoding=encoding,
        input_activation=clip, embedding_width=5, hidden=(), outputs=2,
    )  # fmt: skip
    x = inputs(MIXED[encoding])
    expected = encoded(network, x)
    assert expected.shape[1] == network.architecture.encoded.width
    dense = network.layers[-1]
    outputs = expected @ dense.weight.values + dense.bias.values
    np.testing.assert_allclose(network.forward(x, False), outputs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("encoding", MIXED)
def test_the_same_bits_for_any_number_of_threads(encoding):
    results = []
    for threads in (1, 2, 3):
        backend = CpuBackend(threads=threads)
        network = build(
            backend, np.float32, rows=400, inputs=INPUTS, columns=MIXED[encoding], hidden=(8,),
            number_encoding=encoding, embedding_width=4,
        )  # fmt: skip
        x = backend.from_numpy(inputs(MIXED[encoding], 400).astype(np.float32))
        upstream = backend.from_numpy(np.ones((400, 3), np.float32))
        with backend.record() as program:
            outputs = network.forward(x, True)
            network.backward(upstream)
        program.hold(threads)
        program.replay()
        results.append(outputs.tobytes() + network.store.gradient.tobytes())
    assert len(set(results)) == 1


def test_what_training_may_not_see_starts_at_zero(backend):
    network = build(backend, rows=4, inputs=2, columns=InputColumns((), ((0, 5), (1, 3))))
    table = network.named_parameters()["embedding_0.table"].values
    assert [row.any() for row in table] == [True, True, True, False, False, True, False, False]


def test_edges_are_kept_and_not_trained(backend):
    network = build(backend, rows=4, inputs=2, number_encoding="piecewise(4)")
    layer = network.layers[0]
    assert isinstance(layer, PiecewiseLinear)
    layer.set_edges([np.arange(5.0), np.arange(5.0) ** 2])
    np.testing.assert_array_equal(layer.left.values, [0, 1, 2, 3, 0, 1, 4, 9])
    np.testing.assert_array_equal(layer.right.values, [1, 2, 3, 4, 1, 4, 9, 16])
    assert layer.trained() == []


def test_a_description_comes_back_from_json():
    made = Architecture(INPUTS, 2, number_encoding="piecewise(3)", columns=MIXED["piecewise(3)"])
    kept = json.loads(json.dumps(asdict(made)))
    kept["hidden"], kept["dropout"] = (), ()
    assert Architecture(**kept) == made


@pytest.mark.parametrize(
    "columns",
    [
        *(InputColumns((0, 6)), InputColumns((-1,)), InputColumns((1, 0)), InputColumns((0, 0))),
        *(InputColumns((0,), ((0, 3),)), InputColumns((0,), ((1, 0),))),
        *(InputColumns((0,), (), (3,)), InputColumns((0.5,)), InputColumns((0,), ((1, 2.5),))),
    ],
    ids=str,
)
def test_columns_that_are_none(backend, columns):
    with pytest.raises(UsageError, match="column"):
        Network(Architecture(INPUTS, 2, columns=columns), backend, np.float32, 0)


@pytest.mark.parametrize("bins", [(), (3,), (1, 3), (300, 3)])
def test_bins_that_are_none(bins):
    with pytest.raises(UsageError, match="bins"):
        Architecture(INPUTS, 2, number_encoding="piecewise", columns=InputColumns((0, 1), (), bins))


@pytest.mark.parametrize("encoding", MIXED)
def test_every_column_behind_them_has_a_name(encoding):
    names = MIXED[encoding].names("abcdef", encoding, 2)
    made = Architecture(
        INPUTS, 2, number_encoding=encoding, embedding_width=2, columns=MIXED[encoding]
    )
    assert len(set(names)) == len(names) == made.encoded.width
    assert names[:4] == ("a", "c", "d", "e")
    assert names[-4:] == ("b[1]", "b[2]", "f[1]", "f[2]")


@pytest.mark.parametrize("encoding", MIXED)
def test_an_input_far_too_wide_is_described_at_once(encoding):
    wide = Architecture(10**12, 2, number_encoding=encoding)
    assert wide.encoded.width in (10**12, 4 * 10**12)
    assert wide.parameters > 10**12


@pytest.mark.parametrize(
    "word", ["linear", "piecewise(1)", "piecewise(2.5)", "periodic(0)", "periodic(257)", "plain(3)"]
)
def test_words_that_are_none(word):
    with pytest.raises(UsageError, match="number encoding"):
        parse_number_encoding(word)
