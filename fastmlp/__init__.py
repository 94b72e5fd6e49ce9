"""fastmlp: multilayer perceptrons with hand-written gradients, fast on a CPU, the same on CUDA."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmlp.errors import FastMLPError
    from fastmlp.estimators import MLPClassifier, MLPRegressor
    from fastmlp.jobs.api import TrainedRun, train
    from fastmlp.jobs.evaluate import evaluate
    from fastmlp.jobs.gradcheck import gradcheck
    from fastmlp.jobs.model import Model, load
    from fastmlp.jobs.predict import predict
    from fastmlp.jobs.settings import Settings
    from fastmlp.training.callbacks import Callback

__version__ = "0.1.0"

__all__ = [
    "Callback",
    "FastMLPError",
    "MLPClassifier",
    "MLPRegressor",
    "Model",
    "Settings",
    "TrainedRun",
    "__version__",
    "evaluate",
    "gradcheck",
    "load",
    "predict",
    "train",
]

_HOMES = {
    "Callback": "fastmlp.training.callbacks",
    "FastMLPError": "fastmlp.errors",
    "MLPClassifier": "fastmlp.estimators",
    "MLPRegressor": "fastmlp.estimators",
    "Model": "fastmlp.jobs.model",
    "Settings": "fastmlp.jobs.settings",
    "TrainedRun": "fastmlp.jobs.api",
    "evaluate": "fastmlp.jobs.evaluate",
    "gradcheck": "fastmlp.jobs.gradcheck",
    "load": "fastmlp.jobs.model",
    "predict": "fastmlp.jobs.predict",
    "train": "fastmlp.jobs.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import fastmlp`` alone takes no time."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
