"""The verdict in words, from metrics and histories that are made up."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmlp.report.evidence import Evidence
from fastmlp.report.finished_run import FinishedRun
from fastmlp.report.verdict import judge
from fastmlp.report.words import listed, seconds, share, short
from fastmlp.settings.settings import Settings

NOTHING = Evidence(None)


def record(losses=(), rates=(), settings=None, **metrics):
    rates = rates or [0.1] * len(losses)
    epochs = [
        {"epoch": number, "train_loss": loss, "validation_loss": loss, "learning_rate": rate}
        for number, (loss, rate) in enumerate(zip(losses, rates, strict=True), 1)
    ]
    return FinishedRun(Path("run"), settings, epochs, [], metrics)


def classes(train=0.95, test=0.94, losses=(), rates=(), settings=None, rows=10_000, **metrics):
    numbers = {"train_accuracy": train, "test_accuracy": test, "test_loss": 0.2, "test_rows": rows}
    return judge(
        record(losses, rates, settings, task="classification", **numbers, **metrics), NOTHING
    )


def said(verdict):
    return " ".join([verdict.headline, *verdict.sentences])


def test_the_share_of_right_rows_comes_first():
    verdict = classes(test=0.976)
    assert verdict.mood == "good"
    assert verdict.headline == "It learned: 97.6 % of 10,000 test rows are right."


@pytest.mark.parametrize(
    ("train", "test", "rows", "words"),
    [
        (0.95, 0.949, 10_000, "It generalises"),
        (0.95, 0.92, 10_000, "It overfits a little"),
        (
            1.0,
            0.9,
            10_000,
            (
                "It overfits: 100.0 % of the training rows and 90.0 % of the test rows are right, a"
                " gap of 10.0"
            ),
        ),
        (0.95, 0.90, 20, "no more of a gap than 20 rows give by luck"),
        (0.7, 0.7, 10_000, "there may be more to gain"),
    ],
)
def test_the_gap_between_train_and_test(train, test, rows, words):
    assert words in said(classes(train, test, rows=rows))


FLAT = [1.0, 0.5, 0.31, 0.302, 0.301, 0.3, 0.3, 0.3, 0.3, 0.3]


@pytest.mark.parametrize(
    ("losses", "rates", "words"),
    [
        ([2.0 - 0.15 * n for n in range(10)], (),
            "still falling, by 32 % in the last 2 of 10 epochs: train longer"),
        (FLAT, (), "had levelled off: more epochs"),
        (FLAT, [0.1 * 0.5**n for n in range(10)],
            "levelled off by the time that the learning rate was taken down"),
        ([1.0, 0.5, 0.4, 0.45, 0.5, 0.6], (),
            "was lowest in epoch 3 (0.4) and rose to 0.6 until epoch 6"),
        ([1.0, 0.1, 1e-2, 1e-3, 1e-9], (), "as good as zero"),
    ],
)  # fmt: skip
def test_the_course_of_the_loss(losses, rates, words):
    assert words in said(classes(losses=losses, rates=rates))


def test_losses_of_two_phases_are_not_compared():
    run = record([0.1] * 5 + FLAT, settings=None)
    for number, epoch in enumerate(run.epochs):
        epoch["phase"] = 1 if number < 5 else 2
    assert run.phase_starts == [6]
    words = said(judge(run, NOTHING))
    assert "rose" not in words
    assert "had levelled off" in words


def test_few_epochs_or_strange_losses_say_nothing_of_the_course():
    assert "loss" not in said(classes(losses=[2, 1]))
    assert "loss" not in said(classes(losses=[2.0, None, 1.0, 1.0, 1.0, 1.0]))


def test_a_diverged_run():
    verdict = classes(diverged="the learning rate 100 is too large", epochs=3)
    assert verdict.mood == "bad"
    assert verdict.headline == "It diverged: in epoch 4 the loss became NaN or infinite."
    assert "the learning rate 100 is too large" in verdict.sentences[0]
    assert "weights of epoch 3 are kept" in verdict.sentences[1]


def test_stopping_early_and_being_interrupted():
    early = classes(
        stop_reason="no improvement for 5 epochs", best_epoch=7, settings=Settings(early_stopping=5)
    )
    assert "stopped early: no improvement for 5 epochs; the weights of epoch 7 are kept" in said(
        early
    )
    assert "interrupted after epoch 4" in said(classes(stop_reason="interrupted", epochs=4))


def quantities(r2, train, test, **settings):
    numbers = {
        "train_rmse": train,
        "test_rmse": test,
        "test_r2": r2,
        "train_r2": 0.99,
        "test_loss": 1.0,
        "test_rows": 50,
    }
    return judge(record(task="regression", settings=Settings(**settings), **numbers), NOTHING)


def test_regression():
    assert quantities(0.5, 1.0, 1.1).headline.startswith(
        "It learned: 50.0 % of the variance of 50 test rows"
    )
    assert "It generalises" in said(quantities(0.5, 1.0, 1.1))
    assert "It overfits a little: " in said(quantities(0.5, 1.0, 1.3))
    assert "2.0 times as much; try --dropout" in said(quantities(0.5, 1.0, 2.0))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"init": "zeros"}, "all initial weights are equal"),
        ({"init": "normal(0,10)"}, "weights are as large as 10"),
        ({"normalize": "none"}, "--normalize standard"),
        ({"optimizer": "adam", "lr": 0.1}, "0.1 is too large for adam; try 0.001"),
        ({"optimizer": "sgd", "lr": 1e-5}, "1e-05 is too small for sgd; try 0.1"),
        ({"weight_decay": 0.1}, "decay of 0.1"),
    ],
)
def test_likely_causes_of_not_learning(settings, words):
    verdict = quantities(-0.2, 1.0, 1.0, **settings)
    assert verdict.mood == "bad"
    assert verdict.headline.startswith("It has not learned")
    assert words in said(verdict)


def test_unusual_settings_are_no_cause_where_it_learned():
    assert "cause" not in said(quantities(0.5, 1.0, 1.0, normalize="none"))
    assert "cause" not in said(quantities(-0.1, 1.0, 1.0))


@given(st.floats(0, 1))
def test_all_and_none_are_said_of_all_and_none_only(value):
    text = share(value)
    assert text.endswith(" %")
    assert (float(text[:-2]) == 100) == (value == 1)
    assert (float(text[:-2]) == 0) == (value == 0)
    assert float(text[:-2]) == pytest.approx(100 * value, abs=0.051)


def test_numbers_for_people():
    assert [seconds(value) for value in (2e-4, 0.5, 3, 150, 10_000)] == [
        "200 µs",
        "0.50 s",
        "3.0 s",
        "2.5 min",
        "2.8 h",
    ]
    assert [short(value) for value in (0.5, 1e-9, 12_000, "word", True)] == [
        "0.5000",
        "1.000e-09",
        "12,000",
        "word",
        "True",
    ]
    assert listed(list("abcdefg"), 3) == "a, b, c and 4 more"
    assert listed(["a"]) == "a"
