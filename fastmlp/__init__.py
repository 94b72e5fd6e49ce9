"""fastmlp: multilayer perceptrons with hand-written gradients, fast on a CPU, the same on CUDA."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmlp.errors import FastMLPError
    from fastmlp.estimators import MLPClassifier, MLPRegressor
    from fastmlp.jobs.api import TrainedRun, train
    from fastmlp.jobs.evaluate import evaluate
    from fastmlp.jobs.from_sklearn import from_sklearn
    from fastmlp.jobs.from_torch import from_torch
    from fastmlp.jobs.gradcheck import gradcheck
    from fastmlp.jobs.model import Model, load
    from fastmlp.jobs.predict import predict
    from fastmlp.jobs.settings import Settings
    from fastmlp.training.callbacks import Callback
    from fastmlp.training.csv_log import CsvLog
    from fastmlp.training.tensorboard import TensorBoard

__version__ = "0.1.0"

__all__ = [
    "Callback",
    "CsvLog",
    "FastMLPError",
    "MLPClassifier",
    "MLPRegressor",
    "Model",
    "Settings",
    "TensorBoard",
    "TrainedRun",
    "__version__",
    "evaluate",
    "from_sklearn",
    "from_torch",
    "gradcheck",
    "load",
    "predict",
    "train",
]

_HOMES = {
    "Callback": "fastmlp.training.callbacks",
    "CsvLog": "fastmlp.training.csv_log",
    "FastMLPError": "fastmlp.errors",
    "MLPClassifier": "fastmlp.estimators",
    "MLPRegressor": "fastmlp.estimators",
    "Model": "fastmlp.jobs.model",
    "Settings": "fastmlp.jobs.settings",
    "TensorBoard": "fastmlp.training.tensorboard",
    "TrainedRun": "fastmlp.jobs.api",
    "evaluate": "fastmlp.jobs.evaluate",
    "from_sklearn": "fastmlp.jobs.from_sklearn",
    "from_torch": "fastmlp.jobs.from_torch",
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
