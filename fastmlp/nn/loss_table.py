"""What is known of each loss, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp.spec import INNER_SHARE, POSITIVE, Argument

MOST_LEVELS = 99  # quantiles that a network can predict
# The loss of a task, where none is named.
AUTO = {
    "classification": "softmax_cross_entropy",
    "multilabel": "log_loss",
    "regression": "squared_error",
}


@dataclass(frozen=True)
class Kind:
    """What is known of a loss ℓ.

    Attributes
    ----------
    derivative
        Of one row's loss with respect to its outputs, as one writes it on paper, before the row's
        weight and the mean over the rows.
    link
        The function from outputs to predictions: ``"softmax"`` or ``"sigmoid"`` of logits,
        ``"exponential"`` of logarithms, ``"identity"`` of values.
    tasks
        Those that it goes with.
    averages
        Whether a row's loss is the mean over its outputs rather than the sum.
    argument
        The number that it takes, or None.
    """

    derivative: str
    link: str = "identity"
    tasks: tuple[str, ...] = tuple(AUTO)
    averages: bool = False
    argument: Argument | None = None

    @property
    def from_logits(self) -> bool:
        """Whether it is a cross-entropy: it predicts probabilities, and labels can be smoothed."""
        return self.link in ("softmax", "sigmoid")

    @property
    def takes_labels(self) -> bool:
        """Whether targets are (rows,) class numbers rather than (rows, outputs) numbers."""
        return self.link == "softmax"

    @property
    def standardizes(self) -> bool:
        """Whether a regression target may be standardised; counts may not."""
        return self.link != "exponential"


# What takes predictions back to outputs. Softmax takes any constant beside its logits.
INVERSE_LINKS = {
    "softmax": "logarithm",
    "sigmoid": "log_odds",
    "exponential": "logarithm",
    "identity": "identity",
}
# The name of an elementwise loss is that of its scalar function.
LOSSES = {
    "softmax_cross_entropy": Kind("p − t with p = softmax(z)", "softmax", ("classification",)),
    "log_loss": Kind("σ(z) − t", "sigmoid", ("classification", "multilabel")),
    "squared_error": Kind("2·(y − t)/k over k outputs", averages=True),
    "absolute_error": Kind("sign(y − t)/k over k outputs", averages=True),
    "huber": Kind(
        "(y − t)/k, held between −{parameter:g}/k and {parameter:g}/k, over k outputs",
        averages=True,
        argument=Argument("delta", 1.0, POSITIVE),
    ),
    "poisson": Kind("exp(y) − t", "exponential", ("regression",)),
    "pinball": Kind(
        "((y > t) − τ)/k over k outputs",
        tasks=("regression",),
        averages=True,
        argument=Argument("the level", 0.5, INNER_SHARE, most=MOST_LEVELS),
    ),
}
ALIASES = {
    "cross_entropy": "softmax_cross_entropy",
    "binary_cross_entropy": "log_loss",
    "mse": "squared_error",
    "mae": "absolute_error",
}
