"""Pictures of training: loss, accuracy and learning rate, epoch by epoch and between epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp.metrics.table import METRICS
from fastmlp.report.finished_run import SPLITS, FinishedRun
from fastmlp.report.words import share, with_capital

from .drawing import (
    SOFT,
    Picture,
    axes,
    legend,
    mark_best,
    markers_every,
    percents,
    plain_numbers,
    plot,
    wants_log,
    whole_numbers,
)

WORDS = {
    "loss": "loss",
    **{name: kind.heading for name, kind in METRICS.items()},
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
}


def numbers_of(records: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    """Return one number of each record as float64, NaN where it is missing or not finite."""
    values = [record.get(name) for record in records]
    return np.array([math.nan if value is None else float(value) for value in values], np.float64)


def _lines(records: Sequence[dict[str, Any]], word: str) -> dict[str, np.ndarray]:
    """Return a measure by split, of those splits that have it."""
    lines = {split: numbers_of(records, f"{split}_{word}") for split in SPLITS}
    return {split: values for split, values in lines.items() if np.isfinite(values).any()}


def _columns(unit: str, numbers: np.ndarray, word: str, lines: dict[str, np.ndarray]) -> dict:
    columns = {f"{split}_{word}": values for split, values in lines.items()}
    return {unit: numbers.astype(int), **columns}


def training_curves(run: FinishedRun) -> list[Picture]:
    """Return a picture of each measure that the history holds, epoch by epoch."""
    return [picture for word in WORDS if (picture := _curve(run, word)) is not None]


def _curve(run: FinishedRun, word: str) -> Picture | None:
    epochs = numbers_of(run.epochs, "epoch")
    lines = _lines(run.epochs, word)
    if not lines:
        return None
    figure, ax = axes()
    for split, values in lines.items():
        plot(ax, split, epochs, values, markevery=markers_every(len(epochs)))
    final = _final_test(run, word, ax) if "test" not in lines else None
    log = word in ("loss", "rmse") and wants_log(
        np.concatenate([*lines.values(), [final or math.nan]])
    )
    if run.best_epoch:
        mark_best(ax, run.best_epoch, f"best epoch, {run.best_epoch}")
    for number, start in enumerate(run.phase_starts):
        words = "" if number else "a new phase"
        ax.axvline(start - 0.5, color=SOFT, linewidth=0.7, zorder=0, label=words)
    _finish(ax, "epoch", word, log)
    return Picture(
        f"{word}-by-epoch",
        f"{with_capital(WORDS[word])} by epoch",
        _alt(word, run, lines, log),
        figure,
        _columns("epoch", epochs, word, lines),
        _caption(run, word, lines, final),
    )


def update_curves(run: FinishedRun) -> list[Picture]:
    """Return a picture of each measure that was logged between epochs."""
    pictures = []
    updates = numbers_of(run.updates, "update")
    for word in WORDS:
        lines = _lines(run.updates, word)
        if not lines:
            continue
        figure, ax = axes()
        for split, values in lines.items():
            plot(ax, split, updates, values, markevery=markers_every(len(updates)))
        log = word in ("loss", "rmse") and wants_log(np.concatenate(list(lines.values())))
        _finish(ax, "update", word, log)
        pictures.append(
            Picture(
                f"{word}-by-update",
                f"{with_capital(WORDS[word])} by update",
                f"Line chart of {WORDS[word]} at {len(updates):,} points between updates "
                f"{updates[0]:,.0f} and {updates[-1]:,.0f}: {_ends(lines, word)}.",
                figure,
                _columns("update", updates, word, lines),
                "The line of train is the mean over the batches since the point before.",
            )
        )
    return pictures


def rate_curve(run: FinishedRun) -> Picture | None:
    """Return a picture of the learning rate, None where it never changed."""
    rates = numbers_of(run.epochs, "learning_rate")
    if len(rates) < 2 or not np.isfinite(rates).all() or rates.min() == rates.max():
        return None
    epochs = numbers_of(run.epochs, "epoch")
    figure, ax = axes()
    ax.plot(epochs, rates, color=SOFT, marker="o", markevery=markers_every(len(epochs)))
    _finish(ax, "epoch", "learning rate", log=False)
    ax.set_ylim(bottom=0)
    return Picture(
        "learning-rate",
        "Learning rate by epoch",
        f"Line chart of the learning rate at the end of each epoch: from {rates[0]:.3g} to "
        f"{rates[-1]:.3g}.",
        figure,
        {"epoch": epochs.astype(int), "learning_rate": rates},
    )


def _final_test(run: FinishedRun, word: str, ax: Any) -> float | None:
    """Mark the final result on the test rows where they were not measured after each epoch."""
    value = run.metrics.get(f"test_{word}")
    if not isinstance(value, (int, float)) or not run.epochs:
        return None
    restored = run.settings is not None and run.settings.early_stopping is not None
    epoch = run.best_epoch if restored else run.epochs[-1]["epoch"]
    plot(ax, "test", [epoch], [value], joined=False, markersize=6, label="test, at the end")
    return value


def _finish(ax: Any, x_word: str, word: str, log: bool) -> None:
    ax.set_xlabel(x_word)
    ax.set_ylabel(WORDS.get(word, word) + (" (logarithmic)" if log else ""))
    whole_numbers(ax.xaxis)
    if log:
        ax.set_yscale("log")
    if word == "accuracy":
        percents(ax.yaxis)
    else:
        plain_numbers(ax.yaxis, log)
    legend(ax)


def _shown(word: str, value: float) -> str:
    return share(value) if word == "accuracy" else f"{value:.4g}"


def _ends(lines: dict[str, np.ndarray], word: str) -> str:
    words = []
    for split, values in lines.items():
        finite = values[np.isfinite(values)]
        words.append(f"{split} from {_shown(word, finite[0])} to {_shown(word, finite[-1])}")
    return "; ".join(words)


def _alt(word: str, run: FinishedRun, lines: dict[str, np.ndarray], log: bool) -> str:
    best = f" The best epoch, {run.best_epoch}, is marked." if run.best_epoch else ""
    scale = " on a logarithmic axis" if log else ""
    return (
        f"Line chart of {WORDS[word]} over {len(run.epochs):,} epochs{scale}: "
        f"{_ends(lines, word)}.{best}"
    )


def _caption(run: FinishedRun, word: str, lines: dict[str, np.ndarray], final: float | None) -> str:
    sentences = []
    if "train" in lines and len(lines) > 1:
        sentences.append(
            "Train is the mean over each epoch's batches while the weights changed; the others "
            "follow it."
        )
    if final is not None and "validation" in lines:
        sentences.append(f"The test rows were looked at once, at the end: {_shown(word, final)}.")
    return " ".join(sentences)
