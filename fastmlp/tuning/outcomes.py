"""What came of a trial, as the study's storage and study.json have it; checked when read."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp.files.typed import built

from .owners import DEFAULT

if TYPE_CHECKING:
    import optuna

OUTCOME = "outcome"  # the attribute of a trial that holds it
STATES = ("complete", "pruned", "diverged", "failed", "late", "interrupted", "running", "waiting")


@dataclass
class Outcome:
    """What came of a trial.

    Attributes
    ----------
    number
        Of the trial in the study.
    state
        ``"complete"``, ``"pruned"``, ``"diverged"``, ``"failed"``, ``"late"`` for one that was cut
        off since the time was over, or ``"interrupted"``.
    value
        The number that decides; None where there is none.
    changes
        The settings that it had in place of the given ones.
    seconds
        That it took.
    epochs
        That it trained.
    why
        What went wrong, or ended it, in words.
    curve
        (epoch, number) of some epochs.
    is_default
        Whether it had the given settings.
    """

    number: int
    state: str = "failed"
    value: float | None = None
    changes: dict[str, Any] | None = None
    seconds: float = 0.0
    epochs: int = 0
    why: str = ""
    curve: list[list[float]] | None = None
    is_default: bool = False


def outcome_of(trial: optuna.trial.FrozenTrial) -> Outcome:
    """Return what is kept of a trial; of one that left no word, what the study says."""
    kept = trial.user_attrs.get(OUTCOME)
    if isinstance(kept, dict):
        with suppress(ValueError, TypeError):
            return outcome_from({**kept, "number": trial.number})
    states = {"RUNNING": "running", "WAITING": "waiting"}
    state = states.get(trial.state.name, "failed")
    why = "its process ended without a word" if state == "failed" else ""
    return Outcome(trial.number, state, why=why, is_default=DEFAULT in trial.user_attrs)


def outcome_from(kept: Any) -> Outcome:
    """Return the outcome that a dict describes.

    Raises
    ------
    ValueError, TypeError
        If it does not describe one.
    """
    outcome = built(Outcome, kept)
    if outcome.state not in STATES:
        raise ValueError(f"the state {outcome.state!r:.40} is not known")
    for point in outcome.curve or []:
        if not isinstance(point, list) or len(point) != 2 or not all(map(is_number, point)):
            raise ValueError(f"a curve holds {point!r:.40}")
    return outcome


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
