"""What came of a trial, as the study's storage and study.json have it; checked when read."""

from __future__ import annotations

import math
import typing
from contextlib import suppress
from dataclasses import dataclass, fields
from types import UnionType
from typing import TYPE_CHECKING, Any

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


def built(kind: type, table: Any) -> Any:
    """Return a dataclass of the fields in a table, each of which must have the field's type."""
    checked(dict, kind.__name__.lower(), table)
    hints = typing.get_type_hints(kind)
    if unknown := set(table) - set(hints):
        raise ValueError(f"{kind.__name__.lower()} has no {min(unknown)!r}")
    for description in fields(kind):
        if description.name in table:
            checked(hints[description.name], description.name, table[description.name])
    return kind(**table)


def checked(hint: Any, name: str, value: Any) -> Any:
    """Return a value if it has the hinted type; the contents of lists and dicts are not checked."""
    options = typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kinds = tuple(typing.get_origin(option) or option for option in options)
    if float in kinds:
        kinds += (int,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{name} is {value!r:.50}")
    return value
