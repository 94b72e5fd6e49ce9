"""Presets: settings that belong together, each of which can still be told otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# For tables: an ensemble over folds. What each entry gives is measured in docs/accuracy.md.
TABLES: dict[str, Any] = {
    # Each of five members learns from four fifths of the rows and validates on the others.
    "folds": 5,
    # Small beside the field's: steps and members give more than width for the same computation.
    "hidden": "128,128",
    # A layer of sharp bends and a smooth one: better than two of either.
    "activation": "relu,silu",
    # More than a tenth was better on every mean, since tables are small.
    "dropout": "0.25",
    # Uniform between ±1/√fan_in.
    "init": "lecun_uniform(0.57735)",
    # Likewise: units of ReLU's kin then bend at different places.
    "bias_init": "lecun_uniform(0.57735)",
    # By median and quartiles, which outliers do not move.
    "normalize": "robust",
    # And what lies far out comes no further than 3.
    "input_activation": "smooth_clip(3)",
    # That a number is missing may tell more than the number.
    "missing": "indicator",
    # Thresholds and bumps of one column, which trees find at once.
    "number_encoding": "piecewise(32)",
    # All that have rows enough to be learnt from.
    "max_levels": 1000,
    # A text of one or two rows teaches its own noise.
    "level_rows": 3,
    # What is known of a street or a customer, beside its own column.
    "target_statistics": 8,
    # Adam with decay that the size of gradients does not divide.
    "optimizer": "adamw",
    # With batches of 128 rows; 0.005 was no better.
    "lr": 0.003,
    # A tenth did the same.
    "weight_decay": 0.01,
    # A twentieth of the run upwards, then a cosine down.
    "schedule": "one_cycle(0.05,25)",
    # GFLOP: some seconds of one core.
    "effort": 100.0,
}
# Pictures of some hundred pixels, such as Fashion-MNIST, as they are.
IMAGES: dict[str, Any] = {
    # Bytes become 0 to 1, so that the background, most of a picture, is 0.
    "normalize": "unit",
    # In the time that a network of 1024,1024 takes for 12 epochs, this one trains 22 and is better.
    "hidden": "512,512",
    # With it and this rate MNIST had 99.23 %, without it and half the rate 99.12 % (distorted).
    "batch_norm": "hidden",
    # Without distortions the training rows are learnt by heart in a few epochs.
    "dropout": "0.3",
    # Adam passes over the weights once a step: with 64 rows that is four times as often.
    "batch_size": 256,
    # Of Adam, at the peak of the cycle below; 0.01 gave no more.
    "lr": 0.004,
    # Up for three tenths of the run, then down to nearly zero; an average beside it gave nothing.
    "schedule": "one_cycle",
    # As many as fit a minute on two cores: 22 took 47 s of one core with distortions.
    "epochs": 44,
    # Spreads a twentieth of the target over all classes, so that logits need not grow.
    "label_smoothing": 0.05,
}
# And by task: what the others would refuse.
TABLES_BY_TASK: dict[str, dict[str, Any]] = {
    "classification": {"calibrate": "temperature"},
    "multilabel": {"calibrate": "temperature"},
    "regression": {"clamp_outputs": True},
}
PRESETS: dict[str, dict[str, Any]] = {"plain": {}, "tables": TABLES, "images": IMAGES}
AUTO = "auto"
CHOICES = (AUTO, *PRESETS)
FEW_ROWS = 700
FEWEST_ROWS = 40  # of a table that is divided into folds without being told so

# Entries that go with others: what was given in the place of these, or against them, leaves no
# place for those.
INSTEAD_OF: dict[str, tuple[str, ...]] = {
    "validation_fraction": ("folds",),
    "clip_norm": ("folds",),
    "loss": ("calibrate", "clamp_outputs"),  # it may give no probabilities, or be no mean
    "optimizer": ("lr", "weight_decay"),
}


def preset_settings(name: str, task: str, rows: int, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a preset that go with a task, a number of rows and what was given.

    Parameters
    ----------
    name
        One of PRESETS.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    rows
        Of the data.
    said
        What the user gave. It counts more than the preset, and some of it leaves no place for
        other entries: validation rows of their own, say, for folds.
    """
    chosen = dict(PRESETS[name])
    if name == "tables":
        chosen |= {"batch_size": _batch_size(rows)} | TABLES_BY_TASK[task]
        if str(said.get("hidden", "")).count(",") != 1 and "hidden" in said:
            chosen["activation"] = "silu"  # there are not two layers for two words
    left_out = {
        entry
        for key, value in said.items()
        for entry in INSTEAD_OF.get(key, ())
        if value and value not in (AUTO, chosen.get(key))
    }
    if (said.get("members") or 0) % chosen.get("folds", 1):
        left_out.add("folds")
    return {key: value for key, value in chosen.items() if key not in left_out}


def _batch_size(rows: int) -> int:
    """Return the rows of a batch: a sixteenth of few rows, so that an epoch has steps enough, and
    more of very many.
    """
    for least, size in ((500_000, 512), (50_000, 256), (FEW_ROWS, 128)):
        if rows >= least:
            return size
    return min(max(1 << round(math.log2(max(rows, 1) / 16)), 16), 128)
