"""Checks the words of settings that a run would only look at when it starts: activations, initial
weights, schedules …
"""

from __future__ import annotations

from fastmlp.nn.activations import parse_activation
from fastmlp.nn.initializers import parse_initializer
from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture, per_layer
from fastmlp.optim.optimizers import Regularization, make_optimizer
from fastmlp.optim.schedules import parse_schedule
from fastmlp.settings.settings import Settings


def check_words(settings: Settings) -> None:
    """Check everything in settings that does not depend on the data.

    Raises
    ------
    UsageError
        For the first word or number that a run would refuse.
    """
    Architecture(
        inputs=1,
        outputs=1,
        hidden=settings.hidden_widths,
        activation=settings.activation,
        dropout=settings.dropout_rates,
        batch_norm=settings.batch_norm,
        batch_norm_decay=settings.batch_norm_decay,
    )
    for activation in per_layer("activation", settings.activation, len(settings.hidden_widths)):
        parse_activation(activation)
    parse_activation(settings.output_activation)
    parse_initializer(settings.init)
    parse_initializer(settings.bias_init)
    task = "classification" if settings.task == "auto" else settings.task
    how = {"label_smoothing": settings.label_smoothing, "reduction": settings.reduction}
    parse_loss(settings.loss, task=task, outputs=2, **how)
    parse_schedule(
        settings.schedule, 0.1 if settings.lr is None else settings.lr, 1, 1, settings.warmup
    )
    make_optimizer(
        settings.optimizer,
        momentum=settings.momentum,
        beta1=settings.beta1,
        beta2=settings.beta2,
        rho=settings.rho,
        epsilon=settings.epsilon,
    )
    Regularization(
        settings.l1,
        settings.l2,
        settings.weight_decay or 0.0,
        settings.clip_norm,
        settings.clip_value,
    )
