"""Plans: what decides, which rows validate, what is searched of which data, what is one study."""

import json

import numpy as np
import pytest
from tuning_support import SMALL, SPACE

from fastmlp.errors import UsageError
from fastmlp.preparation.prepare import read_source
from fastmlp.settings.settings import settings_from
from fastmlp.tuning.plan import make_plan, parse_seconds, plan_from


@pytest.fixture
def mixed_csv(here):
    """A table with numbers, texts and a gap, and a quantity to learn."""
    lines = ["a,b,kind,price"]
    lines += [f"{n % 7},{n % 5 if n else ''},{'xyz'[n % 3]},{n * 1.5}" for n in range(60)]
    (here / "mixed.csv").write_text("\n".join(lines) + "\n")
    return here / "mixed.csv"


def plan(dataset, tables=SPACE, **settings):
    given = settings_from({"dataset": str(dataset)}, settings)
    return make_plan(given, read_source(given), tables)


@pytest.mark.parametrize(
    ("settings", "metric", "larger"),
    [
        ({}, "log_loss", False),
        ({"metric": "accuracy"}, "accuracy", True),
        ({"watch": "score"}, "accuracy", True),
        ({"loss": "squared_error"}, "loss", False),
    ],
)
def test_what_decides_among_classes(classes_npz, settings, metric, larger):
    found = plan(classes_npz, **SMALL, **settings)
    assert (found.metric, found.larger_is_better) == (metric, larger)
    trial = found.settings({})
    assert (trial.metric == "auto") == (metric == "loss")
    assert trial.watch == "loss"


@pytest.mark.parametrize(
    ("settings", "metric", "number"),
    [
        ({}, "rmse", "rmse"),
        ({"loss": "absolute_error"}, "mae", "mae"),
        ({"loss": "pinball(0.9)"}, "pinball(0.9)", "pinball"),
        ({"loss": "poisson"}, "poisson_deviance", "poisson_deviance"),
        ({"quantiles": "0.1,0.5,0.9"}, "loss", "loss"),
        ({"loss": "huber(2)"}, "loss", "loss"),
        ({"watch": "score"}, "r2", "r2"),
        ({"metric": "mae"}, "mae", "mae"),
    ],
)
def test_what_decides_among_quantities(prices_npz, settings, metric, number):
    found = plan(prices_npz, **SMALL, **settings)
    assert (found.metric, found.number) == (metric, number)


def test_trials_with_different_losses_are_not_compared_by_these(classes_npz):
    space = {"label_smoothing": {"low": 0.0, "high": 0.1}}
    assert plan(classes_npz, space, **SMALL).metric == "log_loss"
    with pytest.raises(UsageError, match="differ in label_smoothing cannot be compared"):
        plan(classes_npz, space, **SMALL, loss="squared_error")


def test_who_validates(classes_npz, mixed_csv, monkeypatch):
    few = plan(classes_npz, preset="plain")
    assert (few.base["folds"], "validation_fraction" in few.base) == (5, False)
    assert "ensemble of 5" in few.notes[0]
    for excluded in ({"clip_norm": 1.0}, {"members": 3}):
        assert plan(classes_npz, preset="plain", **excluded).base["validation_fraction"] == 0.2
    given = plan(classes_npz, preset="plain", validation_fraction=0.3)
    assert (given.base["validation_fraction"], given.notes) == (0.3, [])
    assert plan(classes_npz, preset="plain", folds=3).base["folds"] == 3
    table = plan(mixed_csv)
    assert table.resolved["folds"] == 5
    assert not {"validation_fraction", "folds"} & set(table.base)
    searched = plan(classes_npz, {"folds": {"low": 3, "high": 6}}, preset="plain")
    assert not {"validation_fraction", "folds"} & set(searched.base)
    monkeypatch.setattr("fastmlp.tuning.plan.FEW_ROWS", 50)
    many = plan(classes_npz, preset="plain")
    assert (many.base["validation_fraction"], "folds" in many.base) == (0.2, False)
    assert "20%" in many.notes[0]


def test_a_default_space_leaves_out_what_was_given_and_what_never_counts(classes_npz, mixed_csv):
    found = plan(mixed_csv, None, lr=0.01, dropout="0.1")
    assert not {"lr", "dropout"} & set(found.space.settings)
    assert {"missing", "level_rows", "target_statistics", "hidden"} <= set(found.space.settings)
    assert "as given, and not searched: lr, dropout." in found.notes
    assert found.facts == {"task": "regression", "texts": True, "gaps": True}
    arrays = plan(classes_npz, None, preset="tables")
    assert not {"missing", "level_rows", "target_statistics"} & set(arrays.space.settings)
    quantities = plan(mixed_csv, None, preset="plain")
    assert "label_smoothing" not in quantities.space.settings
    assert "label_smoothing" in plan(classes_npz, None, preset="plain").space.settings


def test_a_given_space_searches_what_was_given_too(classes_npz):
    assert "hidden" in plan(classes_npz, **SMALL).space.settings


def test_nothing_left_to_search_is_refused(classes_npz):
    names = plan(classes_npz, None, preset="plain").space.settings
    usual = settings_from({"preset": "plain", "lr": 0.01, "weight_decay": 0.1}).to_dict()
    with pytest.raises(UsageError, match="nothing is left to be searched"):
        plan(classes_npz, None, preset="plain", **{name: usual[name] for name in names})


@pytest.mark.parametrize("name", ["checkpoint_every", "log_every"])
def test_what_writes_into_a_folder_does_not_go_with_trials(classes_npz, name):
    with pytest.raises(UsageError, match=f"{name} does not go with a search"):
        plan(classes_npz, **SMALL, **{name: 1})


def test_a_plan_travels_as_json(mixed_csv):
    found = plan(mixed_csv, None)
    again = plan_from(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert again.space == found.space
    assert again.identity == found.identity


def test_what_is_one_study_and_what_is_another(classes_npz, here):
    found = plan(classes_npz, **SMALL)
    same = plan(classes_npz, **{**SMALL, "threads": "2"}, device="cpu")
    assert same.identity == found.identity
    assert plan(classes_npz, **{**SMALL, "epochs": 4}).identity != found.identity
    assert plan(classes_npz, {"lr": SPACE["lr"]}, **SMALL).identity != found.identity
    with np.load(classes_npz) as arrays:
        np.savez(here / "other.npz", X=arrays["X"], y=arrays["y"][::-1])
    assert plan(here / "other.npz", **SMALL).identity != found.identity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1d", 86400), ("0.5m", 30),
     (" 2H ", 7200), (45, 45), (1.5, 1.5), (None, None)],
)  # fmt: skip
def test_times(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "10x", "-3", "0", "0m", "1m30", "nan", "inf", "1e99"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="time must be a number with s, m, h or d"):
        parse_seconds(text)
