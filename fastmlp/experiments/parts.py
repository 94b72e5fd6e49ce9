"""An experiment's parts: variants, sweeps, and reported figures with what is expected of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from fastmlp.metrics.table import larger_is_better

STATUSES = ("pending", "running", "done", "diverged", "failed")
FINISHED = ("done", "diverged")  # NaN is a result, which is not tried again
EXPECTATIONS = ("at_least", "at_most", "about", "fails")
LEARNT_NOTHING = 0.03  # how far above the share of the largest class an accuracy may lie by luck


@dataclass(frozen=True)
class Variant:
    """One run of an experiment; with several seeds there is one for each seed, of the same name.

    Attributes
    ----------
    name
        Unique in the experiment, but for the seed.
    changes
        The settings that differ from the recipe's base.
    phases
        What changes in mid-run, phase by phase; empty for an ordinary run.
    value
        Of the setting that its own sweep changes, None where that is not one; other sweeps that
        show it too have theirs (Sweep.values).
    seed
        The run's seed.
    folder
        The run's folder, relative to the experiment's.
    status
        One of ``pending``, ``running``, ``done``, ``diverged`` and ``failed``.
    error
        Why it diverged or failed, else empty.
    seconds
        From the start of the run to its last file.
    metrics
        The numbers of the run's metrics.json and, for classes, ``<split>_largest_class``: the
        accuracy of one who always answers with the largest class.
    fingerprint
        Of everything that the run depends on: another one means that the recipe has changed since.
    """

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    value: float | int | str | bool | None = None
    seed: int = 0
    folder: str = ""
    status: str = "pending"
    error: str = ""
    seconds: float = 0.0
    metrics: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all others: its name and its seed."""
        return self.name, self.seed

    @property
    def finished(self) -> bool:
        """Whether the run came to a result, which may be a diverged loss."""
        return self.status in FINISHED


@dataclass(frozen=True)
class Sweep:
    """Variants that are looked at side by side.

    Attributes
    ----------
    name, title
        A word for the command line, and a heading.
    setting
        Name of the swept setting; empty where the variants differ in several.
    log_axis
        Whether the values ask for a logarithmic axis.
    metric
        What is compared: a name of ``Variant.metrics``, as ``test_accuracy``.
    why
        What happens and why, in words.
    variants
        Their names, in order.
    values
        The value of the swept setting of each; empty where no one setting is swept.
    """

    name: str
    title: str
    setting: str = ""
    log_axis: bool = False
    metric: str = "test_accuracy"
    why: str = ""
    variants: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def value_of(self, name: str) -> Any:
        """Return the value of a variant's swept setting; None where no one setting is swept."""
        return dict(zip(self.variants, self.values, strict=False)).get(name)


@dataclass(frozen=True)
class Comparison:
    """A figure that somebody reported, and what is expected of the run that repeats it.

    Attributes
    ----------
    variant
        The name of the variant that is measured.
    metric
        A name of ``Variant.metrics``; shares are numbers from 0 to 1.
    reported
        The figure, or a text such as ``"NaN"``.
    expect
        ``at_least``, ``at_most`` or ``about`` the reported figure; or ``fails``: the loss diverges
        or nothing is learnt.
    tolerance
        How far on the wrong side of the figure still counts.
    note
        What a reader should know.
    than
        Another variant, whose measured value takes the place of the reported figure: an order of
        two variants, which can be looked at on other data too. Empty for the reported figure
        itself.
    """

    variant: str
    metric: str
    reported: float | str
    expect: str = "at_least"
    tolerance: float = 0.0
    note: str = ""
    than: str = ""

    @property
    def needs_original_data(self) -> bool:
        """Whether the figure says nothing on other data: orders and failures do."""
        return not self.than and self.expect != "fails"

    def met(self, metrics: dict[str, Any], than: dict[str, Any] | None = None) -> bool | None:
        """Tell whether a run meets the figure; None where its metrics lack the number.

        Parameters
        ----------
        metrics
            Of the variant.
        than
            Of the variant ``than``, where one is named.
        """
        if self.expect == "fails":
            return self._failed(metrics)
        if metrics.get("diverged"):
            return self.expect == "at_most" and is_share(self.metric) if self.than else False
        measured, limit = metrics.get(self.metric), self._limit(than)
        if not is_number(measured) or limit is None:
            return None
        above, below = measured >= limit - self.tolerance, measured <= limit + self.tolerance
        return {"at_least": above, "at_most": below, "about": above and below}[self.expect]

    def _limit(self, than: dict[str, Any] | None) -> float | None:
        if self.than:
            than = than or {}
            if than.get("diverged"):  # worse than any number
                return -math.inf if is_share(self.metric) else math.inf
            return than[self.metric] if is_number(than.get(self.metric)) else None
        return self.reported if is_number(self.reported) else None

    def _failed(self, metrics: dict[str, Any]) -> bool | None:
        if metrics.get("diverged"):
            return True
        measured = metrics.get(self.metric)
        if not is_number(measured):
            return None
        if self.metric.endswith("_accuracy"):
            largest = metrics.get(self.metric.removesuffix("accuracy") + "largest_class")
            return (
                measured <= largest + LEARNT_NOTHING + self.tolerance
                if is_number(largest)
                else None
            )
        if self.metric.endswith("_r2"):
            return measured <= LEARNT_NOTHING + self.tolerance
        return measured >= self.reported - self.tolerance if is_number(self.reported) else None


def is_share(metric: str) -> bool:
    """Tell whether more of a metric is better: accuracies, R²; of losses and errors less is."""
    return larger_is_better(metric.removesuffix("_first"))


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a number, which true and false are not here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
