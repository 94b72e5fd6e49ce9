"""fastmlp: multilayer perceptrons with hand-written gradients, fast on a CPU, the same on CUDA."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmlp.adopt.from_sklearn import from_sklearn
    from fastmlp.adopt.from_torch import from_torch
    from fastmlp.explanation.explain import explain
    from fastmlp.gradient_check.check import gradcheck
    from fastmlp.model.evaluate import evaluate
    from fastmlp.model.model import Model, load
    from fastmlp.model.predict import predict
    from fastmlp.run.api import TrainedRun, train
    from fastmlp.settings.settings import Settings
    from fastmlp.training.callbacks import Callback
    from fastmlp.training.logs import CsvLog, TensorBoard
    from fastmlp.tuning.api import Tuned, tune

    from .errors import FastMLPError
    from .estimators import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

__version__ = "0.1.0"

__all__ = [
    "Callback",
    "CsvLog",
    "FastMLPError",
    "MLPClassifier",
    "MLPRegressor",
    "Model",
    "Settings",
    "TabularClassifier",
    "TabularRegressor",
    "TensorBoard",
    "TrainedRun",
    "Tuned",
    "__version__",
    "evaluate",
    "explain",
    "from_sklearn",
    "from_torch",
    "gradcheck",
    "load",
    "predict",
    "train",
    "tune",
]

_HOMES = {
    "Callback": "fastmlp.training.callbacks",
    "CsvLog": "fastmlp.training.logs",
    "FastMLPError": "fastmlp.errors",
    "MLPClassifier": "fastmlp.estimators",
    "MLPRegressor": "fastmlp.estimators",
    "Model": "fastmlp.model.model",
    "Settings": "fastmlp.settings.settings",
    "TabularClassifier": "fastmlp.estimators",
    "TabularRegressor": "fastmlp.estimators",
    "TensorBoard": "fastmlp.training.logs",
    "TrainedRun": "fastmlp.run.api",
    "Tuned": "fastmlp.tuning.api",
    "evaluate": "fastmlp.model.evaluate",
    "explain": "fastmlp.explanation.explain",
    "from_sklearn": "fastmlp.adopt.from_sklearn",
    "from_torch": "fastmlp.adopt.from_torch",
    "gradcheck": "fastmlp.gradient_check.check",
    "load": "fastmlp.model.model",
    "predict": "fastmlp.model.predict",
    "train": "fastmlp.run.api",
    "tune": "fastmlp.tuning.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import fastmlp`` alone takes no time."""
    if name == "callbacks":
        return import_module("fastmlp.callbacks")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
