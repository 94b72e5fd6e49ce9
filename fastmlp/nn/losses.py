"""Losses: from the network's outputs to each row's loss, whether it is right, and the gradient, in
one operation.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import UsageError, choose
from fastmlp.kernels.constants import (
    LOSS_SUM,
    RIGHT_ARGMAX,
    RIGHT_NEVER,
    RIGHT_SUM,
    RIGHT_THRESHOLD,
    ROW_COUNT,
)
from fastmlp.spec import numbers, parse_spec

ACCEPTED = {
    "softmax_cross_entropy": (0, 0),
    "log_loss": (0, 0),
    "mse": (0, 0),
    "mae": (0, 0),
    "huber": (0, 1),
}
ALIASES = {"cross_entropy": "softmax_cross_entropy", "binary_cross_entropy": "log_loss"}
REDUCTIONS = ("mean", "sum")
ELEMENTWISE_KERNELS = {
    "mse": "squared_error",
    "mae": "absolute_error",
    "huber": "huber",
    "log_loss": "log_loss",
}


@dataclass(frozen=True)
class Statistics:
    """Sums over the rows that a loss has seen."""

    loss_sum: float = 0.0
    right: float = 0.0
    rows: int = 0

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.loss_sum + other.loss_sum, self.right + other.right, self.rows + other.rows
        )

    def __sub__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.loss_sum - other.loss_sum, self.right - other.right, self.rows - other.rows
        )

    @property
    def loss(self) -> float:
        """Mean loss of a row; NaN where no row was seen."""
        return self.loss_sum / self.rows if self.rows else math.nan

    @property
    def accuracy(self) -> float:
        """Share of rows that were right; NaN where no row was seen."""
        return self.right / self.rows if self.rows else math.nan


class Loss(ABC):
    """A loss over a batch of m rows: Σ wᵢ·ℓᵢ/m, or Σ wᵢ·ℓᵢ with ``reduction="sum"``.

    Weights are given row by row; a caller who wants a weighted mean brings weights whose mean over
    the data is 1, so that the size of a step does not depend on which rows a batch happens to hold.

    Parameters
    ----------
    reduction
        ``"mean"`` or ``"sum"``: what the gradient is of. The loss that is reported is the mean
        either way.
    """

    name: str
    counts_right = True  # whether rows can be right or wrong: not so for regression

    def __init__(self, reduction: str = "mean"):
        self.reduction = choose("reduction", reduction, REDUCTIONS)

    def bind(self, backend: Backend, dtype: np.dtype, rows: int, outputs: int) -> None:
        """Allocate the gradient (rows, outputs), the loss of each row, and the epoch's sums."""
        self.backend = backend
        self._gradient = backend.empty((rows, outputs), dtype)
        self._row_loss = backend.zeros((rows,), np.float64)
        self._row_right = backend.zeros((rows,), np.float64)
        self.statistics = backend.zeros((3,), np.float64)

    def backward(self, outputs: Array, targets: Array, weights: Array) -> Array:
        """Return the gradient with respect to the outputs, and add the batch to the epoch's sums.

        Parameters
        ----------
        outputs
            (rows, outputs): logits for the cross-entropies, values for the others.
        targets
            (rows,) int32 labels, or (rows, outputs) numbers.
        weights
            (rows,) factor of each row's loss.
        """
        rows = len(outputs)
        gradient, row_loss, row_right = (
            self._gradient[:rows],
            self._row_loss[:rows],
            self._row_right[:rows],
        )
        scale = 1.0 / rows if self.reduction == "mean" else 1.0
        self._launch(outputs, targets, weights, scale, gradient, row_loss, row_right)
        self.backend.ops.accumulate_statistics(row_loss, row_right, self.statistics)
        return gradient

    def read_statistics(self) -> Statistics:
        """Return the sums so far; waits for the device."""
        sums = self.backend.to_numpy(self.statistics)
        return Statistics(float(sums[LOSS_SUM]), float(sums[RIGHT_SUM]), int(sums[ROW_COUNT]))

    def set_statistics(self, sums: Statistics) -> None:
        """Go on from these sums."""
        values = np.zeros(3)
        values[[LOSS_SUM, RIGHT_SUM, ROW_COUNT]] = sums.loss_sum, sums.right, sums.rows
        self.backend.assign(self.statistics, values)

    def take_statistics(self) -> Statistics:
        """Return the sums so far, and start anew."""
        sums = self.read_statistics()
        self.set_statistics(Statistics())
        return sums

    def row_losses(self, rows: int) -> np.ndarray:
        """Return the loss of each of the last batch's rows, float64."""
        return self.backend.to_numpy(self._row_loss[:rows])

    def finish_outputs(self, outputs: Array, finished: Array) -> None:
        """Turn outputs into what a prediction reports: probabilities, or the values themselves."""
        identity = self.backend.scalar_function("identity")
        self.backend.ops.activation_forward(identity, outputs, finished, 0.0)

    @abstractmethod
    def _launch(self, outputs, targets, weights, scale, gradient, row_loss, row_right) -> None:
        """Run the loss's own operation."""


class SoftmaxCrossEntropy(Loss):
    """−Σⱼ tⱼ·ln softmax(z)ⱼ for labels, or for rows that are distributions.

    Parameters
    ----------
    label_smoothing
        ε: the target is (1 − ε)·one_hot + ε/k (Szegedy et al. 2016).
    """

    name = "softmax_cross_entropy"

    def __init__(self, label_smoothing: float = 0.0, reduction: str = "mean"):
        super().__init__(reduction)
        self.label_smoothing = _checked_smoothing(label_smoothing)

    def _launch(self, outputs, targets, weights, scale, gradient, row_loss, row_right) -> None:
        ops = self.backend.ops
        operation = (
            ops.softmax_cross_entropy if targets.ndim == 1 else ops.softmax_cross_entropy_soft
        )
        operation(
            outputs, targets, weights, self.label_smoothing, scale, gradient, row_loss, row_right
        )

    def finish_outputs(self, outputs: Array, finished: Array) -> None:
        """Turn logits into probabilities that sum to 1 in each row."""
        self.backend.ops.softmax_forward(outputs, finished)


class ElementwiseLoss(Loss):
    """Σⱼ ℓ(yⱼ, tⱼ): log loss on logits (summed over outputs), mse, mae, huber (averaged over
    outputs).

    Parameters
    ----------
    name
        ``"log_loss"``, ``"mse"``, ``"mae"`` or ``"huber"``.
    parameter
        huber's δ, or the label smoothing of log_loss.
    right
        When a row counts as right: RIGHT_NEVER, RIGHT_THRESHOLD or RIGHT_ARGMAX.
    """

    def __init__(
        self, name: str, parameter: float = 0.0, right: int = RIGHT_NEVER, reduction: str = "mean"
    ):
        super().__init__(reduction)
        self.name = name
        self.parameter = parameter
        self.right = right
        self.counts_right = right != RIGHT_NEVER
        self._threshold = 0.0 if name == "log_loss" else 0.5  # a logit of 0 is a probability of ½

    def _launch(self, outputs, targets, weights, scale, gradient, row_loss, row_right) -> None:
        kernel = ELEMENTWISE_KERNELS[self.name]
        functions = (
            self.backend.scalar_function(kernel),
            self.backend.scalar_function(f"{kernel}_derivative"),
        )
        element_weight = 1.0 if self.name == "log_loss" else 1.0 / outputs.shape[1]
        how = self.parameter, element_weight, scale, self.right, self._threshold
        self.backend.ops.elementwise_loss(
            *functions, outputs, targets, weights, *how, gradient, row_loss, row_right
        )

    def finish_outputs(self, outputs: Array, finished: Array) -> None:
        """Turn the logits of log_loss into probabilities; the other losses' outputs stay as they
        are.
        """
        if self.name != "log_loss":
            return super().finish_outputs(outputs, finished)
        sigmoid = self.backend.scalar_function("sigmoid")
        return self.backend.ops.activation_forward(sigmoid, outputs, finished, 0.0)


def parse_loss(
    text: str, *, task: str, outputs: int = 1, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Loss:
    """Return the loss that ``text`` names.

    Parameters
    ----------
    text
        ``auto``, ``softmax_cross_entropy``, ``log_loss``, ``mse``, ``mae``, ``huber`` or
        ``huber(δ)``. ``auto`` is softmax_cross_entropy for classification, log_loss for multilabel
        and mse for regression.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    outputs
        Number of outputs; with one output, classification is by the sign of a single logit.
    label_smoothing
        For the cross-entropies alone.
    reduction
        ``"mean"`` or ``"sum"``.

    Raises
    ------
    UsageError
        For an unknown loss, or one that does not fit the task.
    """
    if text == "auto":
        text = {
            "classification": "softmax_cross_entropy",
            "multilabel": "log_loss",
            "regression": "mse",
        }[task]
        text = "log_loss" if task == "classification" and outputs == 1 else text
    name, arguments = parse_spec("loss", text, ACCEPTED, ALIASES)
    if name == "softmax_cross_entropy" and task != "classification":
        raise UsageError(
            f"loss {name} needs one class a row; this is a {task} task. Accepted: log_loss, mse, mae, huber."
        )
    if name == "softmax_cross_entropy" and outputs == 1:
        raise UsageError(
            f"loss {name} needs an output for each class; with one output use log_loss."
        )
    if name == "log_loss" and task == "regression":
        raise UsageError(
            "loss log_loss needs classes; this is a regression task. Accepted: mse, mae, huber."
        )
    if label_smoothing and name not in ("softmax_cross_entropy", "log_loss"):
        raise UsageError(
            f"label_smoothing goes with softmax_cross_entropy and log_loss, not with {name}."
        )
    if name == "softmax_cross_entropy":
        return SoftmaxCrossEntropy(label_smoothing, reduction)
    parameter = _checked_smoothing(label_smoothing) if name == "log_loss" else 0.0
    if name == "huber":
        parameter = numbers("loss", text, arguments)[0] if arguments else 1.0
        if parameter <= 0:
            raise UsageError(f"loss {text!r}: delta must be greater than 0.")
    by_argmax = task == "classification" and outputs > 1
    right = RIGHT_NEVER if task == "regression" else RIGHT_ARGMAX if by_argmax else RIGHT_THRESHOLD
    return ElementwiseLoss(name, parameter, right, reduction)


def _checked_smoothing(label_smoothing: float) -> float:
    if not 0 <= label_smoothing < 1:
        raise UsageError(
            f"label_smoothing must be at least 0 and less than 1; got {label_smoothing:g}."
        )
    return label_smoothing
