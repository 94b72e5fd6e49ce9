"""The report of an experiment: reported beside measured, sweeps, failed or diverged runs."""

import json
import math
from dataclasses import replace

import pytest
from report_support import read_page, read_table

from fastmlp.errors import UsageError
from fastmlp.experiments.results import Comparison, Sweep, read_experiment, write_experiment
from fastmlp.report.outcomes import Outcome, best_of, metric_words, ranked
from fastmlp.report.write import write_report


def measured(experiment, name, metric):
    return read_experiment(experiment.folder).spread(name, metric)


def test_every_figure_stands_beside_what_was_measured(experiment):
    rows = {row[0]: row for row in experiment.page.rows if len(row) == 7}
    lowest, median, highest = measured(experiment, "lr 0.01", "test_accuracy")
    row = rows["lr 0.01"]
    assert row[2] == "50.00\N{NO-BREAK SPACE}%"
    assert f"{100 * median:.2f}" in row[3]
    assert (
        f"{100 * lowest:.2f}" in row[3] and f"{100 * highest:.2f}" in row[3]
    ) or lowest == highest
    assert row[5] == "✓ met"
    assert rows["lr 1e-06"][4:6] == ["at least that, within 1 points", "✗ not met"]
    assert rows["explodes"][2:6] == ["NaN", "diverged", "must fail", "✓ met"]
    assert rows["tanh"][4] == "at most that of lr 0.01"
    assert rows["broken"][5] == "– cannot be told"
    assert rows["broken"][6] == "broken is failed. A note."
    assert median in experiment.page.numbers


def test_the_verdict_is_the_experiments(experiment):
    assert (
        experiment.report.headline.lower()
        == f"{read_experiment(experiment.folder).verdict()}.".lower()
    )
    assert "1 diverged (explodes), 1 failed (broken)" in experiment.report.sentences[0]
    assert experiment.report.headline in experiment.page.text


def test_sweeps_have_their_reasons_and_pictures(experiment):
    assert "A larger step goes further. <b>" in experiment.page.text
    names = ("result", "loss", "accuracy", "seconds")
    assert experiment.report.pictures == [
        f"{sweep}-{name}" for sweep in ("rate", "kind") for name in names
    ]


def test_the_result_against_the_swept_value(experiment):
    drawn = read_table(experiment.report.figures / "rate-result.csv")
    assert [float(value) for value in drawn["value"]] == [1e-6, 1e-3, 1e-2]
    for name, low, middle, high in zip(
        *(drawn[key] for key in ("variant", "lowest", "middle", "highest")), strict=True
    ):
        assert (float(low), float(middle), float(high)) == measured(
            experiment, name, "test_accuracy"
        )


def test_all_curves_in_one_picture(experiment):
    drawn = read_table(experiment.report.figures / "rate-loss.csv")
    assert set(drawn["variant"]) == {"lr 1e-06", "lr 0.001", "lr 0.01"}
    assert set(drawn["run"]) == {"1", "2"}
    history = (
        (experiment.folder / "runs" / "lr-0.01-seed1" / "history.jsonl").read_text().splitlines()
    )
    mine = [
        float(loss)
        for name, run, loss in zip(drawn["variant"], drawn["run"], drawn["test_loss"], strict=True)
        if (name, run) == ("lr 0.01", "2")
    ]
    assert mine == [json.loads(line)["test_loss"] for line in history]


def test_the_table_is_sorted_by_result(experiment):
    header = ["variant", "lr", "test accuracy", "train accuracy", "seconds", "status"]
    at = experiment.page.rows.index(header)
    shown = [row[0] for row in experiment.page.rows[at + 1 : at + 4]]
    results = [measured(experiment, name, "test_accuracy")[1] for name in shown]
    assert results == sorted(results, reverse=True)


def test_runs_that_came_to_nothing_say_why(experiment):
    rows = {row[0]: row for row in experiment.page.rows if len(row) == 5}
    assert "diverged: " in rows["explodes"][-1]
    assert rows["broken"][-1] == "failed: activation 'broken' is not known."
    assert rows["broken"][1:3] == ["–", "–"]
    assert "It diverged: in epoch" in experiment.page.text


def test_stand_in_and_quick_runs_say_so_at_the_top(experiment, tmp_path):
    found = read_experiment(experiment.folder)
    changed = replace(
        found, stand_in="digits in place of <letters>", quick=True, folder=tmp_path, variants=[]
    )
    write_experiment(changed)
    report = write_report(tmp_path)
    page = read_page(report.path)
    assert page.text.index("digits in place of <letters>") < page.text.index(
        "Reported beside measured"
    )
    assert "A quick run." in page.text
    assert report.pictures == []
    assert report.headline.lower() == f"{read_experiment(tmp_path).verdict()}.".lower()
    assert "No run has begun." in report.sentences


def test_a_state_with_strange_values(experiment, tmp_path):
    found = read_experiment(experiment.folder)
    odd = replace(
        found.variants[0],
        name="odd",
        value=0,
        metrics={"test_accuracy": None, "test_loss": 3, "diverged": "", "x": [1]},
    )
    sweep = Sweep("odd", "Odd", "", True, "test_loss", "", ["odd", "missing"])
    comparison = Comparison("missing", "test_loss", 1.0)
    write_experiment(
        replace(
            found,
            folder=tmp_path,
            variants=[odd],
            sweeps=[sweep],
            comparisons=[comparison],
            title="",
            about="",
        )
    )
    report = write_report(tmp_path)
    assert "odd-result" in report.pictures
    assert "– cannot be told" in read_page(report.path).text


def test_an_experiment_has_no_data_of_its_own(experiment):
    with pytest.raises(UsageError, match="reads no data"):
        write_report(experiment.folder, data="x.csv")


def outcome(name, middle):
    return Outcome(name, None, "done", "", middle, middle, middle, math.nan, 1.0)


def test_what_is_best_depends_on_the_metric():
    found = [outcome("a", 0.2), outcome("b", math.nan), outcome("c", 0.9)]
    assert best_of(found, "test_accuracy").name == "c"
    assert best_of(found, "test_loss").name == "a"
    assert best_of([outcome("b", math.nan)], "test_loss") is None
    assert [each.name for each in ranked(found, "test_accuracy")] == ["c", "a", "b"]
    assert [each.name for each in ranked(found, "test_rmse")] == ["a", "c", "b"]
    assert metric_words("test_r2") == "test R²"
    assert metric_words("epochs") == "epochs"
