"""Trials: data are read once and prepared where settings ask, and each outcome has a name."""

import json
from dataclasses import fields

import optuna
import pytest
from tuning_support import SMALL, SPACE, small_search

from fastmlp import train
from fastmlp.preparation import prepare as preparing
from fastmlp.preparation.prepare import prepare, read_source
from fastmlp.settings.settings import Settings, settings_from
from fastmlp.training.callbacks import Callback
from fastmlp.tuning import trials
from fastmlp.tuning.outcomes import outcome_of
from fastmlp.tuning.results import best_of
from fastmlp.tuning.trials import PREPARES, TrialRunner


class Noting(Settings):
    """Settings that note which of them are read."""

    def __getattribute__(self, name):
        if name in Settings.__dataclass_fields__:
            noted.add(name)
        return object.__getattribute__(self, name)

    def with_preset(self, auto, task, rows):
        return self


noted = set()


@pytest.mark.parametrize(
    "given",
    [{"folds": 3, "target_statistics": 2}, {"early_stopping": 3}, {"class_weight": "balanced"}],
)
def test_preparation_reads_no_other_settings(here, given):
    """Or two trials that differ in one would share what must not be the same."""
    lines = ["a,b,kind"] + [f"{n % 7},{'pqrs'[n % 4]},{'xyz'[n % 3]}" for n in range(60)]
    (here / "t.csv").write_text("\n".join(lines) + "\n")
    settings = Noting(dataset=str(here / "t.csv"), **given)
    noted.clear()
    prepare(settings)
    assert noted - set(PREPARES) - {"preset"} == set()
    assert set(PREPARES) <= {each.name for each in fields(Settings)}


def runner(search, **options):
    return TrialRunner(search.plan, search.source, search.study, **options)


def test_data_are_prepared_once_for_what_asks_the_same(classes_npz, monkeypatch):
    made = []
    original = preparing.prepare_source
    monkeypatch.setattr(trials, "prepare_source", lambda *each: made.append(1) or original(*each))
    search = small_search(classes_npz, out="study")
    here = runner(search)
    first = here.prepared(search.plan.settings({"lr": 0.1}))
    again = here.prepared(search.plan.settings({"lr": 0.2, "hidden": "4", "batch_size": 8}))
    assert first.train is again.train
    assert (first.settings.lr, again.settings.lr) == (0.1, 0.2)
    assert again.settings.given >= {"lr", "hidden", "epochs"}
    robust = here.prepared(search.plan.settings({"normalize": "robust"}))
    assert robust.features is not first.features
    assert len(made) == 2
    for number in range(5):  # few are kept
        here.prepared(search.plan.settings({"max_levels": 10 + number}))
    assert len(here._prepared) == trials.KEPT


def test_a_trial_on_data_at_hand_is_the_run_of_its_settings(classes_npz):
    """One after the other on the same backend: nothing of a trial is left for the next."""
    space = {**SPACE, "normalize": {"choices": ["standard", "robust"]}}
    search = small_search(classes_npz, space, trials=5, out="study")
    search.run()
    for outcome in search.outcomes():
        settings = search.plan.settings(outcome.changes)
        run = train(settings, out=f"run-{outcome.number}")
        assert run.metrics["validation_log_loss"] == outcome.value
        curve = [record["validation_log_loss"] for record in run.history]
        assert [value for _, value in outcome.curve] == curve


def test_a_calibrated_trial_has_the_number_of_its_run(here):
    lines = ["a,b,kind"] + [f"{n % 7},{n % 11},{'xy'[n % 7 > 3]}" for n in range(80)]
    (here / "t.csv").write_text("\n".join(lines) + "\n")
    settings = {"preset": "tables", "hidden": "8,8", "folds": 2, "validation_fraction": None}
    search = small_search(
        here / "t.csv", {"lr": SPACE["lr"]}, settings=settings, trials=2, out="study"
    )
    search.run()
    for outcome in search.outcomes():
        run = train(search.plan.settings(outcome.changes), out=f"run-{outcome.number}")
        assert run.metrics["validation_log_loss"] == outcome.value
        assert "temperature" in run.metrics


def test_the_first_trial_has_the_settings_as_given(classes_npz):
    search = small_search(classes_npz, trials=3, out="study")
    search.run()
    first, *others = search.outcomes()
    assert (first.number, first.changes, first.is_default) == (0, {}, True)
    assert all(each.changes and not each.is_default for each in others)
    plain = train(search.plan.settings({}), out="plain")
    assert first.value == plain.metrics["validation_log_loss"]
    best = best_of(search.outcomes(), larger_is_better=False)
    assert best.value <= first.value
    asked = search.study.get_trials()[0].params
    assert asked == {"hidden.depth": 1, "hidden.width": 8, "activation": "relu"}


def test_a_setting_that_no_data_take_fails_alone_and_says_why(classes_npz):
    space = {"class_weight": {"choices": ["none", "nobody=3"]}}
    search = small_search(classes_npz, space, trials=8, out="study")
    search.run()
    states = {each.state for each in search.outcomes()}
    assert states == {"complete", "failed"}
    failed = next(each for each in search.outcomes() if each.state == "failed")
    assert "nobody" in failed.why
    assert "\n" not in failed.why


def test_a_diverged_trial_is_no_result(prices_npz):
    space = {"lr": {"choices": [0.001, 1e30]}}
    settings = {"optimizer": "sgd", "normalize": "none", "standardize_target": False}
    search = small_search(prices_npz, space, settings=settings, trials=6, out="study")
    search.run()
    diverged = [each for each in search.outcomes() if each.state == "diverged"]
    assert diverged
    for each in diverged:
        assert each.value is None
        assert each.why
        assert search.study.get_trials()[each.number].state.name == "PRUNED"


def test_a_hopeless_trial_is_pruned(classes_npz):
    """The first five are at the good rate; one of the others never learns."""
    space = {"lr": {"choices": [0.05, 1e-7]}}
    settings = {"epochs": 16, "lr": 0.05}
    search = small_search(
        classes_npz, space, settings=settings, trials=7, pruner="median", out="study"
    )
    for _ in range(4):
        search.study.enqueue_trial({"lr": 0.05})
    search.study.enqueue_trial({"lr": 1e-7})
    search.run()
    last = search.outcomes()[5]
    assert (last.state, last.changes) == ("pruned", {"lr": 1e-7})
    assert last.epochs < 16
    assert last.why == "pruned after 2 of 8 parts of its run"
    assert search.study.get_trials()[5].state.name == "PRUNED"


def test_the_first_trial_is_never_pruned(classes_npz):
    space = {"lr": {"choices": [0.05, 1e-7]}}
    settings = {"epochs": 16, "lr": 1e-7}
    search = small_search(
        classes_npz, space, settings=settings, trials=7, pruner="asha", out="study"
    )
    [first] = search.study.get_trials()
    first_params = {"lr": 1e-7}
    assert first.system_attrs["fixed_params"] == first_params
    for _ in range(6):
        done = search.study.ask({"lr": optuna.distributions.CategoricalDistribution([0.05, 1e-7])})
        if done.number == 0:
            held = done
            continue
        done.report(0.01, 1)
        done.report(0.01, 3)
        search.study.tell(done, 0.01)
    from fastmlp.tuning.owners import queue_again

    queue_again(search.study, held)
    search.study.tell(held, state=optuna.trial.TrialState.FAIL)
    outcome = runner(search, pruner="asha").run()
    assert (outcome.state, outcome.is_default) == ("complete", True)


def test_time_ends_a_trial_in_mid_run(classes_npz):
    class Slow(Callback):
        def recorded(self, trainer, record):
            here.deadline = reports.deadline = 0.0

    search = small_search(classes_npz, settings={"epochs": 1000}, out="study")
    here = runner(search)
    original = here._reports
    reports = None

    def noting(trial, assembly):
        nonlocal reports
        reports = original(trial, assembly)
        return reports

    here._reports, here.watchers = noting, [Slow()]
    outcome = here.run()
    assert outcome.state == "late"
    assert outcome.epochs < 1000
    assert outcome.value is None


def test_ctrl_c_queues_the_trial_again(classes_npz):
    class Interrupts(Callback):
        def recorded(self, trainer, record):
            trainer.interrupt()

    search = small_search(classes_npz, settings={"epochs": 50}, out="study")
    runner(search).run()
    before = runner(search, watchers=[Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        before.run()
    assert [each.state for each in search.outcomes()] == ["complete"]
    again = runner(search).run()
    assert again.state == "complete"
    former = search.study.get_trials()[1]
    assert search.study.get_trials()[again.number].params == former.params


def test_what_is_kept_of_a_trial_is_its_outcome(classes_npz):
    search = small_search(classes_npz, out="study")
    outcome = runner(search).run()
    assert outcome_of(search.study.get_trials()[0]) == outcome
    json.dumps(search.study.get_trials()[0].user_attrs)


def test_a_trial_without_a_word_says_so(classes_npz):
    search = small_search(classes_npz, out="study")
    waiting = outcome_of(search.study.get_trials()[0])
    assert waiting.state == "waiting"
    search.study.ask()
    assert outcome_of(search.study.get_trials()[0]).state == "running"
    search.study.tell(0, state=optuna.trial.TrialState.FAIL)
    failed = outcome_of(search.study.get_trials()[0])
    assert (failed.state, failed.why) == ("failed", "its process ended without a word")


def test_settings_of_a_preset_are_those_of_its_rows(classes_npz):
    given = settings_from({"dataset": classes_npz, **SMALL})
    assert read_source(given).name == "classes"


@pytest.mark.parametrize(
    "kept", [3, {"state": "great"}, {"state": 3}, {"value": "a"}, {"curve": [["a"]]}, {"more": 1}]
)
def test_what_others_wrote_into_a_storage_is_checked(classes_npz, kept):
    search = small_search(classes_npz, out="study")
    trial = search.study.ask()
    trial.set_user_attr("outcome", kept)
    search.study.tell(trial, 1.0)
    [outcome] = search.outcomes()
    assert (outcome.state, outcome.value) == ("failed", None)
