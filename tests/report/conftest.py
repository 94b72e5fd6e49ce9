"""Fixtures: trained runs of every task with their reports, and a browser to look at these."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from report_support import HOSTILE_NAMES, PageReader, images, read_page, table

from fastmlp import train
from fastmlp.errors import UsageError
from fastmlp.experiments.results import Comparison, Experiment, Sweep, Variant, write_experiment
from fastmlp.files.atomic import without_nan
from fastmlp.report.write import Report, write_report


@dataclass
class Reported:
    """A run with its report."""

    folder: Path
    metrics: dict
    report: Report
    page: PageReader


def reported(folder, data, **settings):
    # A fixture of the session comes before the one that hides a GPU from each test: name the
    # device.
    how = {"preset": "plain", "threads": 1, "device": "cpu"} | settings
    run = train(dataset=str(data), out=folder / "run", **how)
    report = write_report(run.folder, threads=1, device="cpu")
    metrics = json.loads((run.folder / "metrics.json").read_text())
    return Reported(run.folder, metrics, report, read_page(report.path))


@pytest.fixture(scope="session")
def of_images(tmp_path_factory):
    """A classification of images, with validation rows, logged between epochs."""
    folder = tmp_path_factory.mktemp("images")
    data = images(folder / "images.npz")
    return reported(
        folder,
        data,
        hidden="8",
        epochs=6,
        batch_size=8,
        log_every=5,
        validation_fraction=0.15,
        lr=0.003,
    )


@pytest.fixture(scope="session")
def of_table(tmp_path_factory):
    """A classification of a table."""
    folder = tmp_path_factory.mktemp("table")
    return reported(folder, table(folder / "trees.csv"), hidden="6", epochs=8, target="kind")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """A classification whose classes, columns and folder have hostile names."""
    folder = tmp_path_factory.mktemp("hostile") / "<b>bold & $x$"
    folder.mkdir()
    data = table(
        folder / "<i>.csv", 200, HOSTILE_NAMES, ("<b>width</b>", "$x_{$", "'\"onload=alert(3)")
    )
    return reported(folder, data, hidden="6", epochs=4)


@pytest.fixture(scope="session")
def of_quantities(tmp_path_factory):
    """A regression of two inputs."""
    folder = tmp_path_factory.mktemp("quantities")
    features = np.random.default_rng(1).normal(size=(90, 2))
    np.savez(folder / "q.npz", X=features, y=100 + 20 * features[:, 0] - 5 * features[:, 1])
    return reported(folder, folder / "q.npz", hidden="8", epochs=30, lr=0.02)


@pytest.fixture(scope="session")
def of_labels(tmp_path_factory):
    """A multilabel task of three labels."""
    folder = tmp_path_factory.mktemp("labels")
    features = np.random.default_rng(2).normal(size=(120, 4)).astype(np.float32)
    np.savez(folder / "l.npz", X=features, y=(features[:, :3] > 0.2).astype(np.int64))
    return reported(folder, folder / "l.npz", hidden="8", epochs=30, lr=0.02)


@pytest.fixture(scope="session")
def of_two_classes(tmp_path_factory):
    """Two classes of two inputs with log loss, whose network has one output."""
    folder = tmp_path_factory.mktemp("two")
    features = np.random.default_rng(3).normal(size=(120, 2))
    np.savez(folder / "two.npz", X=features, y=np.where(features.sum(axis=1) > 0, "yes", "no"))
    return reported(folder, folder / "two.npz", hidden="8", epochs=20, lr=0.02, loss="log_loss")


@pytest.fixture(scope="session")
def browser():
    """Chromium, or a skip that says why."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    running = Browser()
    yield running
    running.close()


@pytest.fixture(scope="session")
def experiment(tmp_path_factory):
    """Two sweeps: learning rates with two seeds, and kinds of which one diverges, one fails."""
    folder = tmp_path_factory.mktemp("experiment") / "trees & <rates>"
    folder.mkdir()
    data = str(table(folder.parent / "trees.csv"))
    base = {
        "dataset": data,
        "preset": "plain",
        "hidden": "6",
        "epochs": 15,
        "batch_size": 8,
        "threads": 1,
        "device": "cpu",
    }
    rates = {f"lr {rate:g}": {"lr": rate} for rate in (1e-6, 1e-3, 1e-2)}
    explosive = {"normalize": "none", "optimizer": "sgd", "lr": 1e30, "loss": "mse"}
    kinds = {
        "tanh": {"activation": "tanh"},
        "explodes": explosive,
        "broken": {"activation": "broken"},
    }
    variants = [
        _variant(folder, name, base, changes, changes["lr"], seed)
        for name, changes in rates.items()
        for seed in (0, 1)
    ]
    variants += [_variant(folder, name, base, changes, None, 0) for name, changes in kinds.items()]
    sweeps = [
        Sweep(
            "rate",
            "Learning rates",
            "lr",
            True,
            "test_accuracy",
            "A larger step goes further. <b>",
            list(rates),
        ),
        Sweep("kind", "Kinds", "", False, "test_accuracy", "", list(kinds)),
    ]
    comparisons = [
        Comparison("lr 0.01", "test_accuracy", 0.5),
        Comparison("lr 1e-06", "test_accuracy", 0.99, "at_least", 0.01),
        Comparison("explodes", "test_loss", "NaN", "fails"),
        Comparison("tanh", "test_accuracy", 0.6, "at_most", than="lr 0.01"),
        Comparison("broken", "test_accuracy", 0.5, note="A note"),
    ]
    write_experiment(
        Experiment(
            "trees",
            "Trees <i>and</i> rates",
            "Which rate?",
            "made up",
            "",
            False,
            comparisons,
            variants,
            sweeps,
            folder,
        )
    )
    report = write_report(folder)
    return Reported(folder, {}, report, read_page(report.path))


def _variant(folder, name, base, changes, value, seed):
    place = f"runs/{name.replace(' ', '-')}-seed{seed}"
    try:
        metrics = train(**{**base, **changes}, seed=seed, out=folder / place).metrics
    except UsageError as error:
        return Variant(
            name, changes, [], value, seed, place, "failed", str(error).partition(" Accepted")[0]
        )
    status = "diverged" if metrics["diverged"] else "done"
    metrics = {**without_nan(metrics), "test_largest_class": 0.6}
    return Variant(name, changes, [], value, seed, place, status, metrics["diverged"], 0.5, metrics)
