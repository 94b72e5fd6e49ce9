"""Hand-written gradients against differences of the loss: every layer, activation and loss,
parameters and input.
"""

import numpy as np
import pytest
from oracles.gradients import check_gradients
from oracles.losses import distributions
from oracles.networks import build

from fastmlp.nn import activations
from fastmlp.nn.losses import LOSSES, parse_loss

ROWS, INPUTS, OUTPUTS = 7, 4, 3
ACTIVATIONS = [*sorted(activations.ACTIVATIONS), "leaky_relu(0.3)", "elu(1.7)"]


def data(kind, random):
    """Return targets of a kind, and the task that they belong to."""
    labels = random.integers(0, OUTPUTS, ROWS).astype(np.int32)
    match kind:
        case "labels":
            return labels, "classification"
        case "one-hot":
            return distributions(labels, OUTPUTS), "classification"
        case "distributions":
            return random.dirichlet(np.ones(OUTPUTS), ROWS), "classification"
        case "multilabel":
            return (random.random((ROWS, OUTPUTS)) < 0.5).astype(np.float64), "multilabel"
        case "one output":
            return (random.random((ROWS, 1)) < 0.5).astype(np.float64), "classification"
        case "values":
            # Far from every output: differences must not step over the kink of |y − t|.
            return 5 + random.standard_normal((ROWS, OUTPUTS)), "regression"
        case "counts":
            return random.poisson(2.0, (ROWS, OUTPUTS)).astype(np.float64), "regression"
        case "near values":
            return 0.3 * random.standard_normal((ROWS, OUTPUTS)), "regression"
    raise KeyError(kind)


def check(
    backend, *, loss="mse", targets="values", smoothing=0.0, reduction="mean", **architecture
):
    random = np.random.default_rng(5)
    network = build(backend, rows=ROWS, input_gradient=True, inputs=INPUTS, **architecture)
    targets, task = data(targets, random)
    outputs = network.architecture.outputs
    loss = parse_loss(
        loss, task=task, outputs=outputs, label_smoothing=smoothing, reduction=reduction
    )
    loss.bind(backend, network.dtype, ROWS, outputs)
    x, weights = random.standard_normal((ROWS, INPUTS)), random.uniform(0.5, 1.5, ROWS)
    network.counters.start_epoch(12)  # a fixed update: a fixed dropout mask
    check_gradients(network, loss, x, targets, weights)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense(backend, activation):
    check(backend, activation=activation, hidden=(6, 5))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_after_batch_normalization(backend, activation):
    check(backend, activation=activation, hidden=(6, 5), batch_norm="hidden")


@pytest.mark.parametrize("hidden", [(), (1,), (6,), (3, 17, 2, 5)], ids=str)
def test_depths(backend, hidden):
    check(backend, hidden=hidden, activation="tanh")


@pytest.mark.parametrize("place", ["input", "hidden", "all"])
@pytest.mark.parametrize("units", [False, True], ids=["elements", "units"])
def test_batch_normalization_and_dropout(backend, place, units):
    check(
        backend,
        hidden=(9, 8),
        activation="tanh,silu",
        batch_norm=place,
        dropout=(0.2, 0.4),
        dropout_units=units,
    )


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "softmax", "identity"])
@pytest.mark.parametrize("units", [False, True], ids=["elements", "units"])
def test_dropout(backend, activation, units):
    check(backend, hidden=(12, 11), activation=activation, dropout=(0.3,), dropout_units=units)


@pytest.mark.parametrize("output", sorted(set(activations.ACTIVATIONS) - {"relu"}))
def test_output_activation_under_mse(backend, output):
    check(backend, output_activation=output, activation="tanh")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.15])
@pytest.mark.parametrize("targets", ["labels", "one-hot", "distributions"])
def test_softmax_cross_entropy(backend, targets, smoothing, reduction):
    check(
        backend,
        loss="softmax_cross_entropy",
        targets=targets,
        smoothing=smoothing,
        reduction=reduction,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_log_loss(backend, smoothing, reduction):
    check(backend, loss="log_loss", targets="multilabel", smoothing=smoothing, reduction=reduction)
    check(
        backend,
        loss="log_loss",
        targets="one output",
        smoothing=smoothing,
        reduction=reduction,
        outputs=1,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("targets", ["values", "near values"])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "huber(0.25)", "absolute_error"])
def test_losses_of_values(backend, loss, targets, reduction):
    check(backend, loss=loss, targets=targets, reduction=reduction, activation="tanh")


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize(
    "activation", ["leaky_relu", "elu", "gelu", "sigmoid", "softmax", "signed_log"]
)
def test_every_loss_with_layers_of_every_kind(backend, loss, activation):
    targets = {
        "softmax_cross_entropy": "labels",
        "log_loss": "multilabel",
        "poisson": "counts",
    }.get(loss, "near values")
    check(
        backend,
        loss=loss,
        targets=targets,
        activation=activation,
        batch_norm="all",
        dropout=(0.2,),
        hidden=(8, 6),
    )


def test_prediction_mode_of_batch_normalization_is_not_the_training_mode(backend):
    network = build(backend, batch_norm="all")
    x = 3 + np.random.default_rng(0).standard_normal((8, 4))
    assert np.abs(network.forward(x, True).copy() - network.forward(x, False)).max() > 0.01


@pytest.mark.parametrize("place", ["none", "all"])
def test_an_activation_of_the_inputs(backend, place):
    check(backend, input_activation="smooth_clip(1.5)", batch_norm=place, activation="tanh")
