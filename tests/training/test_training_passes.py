"""Evaluation and prediction equal a plain NumPy pass; training follows plain gradient descent."""

import numpy as np
import pytest
from oracles import losses as oracle
from oracles.networks import build, forward, probabilities

from fastmlp.nn.losses import parse_loss
from fastmlp.optim.optimizers import make_optimizer
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.training.passes import Evaluation, Prediction
from fastmlp.training.recorded import RecordedStep

ROWS = 23
SIZES = [1, 5, 23, 64]


def tolerance(dtype):
    return {"rtol": 2e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-13}


def data(random):
    return random.standard_normal((ROWS, 4)), random.integers(0, 3, ROWS).astype(np.int32)


def make(
    backend,
    dtype,
    random,
    batch_size,
    *,
    targets=None,
    task="classification",
    counters=None,
    weights=None,
    **how,
):
    """Return network, loss and batches."""
    features, labels = data(random)
    network = build(backend, dtype, rows=batch_size, hidden=(6, 5), **how)
    loss = parse_loss("auto", task=task, outputs=3)
    loss.bind(backend, dtype, batch_size, 3)
    targets = labels if targets is None else targets
    counters = counters or Counters(backend)
    batches = Batches(
        backend,
        features.astype(dtype),
        targets,
        counters,
        dtype=dtype,
        batch_size=batch_size,
        weights=weights,
    )
    return network, loss, batches, features.astype(dtype).astype(np.float64), labels


@pytest.mark.parametrize("batch_size", SIZES)
def test_prediction_returns_rows_in_the_order_of_the_data(backend, dtype, random, batch_size):
    network, loss, batches, x, _ = make(
        backend, dtype, random, batch_size, batch_norm="hidden", dropout=(0.5,)
    )
    prediction = Prediction(network, loss, batches)
    expected = probabilities(forward(network, x))
    for number in range(3):
        np.testing.assert_allclose(prediction.run(), expected, **tolerance(dtype))
        batches.shuffle(1, number)  # the order of the data, whatever the order of the batches


@pytest.mark.parametrize("batch_size", SIZES)
def test_evaluation_equals_the_oracle(backend, dtype, random, batch_size):
    network, loss, batches, x, labels = make(
        backend, dtype, random, batch_size, batch_norm="hidden", dropout=(0.5,)
    )
    evaluation = Evaluation(network, loss, batches)
    losses, _, right = oracle.softmax_cross_entropy(
        forward(network, x), oracle.distributions(labels, 3)
    )
    for _ in range(2):  # a second time gives the same
        sums = evaluation.run()
        np.testing.assert_allclose(sums.loss, losses.mean(), **tolerance(dtype))
        assert sums.accuracy == right.mean()
        assert sums.rows == ROWS


def test_evaluation_weighs_the_rows(backend, dtype, random):
    weights = random.uniform(0, 2, ROWS)
    network, loss, batches, x, labels = make(backend, dtype, random, 8, weights=weights)
    losses, _, _ = oracle.softmax_cross_entropy(
        forward(network, x), oracle.distributions(labels, 3)
    )
    sums = Evaluation(network, loss, batches).run()
    np.testing.assert_allclose(sums.loss, (weights * losses).mean(), **tolerance(dtype))


def test_evaluation_leaves_the_network_as_it_is(backend, dtype, random):
    network, loss, batches, *_ = make(backend, dtype, random, 8, batch_norm="all", dropout=(0.5,))
    network.counters.start_epoch(17)
    before = network.store.snapshot()
    Evaluation(network, loss, batches).run()
    Prediction(network, loss, batches).run()
    assert network.counters.update == 17
    for old, new in zip(before, network.store.snapshot(), strict=True):
        np.testing.assert_array_equal(old, new)


class NumpyNetwork:
    """Three dense ReLU layers under softmax cross-entropy and gradient descent, by the textbook."""

    def __init__(self, network):
        parameters = network.named_parameters()
        self.weights = [parameters[f"dense_{i}.weight"].values.astype(np.float64) for i in range(3)]
        self.biases = [parameters[f"dense_{i}.bias"].values.astype(np.float64) for i in range(3)]

    def step(self, x, labels, rate):
        outputs = [x]
        for i in range(3):
            z = outputs[-1] @ self.weights[i] + self.biases[i]
            outputs.append(np.maximum(z, 0) if i < 2 else probabilities(z))
        dz = (outputs[-1] - oracle.distributions(labels, 3)) / len(x)
        for i in (2, 1, 0):
            dw, db = outputs[i].T @ dz, dz.sum(axis=0)
            dz = (dz @ self.weights[i].T) * (outputs[i] > 0)
            self.weights[i] = self.weights[i] - rate * dw
            self.biases[i] = self.biases[i] - rate * db


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 5, 23, 64])
def test_training_follows_plain_gradient_descent(backend, random, batch_size, drop_last):
    dtype = np.dtype(np.float64)
    network, loss, _, x, labels = make(backend, dtype, random, batch_size)
    batches = Batches(backend, x, labels, network.counters, dtype=dtype, batch_size=batch_size)
    optimizer = make_optimizer("sgd")
    reference = NumpyNetwork(network)
    recorded = RecordedStep(network, loss, optimizer, batches, drop_last=drop_last)
    training_pass = recorded.training_pass
    rates = np.linspace(0.2, 0.1, training_pass.steps)
    leftover = ROWS % batch_size if drop_last and batch_size < ROWS else 0
    updates = 0
    for epoch in range(4):
        batches.shuffle(8, epoch)
        recorded.start_epoch(rates, updates)
        list(training_pass.run())
        visited = batches.order[: ROWS - leftover]
        for step, start in enumerate(range(0, len(visited), batch_size)):
            chosen = visited[start : start + batch_size]
            reference.step(x[chosen], labels[chosen], rates[step])
            updates += 1
        assert network.counters.update == updates
        assert loss.take_sums().rows == ROWS - leftover
    for i, (weight, bias) in enumerate(zip(reference.weights, reference.biases, strict=True)):
        parameters = network.named_parameters()
        np.testing.assert_allclose(
            parameters[f"dense_{i}.weight"].values, weight, rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(
            parameters[f"dense_{i}.bias"].values, bias, rtol=1e-9, atol=1e-12
        )


def test_training_learns_what_can_be_learnt(backend, dtype):
    """Two interleaved classes that no line parts."""
    random = np.random.default_rng(4)
    x = random.uniform(-1, 1, (200, 2)).astype(dtype)
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    network = build(backend, dtype, rows=20, inputs=2, outputs=2, hidden=(16,), activation="tanh")
    loss, optimizer = parse_loss("auto", task="classification", outputs=2), make_optimizer("adam")
    loss.bind(backend, dtype, 20, 2)
    batches = Batches(backend, x, labels, network.counters, dtype=dtype, batch_size=20)
    step = RecordedStep(network, loss, optimizer, batches)
    for epoch in range(60):
        batches.shuffle(1, epoch)
        step.start_epoch(np.full(10, 0.03), epoch * 10)
        list(step.training_pass.run())
        sums = loss.take_sums()
    assert sums.accuracy > 0.93
