"""Losses as networks use them: reductions, weights, sums of an epoch, what a prediction reports,
words and errors.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from oracles import losses as oracle
from oracles.comparison import assert_close
from scipy import special

from fastmlp.errors import UsageError
from fastmlp.export.onnx.model import LINKS
from fastmlp.export.torch.module import GIVES
from fastmlp.gradient_check.check import TARGETS
from fastmlp.nn.losses import ALIASES, AUTO, LOSSES, LossSums, output_width, parse_loss

ROWS, OUTPUTS = 9, 4
TASKS = {"softmax_cross_entropy": "classification", "log_loss": "multilabel"}


def bound(backend, dtype, text, *, outputs=OUTPUTS, rows=ROWS, task=None, **how):
    loss = parse_loss(text, task=task or TASKS.get(text, "regression"), outputs=outputs, **how)
    loss.bind(backend, dtype, rows, outputs)
    return loss


def batch(loss, dtype, random, rows=ROWS):
    """Return outputs, targets, weights and the oracle's loss of each row and its gradient."""
    outputs = random.standard_normal((rows, OUTPUTS)).astype(dtype)
    weights = random.uniform(0.5, 1.5, rows).astype(dtype)
    exact = outputs.astype(np.float64)
    if loss.name == "softmax_cross_entropy":
        targets = random.integers(0, OUTPUTS, rows).astype(np.int32)
        losses, slopes, _ = oracle.softmax_cross_entropy(
            exact, oracle.distributions(targets, OUTPUTS)
        )
        return outputs, targets, weights, losses, slopes
    targets = (random.random((rows, OUTPUTS)) < 0.5).astype(dtype)
    values, slopes = oracle.ELEMENTWISE[loss.name](exact, targets, loss.parameter)
    # These add up the outputs, the others take their mean.
    share = 1 if loss.name in ("log_loss", "poisson") else 1 / OUTPUTS
    return outputs, targets, weights, values.sum(axis=1) * share, slopes * share


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gradient_and_sums(backend, dtype, random, name, reduction):
    loss = bound(backend, dtype, name, reduction=reduction)
    total, seen = 0.0, 0
    for rows in (ROWS, 4, 1):
        outputs, targets, weights, losses, slopes = batch(loss, dtype, random, rows)
        gradient = loss.backward(outputs, targets, weights)
        divisor = rows if reduction == "mean" else 1
        assert_close(
            gradient, weights[:, None].astype(np.float64) * slopes / divisor, units=16, scale=1.0
        )
        assert_close(loss.row_losses(rows).astype(dtype), weights * losses, units=16, scale=2.0)
        total, seen = total + (weights * losses).sum(), seen + rows
    sums = loss.take_sums()
    assert sums.rows == seen
    assert sums.loss == pytest.approx(
        total / seen, rel=1e-5
    )  # a mean whatever the reduction of the gradient
    assert loss.take_sums() == LossSums()


def test_sums_add_up():
    both = LossSums(3.0, 2.0, 4) + LossSums(1.0, 1.0, 1)
    assert both == LossSums(4.0, 3.0, 5)
    assert both.loss == 0.8
    assert both.accuracy == 0.6
    assert math.isnan(LossSums().loss)
    assert math.isnan(LossSums().accuracy)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_prediction_reports_probabilities_or_values(backend, dtype, random, name):
    loss = bound(backend, dtype, name)
    outputs = random.standard_normal((ROWS, OUTPUTS)).astype(dtype)
    finished = np.full_like(outputs, np.nan)
    loss.finish_outputs(outputs, finished)
    exact = outputs.astype(np.float64)
    expected = {
        "softmax_cross_entropy": special.softmax(exact, axis=1),
        "log_loss": special.expit(exact),
        "poisson": np.exp(exact),
    }.get(name, exact)
    assert_close(finished, expected, units=8)


class TestRight:
    """Accuracy: by argmax for classes, by the loss's threshold for yes and no, never for values."""

    def accuracy(self, backend, text, task, outputs, targets, **how):
        outputs, targets = np.array(outputs), np.array(targets, np.float64)
        loss = bound(
            backend, np.float64, text, task=task, outputs=outputs.shape[1], rows=len(outputs), **how
        )
        loss.backward(outputs, targets, np.ones(len(outputs)))
        return loss.take_sums().accuracy

    @pytest.mark.parametrize("text", ["mse", "mae", "huber", "log_loss"])
    def test_classes(self, backend, text):
        outputs, targets = (
            [[0.9, 0.2], [0.9, 0.2], [-1, -2], [0.1, 0.3]],
            [[1, 0], [0, 1], [1, 0], [0, 1]],
        )
        assert self.accuracy(backend, text, "classification", outputs, targets) == 0.75

    def test_a_logit_is_right_by_its_sign(self, backend):
        outputs, targets = [[0.2], [-0.2], [0.2], [3.0]], [[1], [0], [0], [1]]
        for task in ("classification", "multilabel"):
            assert self.accuracy(backend, "log_loss", task, outputs, targets) == 0.75

    @pytest.mark.parametrize("text", ["mse", "mae", "huber"])
    @pytest.mark.parametrize("task", ["classification", "multilabel"])
    def test_a_value_is_right_by_the_nearer_target(self, backend, text, task):
        outputs, targets = [[0.2], [0.4], [0.6], [1.4], [-0.3]], [[0], [1], [1], [1], [0]]
        assert self.accuracy(backend, text, task, outputs, targets) == 0.8

    def test_values_are_never_right(self, backend):
        loss = bound(backend, np.float64, "mse")
        assert not loss.counts_right
        loss.backward(np.ones((2, OUTPUTS)), np.ones((2, OUTPUTS)), np.ones(2))
        assert loss.take_sums().right == 0


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_row_is_complete(name):
    """What a model, the exports and the gradient check ask of a loss has an answer for each."""
    kind = LOSSES[name]
    loss = parse_loss(name, task=kind.tasks[0], outputs=3)
    assert loss.kind is kind
    assert loss.formula.startswith("dz = w/m · ℓ′" if kind.from_logits else "dy = w/m · ℓ′")
    assert kind.link in LINKS.keys() & GIVES.keys() & TARGETS.keys()
    assert set(kind.tasks) <= set(AUTO)
    assert not ALIASES.keys() & LOSSES.keys()


def test_targets_take_the_form_that_a_loss_compares_with(backend):
    labels = np.array([0, 2, 1], np.int32)
    classes = SimpleNamespace(task="classification")
    loss = bound(backend, np.float32, "softmax_cross_entropy", outputs=3)
    assert loss.targets_from(classes, labels) is labels
    loss = bound(backend, np.float32, "mse", outputs=3, task="classification")
    np.testing.assert_array_equal(loss.targets_from(classes, labels), np.eye(3)[labels])
    loss = bound(backend, np.float32, "log_loss", outputs=1, task="classification")
    one_column = loss.targets_from(classes, labels[:2] // 2)
    np.testing.assert_array_equal(one_column, [[0], [1]])
    assert one_column.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "classes", "outputs"),
    [("auto", "ab", 2), ("log-loss", "ab", 1), ("binary_cross_entropy", "ab", 1), ("mse", "ab", 2),
     ("log_loss", "abc", 3), ("auto", "abc", 3)],
)  # fmt: skip
def test_two_classes_need_one_logit(text, classes, outputs):
    encoder = SimpleNamespace(
        task="classification", classes=list(classes), output_width=len(classes)
    )
    assert output_width(text, encoder) == outputs


class TestParse:
    @pytest.mark.parametrize(
        ("task", "outputs", "name"),
        [
            ("classification", 3, "softmax_cross_entropy"),
            ("classification", 1, "log_loss"),
            ("multilabel", 3, "log_loss"),
            ("multilabel", 1, "log_loss"),
            ("regression", 1, "squared_error"),
            ("regression", 3, "squared_error"),
        ],
    )
    def test_auto(self, task, outputs, name):
        assert parse_loss("auto", task=task, outputs=outputs).name == name

    @pytest.mark.parametrize("alias", sorted(ALIASES))
    def test_other_names(self, alias):
        loss = parse_loss(f" {alias.upper().replace('_', '-')} ", task="classification", outputs=3)
        assert loss.name == ALIASES[alias]

    def test_huber_takes_its_delta(self):
        assert parse_loss("huber(0.25)", task="regression").parameter == 0.25
        assert parse_loss("huber", task="regression").parameter == 1

    @pytest.mark.parametrize(
        ("text", "task", "how"),
        [
            ("msee", "regression", {}),
            ("", "regression", {}),
            ("mse(1)", "regression", {}),
            ("huber(0)", "regression", {}),
            ("huber(-1)", "regression", {}),
            ("huber(x)", "regression", {}),
            ("huber(inf)", "regression", {}),
            ("huber(1, 2)", "regression", {}),
            ("softmax_cross_entropy", "regression", {}),
            ("softmax_cross_entropy", "multilabel", {"outputs": 3}),
            ("softmax_cross_entropy", "classification", {"outputs": 1}),
            ("log_loss", "regression", {}),
            ("poisson", "classification", {"outputs": 3}),
            ("poisson", "multilabel", {}),
            ("poisson(1)", "regression", {}),
            ("poisson", "regression", {"label_smoothing": 0.1}),
            ("mse", "regression", {"label_smoothing": 0.1}),
            ("auto", "classification", {"outputs": 3, "label_smoothing": 1.0}),
            ("auto", "classification", {"outputs": 3, "label_smoothing": -0.1}),
            ("auto", "multilabel", {"outputs": 3, "label_smoothing": float("nan")}),
            ("mse", "regression", {"reduction": "median"}),
        ],
    )
    def test_what_does_not_fit_is_refused(self, text, task, how):
        with pytest.raises(UsageError):
            parse_loss(text, task=task, **how)
