"""What a search brought: its trials and the best of them, as study.json has them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmlp.errors import ModelFileError
from fastmlp.files.atomic import write_json
from fastmlp.files.typed import built, checked
from fastmlp.metrics.table import heading

from .outcomes import Outcome, is_number, outcome_from

if TYPE_CHECKING:
    import polars

STUDY_FILE, BEST_FOLDER = "study.json", "best"
FORMAT_VERSION = 1
LARGEST_STUDY = 1 << 28  # bytes


@dataclass(frozen=True)
class Study:
    """A search as it stands.

    Attributes
    ----------
    name, data, storage
        Its name, that of the data, and where its trials are kept, without a password.
    metric, number, larger_is_better
        What decides on the validation rows, its name in records, and its direction.
    task, preset
        What is learnt, and what the first trial is.
    pruner
        What ended hopeless trials.
    space
        What was searched, as TOML has it.
    usual
        The settings where a trial changes none.
    trials
        What came of each that counts, in their order.
    importance
        The share of each parameter in the spread of the results; empty for too few.
    best
        The number of the best trial; None without one.
    run
        The folder of the best run below that of the study; empty without one.
    notes
        What a reader should know.
    """

    name: str
    data: str
    storage: str
    metric: str
    number: str
    larger_is_better: bool
    task: str
    preset: str
    pruner: str
    space: dict[str, Any]
    usual: dict[str, Any]
    trials: list[Outcome]
    importance: dict[str, float] = field(default_factory=dict)
    best: int | None = None
    run: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> list[Outcome]:
        """The trials that trained to their end."""
        return [trial for trial in self.trials if trial.state == "complete"]

    @property
    def best_trial(self) -> Outcome | None:
        """The best of them; of equal ones the first."""
        return best_of(self.trials, self.larger_is_better)

    @property
    def first(self) -> Outcome | None:
        """The trial of the settings as they were given, once it is complete."""
        return next((trial for trial in self.complete if trial.is_default), None)

    @property
    def heading(self) -> str:
        """What the number is called where people read."""
        return f"validation {heading(self.number)}"

    def value_in(self, trial: Outcome, setting: str) -> Any:
        """Return a setting of a trial, which it changed or not."""
        return (trial.changes or {}).get(setting, self.usual.get(setting))

    def frame(self) -> polars.DataFrame:
        """Return a row for each trial: number, state, value, seconds, epochs, and its settings."""
        import polars

        names = self.settings
        rows = [
            {
                "trial": trial.number,
                "state": trial.state,
                self.number: trial.value,
                "seconds": trial.seconds,
                "epochs": trial.epochs,
                **{name: _one_type(self.value_in(trial, name)) for name in names},
            }
            for trial in self.trials
        ]
        return polars.DataFrame(rows, infer_schema_length=None, strict=False)

    @property
    def settings(self) -> list[str]:
        """The settings that were searched."""
        return [name.replace("-", "_") for name in self.space]


def best_of(trials: list[Outcome], larger_is_better: bool) -> Outcome | None:
    """Return the best complete trial; of equal ones the first, None without any."""
    found = [
        trial
        for trial in trials
        if trial.state == "complete" and trial.value is not None and math.isfinite(trial.value)
    ]
    sign = -1 if larger_is_better else 1
    return min(found, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def _one_type(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def write_study(study: Study, folder: Path) -> None:
    """Write study.json into a folder, atomically.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    write_json(folder / STUDY_FILE, {"format_version": FORMAT_VERSION, **asdict(study)})


def read_study(folder: str | Path) -> Study:
    """Return the search in a folder.

    Raises
    ------
    ModelFileError
        If there is none, or its file is damaged, of a newer format, or names a folder outside.
    """
    path = Path(folder) / STUDY_FILE
    try:
        if path.stat().st_size > LARGEST_STUDY:
            raise ValueError("it is too large")
        kept = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(kept, dict) or kept.pop("format_version", None) != FORMAT_VERSION:
            raise ValueError(f"it is not of format {FORMAT_VERSION}")
        kept["trials"] = [outcome_from(each) for each in checked(list, "trials", kept["trials"])]
        study = built(Study, kept)
        _check(study)
    except FileNotFoundError:
        raise ModelFileError(
            f"{folder} holds no {STUDY_FILE}; give the folder of a fastmlp tune."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(
            f"the study {path} cannot be read: {reason}. Remove it, and run fastmlp tune again."
        ) from None
    return study


def _check(study: Study) -> None:
    inside = Path(study.run)
    if inside.is_absolute() or ".." in inside.parts:
        raise ValueError(f"the folder {study.run!r} lies outside")
    if not all(map(is_number, study.importance.values())):
        raise ValueError("an importance is no number")
