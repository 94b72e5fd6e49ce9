"""The page of a search: every picture, hostile names, and studies of which little is there."""

import csv

import numpy as np
import pytest
from report_support import read_page

from fastmlp.report.studies.study_axes import axes_of, limits
from fastmlp.report.write import write_report
from fastmlp.tuning.outcomes import Outcome
from fastmlp.tuning.results import Study, write_study

HOSTILE = "<script>alert(1)</script>"
PICTURES = ["study-history", "study-curves", "study-importance", "study-parallel", "study-slices"]


def made_up(trials=20, name="trees & <b>", **changes):
    """A search whose best trial is known: the one with the rate nearest to 0.01."""
    random, found = np.random.default_rng(0), []
    for number in range(trials):
        rate = 0.003 if not number else float(10 ** random.uniform(-4, -1))
        value = abs(np.log10(rate) + 2) + 0.1
        settings = {"lr": rate, "hidden": ["8", "16,16"][number % 2],
                    "activation": [HOSTILE, "relu"][number % 2]}  # fmt: skip
        curve = [[epoch, value + 1 / epoch] for epoch in range(1, 6)]
        state = "pruned" if number % 5 == 4 else "complete"
        is_pruned = state == "pruned"
        kept = None if is_pruned else value, settings, 1.0, 5, HOSTILE if is_pruned else "", curve
        found.append(Outcome(number, state, *kept, is_default=not number))
    about = {
        "name": name, "data": HOSTILE, "storage": "journal.log", "metric": "rmse",
        "number": "rmse", "larger_is_better": False, "task": "regression", "preset": "plain",
        "pruner": "median", "trials": found, "importance": {"lr": 0.9, HOSTILE: 0.1},
        "space": {
            "lr": {"low": 0.0001, "high": 0.1, "log": True}, "hidden": {"choices": ["8", "16,16"]},
            "activation": {"choices": ["relu", "tanh"]},
        },
        "usual": {"lr": 0.003, "hidden": "8", "activation": "relu"}, "notes": [HOSTILE],
    }  # fmt: skip
    return Study(**(about | changes))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study = made_up()
    write_study(study, folder)
    return folder, study, write_report(folder)


def test_every_picture_is_there_with_its_numbers(written):
    folder, study, report = written
    assert report.pictures == PICTURES
    for name in PICTURES:
        assert (folder / "figures" / f"{name}.png").stat().st_size > 1000
    with (folder / "figures" / "study-history.csv").open() as file:
        rows = list(csv.DictReader(file))
    values = [trial.value for trial in study.complete]
    assert [float(row["rmse"]) for row in rows] == values
    assert [float(row["best_so_far"]) for row in rows] == np.minimum.accumulate(values).tolist()


def test_the_best_is_named(written):
    _, study, report = written
    expected = min(study.complete, key=lambda trial: trial.value).number
    assert report.headline.startswith(f"Trial {expected} is the best")
    assert "as given it was" in report.headline


def test_names_of_users_are_no_markup(written):
    _, _, report = written
    html = report.path.read_text()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4
    assert "Search: trees &amp; &lt;b&gt;" in html
    read_page(report.path)


@pytest.mark.parametrize("trials", [0, 1, 2])
def test_a_search_of_few_trials_has_a_page(tmp_path, trials):
    write_study(made_up(trials, importance={}), tmp_path)
    report = write_report(tmp_path)
    assert ("study-history" in report.pictures) == (trials > 0)
    assert "study-importance" not in report.pictures


def test_a_search_without_a_complete_trial_says_so(tmp_path):
    failed = [Outcome(0, "failed", why="no such word"), Outcome(1, "late", curve=[[1, 2.0]])]
    write_study(made_up(trials=0, importance={}), tmp_path)
    study = made_up(importance={})
    write_study(Study(**{**vars(study), "trials": failed}), tmp_path)
    assert write_report(tmp_path).headline == "No trial is complete."


def test_no_better_trial_is_said(tmp_path):
    study = made_up(1, importance={})
    write_study(study, tmp_path)
    assert write_report(tmp_path).headline.startswith("No trial was better than the settings")


def test_axes_have_places_from_0_to_1():
    study = made_up()
    found = {axis.name: axis for axis in axes_of(study, study.complete)}
    assert set(found) == {"lr", "layers", "width", "activation"}
    for axis in found.values():
        assert (axis.places.min(), axis.places.max()) == (0, 1)
        assert all(-0.01 <= place <= 1.01 for place, _ in axis.ticks)
    rates = np.array(found["lr"].values)
    assert np.array_equal(np.argsort(rates), np.argsort(found["lr"].places))
    assert np.allclose(np.diff(np.log(rates)), np.diff(found["lr"].places) * np.ptp(np.log(rates)))
    assert sorted(set(found["layers"].values)) == [1, 2]
    assert [words for _, words in found["activation"].ticks] == ["relu", HOSTILE[:15] + "…"]


def test_limits_leave_out_the_worst():
    study = made_up()
    values = [1.0] * 8 + [2.0, 1e9]
    low, high = limits(study, values)
    assert low < 1 < 2 < high < 3
    low, high = limits(Study(**{**vars(study), "larger_is_better": True}), [1.0, 1.1] * 4 + [-1e9])
    assert -1e9 < low < 1.1 < high
    assert limits(study, []) == (0, 1)
