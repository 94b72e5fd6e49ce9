"""What the estimators accept: scikit-learn's constraints, and what words such as
``leaky_relu(0.2)`` add to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fastmlp.errors import UsageError, choose, did_you_mean
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.losses import LOSSES
from fastmlp.nn.network import per_layer
from fastmlp.optim.optimizers import OPTIMIZERS
from fastmlp.optim.schedules import parse_schedule

from .losses import make_loss

SOLVERS = ("lbfgs", *OPTIMIZERS)
SKLEARN_RATES = ("constant", "invscaling", "adaptive")
_AT_LEAST_0 = Interval(Real, 0, None, closed="left")
_ABOVE_0 = Interval(Real, 0, None, closed="neither")
_SHARE = Interval(Real, 0, 1, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, list] = {
    "hidden_layer_sizes": ["array-like", _COUNT],
    "activation": [str, list, tuple],
    "solver": [StrOptions(set(SOLVERS))],
    "alpha": [_AT_LEAST_0],
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate": [str],
    "learning_rate_init": [_ABOVE_0],
    "power_t": [_AT_LEAST_0],
    "max_iter": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_AT_LEAST_0],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [_SHARE],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_SHARE],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [_ABOVE_0],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "max_fun": [_COUNT],
    "loss": [str],
    "dropout": [_SHARE, list, tuple],
    "dropout_units": ["boolean"],
    "batch_norm": [StrOptions({"none", "hidden", "input", "all"})],
    "weight_decay": [_AT_LEAST_0, None],
    "clip_norm": [_ABOVE_0, None],
    "rho": [_SHARE],
    "metric": [str, callable, None],
    "normalize": [StrOptions({"none", "unit", "standard"})],
    "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
    "device": [str],
    "threads": [StrOptions({"auto"}), _COUNT],
    "callbacks": [list, tuple, None],
}
CLASSIFIER_CONSTRAINTS = {
    "label_smoothing": [_SHARE],
    "class_weight": [StrOptions({"balanced"}), dict, None],
}


def store(estimator: Any, given: dict[str, Any]) -> None:
    """Set the parameters of ``__init__`` as attributes, untouched: scikit-learn checks them in
    ``fit``.
    """
    for name in estimator._get_param_names():
        setattr(estimator, name, given[name])


def layer_widths(estimator: Any) -> tuple[int, ...]:
    """Return the widths of the hidden layers; an empty sequence is a linear model."""
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    whole = all(isinstance(size, Integral) and not isinstance(size, bool) for size in sizes)
    if not whole or any(size <= 0 for size in sizes):
        raise UsageError(
            f"hidden_layer_sizes must be > 0, got {sizes}. Give whole numbers, one a hidden layer."
        )
    return tuple(int(size) for size in sizes)


def layer_activations(estimator: Any) -> tuple[str, ...]:
    """Return the activation of each hidden layer, in fastmlp's words."""
    given = estimator.activation
    layers = len(layer_widths(estimator))
    words = [
        str(word).strip()
        for word in per_layer(
            "activation", given if isinstance(given, str) else list(given), layers
        )
    ]
    words = ["sigmoid" if word == "logistic" else word for word in words]
    for word in words:
        parse_activation(word)  # for its errors
    return tuple(words)


def dropout_rates(estimator: Any) -> tuple[float, ...]:
    """Return one dropout rate a hidden layer, or nothing where there is none."""
    given = estimator.dropout
    rates = list(given) if isinstance(given, (list, tuple)) else [given]
    for rate in rates:
        if not isinstance(rate, Real) or not 0 <= rate < 1:
            raise UsageError(f"dropout must be at least 0 and less than 1; got {rate!r}.")
    rates = per_layer("dropout", rates, len(layer_widths(estimator)))
    return tuple(float(rate) for rate in rates) if any(rates) else ()


def check(estimator: Any) -> None:
    """Check everything that scikit-learn's constraints leave open, once, before any work.

    Raises
    ------
    UsageError
        A ValueError of one line: what was given, what is accepted.
    """
    layer_activations(estimator), dropout_rates(estimator)
    _check_loss(estimator)
    _check_metric(estimator.metric)
    if estimator.learning_rate not in SKLEARN_RATES:
        parse_schedule(estimator.learning_rate, estimator.learning_rate_init, 1, 1)
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator)
    for callback in estimator.callbacks or ():
        if not all(
            hasattr(callback, name) for name in ("training_started", "recorded", "training_ended")
        ):
            raise UsageError(
                f"callbacks must be fastmlp.Callback objects; got {type(callback).__name__}."
            )


def _check_metric(metric: Any) -> None:
    if isinstance(metric, str):
        from sklearn.metrics import get_scorer_names

        if metric not in get_scorer_names():
            near = did_you_mean(metric, get_scorer_names())
            raise UsageError(
                f"metric {metric!r} is not known{near} sklearn.metrics.get_scorer_names() lists all."
            )


def _check_lbfgs(estimator: Any) -> None:
    for name, off in (
        ("dropout", 0),
        ("batch_norm", "none"),
        ("weight_decay", None),
        ("clip_norm", None),
    ):
        value = getattr(estimator, name)
        if value != off and not (name == "dropout" and not dropout_rates(estimator)):
            others = ", ".join(OPTIMIZERS)
            raise UsageError(
                f"{name}={value!r} cannot be used with solver='lbfgs'; take one of {others}."
            )


def _check_loss(estimator: Any) -> None:
    given = estimator.loss.strip()
    name = choose("loss", given.partition("(")[0].strip(), estimator._accepted_losses)
    if name != given and LOSSES[name].argument is None:
        takers = ", ".join(each for each in estimator._accepted_losses if LOSSES[each].argument)
        raise UsageError(
            f"loss {given!r} cannot be read: only {takers} takes a number, as in {takers}(1.5)."
        )
    outputs = 2 if name == "log_loss" else 1
    make_loss(given, "classification" if name == "log_loss" else "regression", outputs)
