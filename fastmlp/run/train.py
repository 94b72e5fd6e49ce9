"""The main job: from settings to a trained model, a run folder and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastmlp.backend import Backend, open_backend
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.data.staged.workspace import Report, silent
from fastmlp.files.atomic import write_json, write_text
from fastmlp.preparation.given import Given
from fastmlp.preparation.prepare import prepare
from fastmlp.ranks.contract import Ranks
from fastmlp.ranks.joining import here
from fastmlp.settings.config import to_toml
from fastmlp.settings.settings import Settings
from fastmlp.training.callbacks import Callback, HistoryWriter, Record, RunFacts, TrainingResult
from fastmlp.training.checkpoint import Checkpointer

from .assembly import Assembly, assemble
from .folder import CONFIG_FILE, HISTORY_FILE, METRICS_FILE, create_run_folder


@dataclass(kw_only=True)
class TrainingJob(Assembly):
    """A run that is ready to start: everything is read, built, compiled and checked.

    Attributes
    ----------
    device_reason
        Why it runs on its backend.
    folder
        The run's folder.
    notes
        What checkpoints say of the run beside the training's state: which data it has, and where it
        was resumed.
    records
        What each epoch brought; empty until ``run``.
    """

    device_reason: str
    folder: Path
    notes: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    @property
    def ranks(self) -> Ranks:
        """The processes that train together; the first one writes the folder."""
        return self.backend.ranks

    @property
    def compile_seconds(self) -> float:
        """Seconds spent on compiling and loading kernels."""
        return self.backend.compile_seconds

    def run(self) -> dict[str, Any]:
        """Train, save and measure; return the numbers of metrics.json."""
        # In a run of phases those of the first and of the last, which pass it on to the same ones.
        facts = RunFacts(self.folder, self.settings.to_dict())
        for callback in self.trainer.callbacks:
            callback.run_started(facts)
        try:
            metrics = self._run()
        except BaseException as error:
            for callback in self.trainer.callbacks:
                callback.run_failed(facts, error)
            raise
        for callback in self.trainer.callbacks:
            callback.run_ended(replace(facts, metrics=metrics))
        return metrics

    def _run(self) -> dict[str, Any]:
        result = self.fit()
        self.records = result.records
        chosen = self.choose()
        self.ranks.decide(lambda: self.model.save(self.folder))
        metrics = self._metrics(result, chosen)
        self.ranks.decide(lambda: write_json(self.folder / METRICS_FILE, metrics))
        return metrics

    def fit(self) -> TrainingResult:
        """Train; return how it went."""
        return self.trainer.fit()

    def _metrics(self, result: TrainingResult, chosen: dict[str, Any]) -> dict[str, Any]:
        measured = {}
        for name in self.measures:
            numbers = self.numbers(name, chosen)
            measured |= {f"{name}_{number}": value for number, value in numbers.items()}
        return {
            "run_dir": str(self.folder),
            "device": self.backend.name,
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            **measured,
            "train_seconds": result.train_seconds,
            "compile_seconds": self.compile_seconds,
            "samples_per_second": result.samples_per_second,
            **({} if self.ranks.is_alone else {"ranks": self.ranks.size}),
            "threads": self.trainer.training_pass.threads,
            "how": self.trainer.training_pass.execution,
            "parameters": self.model.network.parameter_count(),
            "task": self.model.task,
            **({} if self.settings.metric == "auto" else {"metric": self.settings.metric}),
            **{f"{name}_rows": count for name, count in self.data.rows.items()},
            "resumes": self.notes.get("resumes", []),
            "stop_reason": result.stop_reason,
            "diverged": result.diverged,
            **self._streamed(),
            **chosen,
        }

    def _streamed(self) -> dict[str, int]:
        """Return how much of a file that stays where it is may be in memory; nothing of others."""
        train = self.trainer.batches.rows_on_host
        if not isinstance(train, MappedRows):
            return {}
        window = self.trainer.batches.window
        rows = len(train) if window is None else window.array.shape[0]
        return {"memory": train.memory, "window_rows": rows}


def set_up(
    settings: Settings,
    *,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    announce: Callable[[str], None] = lambda name: None,
    resumed: Path | None = None,
    given: Given | None = None,
    report: Report = silent,
) -> TrainingJob:
    """Read the data, build and compile the network, and make the run's folder.

    Parameters
    ----------
    settings
        What to do.
    out
        The run's folder; default runs/<time>-<name>.
    callbacks
        Told of everything that happens.
    announce
        Called with a kernel's name after each that had to be compiled.
    resumed
        The folder of a run that goes on, in place of a new one; it is left as it is.
    given
        Data in memory that take the place of those that the settings name.
    report
        Told how far the reading of large tables is: what is done, rows done, rows to do.

    Raises
    ------
    UsageError, DataError, DeviceError, WriteError
        With one line that says what is wrong.
    """
    backend, reason = open_device(settings, announce)
    data = prepare(settings, given, report)
    ranks = backend.ranks
    ranks.check_alike("the data", data.known_rows.order)
    parts = assemble(data, backend)
    # Every setting is accepted by now, so that none leaves a folder behind.
    folder = resumed
    if folder is None:
        folder = ranks.decide(lambda: create_run_folder(out, data.name))
        ranks.decide(lambda: write_text(folder / CONFIG_FILE, to_toml(parts.settings)))
    notes: dict[str, Any] = {"data": data.known_rows.order, "resumes": []}
    parts.trainer.callbacks = [
        HistoryWriter(folder / HISTORY_FILE),
        Checkpointer(folder, parts.settings.checkpoint_every, notes),
        *callbacks,
    ]
    return TrainingJob(**vars(parts), device_reason=reason, folder=folder, notes=notes)


def open_device(settings: Settings, announce: Callable[[str], None]) -> tuple[Backend, str]:
    """Return the settings' device and why it was taken; ``announce`` gets each kernel compiled."""
    return open_backend(
        settings.device,
        threads=settings.thread_count,
        gemm=settings.gemm,
        matmul_precision=settings.matmul_precision,
        announce=announce,
        ranks=here(),
    )
