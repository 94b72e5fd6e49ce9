"""``coefs_``, ``intercepts_`` and ``batch_norm_``: shown to the user, and taken back where the user
has changed them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.errors import UsageError

from .engine import Engine
from .memory import Snapshot

NOT_FINITE = (  # scikit-learn's words
    "Solver produced non-finite parameter weights. "
    "The input data may contain large values and need to be preprocessed."
)


def show(estimator: Any, engine: Engine) -> None:
    """Set the attributes: on the CPU to the network's own arrays, as scikit-learn's are."""
    weights, intercepts, norms = engine.weight_parameters()
    estimator.coefs_ = [engine.show(parameter) for parameter in weights]
    estimator.intercepts_ = [engine.show(parameter) for parameter in intercepts]
    vars(estimator).pop("batch_norm_", None)
    if norms:
        estimator.batch_norm_ = [
            {name: engine.show(each) for name, each in norm.items()} for norm in norms
        ]


def hand_over(estimator: Any, engine: Engine, worker: Engine, best: Snapshot | None = None) -> None:
    """Let the attributes show what was trained, or the best weights, and remember where training
    goes on.

    Raises
    ------
    ValueError
        If a weight is NaN or infinite.
    """
    memory, trained = estimator._memory, worker.network.store.snapshot()
    with np.errstate(over="ignore"):  # what is too large for float32 is told of below
        engine.network.store.restore(trained if best is None else best)
    shown = engine.network.store.snapshot()
    memory.last, memory.shown = (
        (trained, shown) if best is not None or worker is not engine else (None, None)
    )
    show(estimator, engine)
    if not all(np.isfinite(array).all() for array in shown):
        raise ValueError(NOT_FINITE)


def put(estimator: Any, engine: Engine) -> None:
    """Give the network the weights of the attributes.

    Raises
    ------
    UsageError
        If their shapes are not those that the parameters call for.
    """
    weights, intercepts, norms = engine.weight_parameters()
    for number, (norm, shown) in enumerate(
        zip(norms, getattr(estimator, "batch_norm_", []), strict=False)
    ):
        for name, values in shown.items():
            engine.put(norm[name], values, f"batch_norm_[{number}][{name!r}]")
    for name, parameters in (("coefs_", weights), ("intercepts_", intercepts)):
        given = getattr(estimator, name)
        if len(given) != len(parameters):
            raise UsageError(
                f"{name} has {len(given)} layers; the parameters now call for {len(parameters)}. Fit anew."
            )
        for number, (values, parameter) in enumerate(zip(given, parameters, strict=True)):
            engine.put(parameter, values, f"{name}[{number}]")
