"""Figures: when one is met, what several seeds come to, and state files that are damaged."""

import json
import math

import pytest

from fastmlp.errors import ModelFileError
from fastmlp.experiments.results import (
    Comparison,
    Experiment,
    Sweep,
    Variant,
    read_experiment,
    write_experiment,
)

TEST = "test_accuracy"


@pytest.mark.parametrize(
    ("expect", "reported", "tolerance", "measured", "met"),
    [
        ("at_least", 0.9, 0.0, 0.9, True),
        ("at_least", 0.9, 0.0, 0.8999, False),
        ("at_least", 0.9, 0.01, 0.8901, True),
        ("at_most", 0.5, 0.0, 0.5, True),
        ("at_most", 0.5, 0.0, 0.51, False),
        ("at_most", 0.5, 0.02, 0.51, True),
        ("about", 10, 0.0, 10, True),
        ("about", 10, 2, 12, True),
        ("about", 10, 2, 12.5, False),
        ("about", 10, 2, 7.5, False),
        ("at_least", 0.9, 0.0, None, None),
        ("at_least", 0.9, 0.0, math.nan, False),
        ("at_most", 0.9, 0.0, math.nan, False),
    ],
)
def test_reported_numbers(expect, reported, tolerance, measured, met):
    assert (
        Comparison("a", TEST, reported, expect, tolerance).met({TEST: measured, "diverged": ""})
        is met
    )


@pytest.mark.parametrize(
    ("metric", "metrics", "met"),
    [
        (TEST, {"diverged": "lr is too large", TEST: 0.7}, True),
        (TEST, {TEST: 0.12, "test_largest_class": 0.1}, True),
        (TEST, {TEST: 0.14, "test_largest_class": 0.1}, False),
        (TEST, {TEST: 0.12}, None),
        (TEST, {}, None),
        ("test_r2", {"test_r2": 0.0}, True),
        ("test_r2", {"test_r2": 0.5}, False),
        ("train_loss", {"train_loss": 0.3}, True),
        ("train_loss", {"train_loss": 0.1}, False),
    ],
)
def test_failures(metric, metrics, met):
    assert Comparison("a", metric, 0.25, "fails").met(metrics) is met


def test_a_diverged_run_meets_no_number():
    metrics = {TEST: 0.95, "train_loss": 0.01, "diverged": "the input is not normalised"}
    assert Comparison("a", TEST, 0.9).met(metrics) is False
    assert Comparison("a", "train_loss", 0.1, "at_most").met(metrics) is False


@pytest.mark.parametrize(
    ("mine", "other", "met"),
    [
        ({TEST: 0.8}, {TEST: 0.7}, True),
        ({TEST: 0.7}, {TEST: 0.8}, False),
        ({TEST: 0.1}, {TEST: 0.8, "diverged": "NaN"}, True),
        ({TEST: 0.9, "diverged": "NaN"}, {TEST: 0.1}, False),
        ({TEST: 0.9, "diverged": "NaN"}, {TEST: 0.1, "diverged": "NaN"}, False),
        ({TEST: 0.9}, {}, None),
        ({}, {TEST: 0.9}, None),
    ],
)
def test_orders_of_two_variants(mine, other, met):
    assert Comparison("a", TEST, "a above b", than="b").met(mine, other) is met


def test_orders_of_losses_and_diverged_runs():
    lower = Comparison("a", "test_loss", "a below b", "at_most", than="b")
    assert lower.met({"test_loss": 0.5}, {"test_loss": 0.7}) is True
    assert lower.met({"test_loss": 0.5}, {"test_loss": 0.1, "diverged": "NaN"}) is True
    assert lower.met({"test_loss": 0.5, "diverged": "NaN"}, {"test_loss": 0.7}) is False


def variant(name, accuracy, seed=0, **changes):
    metrics = {TEST: accuracy, "test_largest_class": 0.1, "diverged": ""}
    return Variant(
        name, seed=seed, status="done", folder=f"runs/{name}-{seed}", metrics=metrics, **changes
    )


def experiment(folder, variants, comparisons, **changes):
    named = {
        "name": "e",
        "title": "E",
        "about": "…",
        "data": "digits",
        "stand_in": "",
        "quick": False,
        **changes,
    }
    sweeps = [Sweep("s", "S", variants=[each.name for each in variants])]
    return Experiment(
        **named, comparisons=comparisons, variants=variants, sweeps=sweeps, folder=folder
    )


def test_median_and_spread_over_seeds(tmp_path):
    variants = [variant("a", value, seed) for seed, value in enumerate((0.7, 0.9, 0.8))]
    found = experiment(tmp_path, variants, [Comparison("a", TEST, 0.8)])
    assert found.spread("a", TEST) == (0.7, 0.8, 0.9)
    (figure,) = found.figures()
    assert (figure.measured, figure.lowest, figure.highest, figure.met) == (0.8, 0.7, 0.9, True)


def test_one_diverged_seed_of_three_does_not_decide(tmp_path):
    good = [variant("a", 0.8, 0), variant("a", 0.9, 1)]
    bad = Variant(
        "a",
        seed=2,
        status="diverged",
        error="too fast",
        metrics={TEST: 0.1, "diverged": "too fast"},
    )
    found = experiment(tmp_path, [*good, bad], [Comparison("a", TEST, 0.8)])
    assert found.status("a") == "diverged"  # it is shown
    assert found.figures()[0].met is True
    two_bad = experiment(
        tmp_path,
        [good[0], bad],
        [Comparison("a", TEST, 0.8), Comparison("a", TEST, "NaN", "fails")],
    )
    assert [figure.met for figure in two_bad.figures()] == [False, True]
    assert two_bad.figures()[0].reason == "too fast"


def test_what_cannot_be_told(tmp_path):
    figures = [
        Comparison("a", TEST, 0.99),
        Comparison("a", TEST, "fails", "fails"),
        Comparison("a", TEST, ">", than="b"),
    ]
    variants = [variant("a", 0.9), variant("b", 0.8)]
    assert [f.met for f in experiment(tmp_path, variants, figures).figures()] == [
        False,
        False,
        True,
    ]
    stand_in = experiment(tmp_path, variants, figures, stand_in="other data")
    assert [f.met for f in stand_in.figures()] == [None, False, True]
    assert "stand-in" in stand_in.figures()[0].reason
    quick = experiment(tmp_path, variants, figures, quick=True)
    assert [f.met for f in quick.figures()] == [None, None, None]
    open_one = experiment(tmp_path, [variants[0], Variant("b")], figures)
    assert [f.met for f in open_one.figures()] == [False, False, None]
    assert open_one.figures()[2].reason == "b is pending"


def test_verdicts(tmp_path):
    above, below = Comparison("a", TEST, 0.5), Comparison("a", TEST, 0.99)
    variants = [variant("a", 0.9)]
    for comparisons, changes, words in (
        ([], {}, "no figures to compare with"),
        ([above], {}, "the one figure is met"),
        ([above, above], {}, "both figures are met"),
        ([above, above, above], {}, "all 3 figures are met"),
        ([above, below], {}, "1 of 2 figures is not met"),
        ([below, below, above], {}, "2 of 3 figures are not met"),
        ([above, below], {"stand_in": "x"}, "none of 2 figures can be compared"),
        (
            [above, Comparison("a", TEST, "", "fails")],
            {"stand_in": "x"},
            "1 of 1 figures is not met; 1 cannot be told",
        ),
    ):
        assert experiment(tmp_path, variants, comparisons, **changes).verdict() == words


def test_the_state_is_read_as_it_was_written(tmp_path):
    phases = [{"epochs": 2, "loss": "mse"}]
    written = experiment(
        tmp_path,
        [variant("a", 0.5, value=0.1, changes={"lr": 0.1}, phases=phases), variant("b", 0.7)],
        [Comparison("a", TEST, 0.4), Comparison("a", TEST, "NaN", "fails", than="b")],
    )
    write_experiment(written)
    assert read_experiment(tmp_path) == written


def damage(state, **changes):
    return json.dumps({**state, **changes})


def test_damaged_states_are_refused(tmp_path):
    write_experiment(experiment(tmp_path, [variant("a", 0.5)], [Comparison("a", TEST, 0.4)]))
    path = tmp_path / "experiment.json"
    state = json.loads(path.read_text())
    one = state["variants"][0]
    for text in (
        "",
        "[]",
        "{}",
        "[" * 100_000,
        damage(state, format_version=99),
        damage(state, variants=None),
        damage(state, variants=[3]),
        damage(state, variants=[{**one, "folder": "../../outside"}]),
        damage(state, variants=[{**one, "folder": "/etc"}]),
        damage(state, variants=[{**one, "status": "fine"}]),
        damage(state, variants=[{**one, "seconds": "long"}]),
        damage(state, variants=[{**one, "metrics": []}]),
        damage(state, variants=[{"changes": {}}]),
        damage(state, comparisons=[{**state["comparisons"][0], "expect": "surely"}]),
        damage(state, sweeps=[{"name": "s"}]),
        damage(state, quick="yes"),
        damage(state, more=1),
    ):
        path.write_text(text)
        with pytest.raises(ModelFileError, match=r"experiment\.json"):
            read_experiment(tmp_path)
    with pytest.raises(ModelFileError, match="holds no experiment"):
        read_experiment(tmp_path / "nowhere")


def test_what_is_met_by_tolerance_alone_is_said_to_be(tmp_path):
    variants = [variant("a", 0.895), variant("b", 0.91)]
    figures = [Comparison(name, TEST, 0.9, tolerance=0.01) for name in ("a", "b")]
    found = experiment(tmp_path, variants, figures)
    assert [(figure.met, figure.by_tolerance) for figure in found.figures()] == [
        (True, True),
        (True, False),
    ]
    assert found.verdict() == "both figures are met; 1 of those met is so by tolerance alone"
