"""What may be told of a training: fastmlp's own logs, MLflow, Weights & Biases, a line of progress,
and ``Callback``, the base of your own.
"""

from fastmlp.training.callbacks import (
    Callback,
    Progress,
    Record,
    RunFacts,
    Training,
    TrainingResult,
)
from fastmlp.training.logs import CsvLog, TensorBoard

from .mlflow import MLflow
from .progress import ProgressLine
from .wandb import WandB

__all__ = [
    "Callback",
    "CsvLog",
    "MLflow",
    "Progress",
    "ProgressLine",
    "Record",
    "RunFacts",
    "TensorBoard",
    "Training",
    "TrainingResult",
    "WandB",
]
