"""``fastmlp.train``: the whole job as one call from Python."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastmlp.callbacks.progress import ProgressLine, in_notebook
from fastmlp.errors import FastMLPWarning, UsageError
from fastmlp.model.model import Model
from fastmlp.preparation.given import Given, named
from fastmlp.ranks.joining import here
from fastmlp.settings.settings import Settings, settings_from
from fastmlp.training.callbacks import Callback

from .folder import read_history, taken
from .resume import resume as go_on
from .summary import ShownRun
from .train import TrainingJob, set_up


@dataclass(frozen=True, repr=False)
class TrainedRun(ShownRun):
    """What ``fastmlp.train`` returns.

    Attributes
    ----------
    model
        Trained; the best epoch's weights with early stopping, the last good ones if the loss
        diverged.
    metrics
        The numbers of metrics.json; ``metrics["diverged"]`` names the likely cause if the loss
        became NaN or infinite.
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
    data: Any = None,
    y: Any = None,
    /,
    *,
    settings: Settings | None = None,
    dataset: Any = None,
    test: Any = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
    **changes: Any,
) -> TrainedRun:
    """Train a network and write its run's folder.

    Parameters
    ----------
    data
        ``dataset``, or ``settings``, in the first place; with ``y`` the features of a pair.
    y
        The target that belongs to the features ``data``.
    settings
        What to do; the defaults of ``Settings`` without.
    dataset
        A data set's name, a path, or data in memory: a pair ``(X, y)`` of arrays, frames or lists;
        or a frame (pandas, polars, Arrow) or dict of columns, whose target ``target="name"`` tells
        as that of a file.
    test
        The test rows in the same form.
    out
        The run's folder; default runs/<time>-<name>. One that is taken is left as it is: the run's
        gets a number behind its name, which a FastMLPWarning says.
    resume
        The folder of a run to go on with, from its newest checkpoint; ``settings`` and ``out`` are
        then its own. Data that were given in memory must be given again, and be the same.
    callbacks
        Told of everything that happens while training.
    progress
        Whether a line tells how far it is; None for one in a notebook and none in a script.
    **changes
        Settings by name, which count more than ``settings``: ``train(dataset="digits", hidden=[64,
        32], lr=0.01)``.

    Under ``mpiexec`` every process calls it alike, and all train one network together: each batch
    is divided among them. Callbacks are told on the first rank alone, which writes the folder.

    Raises
    ------
    UsageError, DataError, DeviceError, WriteError
        With one line that says what is wrong.
    """
    settings, dataset = first_place(data, y, settings, dataset)
    if in_notebook() if progress is None else progress:
        callbacks = [*callbacks, ProgressLine()]
    with here().guarded():
        job = _job(settings, dataset, test, out, resume, callbacks, changes)
        metrics = job.run()
        history = job.ranks.decide(lambda: read_history(job.folder))
    return TrainedRun(job.model, metrics, history, job.folder)


def _job(
    settings: Settings | None,
    dataset: Any,
    test: Any,
    out: str | Path | None,
    resume: str | Path | None,
    callbacks: Sequence[Callback],
    changes: dict[str, Any],
) -> TrainingJob:
    """Return a run that is set up, from what ``train`` is given."""
    if resume is None:
        said = {} if settings is None else settings.to_dict()
        kept = (
            {name: value for name, value in said.items() if name in settings.given}
            if settings
            else {}
        )
        names, given = named(dataset, test)
        job = set_up(
            settings_from(kept, changes | names), out=out, callbacks=callbacks, given=given
        )
        if job.ranks.is_first and (moved := taken(out, job.folder)):
            warnings.warn(moved, FastMLPWarning, stacklevel=3)
    elif settings is not None or out is not None:
        raise UsageError(
            "settings and out do not go with resume, which takes those of the run; leave them out."
        )
    else:
        job = go_on(resume, changes, callbacks=callbacks, given=Given(dataset, test))
    return job


def first_place(
    data: Any, y: Any, settings: Settings | None, dataset: Any
) -> tuple[Settings | None, Any]:
    """Tell whether settings or data came in the first place, and return both."""
    if y is not None:
        data = (data, y)
    if data is None:
        return settings, dataset
    if isinstance(data, Settings):
        what, other = "settings", settings
        settings = data
    else:
        what, other = "dataset", dataset
        dataset = data
    if other is not None:
        raise UsageError(f"{what} is given twice, in the first place and by name; give it once.")
    if isinstance(data, dict) and data and set(data) <= set(Settings.__dataclass_fields__):
        raise UsageError(
            "a dict of these keys in the first place may be settings or columns; "
            "give **settings, or dataset=columns."
        )
    return settings, dataset
