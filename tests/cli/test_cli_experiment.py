"""``fastmlp experiment``: what it prints, its exit codes, one line for what a user gets wrong."""

import numpy as np
import pytest
from small_data import RECIPE, save_classes

WRONG = [
    (["nope"], "recipe 'nope' is neither"),
    (["mnits"], "did you mean 'mnist'"),
    (["rates.toml", "--jobs", "0"], "jobs must be"),
    (["rates.toml", "--jobs", "many"], "--jobs"),
    (["rates.toml", "--seeds", "-1"], "seeds must be"),
    (["rates.toml", "--only", "lrr"], "did you mean 'lr'"),
    (["rates.toml", "--data", "nowhere.csv"], "nowhere.csv"),
    (["rates.toml", "--device", "tpu"], "device"),
    (["rates.toml", "--out", "rates.toml/out"], "rates.toml/out"),
    (["broken.toml"], "broken.toml is not TOML"),
    (["unknown.toml"], "unknown.toml: the recipe has no key 'sweep'; did you mean 'sweeps'?"),
    (["quick.toml", "--quik"], "--quik"),
]


@pytest.fixture
def rates(here):
    save_classes(here / "classes.npz", rows=90)
    (here / "rates.toml").write_text(RECIPE)
    return here / "rates.toml"


def test_recipes_are_listed(fastmlp):
    outcome = fastmlp("experiment")
    assert outcome.code == 0
    for name in ("kuzushiji", "products", "mnist", "parts", "adam-batchnorm"):
        assert f"\n{name} " in f"\n{outcome.out}"
    assert len(fastmlp("experiment", "--json").json) == 5


def test_the_table_at_the_end(fastmlp, rates):
    outcome = fastmlp("experiment", rates)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    header = next(line for line in lines if "variant" in line and "reported" in line).split()
    assert header == [
        *"variant lr train accuracy test accuracy seconds status reported met".split()
    ]
    rows = [line.split() for line in lines if line.startswith("  lr-")]
    assert [row[1] for row in rows] == ["0.001", "0.01", "0.1"]
    assert rows[2][-4:] == ["done", "test", "0.2", "yes"]
    assert "the one figure is met." in lines
    assert outcome.err == ""


def test_missed_figures_are_counted_and_the_exit_code_stays(fastmlp, here, rates):
    rates.write_text(RECIPE.replace("reported = 0.2", "reported = 1.1\nnote = 'a dream'"))
    outcome = fastmlp("experiment", rates)
    assert outcome.code == 0
    assert "1 of 1 figures is not met." in outcome.out
    assert "a dream" in outcome.out


def test_json(fastmlp, rates):
    outcome = fastmlp("experiment", rates, "--json")
    result = outcome.json
    assert outcome.out.count("\n") == 1
    assert result["name"] == "rates"
    assert [variant["status"] for variant in result["variants"]] == ["done"] * 3
    assert result["figures"][0]["met"] is True
    assert result["figures"][0]["reported"] == 0.2
    assert result["sweeps"][0]["values"] == [0.001, 0.01, 0.1]
    assert "lr-0.001" in outcome.err
    assert fastmlp("experiment", rates, "--quiet").out == ""


def test_seeds_are_shown_with_their_spread(fastmlp, rates):
    outcome = fastmlp("experiment", rates, "--seeds", 2)
    assert "lr-0.1 (seed 1)" in outcome.out
    assert "–" in next(line for line in outcome.out.splitlines() if line.startswith("  lr-0.1 "))


def test_a_stand_in_is_said(fastmlp, rates):
    rates.write_text(RECIPE.replace("[base]", 'stand_in = "the original is lost"\n[base]'))
    outcome = fastmlp("experiment", rates)
    assert outcome.out.count("the original is lost") == 2
    assert "none of 1 figures can be compared." in outcome.out
    given = fastmlp("experiment", rates, "--data", "classes.npz", "--out", "given")
    assert "the original is lost" not in given.out
    assert "the one figure is met." in given.out


def test_a_regression_shows_losses(fastmlp, here):
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(here / "prices.npz", X=x, y=x[:, 0] + 0.5)
    (here / "prices.toml").write_text(
        '[data]\ndataset = "prices.npz"\n[base]\nhidden = [4]\nepochs = 2\n'
        '[[sweeps]]\nname = "lr"\nsetting = "lr"\nvalues = [0.01]\nmetric = "test_loss"\n'
    )
    outcome = fastmlp("experiment", "prices.toml")
    assert outcome.code == 0, outcome.err
    assert "train loss" in outcome.out
    assert "no figures to compare with." in outcome.out


@pytest.mark.parametrize(("words", "expected"), WRONG)
def test_one_line_for_what_is_wrong(fastmlp, here, rates, words, expected):
    (here / "broken.toml").write_text("a = [")
    (here / "unknown.toml").write_text("sweep = 1\n" + RECIPE)
    fastmlp("experiment", *words).is_refused(expected)
    assert not (here / "experiments").exists() or not list((here / "experiments").glob("*/runs"))
