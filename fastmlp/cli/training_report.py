"""What ``fastmlp train`` prints before the first epoch and after the last."""

from __future__ import annotations

import math
import shlex
from typing import Any

from fastmlp import __version__
from fastmlp.metrics.table import METRICS
from fastmlp.run.train import TrainingJob

from .column_table import show_columns
from .console import Console, duration, number
from .parameter_table import parameter_rows


class Compilation:
    """Says so when a kernel had to be compiled, as soon as the first one was."""

    def __init__(self, console: Console):
        self.console = console
        self.count = 0

    def announce(self, name: str) -> None:
        """Count a compiled kernel; the first is announced."""
        self.count += 1
        if self.count == 1:
            self.console.line("compiling kernels (once; cached) …")

    def finish(self, seconds: float) -> None:
        """Say what compilation took, if there was any."""
        if self.count:
            self.console.line(f"compiled {self.count} kernels in {duration(seconds)}")


def report_start(console: Console, job: TrainingJob) -> None:
    """Print where and on what a run is about to train, and the network."""
    settings, network, data = job.settings, job.model.network, job.data
    facts = job.backend.describe()
    console.entries(
        [
            ("fastmlp", f"{__version__}, training on {data.name}"),
            ("device", f"{facts['device']} ({job.device_reason})"),
            ("dtype", settings.dtype),
            *([] if job.ranks.is_alone else [("ranks", str(job.ranks))]),
            ("threads", facts["threads"]),
            ("BLAS", facts["blas"]),
            ("data", _shape(job)),
            ("split", _split(job)),
            ("seed", str(settings.seed)),
            ("preset", settings.preset),
            ("network", _network(job)),
            ("training", _training(job)),
            ("folder", str(job.folder)),
        ]
    )
    for note in data.notes:
        console.line(f"note: {note}")
    if data.features.facts:
        console.line()
        show_columns(console, data.features.facts)
    rows = parameter_rows(
        (name, parameter.shape)
        for name, parameter in network.named_parameters().items()
        if parameter.gradient is not None
    )
    rows.append(("total", "", f"{network.parameter_count():,}"))
    console.line()
    console.table(("parameters", "shape", "count"), rows)
    console.line()


def report_end(console: Console, job: TrainingJob, metrics: dict[str, Any]) -> int:
    """Print how training went and what can be done next; return the exit code."""
    code, folder = 0, metrics["run_dir"]
    if metrics["diverged"]:
        console.notice(
            f"error: the loss became NaN or infinite in epoch {metrics['epochs'] + 1}: "
            f"{metrics['diverged']}. The weights from before that epoch are kept in {folder}."
        )
        code = 1
    elif metrics["stop_reason"] == "interrupted":
        console.notice(
            f"interrupted: what was learnt so far is kept in {folder}. "
            f"Go on with: fastmlp train --resume {shlex.quote(folder)}"
        )
        code = 130
    elif metrics["stop_reason"]:
        console.line(f"stopped: {metrics['stop_reason']}")
    console.line()
    console.entries(_results(job, metrics))
    console.entries(_next_steps(folder))
    return code


def _shape(job: TrainingJob) -> str:
    data = job.data
    rows, columns = sum(data.rows.values()), data.features.output_columns
    width = data.targets.output_width
    quantities = "outputs" if width > 1 else "output"
    unit = {"classification": "classes", "multilabel": "labels"}.get(job.model.task, quantities)
    image = f" ({'×'.join(map(str, data.input_shape))} images)" if data.input_shape else ""
    return f"{rows:,} rows × {columns:,} features × {width:,} {unit}{image}"


def _split(job: TrainingJob) -> str:
    counts = ", ".join(f"{name} {count:,}" for name, count in job.data.rows.items())
    folds = job.settings.folds
    return counts if folds is None else f"{counts}; {folds} folds, each row validates in one"


def _network(job: TrainingJob) -> str:
    architecture = job.model.network.architecture
    words = [str(architecture), *([architecture.activation] if architecture.hidden else [])]
    return ", ".join([*words, f"loss {job.model.loss.name}", *architecture.additions])


def _training(job: TrainingJob) -> str:
    settings = job.settings
    schedule = "" if settings.schedule == "constant" else f", schedule {settings.schedule}"
    return (
        f"{settings.optimizer}, lr {settings.lr:g}{schedule}, batch {settings.batch_size:,}, "
        f"epochs {settings.epochs:,}"
    )


def _results(job: TrainingJob, metrics: dict[str, Any]) -> list[tuple[str, str]]:
    judge = "validation" if "validation_loss" in metrics else "training loss"
    if judge == "validation" and "metric" in metrics:
        judge = f"validation {metrics['metric']}"
    lines = [("best epoch", f"{metrics['best_epoch']} of {metrics['epochs']} (told by {judge})")]
    for part in ("train", "validation", "test"):
        words = [word for word in ("loss", *METRICS) if f"{part}_{word}" in metrics]
        if words:
            texts = (f"{word} {_number(metrics[f'{part}_{word}'])}" for word in words)
            lines.append((part, ", ".join(texts)))
    lines += _chosen(job, metrics)
    apart = f"; kernels compiled or loaded in {duration(metrics['compile_seconds'])}, not counted"
    lines.append(("time", f"{duration(metrics['train_seconds'])}{apart}"))
    lines += [("note", notice) for notice in job.backend.notices]
    lines.append(("speed", f"{metrics['samples_per_second']:,.0f} samples/s by {metrics['how']}"))
    return lines


def _chosen(job: TrainingJob, metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was chosen by the validation rows beside the best epoch."""
    lines = []
    if "temperature" in metrics:
        before, after = (metrics[f"validation_log_loss_{word}"] for word in ("before", "after"))
        fell = f"validation log loss {number(before)} before, {number(after)} after"
        lines.append(("calibration", f"temperature {metrics['temperature']:.4g}; {fell}"))
    if "threshold" in metrics:
        assert job.model.classes is not None  # two, or there would be none
        second = f"{metrics['threshold']:.4g} for class {job.model.classes[1]}"
        lines.append(("threshold", f"{second}; {metrics['threshold_by']}"))
    for each in metrics.get("coverage", ()):
        shares = (f"{each[part]:.1%} of {part}" for part in ("validation", "test") if part in each)
        how = "" if metrics["conformal"] else "; not confirmed: there are no validation rows"
        named = f"{each['low']:g} to {each['high']:g} covers {', '.join(shares) or 'unmeasured'}"
        lines.append(("interval", f"{named} (nominal {each['nominal']:.1%}){how}"))
    return lines


def _number(value: float | None) -> str:
    return "not defined" if value is None or math.isnan(value) else number(value)


def _next_steps(folder: str) -> list[tuple[str, str]]:
    run = shlex.quote(folder)
    return [
        ("run folder", folder),
        ("evaluate", f"fastmlp evaluate {run}"),
        ("predict", f"fastmlp predict {run} DATA -o predictions.csv"),
    ]
