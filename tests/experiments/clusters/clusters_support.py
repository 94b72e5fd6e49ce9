"""What the tests of clusters share: packages that may be missing, and an experiment's numbers."""

import importlib.util
import os

import pytest
from experiments_support import RECIPE, recipe

from fastmlp.experiments.runner import Options, Runner

# What differs from run to run, whatever computes it.
TIMES = ("train_seconds", "compile_seconds", "samples_per_second", "threads", "how")
REQUIRED = "FASTMLP_REQUIRE_CLUSTERS"


def needed(package):
    """Skip a file's tests without a package, unless FASTMLP_REQUIRE_CLUSTERS=1 wants them run."""
    if importlib.util.find_spec(package) is None and os.environ.get(REQUIRED, "0") in ("", "0"):
        pytest.skip(f"{package} is not installed", allow_module_level=True)


def run_on(backend, text=RECIPE, name="rates", **options):
    """Run a recipe; return the experiment, the ends in their order, and the notes."""
    runner, ran, notes = Runner(recipe(text, name), Options(backend=backend, **options)), [], []
    experiment = runner.run(
        lambda variant: ran.append(variant.name) if variant.status != "running" else None,
        notes.append,
    )
    return experiment, ran, notes


def numbers(experiment):
    """Return what has to be the same to the bit, whatever computed it."""
    return {
        variant.key: (
            variant.status,
            variant.error,
            {name: value for name, value in variant.metrics.items() if name not in TIMES},
            (experiment.folder / variant.folder / "model.safetensors").read_bytes(),
        )
        for variant in experiment.variants
    }


def without_folder(found, folder):
    """Return numbers in which the experiment's own folder is left out."""
    return {
        key: (status, error, {**metrics, "run_dir": metrics["run_dir"].removeprefix(folder)}, model)
        for key, (status, error, metrics, model) in found.items()
    }
