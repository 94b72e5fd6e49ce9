"""Losses, and how they are computed with their gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

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
from fastmlp.spec import SHARE, parse_with_arguments

from .loss_sums import LossSums
from .loss_table import ALIASES, AUTO, INVERSE_LINKS, LOSSES, Kind

if TYPE_CHECKING:
    from fastmlp.data.features.targets import TargetEncoder

REDUCTIONS = ("mean", "sum")


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
    parameter = 0.0
    members = 1  # whose predictions are averaged
    networks = 1  # whose losses are added up, each the mean over rows of its own
    levels: tuple[float, ...] = ()  # of the quantiles that the outputs are
    counts_right = True  # whether rows can be right or wrong: not so for regression

    def __init__(self, reduction: str = "mean"):
        self.reduction = choose("reduction", reduction, REDUCTIONS)

    @property
    def kind(self) -> Kind:
        """Its row of the table."""
        return LOSSES[self.name]

    @property
    def formula(self) -> str:
        """The gradient for a batch of m rows with weights w, as one writes it on paper."""
        derivative = self.kind.derivative.format(parameter=self.parameter)
        symbol = "dz" if self.kind.from_logits else "dy"
        return f"{symbol} = {'w/m' if self.reduction == 'mean' else 'w'} · ℓ′, ℓ′ = {derivative}"

    def bind(
        self,
        backend: Backend,
        dtype: np.dtype,
        rows: int,
        outputs: int,
        members: int = 1,
        networks: int = 1,
    ) -> None:
        """Allocate the gradient (rows, outputs), the loss of each row, and the epoch's sums."""
        self.backend, self.members, self.networks = backend, members, networks
        self._gradient = backend.empty((rows, outputs), dtype)
        self._row_loss = backend.zeros((rows,), np.float64)
        self._row_right = backend.zeros((rows,), np.float64)
        self.sums = backend.zeros((3,), np.float64)

    def backward(
        self, outputs: Array, targets: Array, weights: Array, of: int | None = None
    ) -> Array:
        """Return the gradient with respect to the outputs, and add the batch to the epoch's sums.

        Parameters
        ----------
        outputs
            (rows, outputs): logits for the cross-entropies, values for the others.
        targets
            (rows,) int32 labels, or (rows, outputs) numbers.
        weights
            (rows,) factor of each row's loss.
        of
            How many rows the batch has, of which these may be a rank's part; by default these.
        """
        rows = len(outputs)
        gradient, row_loss, row_right = (
            self._gradient[:rows],
            self._row_loss[:rows],
            self._row_right[:rows],
        )
        scale = self.networks / (of or max(rows, 1)) if self.reduction == "mean" else 1.0
        self._launch(outputs, targets, weights, scale, gradient, row_loss, row_right)
        self.backend.ops.accumulate_sums(row_loss, row_right, self.sums)
        return gradient

    def read_sums(self) -> LossSums:
        """Return the sums so far; waits for the device."""
        sums = self.backend.to_numpy(self.sums)
        return LossSums(float(sums[LOSS_SUM]), float(sums[RIGHT_SUM]), int(sums[ROW_COUNT]))

    def set_sums(self, sums: LossSums) -> None:
        """Go on from these sums."""
        values = np.zeros(3)
        values[[LOSS_SUM, RIGHT_SUM, ROW_COUNT]] = sums.loss_sum, sums.right, sums.rows
        self.backend.assign(self.sums, values)

    def take_sums(self) -> LossSums:
        """Return the sums so far, and start anew."""
        sums = self.read_sums()
        self.set_sums(LossSums())
        return sums

    def row_losses(self, rows: int) -> np.ndarray:
        """Return the loss of each of the last batch's rows, float64."""
        return self.backend.to_numpy(self._row_loss[:rows])

    def targets_from(self, encoder: TargetEncoder, encoded: np.ndarray) -> np.ndarray:
        """Return encoded targets as what the outputs are compared with; needs bind first.

        The cross-entropy of classes takes class numbers as they are. The other losses compare
        number by number: class numbers become one-hot rows, or one column of 0 and 1 where there is
        a single output.

        Raises
        ------
        UsageError
            For a negative target of a loss whose predictions are exponentials.
        """
        if self.kind.link == "exponential" and encoded.min(initial=0) < 0:
            raise UsageError(
                f"loss {self.name} takes targets of at least 0, and the smallest is "
                f"{encoded.min():g}; take another loss."
            )
        if len(self.levels) > 1:  # each output has the one target
            return np.repeat(encoded, len(self.levels), axis=1)
        if encoder.task != "classification" or self.kind.takes_labels:
            return encoded
        outputs, dtype = self._gradient.shape[1], self._gradient.dtype
        if outputs == 1:
            return encoded[:, None].astype(dtype)
        return np.eye(outputs, dtype=dtype)[encoded]

    def finish_outputs(self, outputs: Array, finished: Array) -> None:
        """Turn outputs into predictions: probabilities, means, or the values themselves."""
        if self.kind.link == "softmax":
            self.backend.ops.softmax_forward(outputs, finished)
        else:
            link = self.backend.scalar_function(self.kind.link)
            self.backend.ops.activation_forward(link, outputs, finished, 0.0)

    def mix(self, outputs: Array) -> Array:
        """Return the outputs (rows, outputs) of an ensemble, from those of its members for the same
        rows (members·rows, outputs), which are lost.

        They are what the loss's link makes the mean of the members' predictions from: logits of
        mean probabilities, say.
        """
        if self.members == 1:
            return outputs
        rows = len(outputs) // self.members
        mean = self._gradient[:rows]
        self.finish_outputs(outputs, outputs)
        self.backend.ops.mean_of_members(outputs, rows, mean)
        mixed = outputs[:rows]
        self.unfinish_outputs(mean, mixed)
        return mixed

    def unfinish_outputs(self, predictions: Array, outputs: Array) -> None:
        """Turn predictions into outputs that ``finish_outputs`` makes these predictions from."""
        back = self.backend.scalar_function(INVERSE_LINKS[self.kind.link])
        self.backend.ops.activation_forward(back, predictions, outputs, 0.0)

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
        self.label_smoothing = label_smoothing

    def _launch(self, outputs, targets, weights, scale, gradient, row_loss, row_right) -> None:
        ops = self.backend.ops
        operation = (
            ops.softmax_cross_entropy if targets.ndim == 1 else ops.softmax_cross_entropy_soft
        )
        operation(
            outputs, targets, weights, self.label_smoothing, scale, gradient, row_loss, row_right
        )


class ElementwiseLoss(Loss):
    """factor·Σⱼ ℓ(yⱼ, tⱼ) in each row.

    Parameters
    ----------
    name
        Any of LOSSES but softmax_cross_entropy.
    parameter
        Its argument, or the label smoothing of log_loss.
    right
        When a row counts as right: RIGHT_NEVER, RIGHT_THRESHOLD or RIGHT_ARGMAX.
    levels
        Of pinball: one for all outputs, or one an output.

    Attributes
    ----------
    factor
        None for 1, or 1/outputs where the loss ``averages``.
    """

    factor: float | None = None

    def __init__(
        self,
        name: str,
        parameter: float = 0.0,
        right: int = RIGHT_NEVER,
        reduction: str = "mean",
        levels: tuple[float, ...] = (),
    ):
        super().__init__(reduction)
        self.levels = levels
        self.name = name
        self.parameter = parameter
        self.right = right
        self.counts_right = right != RIGHT_NEVER

    def bind(
        self,
        backend: Backend,
        dtype: np.dtype,
        rows: int,
        outputs: int,
        members: int = 1,
        networks: int = 1,
    ) -> None:
        """As of every loss, with the levels of several quantiles."""
        if len(self.levels) > 1:
            if len(self.levels) != outputs:
                raise UsageError(
                    f"loss {self.name} has {len(self.levels)} levels and the network {outputs} "
                    "outputs; give one level an output."
                )
            self._levels = backend.from_numpy(np.array(self.levels, dtype))
        super().bind(backend, dtype, rows, outputs, members, networks)

    def _launch(self, outputs, targets, weights, scale, gradient, row_loss, row_right) -> None:
        if len(self.levels) > 1:
            data, results = (outputs, targets), (gradient, row_loss, row_right)
            share = 1.0 / outputs.shape[1]
            self.backend.ops.quantile_loss(*data, self._levels, weights, share, scale, *results)
            return
        loss = self.backend.scalar_function(self.name)
        derivative = self.backend.scalar_function(f"{self.name}_derivative")
        factor = self.factor or (1.0 / outputs.shape[1] if self.kind.averages else 1.0)
        threshold = 0.0 if self.kind.from_logits else 0.5  # a logit of 0 is a probability of ½
        numbers = self.parameter, factor, scale, self.right, threshold
        self.backend.ops.elementwise_loss(
            loss, derivative, outputs, targets, weights, *numbers, gradient, row_loss, row_right
        )


def _name_and_arguments(text: str) -> tuple[str, tuple[float, ...]]:
    return parse_with_arguments("loss", text, LOSSES, ALIASES)


def loss_kind(text: str, task: str = "classification") -> Kind:
    """Return what is known of the loss that ``text`` names, ``auto`` being that of a task.

    Raises
    ------
    UsageError
        For an unknown loss.
    """
    return LOSSES[AUTO[task] if text == "auto" else _name_and_arguments(text)[0]]


def output_width(text: str, encoder: TargetEncoder) -> int:
    """Return how many outputs a network needs under a loss: one a class, target or quantile, or a
    single logit for log loss on two classes.

    Raises
    ------
    UsageError
        For quantiles of several targets.
    """
    name, levels = ("", ()) if text == "auto" else _name_and_arguments(text)
    if name == "pinball" and len(levels) > 1:
        if encoder.output_width > 1:
            raise UsageError(
                f"quantiles are of one target, and there are {encoder.output_width}; give one."
            )
        return len(levels)
    is_pair = encoder.task == "classification" and len(encoder.classes or ()) == 2
    one_logit = is_pair and loss_kind(text, encoder.task).link == "sigmoid"
    return 1 if one_logit else encoder.output_width


def parse_loss(
    text: str, *, task: str, outputs: int = 1, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Loss:
    """Return the loss that ``text`` names.

    Parameters
    ----------
    text
        ``auto``, or one of LOSSES or ALIASES, with its argument in brackets: ``pinball(0.9)``.
        ``auto`` is softmax_cross_entropy for classification, log_loss for multilabel and
        squared_error for regression.
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
        text = "log_loss" if task == "classification" and outputs == 1 else AUTO[task]
    name, arguments = _name_and_arguments(text)
    parameter = arguments[0] if arguments else 0.0
    kind = LOSSES[name]
    if task not in kind.tasks:
        accepted = ", ".join(other for other in LOSSES if task in LOSSES[other].tasks)
        raise UsageError(
            f"loss {name} goes with {' and '.join(kind.tasks)}; this is a {task} task. "
            f"Accepted: {accepted}; or give another task."
        )
    if kind.takes_labels and outputs == 1:
        raise UsageError(
            f"loss {name} needs an output for each class; with one output use log_loss."
        )
    if label_smoothing and not kind.from_logits:
        accepted = " and ".join(other for other in LOSSES if LOSSES[other].from_logits)
        raise UsageError(f"label_smoothing goes with {accepted}, not with {name}.")
    SHARE.check("label_smoothing", label_smoothing)
    if kind.takes_labels:
        return SoftmaxCrossEntropy(label_smoothing, reduction)
    by_argmax = task == "classification" and outputs > 1
    right = RIGHT_NEVER if task == "regression" else RIGHT_ARGMAX if by_argmax else RIGHT_THRESHOLD
    levels = arguments if name == "pinball" else ()
    return ElementwiseLoss(name, label_smoothing or parameter, right, reduction, levels)
