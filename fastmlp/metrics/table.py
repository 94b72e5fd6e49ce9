"""What is known of each metric: its tasks, its direction, what it compares with the truth."""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp.errors import UsageError
from fastmlp.spec import INNER_SHARE, Argument, parse_with_argument

PROBABILITIES, LABELS, VALUES = "probabilities", "labels", "values"
OF_CLASSES, OF_LABELS = ("classification",), ("classification", "multilabel")
OF_VALUES = ("regression",)


@dataclass(frozen=True)
class Kind:
    """What is known of a metric.

    Attributes
    ----------
    tasks
        Those that it goes with.
    needs
        What is compared with the truth: ``"probabilities"``, ``"labels"`` or ``"values"``.
    larger_is_better
        Whether a larger number is a better one.
    heading
        What it is called where people read.
    argument
        The number that it takes, or None.
    """

    tasks: tuple[str, ...]
    needs: str
    larger_is_better: bool
    heading: str
    argument: Argument | None = None


METRICS = {
    "accuracy": Kind(OF_LABELS, LABELS, True, "accuracy"),
    "log_loss": Kind(OF_LABELS, PROBABILITIES, False, "log loss"),
    "auc": Kind(OF_LABELS, PROBABILITIES, True, "AUC"),
    "balanced_accuracy": Kind(OF_CLASSES, LABELS, True, "balanced accuracy"),
    "f1": Kind(OF_LABELS, LABELS, True, "F1"),
    "rmse": Kind(OF_VALUES, VALUES, False, "rmse"),
    "mae": Kind(OF_VALUES, VALUES, False, "mae"),
    "r2": Kind(OF_VALUES, VALUES, True, "R²"),
    "poisson_deviance": Kind(OF_VALUES, VALUES, False, "Poisson deviance"),
    "pinball": Kind(
        OF_VALUES, VALUES, False, "pinball loss", Argument("the level", 0.5, INNER_SHARE)
    ),
}


@dataclass(frozen=True)
class Metric:
    """A metric as a user names it: ``f1``, ``pinball(0.9)``.

    Attributes
    ----------
    name
        Its row of METRICS; under this name its number stands in every record.
    argument
        The number that it takes; 0 where it takes none.
    """

    name: str
    argument: float = 0.0

    @property
    def kind(self) -> Kind:
        """Its row of the table."""
        return METRICS[self.name]

    def __str__(self) -> str:
        return self.name if self.kind.argument is None else f"{self.name}({self.argument:g})"

    def loss(self, value: float) -> float:
        """Return a number of which smaller is better."""
        return -value if self.kind.larger_is_better else value


def parse_metric(text: str, task: str | None = None) -> Metric:
    """Return the metric that ``text`` names.

    Parameters
    ----------
    text
        One of METRICS, with its argument in brackets: ``pinball(0.9)``.
    task
        What it is to go with; None for any.

    Raises
    ------
    UsageError
        For an unknown metric, or one that does not fit the task.
    """
    metric = Metric(*parse_with_argument("metric", text, METRICS))
    if task is not None and task not in metric.kind.tasks:
        raise UsageError(
            f"metric {metric.name} goes with {' and '.join(metric.kind.tasks)}; this is a {task} "
            f"task. Accepted: {', '.join(metrics_of(task))}."
        )
    return metric


def metrics_of(task: str) -> tuple[str, ...]:
    """Return the names of the metrics that go with a task."""
    return tuple(name for name, kind in METRICS.items() if task in kind.tasks)


def larger_is_better(name: str) -> bool:
    """Tell the direction of a number by its name, ``validation_f1`` or ``test_loss``; a loss, or
    anything that is no metric, is better if it is smaller.
    """
    found = [word for word in METRICS if name == word or name.endswith(f"_{word}")]
    return bool(found) and METRICS[max(found, key=len)].larger_is_better


def heading(name: str) -> str:
    """Return what a number is called where people read: ``R²`` for r2."""
    return METRICS[name].heading if name in METRICS else name
