"""The losses of the estimators: scikit-learn's factors, which its learning rates and ``alpha`` are
tuned to.
"""

from __future__ import annotations

from fastmlp.backend.contract import Array
from fastmlp.errors import UsageError
from fastmlp.kernels.constants import RIGHT_ARGMAX, RIGHT_NEVER, RIGHT_THRESHOLD
from fastmlp.nn.losses import ElementwiseLoss, Loss, parse_loss
from fastmlp.spec import numbers, parse_spec

REGRESSION_LOSSES = ("squared_error", "poisson", "absolute_error", "huber")
CLASSIFICATION_LOSSES = ("log_loss", "squared_error", "absolute_error", "huber")
# The name in fastmlp.nn.losses, and the factor of each element.
_ELEMENTWISE = {
    "squared_error": ("mse", 0.5),
    "absolute_error": ("mae", 1.0),
    "huber": ("huber", 1.0),
}


class SummedLoss(ElementwiseLoss):
    """factor·Σⱼ ℓ(yⱼ, tⱼ): the outputs' losses are summed, so that each output learns as it would
    alone.

    Attributes
    ----------
    factor
        ½ for squared_error, whose gradient is then y − t.
    """

    def __init__(
        self, name: str, parameter: float = 0.0, right: int = RIGHT_NEVER, factor: float = 1.0
    ):
        super().__init__(name, parameter, right)
        self.factor = factor

    def _launch(self, outputs, targets, weights, scale, gradient, row_loss, row_right) -> None:
        kernel = {"mse": "squared_error", "mae": "absolute_error"}.get(self.name, self.name)
        functions = (
            self.backend.scalar_function(kernel),
            self.backend.scalar_function(f"{kernel}_derivative"),
        )
        how = self.parameter, self.factor, scale, self.right, 0.5
        self.backend.ops.elementwise_loss(
            *functions, outputs, targets, weights, *how, gradient, row_loss, row_right
        )


class PoissonLoss(SummedLoss):
    """Half the Poisson deviance, t·ln(t/μ) − t + μ with μ = eʸ; predictions are μ."""

    def __init__(self):
        super().__init__("poisson")

    def finish_outputs(self, outputs: Array, finished: Array) -> None:
        """Turn the logarithms of the means into means."""
        exponential = self.backend.scalar_function("exponential")
        self.backend.ops.activation_forward(exponential, outputs, finished, 0.0)


def make_loss(text: str, task: str, outputs: int, label_smoothing: float = 0.0) -> Loss:
    """Return a loss by the estimators' name.

    Parameters
    ----------
    text
        ``log_loss``, ``squared_error``, ``absolute_error``, ``huber``, ``huber(δ)`` or ``poisson``.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    outputs
        Number of outputs; 1 for two classes.
    label_smoothing
        For log_loss alone.
    """
    if text == "log_loss":
        return parse_loss("auto", task=task, outputs=outputs, label_smoothing=label_smoothing)
    if label_smoothing:
        raise UsageError(f"label_smoothing goes with loss log_loss, not with {text}.")
    if text == "poisson":
        return PoissonLoss()
    name, arguments = parse_spec(
        "loss", text, {"squared_error": (0, 0), "absolute_error": (0, 0), "huber": (0, 1)}
    )
    parameter = numbers("loss", text, arguments)[0] if arguments else 1.0
    if parameter <= 0:
        raise UsageError(f"loss {text!r}: delta must be greater than 0.")
    kernel, factor = _ELEMENTWISE[name]
    by_argmax = task == "classification" and outputs > 1
    right = RIGHT_NEVER if task == "regression" else RIGHT_ARGMAX if by_argmax else RIGHT_THRESHOLD
    return SummedLoss(kernel, parameter, right, factor)


def reported_share(loss: Loss, outputs: int) -> float:
    """Return the factor of what ``loss_curve_`` reports: means over the outputs, sums for
    deviances, as scikit-learn's.
    """
    return 1.0 / outputs if loss.name in ("mse", "mae", "huber") else 1.0
