"""Goes on with a run that was stopped or killed: the newest sound checkpoint, the same folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fastmlp.data.staged.workspace import Report, silent
from fastmlp.errors import ModelFileError, UsageError
from fastmlp.files.atomic import remove_leftovers, write_text
from fastmlp.files.entries import Count, check_entries, unfit
from fastmlp.model.model import MODEL_FILE
from fastmlp.preparation.given import Given
from fastmlp.preparation.prepare import same_data
from fastmlp.ranks.joining import here
from fastmlp.settings.config import read_config, to_toml
from fastmlp.settings.description import Role
from fastmlp.settings.settings import Settings, names_of, settings_from
from fastmlp.training.callbacks import Callback
from fastmlp.training.checkpoint import FOLDER as CHECKPOINTS
from fastmlp.training.checkpoint import NAME as CHECKPOINT_NAME
from fastmlp.training.checkpoint import Checkpoint, newest_checkpoint
from fastmlp.training.state import Position
from fastmlp.training.trainer import Trainer

from .folder import CONFIG_FILE, HISTORY_FILE, METRICS_FILE, read_history, read_metrics
from .train import TrainingJob, set_up

OWN_FILES = re.compile(
    "|".join(re.escape(name) for name in (MODEL_FILE, CONFIG_FILE, HISTORY_FILE, METRICS_FILE))
)


def resume(
    run: str | Path,
    changes: dict[str, Any] | None = None,
    *,
    callbacks: Sequence[Callback] = (),
    announce: Callable[[str], None] = lambda name: None,
    given: Given | None = None,
    report: Report = silent,
) -> TrainingJob:
    """Set a run up again where its newest checkpoint left it.

    Parameters
    ----------
    run
        The run's folder.
    changes
        Settings that are to be different from now on; only those of the role RESUME.
    callbacks, announce, report
        As in ``set_up``.
    given
        The run's data, if they were given in memory or lie elsewhere now.

    Returns
    -------
    TrainingJob
        Its ``run`` trains on; with the same settings to the same bits as if the run had never
        stopped.

    Raises
    ------
    ModelFileError
        If there is no sound checkpoint.
    UsageError
        If a change is not allowed, the data are others, or there is nothing left to train.
    """
    folder, ranks = Path(run), here()
    former, settings, checkpoint, notes, history = ranks.decide(
        lambda: _read(folder, changes or {})
    )
    changed = _changed(former, settings)
    job = set_up(
        settings, resumed=folder, callbacks=callbacks, announce=announce, given=given, report=report
    )
    if not same_data(job.data, checkpoint.run["data"]):
        raise UsageError(
            f"the data of {folder} are not those that the run was begun with: {settings.dataset} "
            "has changed. Give the same data, or train anew."
        )
    state = checkpoint.state
    if any(name in changed for name in names_of(Role.ROWS)) and state.position.step:
        notes.append(
            f"epoch {state.position.epoch} begins anew, since {', '.join(changed)} changed."
        )
        state = replace(state, numbers=state.numbers | {"position": _epoch_start(state.position)})
    job.trainer.load(state)
    ranks.decide(lambda: _prepare_folder(folder, job, history))
    where = {"epoch": state.position.epoch, "step": state.position.step, "changed": changed}
    job.notes["resumes"] += [*checkpoint.run["resumes"], where]
    job.backend.notices.extend(notes)
    return job


def _read(
    folder: Path, changes: dict[str, Any]
) -> tuple[Settings, Settings, Checkpoint, list[str], list[dict[str, Any]]]:
    """Return a run's settings and those that it goes on with, its newest checkpoint with what to
    tell of others, and the history until then.
    """
    former, settings = _merged(folder, changes)
    checkpoint, notes = newest_checkpoint(folder)
    _check_notes(folder, checkpoint.run)
    return former, settings, checkpoint, notes, _history_until(folder, checkpoint.state.position)


def _prepare_folder(folder: Path, job: TrainingJob, history: list[dict[str, Any]]) -> None:
    """Bring a folder to where its checkpoint stands; refuse if nothing is left to train."""
    trained = job.trainer.position.epoch - 1
    if job.trainer.is_over and _is_complete(folder, trained):
        raise UsageError(_nothing_left(folder, trained, job.trainer))
    remove_leftovers(folder, OWN_FILES)
    remove_leftovers(folder / CHECKPOINTS, CHECKPOINT_NAME)
    write_text(folder / CONFIG_FILE, to_toml(job.settings))
    write_text(folder / HISTORY_FILE, "".join(json.dumps(record) + "\n" for record in history))


def _check_notes(folder: Path, notes: dict[str, Any]) -> None:
    """Check what a checkpoint says of its run: the data's digest, where it was resumed and how."""
    try:
        if not isinstance(notes.get("data"), str):
            raise unfit("run.data", "text", notes.get("data"))
        if not isinstance(notes.get("resumes"), list):
            raise unfit("run.resumes", "a list", notes.get("resumes"))
        for where in notes["resumes"]:
            changed = where.get("changed") if isinstance(where, dict) else None
            if not isinstance(changed, dict) or any(
                isinstance(value, (list, dict)) for value in changed.values()
            ):
                raise unfit("an entry of run.resumes", "a place and its changed settings", where)
            settings_from(changed)
            check_entries(
                where | {"changed": {}},
                {"epoch": Count(1), "step": Count(), "changed": {}},
                "run.resumes",
            )
    except ValueError as error:
        raise ModelFileError(f"the newest checkpoint of {folder} is damaged: {error}.") from None


def _is_complete(folder: Path, epochs: int) -> bool:
    """Return whether a run of so many epochs was also saved and measured."""
    metrics = read_metrics(folder)  # written last
    return (
        metrics is not None and metrics.get("epochs") == epochs and (folder / MODEL_FILE).is_file()
    )


def _nothing_left(folder: Path, epochs: int, trainer: Trainer) -> str:
    if epochs >= trainer.epochs:
        return f"{folder} has trained all of its {trainer.epochs} epochs; give more with --epochs."
    return (
        f"{folder} has stopped after epoch {epochs}, {trainer.patience.epochs} without an "
        "improvement; give more patience with --early-stopping."
    )


def _merged(folder: Path, changes: dict[str, Any]) -> tuple[Settings, Settings]:
    """Return the settings that the run had, and those that it goes on with."""
    if not (folder / CONFIG_FILE).is_file():
        raise ModelFileError(
            f"{folder} is not a run's folder: it has no {CONFIG_FILE}. "
            "Give a folder of fastmlp train."
        )
    kept = read_config(folder / CONFIG_FILE)
    changeable = names_of(Role.RESUME)
    for name in changes:
        if name not in changeable and name in Settings.__dataclass_fields__:
            raise UsageError(
                f"--{name.replace('_', '-')} cannot change when a run goes on: parameters or data "
                f"depend on it. Train anew, or change one of: {', '.join(changeable)}."
            )
    kept = {"preset": "plain"} | kept  # what runs of old were, though they do not say so
    return settings_from(kept), settings_from(kept, changes)


def _changed(former: Settings, settings: Settings) -> dict[str, Any]:
    before, after = former.to_dict(), settings.to_dict()
    return {
        name: after.get(name)
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def _epoch_start(position: Position) -> dict[str, Any]:
    return asdict(Position(position.epoch, update=position.update))


def _history_until(folder: Path, position: Position) -> list[dict[str, Any]]:
    """Return the records that belong to what the checkpoint holds."""
    reached = position.update + position.step
    return [
        record
        for record in read_history(folder)
        if record["update"] <= reached
        and (record["kind"] != "epoch" or record["epoch"] < position.epoch)
    ]
