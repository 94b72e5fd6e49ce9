"""The package's recipes: each runs, quickly, and holds every figure that it repeats."""

import json

import pytest

from fastmlp.experiments.recipe import find_recipe, names
from fastmlp.experiments.results import read_experiment

FAIL = "fails"
# (variant, metric): the figure; as they were reported, shares instead of percent.
FIGURES = {
    "kuzushiji": {
        ("relu", "train_accuracy"): 0.930,
        ("relu", "test_accuracy"): 0.830,
        ("epochs-100", "train_accuracy"): 1.0,
        ("epochs-100", "test_accuracy"): 0.842,
        ("epochs-100", "test_loss_lowest_epoch"): 30,
        ("zero-weights", "train_accuracy"): 0.057,
        ("zero-weights", "test_accuracy"): 0.056,
        ("lr-0.012", "test_accuracy"): FAIL,
        ("tanh", "train_accuracy"): 0.784,
        ("tanh", "test_accuracy"): 0.675,
        ("sigmoid", "train_accuracy"): 0.069,
        ("sigmoid", "test_accuracy"): 0.089,
        ("leaky-relu", "train_accuracy"): 0.932,
        ("leaky-relu", "test_accuracy"): 0.811,
        ("batch-16", "test_accuracy"): 0.812,
        ("batch-16", "train_seconds"): 140.5,
        ("batch-32", "test_accuracy"): 0.809,
        ("batch-32", "train_seconds"): 91.3,
        ("relu", "train_seconds"): 56.0,
        ("batch-256", "test_accuracy"): 0.056,
        ("batch-256", "train_seconds"): 33.3,
        ("input-none", "test_accuracy"): FAIL,
    },
    "products": {
        ("normalised", "parameters"): 28_869_652,
        ("raw", "test_accuracy"): FAIL,
        ("normalised", "train_accuracy"): 0.624,
        ("normalised", "test_accuracy"): 0.612,
        ("zero-weights", "train_accuracy"): 0.095,
        ("zero-weights", "test_accuracy"): 0.095,
        ("lr-0.053", "train_accuracy"): 0.705,
        ("lr-0.053", "test_accuracy"): 0.684,
        ("batch-32", "train_accuracy"): 0.717,
        ("batch-32", "test_accuracy"): 0.690,
        ("batch-128", "train_accuracy"): 0.638,
        ("batch-128", "test_accuracy"): 0.633,
        ("batch-128-lr-0.1", "train_accuracy"): 0.660,
        ("batch-128-lr-0.1", "test_accuracy"): 0.651,
        ("momentum-0.5", "train_accuracy"): 0.710,
        ("momentum-0.5", "test_accuracy"): 0.699,
        ("momentum-0.9", "train_accuracy"): 0.496,
        ("momentum-0.9", "test_accuracy"): 0.496,
        ("momentum-0.98", "train_accuracy"): FAIL,
        ("twice-the-epochs", "train_accuracy"): 0.759,
        ("twice-the-epochs", "test_accuracy"): 0.733,
        ("tanh", "train_accuracy"): 0.701,
        ("tanh", "test_accuracy"): 0.685,
        ("leaky-relu", "train_accuracy"): 0.698,
        ("leaky-relu", "test_accuracy"): 0.685,
        ("decay-0.1", "train_accuracy"): 0.150,
        ("decay-0.1", "test_accuracy"): 0.154,
        ("decay-0.01", "train_accuracy"): 0.470,
        ("decay-0.01", "test_accuracy"): 0.474,
    },
    "mnist": {
        ("activation-sigmoid", "test_accuracy"): 0.9048,
        ("activation-sigmoid", "train_accuracy"): 0.9042,
        ("activation-sigmoid", "train_binary_cross_entropy_first"): 3.20,
        ("activation-sigmoid", "train_binary_cross_entropy"): 0.60,
        ("activation-tanh", "test_accuracy"): 0.9752,
        ("activation-tanh", "train_binary_cross_entropy_first"): 0.75,
        ("activation-tanh", "train_binary_cross_entropy"): 0.084,
        ("activation-relu", "train_binary_cross_entropy_first"): 0.70,
        ("activation-relu", "train_binary_cross_entropy"): 0.048,
    },
    "parts": {(name, "test_accuracy"): FAIL for name in ("zero", "very-large", "normal", "adam")},
    "adam-batchnorm": {
        ("xor-leaky-relu", "train_loss"): 0.136,
        ("xor-tanh", "train_loss"): 0.075,
        ("xor-leaky-relu-adam", "train_loss"): 3.9e-30,
        ("csv-phases", "train_accuracy"): 0.9510,
    },
}
FEWEST_VARIANTS = {"kuzushiji": 20, "products": 20, "mnist": 3, "parts": 9, "adam-batchnorm": 4}


@pytest.mark.parametrize("name", names())
def test_a_recipe_runs_quickly(name, fastmlp, here, monkeypatch):
    monkeypatch.setenv(
        "FASTMLP_DATA_DIR", str(here / "nothing")
    )  # quick runs need no data from elsewhere
    outcome = fastmlp("experiment", name, "--quick", "--json", "--threads", 1)
    assert outcome.code == 0, outcome.err
    result = outcome.json
    assert result["quick"] is True
    assert len(result["variants"]) == len(find_recipe(name).variants) >= FEWEST_VARIANTS[name]
    assert {variant["status"] for variant in result["variants"]} <= {"done", "diverged"}
    assert all(figure["met"] is None for figure in result["figures"])
    experiment = read_experiment(here / "experiments" / f"{name}-quick")
    for variant in experiment.variants:
        folder = experiment.folder / variant.folder
        assert {"config.toml", "history.jsonl", "metrics.json", "model.safetensors"} <= {
            p.name for p in folder.iterdir()
        }
        assert json.loads((folder / "metrics.json").read_text())["epochs"] <= 2 * max(
            len(variant.phases), 1
        )


@pytest.mark.parametrize("name", names())
def test_a_recipe_holds_every_figure_as_it_was_reported(name):
    compared = {}
    for comparison in find_recipe(name).comparisons:
        if not comparison.than:
            compared.setdefault((comparison.variant, comparison.metric), comparison)
    assert FIGURES[name].keys() <= compared.keys()
    for key, figure in FIGURES[name].items():
        if figure is FAIL:
            assert compared[key].expect == "fails"
        else:
            assert compared[key].reported == figure
    # How far on the wrong side still counts may not make a figure worthless.
    for comparison in compared.values():
        if comparison.expect in ("at_least", "at_most") and comparison.metric.endswith("accuracy"):
            assert comparison.tolerance <= 0.05
