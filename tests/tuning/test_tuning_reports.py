"""What a trial reports while it trains: at rungs only, at equal shares of runs of any length."""

from dataclasses import dataclass, field

import optuna
import pytest

from fastmlp.errors import UsageError
from fastmlp.training.callbacks import Progress, Record
from fastmlp.tuning import reports
from fastmlp.tuning.reports import PARTS, PRUNERS, RUNGS, Reports, make_pruner
from fastmlp.tuning.search import Options


@dataclass
class Trial:
    """Takes reports, and says when to end."""

    hopeless_from: int = 99
    reported: list = field(default_factory=list)

    def report(self, value, step):
        self.reported.append((step, value))

    def should_prune(self):
        return self.reported[-1][0] >= self.hopeless_from


@dataclass
class Trainer:
    epochs: int
    stop_reason: str = ""
    interrupts: int = 0

    def interrupt(self):
        self.interrupts += 1


def record(epoch, value, kind="epoch"):
    return Record(kind, epoch, epoch, {}, {"rmse": value})


def train(watch, epochs, value=lambda epoch: 1 / epoch):
    """Run epochs until something ends them; return how many there were."""
    trainer = Trainer(epochs)
    for epoch in range(1, epochs + 1):
        watch.recorded(trainer, record(epoch, value(epoch)))
        if trainer.stop_reason:
            break
    return epoch, trainer


@pytest.mark.parametrize("epochs", [1, 2, 7, 8, 9, 27, 100])
@pytest.mark.parametrize("pruner", PRUNERS)
def test_reports_come_at_rungs_in_order_and_never_at_the_end(epochs, pruner):
    trial = Trial()
    watch = Reports(trial, "rmse", False, pruner=pruner)
    assert train(watch, epochs)[0] == epochs
    steps = [step for step, _ in trial.reported]
    assert steps == sorted(set(steps))
    assert set(steps) <= set(RUNGS[pruner])
    if epochs >= PARTS[pruner]:
        assert steps == list(RUNGS[pruner])
    for step, value in trial.reported:  # the first epoch at which the share is reached
        epoch = round(1 / value)
        assert epoch * PARTS[pruner] >= step * epochs


def test_the_best_number_counts_where_the_best_epoch_is_kept():
    def numbers(epoch):
        return [5, 3, 4, 9, 2, 8, 7, 6][epoch - 1]

    last, best, most = Trial(), Trial(), Trial()
    train(Reports(last, "rmse", False, pruner="median"), 8, numbers)
    assert last.reported == [(2, 3), (4, 9), (6, 8)]
    train(Reports(best, "rmse", False, pruner="median", keeps_best=True), 8, numbers)
    assert [value for _, value in best.reported] == [3, 3, 2]
    train(Reports(most, "rmse", True, pruner="median", keeps_best=True), 8, numbers)
    assert [value for _, value in most.reported] == [5, 9, 9]


def test_a_hopeless_trial_ends_after_its_epoch():
    watch = Reports(Trial(hopeless_from=4), "rmse", False, pruner="median")
    epochs, trainer = train(watch, 16)
    assert (epochs, watch.is_pruned, watch.is_late) == (8, True, False)
    assert trainer.stop_reason == "pruned after 4 of 8 parts of its run"


def test_what_may_not_end_goes_on():
    watch = Reports(Trial(hopeless_from=0), "rmse", False, pruner="median", may_end=False)
    assert train(watch, 16)[0] == 16
    assert not watch.is_pruned


def test_numbers_that_are_not_finite_are_not_reported():
    trial = Trial()
    watch = Reports(trial, "rmse", False, pruner="median")
    train(watch, 8, lambda epoch: float("nan") if epoch % 4 else 1.0)
    assert trial.reported == [(4, 1.0)]
    assert watch.short_curve() == [[4, 1.0], [8, 1.0]]


def test_records_between_epochs_are_not_counted():
    watch = Reports(Trial(), "rmse", False)
    watch.recorded(Trainer(3), record(1, 1.0, "updates"))
    assert watch.curve == []


def test_a_pause_lies_between_reports_to_a_database():
    trial, now = Trial(), [0.0]
    watch = Reports(trial, "rmse", False, pruner="median", pause=0.5)
    watch._clock = lambda: now[0]
    trainer = Trainer(8)
    for epoch in range(1, 9):
        watch.recorded(trainer, record(epoch, 1.0))
        now[0] += 0.2
    assert [step for step, _ in trial.reported] == [2, 6]


def test_time_ends_an_epoch_and_a_run(monkeypatch):
    now = [0.0]
    watch = Reports(Trial(), "rmse", False, deadline=10.0)
    monkeypatch.setattr(watch, "_is_over", lambda: now[0] >= 10.0)
    trainer = Trainer(3)
    watch.progressed(trainer, Progress(1, 1, 9, 0.5))
    watch.recorded(trainer, record(1, 1.0))
    assert (trainer.interrupts, trainer.stop_reason, watch.is_late) == (0, "", False)
    now[0] = 10.0
    watch.progressed(trainer, Progress(2, 1, 9, 0.5))
    assert (trainer.interrupts, watch.is_late) == (1, True)
    watch.recorded(trainer, record(2, 1.0))
    assert trainer.stop_reason == "the time of the search is over"


def test_a_last_epoch_in_time_is_no_late_one(monkeypatch):
    watch = Reports(Trial(), "rmse", False, deadline=0.0)
    trainer = Trainer(1)
    watch.recorded(trainer, record(1, 1.0))
    assert not watch.is_late
    assert reports.Reports is Reports


def test_a_curve_keeps_few_points_with_the_last():
    watch = Reports(Trial(), "rmse", False)
    train(watch, 1000)
    curve = watch.short_curve()
    assert len(curve) <= 60
    assert curve[-1] == [1000, 1 / 1000]


@pytest.mark.parametrize("name", PRUNERS)
def test_rungs_are_those_at_which_the_pruner_looks(name):
    """Ten good trials, then a bad one: it ends at the first rung at which the pruner may."""
    study = optuna.create_study(pruner=make_pruner(name))
    ended = []
    for number in range(12):
        trial = study.ask()
        for rung in RUNGS[name]:
            trial.report(100.0 if number == 11 else 1.0 + number / 100, rung)
            if trial.should_prune():
                ended.append((number, rung))
                break
        study.tell(trial, 1.0)
    assert ((11, *RUNGS[name][:1]) in ended) == bool(RUNGS[name])


def test_a_pruner_of_another_name_is_refused():
    with pytest.raises(UsageError, match="pruner 'hyperband' is not known"):
        Options(pruner="hyperband")
