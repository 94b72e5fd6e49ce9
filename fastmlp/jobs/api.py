"""``fastmlp.train``: the whole job as one call from Python."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastmlp.errors import FastMLPWarning, UsageError
from fastmlp.training.callbacks import Callback

from .model import Model
from .resume import resume as go_on
from .run_folder import read_history, taken
from .settings import Settings, settings_from
from .train import set_up


@dataclass(frozen=True)
class TrainedRun:
    """What ``fastmlp.train`` returns.

    Attributes
    ----------
    model
        Trained; the best epoch's weights with early stopping, the last good ones if the loss diverged.
    metrics
        The numbers of metrics.json; ``metrics["diverged"]`` names the likely cause if the loss became NaN or infinite.
    history
        One dict a record, as in history.jsonl.
    folder
        The run's folder.
    """

    model: Model
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    folder: Path


def train(
    settings: Settings | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> TrainedRun:
    """Train a network and write its run's folder.

    Parameters
    ----------
    settings
        What to do; the defaults of ``Settings`` without.
    out
        The run's folder; default runs/<time>-<name>. One that is taken is left as it is: the run's gets a number behind
        its name, which a FastMLPWarning says.
    resume
        The folder of a run to go on with, from its newest checkpoint; ``settings`` and ``out`` are then its own.
    callbacks
        Told of everything that happens while training.
    **changes
        Settings by name, which count more than ``settings``: ``train(dataset="digits", hidden=[64, 32], lr=0.01)``.

    Raises
    ------
    UsageError, DataError, DeviceError, WriteError
        With one line that says what is wrong.
    """
    if resume is None:
        given = {} if settings is None else settings.to_dict()
        job = set_up(settings_from(given, changes), out=out, callbacks=callbacks)
        if moved := taken(out, job.folder):
            warnings.warn(moved, FastMLPWarning, stacklevel=2)
    elif settings is not None or out is not None:
        raise UsageError("settings and out do not go with resume, which takes those of the run; leave them out.")
    else:
        job = go_on(resume, changes, callbacks=callbacks)
    metrics = job.run()
    return TrainedRun(job.model, metrics, read_history(job.folder), job.folder)
