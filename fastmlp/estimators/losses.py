"""The losses of the estimators, with the factors that scikit-learn's rates are tuned to."""

from __future__ import annotations

from fastmlp.errors import UsageError
from fastmlp.nn.losses import LOSSES, ElementwiseLoss, Loss, parse_loss

REGRESSION_LOSSES = tuple(name for name, kind in LOSSES.items() if "regression" in kind.tasks)
CLASSIFICATION_LOSSES = tuple(
    name for name, kind in LOSSES.items() if "multilabel" in kind.tasks
)  # log_loss stands for softmax_cross_entropy too
HALVED = "squared_error"  # its gradient is then y − t


def make_loss(text: str, task: str, outputs: int, smoothing: float = 0.0) -> Loss:
    """Return a loss by the estimators' name.

    The losses of several outputs are added up, so that each output learns as it would alone.

    Parameters
    ----------
    text
        One of REGRESSION_LOSSES or CLASSIFICATION_LOSSES, with its argument in brackets.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    outputs
        Number of outputs; 1 for two classes.
    smoothing
        Label smoothing, for log_loss alone.
    """
    if smoothing and text != "log_loss":
        raise UsageError(f"label_smoothing goes with loss log_loss, not with {text}.")
    word = "auto" if text == "log_loss" else text
    loss = parse_loss(word, task=task, outputs=outputs, label_smoothing=smoothing)
    if isinstance(loss, ElementwiseLoss) and loss.kind.averages:
        loss.factor = 0.5 if loss.name == HALVED else 1.0
    return loss


def reported_share(loss: Loss, outputs: int) -> float:
    """Return the factor of ``loss_curve_``: means over the outputs, but sums for deviances."""
    return 1.0 / outputs if loss.kind.averages else 1.0
