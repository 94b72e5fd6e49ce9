"""The verdict on a run: did it learn, generalise, train long enough, and where does it fail."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmlp.optim.rules import RULES
from fastmlp.report.pictures.curves import numbers_of

from .evidence import Evidence
from .finished_run import SPLITS, FinishedRun
from .numbers import accuracy_of_classes, most_confused
from .words import share, times

FEWEST_EPOCHS = 5  # below that nothing is said of the loss's course
STILL_FALLING = 0.05  # of the loss, in the last fifth of the epochs
# A learning rate that is taken down stills every loss at last; then the last two fifths tell
# whether it was too early.
STILL_FALLING_ANNEALED = 0.1
ANNEALED = 0.2  # of the first learning rate
RISEN = 0.05  # of the loss, above its least value
NOTHING_LEFT = 1e-4  # a loss that is as good as zero
SMALL_GAP, LARGE_GAP = 0.01, 0.05  # between the accuracies of train and test
LEARNT_R2 = 0.03
ALWAYS = {
    "classification": "always answering with the largest class",
    "multilabel": "always giving each label that most training rows have",
}
WIDE_WEIGHTS = 0.5  # deviation of the initial weights
STRONG_DECAY = 0.05
WELL_LEARNED = 0.9  # accuracy or R² of the training rows
ROOM = (
    " As it does not overfit, there may be more to gain: from more --epochs, a larger --lr or "
    "wider --hidden layers, as far as the data tell more."
)


@dataclass(frozen=True)
class Verdict:
    """What to think of a run."""

    mood: str  # ``"good"``, ``"bad"`` or ``"open"``
    headline: str  # the sentence to read if only one is read
    sentences: list[str] = field(default_factory=list)  # the others


def judge(run: FinishedRun, evidence: Evidence) -> Verdict:
    """Return the verdict on a run, from its metrics and, as far as they are there, its rows."""
    metrics = run.metrics
    judged = next((split for split in reversed(SPLITS) if f"{split}_loss" in metrics), "")
    if run.diverged:
        kept = metrics.get("epochs", 0)
        weights = "Only the initial weights are kept."
        if kept:
            weights = f"The weights of epoch {kept} are kept."
        headline = f"It diverged: in epoch {kept + 1} the loss became NaN or infinite."
        return Verdict("bad", headline, [f"Likely cause: {run.diverged}.", weights])
    if not judged:
        epochs = f" {len(run.epochs):,} epochs are in the history." if run.epochs else ""
        course = [text for text in [_course(run)] if text]
        return Verdict("open", f"Training has not ended.{epochs}", course)
    task = str(metrics.get("task", ""))
    on_rows = _quantities if task == "regression" else _shares
    mood, headline = on_rows(metrics, judged, task, evidence)
    sentences = [
        _chance(evidence, task, mood),
        _cause(run) if mood == "bad" else "",
        _gap(metrics, judged, mood),
        _course(run),
        _stop(run),
    ]
    if task == "classification" and mood == "good":
        sentences.append(_weakest(evidence))
    return Verdict(mood, headline, [sentence for sentence in sentences if sentence])


def _shares(metrics: dict[str, Any], judged: str, task: str, evidence: Evidence) -> tuple[str, str]:
    accuracy, rows = metrics.get(f"{judged}_accuracy"), metrics.get(f"{judged}_rows", 0)
    if accuracy is None:
        return "open", _loss_alone(metrics, judged)
    right = "are right" if task == "classification" else "have every label right"
    what = f"{share(accuracy)} of {rows:,} {judged} rows {right}"
    base = _by_chance(evidence)
    luck = 2 * math.sqrt(base * (1 - base) / max(rows, 1)) if base is not None else 0.0
    if base is not None and accuracy <= base + min(luck, (1 - base) / 2):
        return "bad", f"It has not learned: {what}, and {ALWAYS[task]} would give {share(base)}."
    return "good", f"It learned: {what}."


def _loss_alone(metrics: dict[str, Any], judged: str) -> str:
    loss = metrics[f"{judged}_loss"]
    return f"The {judged} loss is {'not a finite number' if loss is None else f'{loss:.4g}'}."


def _chance(evidence: Evidence, task: str, mood: str) -> str:
    base, split = _by_chance(evidence) if mood == "good" else None, evidence.judged
    if base is None or split is None:
        return ""
    words = f"{ALWAYS[task][:1].upper()}{ALWAYS[task][1:]} would give {share(base)}."
    if task == "classification":
        return words
    said, true = split.outputs > 0.5, split.encoded > 0.5
    return f"{words} Of the single labels {share(float(np.mean(said == true)))} are right."


def _by_chance(evidence: Evidence) -> float | None:
    """Return the accuracy on the judged rows of always answering the commonest training class."""
    split, train = evidence.judged, evidence.splits.get("train")
    task = evidence.model.task if evidence.model is not None else "regression"
    if split is None or train is None or task == "regression":
        return None
    if task == "classification":
        return float(np.mean(split.encoded == np.bincount(train.encoded).argmax()))
    most = train.encoded.mean(axis=0) > 0.5
    return float(np.mean((split.encoded == most).all(axis=1)))


def _quantities(
    metrics: dict[str, Any], judged: str, task: str, evidence: Evidence
) -> tuple[str, str]:
    r2, rmse = metrics.get(f"{judged}_r2"), metrics.get(f"{judged}_rmse")
    rows = metrics.get(f"{judged}_rows", 0)
    if r2 is None or rmse is None:
        return "open", _loss_alone(metrics, judged)
    if r2 <= LEARNT_R2:
        return "bad", (
            f"It has not learned: on {rows:,} {judged} rows it is no better than always answering "
            f"with the mean (R² {r2:.3f})."
        )
    return "good", (
        f"It learned: {share(r2)} of the variance of {rows:,} {judged} rows is explained (R² "
        f"{r2:.3f}); the root mean squared error is {rmse:.4g}."
    )


def _gap(metrics: dict[str, Any], judged: str, mood: str) -> str:
    if judged == "train":
        return (
            "No rows were held out, so nothing can be said of rows that it has not seen "
            "(--test-fraction 0.2)."
        )
    words = "try --dropout 0.2, --weight-decay 0.01, --early-stopping 10, or more rows"
    train, held_out = metrics.get("train_accuracy"), metrics.get(f"{judged}_accuracy")
    if train is not None and held_out is not None:
        rows = metrics.get(f"{judged}_rows") or 1
        luck = 2 * math.sqrt(max(held_out * (1 - held_out), 1 / rows) / rows)
        between = f"{share(train)} of the training rows and {share(held_out)} of the {judged} rows"
        between += " are right"
        gap = train - held_out
        if gap <= max(SMALL_GAP, luck):
            if mood == "bad":
                return f"It has not learned its training rows either: {between}."
            room = ROOM if train < WELL_LEARNED else ""
            return (
                f"It generalises: {between}, which is no more of a gap than {rows:,} rows give by "
                f"luck.{room}"
            )
        if gap <= LARGE_GAP:
            return f"It overfits a little: {between}, a gap of {100 * gap:.1f} points."
        return f"It overfits: {between}, a gap of {100 * gap:.1f} points; {words}."
    train, held_out = metrics.get("train_rmse"), metrics.get(f"{judged}_rmse")
    if not train or held_out is None:
        return ""
    between = (
        f"the root mean squared error is {train:.4g} in training and {held_out:.4g} on the "
        f"{judged} rows"
    )
    if held_out <= 1.15 * train:
        if mood == "bad":
            return f"It has not learned its training rows either: {between}."
        room = ROOM if (metrics.get("train_r2") or 0) < WELL_LEARNED else ""
        return f"It generalises: {between}.{room}"
    between += f", {held_out / train:.1f} times as much"
    if held_out <= 1.5 * train:
        return f"It overfits a little: {between}."
    return f"It overfits: {between}; {words}."


def _cause(run: FinishedRun) -> str:
    """Name the settings that may have kept a network from learning; empty if none is unusual."""
    settings = run.settings
    if settings is None:
        return ""
    name, _, rest = settings.init.partition("(")
    if name in ("zeros", "constant"):
        return (
            "Likely cause: all initial weights are equal, so that every unit of a layer gets the "
            "same gradient and stays the same as its neighbours; try --init auto."
        )
    spread = _number(rest.rstrip(")").rpartition(",")[2]) if name == "normal" else None
    if spread is not None and spread >= WIDE_WEIGHTS:
        return (
            f"Likely cause: the initial weights are as large as {spread:g}, so that units "
            "saturate; try --init auto."
        )
    if settings.normalize == "none":
        return "Likely cause: the inputs are not normalised; try --normalize standard."
    usual = RULES[settings.optimizer].learning_rate
    rate = f"Likely cause: the learning rate {settings.lr or 0:g} is"
    if settings.lr is not None and settings.lr >= 20 * usual:
        return f"{rate} too large for {settings.optimizer}; try {usual:g}."
    if settings.lr is not None and settings.lr <= usual / 20:
        return f"{rate} too small for {settings.optimizer}; try {usual:g}."
    decay = max(settings.weight_decay or 0.0, settings.l2)
    if decay >= STRONG_DECAY:
        return (
            f"Likely cause: a decay of {decay:g} pulls the weights to zero faster than they learn; "
            f"try {decay / 100:g}."
        )
    return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _course(run: FinishedRun) -> str:
    """Say how the loss went: risen again, still falling, or level."""
    split = run.monitored or "train"
    if not run.epochs:
        return ""
    epochs = run.last_phase
    losses = numbers_of(epochs, f"{split}_loss")
    if len(losses) < FEWEST_EPOCHS or not np.isfinite(losses).all():
        return ""
    best, last = int(losses.argmin()), float(losses[-1])
    if last < NOTHING_LEFT:
        return f"The {split} loss is as good as zero ({last:.2g}): more epochs would bring nothing."
    if best + 1 <= 0.8 * len(losses) and last > (1 + RISEN) * losses[best]:
        return (
            f"The {split} loss was lowest in epoch {epochs[best]['epoch']} ({losses[best]:.4g}) "
            f"and rose to {last:.4g} until epoch {epochs[-1]['epoch']}: from there on it learned "
            "its training rows by heart. Stop there: --early-stopping 10."
        )
    annealed = _annealed(run)
    stretch = max(1, len(losses) * 2 // 5 if annealed else len(losses) // 5)
    before = float(losses[-1 - stretch])
    if last < (1 - (STILL_FALLING_ANNEALED if annealed else STILL_FALLING)) * before:
        return (
            f"The {split} loss was still falling, by {100 * (1 - last / before):.0f} % in the last "
            f"{stretch} of {len(losses)} epochs: train longer (--epochs {2 * len(losses)})."
        )
    words = ": more epochs of the same would bring little."
    if annealed:
        words = " by the time that the learning rate was taken down."
    return f"The {split} loss had levelled off{words}"


def _annealed(run: FinishedRun) -> bool:
    rates = numbers_of(run.last_phase, "learning_rate")
    return bool(rates[-1] < ANNEALED * np.nanmax(rates))


def _stop(run: FinishedRun) -> str:
    reason = str(run.metrics.get("stop_reason") or "")
    if not reason:
        return ""
    if reason == "interrupted":
        return f"It was interrupted after epoch {run.metrics.get('epochs', 0)}."
    if run.settings is not None and run.settings.early_stopping is not None:
        reason += f"; the weights of epoch {run.best_epoch} are kept"
    return f"It stopped early: {reason}."


def _weakest(evidence: Evidence) -> str:
    split = evidence.judged
    if split is None or evidence.model is None:
        return ""
    names = evidence.class_names
    shares = accuracy_of_classes(split.encoded, split.decided, len(names))
    if np.nanmin(shares) == 1:
        return f"Every one of the {len(split):,} {split.name} rows is right."
    weakest = int(np.nanargmin(shares))
    matrix = np.zeros((len(names), len(names)), np.int64)
    np.add.at(matrix, (split.encoded, split.decided), 1)
    (true, said, rows), *_ = most_confused(matrix, 1)
    return (
        f"Its weakest class is {names[weakest]}: {share(shares[weakest])} of its {split.name} rows "
        f"are right. The most frequent mistake takes {names[true]} for {names[said]} "
        f"({times(rows)})."
    )
