"""The page of a run: what is on it, in which order, for which task."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmlp.data.mapped.rows import MappedRows, Matrix
from fastmlp.data.staged.table import StagedTable
from fastmlp.display.html import Html, element
from fastmlp.nn.ensembles.members import plain_member
from fastmlp.nn.plain_layers import Linear
from fastmlp.report.pictures.classes import accuracy_by_class, class_distribution, confusion
from fastmlp.report.pictures.curves import rate_curve, training_curves, update_curves
from fastmlp.report.pictures.drawing import Picture
from fastmlp.report.pictures.glyphs import labels
from fastmlp.report.pictures.images import class_samples, first_layer, mistakes
from fastmlp.report.pictures.inputs import decision_surface, weights_heat_map
from fastmlp.report.pictures.probabilities import calibration_curve
from fastmlp.report.pictures.quantities import MOST_OUTPUTS, pictures_of_output

from .evidence import Evidence, Split
from .explanation import explained
from .finished_run import FinishedRun
from .html import bullets, figures, page
from .numbers import accuracy_of_classes, calibration, confidence_of, uncalibrated
from .tables import (
    cards,
    label_counts,
    phases_table,
    results,
    sample_rows,
    scores,
    settings_tables,
    worst_rows,
)
from .verdict import Verdict, judge

FEWEST_ANSWERS = 20  # for a calibration curve


@dataclass(frozen=True)
class Page:
    """A page with its pictures."""

    html: str  # the whole file
    pictures: list[Picture]  # in the order in which they are shown
    verdict: Verdict  # what it says first
    problems: list[str]  # what could not be shown, and why


class Album:
    """Collects the pictures that are shown, so that their files are written too."""

    def __init__(self, folder: str):
        self.folder, self.pictures = folder, []

    def show(self, *pictures: Picture | list[Picture] | None) -> Html | None:
        """Return pictures as markup, side by side; those of a list below each other."""
        there = [picture for picture in pictures if picture is not None]
        for picture in there:
            self.pictures += picture if isinstance(picture, list) else [picture]
        return figures(there, self.folder)


def run_page(run: FinishedRun, evidence: Evidence, folder: str) -> Page:
    """Return the page of a run.

    Parameters
    ----------
    run, evidence
        The run, and its model and data as far as they could be had.
    folder
        Where the pictures' files will be, relative to the page.
    """
    album = Album(folder)
    verdict = judge(run, evidence)
    problems = [*run.problems, *evidence.problems]
    sections = [
        ("results", "Results", [results(run)]),
        ("settings", "Settings", _settings(run)),
        ("training", "Training", [album.show(*training_curves(run), rate_curve(run))]),
        ("updates", "Between epochs", [album.show(*update_curves(run))]),
        *_sections_of_data(evidence, album),
    ]
    lead = [_subtitle(run, evidence), notice(problems), verdict_box(verdict), cards(run)]
    title = f"Report on {run.folder.resolve().name}"
    return Page(page(title, lead, sections), album.pictures, verdict, problems)


def verdict_box(verdict: Verdict) -> Html:
    """Return the verdict as the page shows it."""
    more = bullets(verdict.sentences) if verdict.sentences else None
    return element("div", element("p", verdict.headline), more, class_=f"verdict {verdict.mood}")


def notice(sentences: list[str], first: str = "Not everything can be shown.") -> Html | None:
    """Return a box that says what the reader must know first; None without sentences."""
    if not sentences:
        return None
    heading = element("p", element("strong", first))
    return element("div", heading, bullets(sentences), class_="notice")


def _data_name(run: FinishedRun) -> str:
    if run.settings is None:
        return "data not known"
    dataset = run.settings.dataset
    return dataset.split(",")[0].rstrip("/").rpartition("/")[2] or dataset


def _subtitle(run: FinishedRun, evidence: Evidence) -> Html:
    words = [_data_name(run)]
    if run.metrics.get("task"):
        words.append(str(run.metrics["task"]))
    if evidence.model is not None:
        architecture = evidence.model.network.architecture
        words.append(str(architecture))
        if architecture.hidden:
            words.append(architecture.activation)
        words.append(f"loss {evidence.model.loss.name}")
    if run.settings is not None:
        rate = "" if run.settings.lr is None else f" at {run.settings.lr:g}"
        words.append(f"{run.settings.optimizer}{rate}")
    if run.metrics.get("device"):
        words.append(f"on {run.metrics['device']}")
    return element("p", " · ".join(words), class_="subtitle")


def _settings(run: FinishedRun) -> list[Any]:
    tables = settings_tables(run)
    if not tables:
        return []
    if run.phases:
        return [phases_table(run.phases), *tables]
    command = f"fastmlp train --config {shlex.quote(str(run.folder / 'config.toml'))}"
    return [element("p", "The same again: ", element("code", command)), *tables]


def _sections_of_data(evidence: Evidence, album: Album) -> list[tuple[str, str, list[Any]]]:
    """Return what needs the model; with the rows too where they could be read."""
    if evidence.model is None:
        return []
    split = evidence.judged
    if split is None:
        return [("weights", "First layer", [album.show(_first_layer(evidence))])]
    of_task = {"classification": _of_classes, "multilabel": _of_labels}
    of_rows = of_task.get(evidence.model.task, _of_quantities)
    notes = bullets(evidence.notes) if evidence.notes else None
    why, words = explained(evidence, split)
    return [
        *of_rows(evidence, split, album),
        ("columns", "What the model needs the columns for", [words, album.show(*why)]),
        ("notes", "Notes on the data", [notes]),
    ]


def _of_classes(evidence: Evidence, split: Split, album: Album) -> list[tuple[str, str, list[Any]]]:
    names = evidence.class_names
    table, report = scores(evidence, split)
    shares = {
        name: accuracy_of_classes(part.encoded, part.decided, len(names))
        for name, part in evidence.splits.items()
        if name in ("train", split.name)
    }
    counts = {
        name: np.bincount(part.encoded, minlength=len(names))
        for name, part in evidence.splits.items()
    }
    matrix = confusion(report["confusion_matrix"], names, split.name)
    beside = [accuracy_by_class(shares, names), class_distribution(counts, names)]
    if not matrix.wide:
        beside = [beside]
    return [
        ("classes", "Classes", [album.show(matrix, *beside), _numbered(names), table]),
        ("rows", "Worst mistakes and samples of each class", _rows(evidence, split, album)),
        ("network", "First layer and calibration", [_network(evidence, split, album)]),
    ]


def _numbered(names: list[str]) -> Html | None:
    """Explain numbers in place of names, if a picture shows any."""
    for shown, name in zip(labels(names), names, strict=True):
        if shown[0] == "#" and shown != name:
            return element(
                "p",
                f"{shown} in a picture is the class in that place of the table: its name cannot "
                "be drawn, or cannot be told from another in few letters.",
            )
    return None


def _of_labels(evidence: Evidence, split: Split, album: Album) -> list[tuple[str, str, list[Any]]]:
    names = evidence.class_names
    table, _ = scores(evidence, split)
    counts = {name: (part.encoded > 0.5).sum(axis=0) for name, part in evidence.splits.items()}
    shares = {
        name: ((part.outputs > 0.5) == (part.encoded > 0.5)).mean(axis=0)
        for name, part in evidence.splits.items()
        if name in ("train", split.name)
    }
    beside = album.show(
        accuracy_by_class(shares, names, "label"), class_distribution(counts, names, "label")
    )
    return [
        ("labels", "Labels", [beside, table, label_counts(split)]),
        ("mistakes", "The worst mistakes", [worst_rows(evidence, split)]),
        ("network", "First layer and calibration", [_network(evidence, split, album)]),
    ]


def _of_quantities(
    evidence: Evidence, split: Split, album: Album
) -> list[tuple[str, str, list[Any]]]:
    outputs = split.encoded.shape[1]
    target = evidence.answering.target_name or "target"
    shown = []
    for number in range(min(outputs, MOST_OUTPUTS)):
        name, suffix = target, ""
        if outputs > 1:
            name, suffix = f"{target}, output {number + 1}", f"-{number + 1}"
        true, predicted = split.encoded[:, number], split.outputs[:, number]
        first, *others = pictures_of_output(true, predicted, split.name, name, suffix)
        shown += [first, others]
    cut = f"The first {MOST_OUTPUTS} of {outputs:,} outputs are shown."
    cut = element("p", cut) if outputs > MOST_OUTPUTS else None
    return [
        ("predictions", "Predicted and true", [cut, album.show(*shown)]),
        ("mistakes", "The worst mistakes", [worst_rows(evidence, split)]),
        ("network", "What the network has learned", [_network(evidence, split, album)]),
    ]


def _network(evidence: Evidence, split: Split, album: Album) -> Html | None:
    """Return decision surfaces, first layer and calibration, beside a surface if it is single."""
    surfaces = decision_surface(evidence.answering, split, evidence.class_names)
    calibrated = None if evidence.answering.task == "regression" else _calibration(evidence, split)
    others = [picture for picture in (_first_layer(evidence), calibrated) if picture is not None]
    if len(surfaces) == 1 and others:
        return album.show(surfaces[0], others)
    return album.show(*surfaces, *others)


def _rows(evidence: Evidence, split: Split, album: Album) -> list[Any]:
    """Return the worst mistakes and a sample of each class, as images or as rows of a table."""
    words = None
    if (split.decided == split.encoded).all():
        words = f"There are no mistakes: all {len(split):,} {split.name} rows are right."
        words = element("p", words)
    train = evidence.splits.get("train")
    if evidence.image_shape is None:
        return [words, worst_rows(evidence, split), sample_rows(evidence)]
    names, shape, places = evidence.class_names, evidence.image_shape, list(split.places)
    said = split.outputs, split.decided
    wrong = mistakes(_pixels(split), split.encoded, *said, names, shape, places)
    samples = None if train is None else class_samples(_pixels(train), train.encoded, names, shape)
    return [words, album.show(wrong, samples)]


def _pixels(split: Split) -> Matrix:
    features = split.source.features
    if isinstance(features, (np.ndarray, MappedRows)):
        return features
    assert not isinstance(features, StagedTable)  # a report reads tables whole
    return features.to_numpy()


def _first_layer(evidence: Evidence) -> Picture | None:
    model = evidence.answering
    plain = plain_member(model.network.layers, 0)  # of an ensemble, the first member's
    weights = next((layer.weight for layer in plain if isinstance(layer, Linear)), None)
    if weights is None:
        return None
    shape = evidence.image_shape or model.features.image_shape
    if not np.isfinite(weights).all():
        return None
    if shape is not None and int(np.prod(shape)) == len(weights):
        return first_layer(weights, shape)
    names, architecture = model.features.output_names, model.network.architecture
    if architecture.columns is not None:
        how = architecture.number_encoding, architecture.embedding_width
        names = architecture.columns.names(names, *how)
    return weights_heat_map(weights, names)


def _calibration(evidence: Evidence, split: Split) -> Picture | None:
    if not evidence.gives_probabilities:
        return None
    confidence, right = confidence_of(evidence.answering.task, split.encoded, split.outputs)
    if len(right) < FEWEST_ANSWERS:
        return None
    temperature, before = evidence.answering.adjustment.temperature, None
    if temperature != 1:
        task = evidence.answering.task
        outputs = uncalibrated(task, split.outputs, temperature)
        before = calibration(*confidence_of(task, split.encoded, outputs))
    return calibration_curve(calibration(confidence, right), split.name, before)
