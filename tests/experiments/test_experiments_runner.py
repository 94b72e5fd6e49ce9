"""The runner: what is done stays, what changed runs again, failures leave the others alone."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from experiments_support import RECIPE, recipe, run

from fastmlp.errors import ModelFileError, UsageError
from fastmlp.experiments import pool, worker
from fastmlp.experiments.results import read_experiment
from fastmlp.experiments.runner import Options, Runner
from fastmlp.model.model import load

NAMES = ["lr-0.001", "lr-0.01", "lr-0.1"]
TROUBLE = (
    RECIPE.partition("[[sweeps]]")[0]
    + """
[[sweeps]]
name = "kinds"
[[sweeps.variants]]
name = "failed"
changes = { class_weight = "nobody=3" }
[[sweeps.variants]]
name = "diverged"
changes = { optimizer = "sgd", lr = 1e30 }
[[sweeps.variants]]
name = "fine"
[[compare]]
variant = "diverged"
metric = "test_accuracy"
reported = "NaN"
expect = "fails"
"""
)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_variant_leaves_a_run_and_the_state_says_so(data_npz, jobs):
    experiment, ran = run(jobs=jobs)
    assert sorted(name for name, _ in ran) == NAMES
    assert read_experiment("experiments/rates") == experiment
    assert (experiment.folder / "recipe.toml").read_text() == RECIPE
    for variant in experiment.variants:
        assert variant.status == "done"
        assert variant.seconds > 0
        metrics = json.loads((experiment.folder / variant.folder / "metrics.json").read_text())
        assert {name: variant.metrics[name] for name in metrics} == metrics
        assert variant.metrics["test_largest_class"] == pytest.approx(1 / 3)
        model = load(experiment.folder / variant.folder)
        assert model.settings["lr"] == variant.value
        assert model.settings["epochs"] == 2


def test_processes_give_the_same_numbers(data_npz):
    here, _ = run(out="here")
    there, _ = run(out="there", jobs=3)
    assert [v.metrics["train_loss"] for v in here.variants] == [
        v.metrics["train_loss"] for v in there.variants
    ]


def test_what_is_finished_is_not_run_again(data_npz):
    first, _ = run()
    again, ran = run()
    assert ran == []
    assert again == first


def test_a_changed_recipe_runs_what_changed(data_npz):
    run()
    changed = RECIPE.replace("[0.001, 0.01, 0.1]", "[0.001, 0.01, 0.2]").replace("lr-0.1", "lr-0.2")
    runner = Runner(recipe(changed), Options())
    assert [planned.variant.name for planned in runner.waiting] == ["lr-0.2"]
    assert runner.stale == []
    runner = Runner(recipe(RECIPE.replace("epochs = 2", "epochs = 3")), Options())
    assert runner.stale == NAMES
    assert [planned.variant.name for planned in runner.waiting] == NAMES
    # Words change nothing.
    assert Runner(recipe(RECIPE.replace("Learning rates", "Rates")), Options()).waiting == []
    assert Runner(recipe(RECIPE.replace('threads = "1"', 'threads = "2"')), Options()).waiting == []


def test_data_that_changed_make_everything_stale(data_npz):
    run()
    archive = dict(np.load(data_npz))
    archive["X"] = archive["X"][:, :3]
    np.savez(data_npz, **archive)
    assert Runner(recipe(), Options()).stale == NAMES


def test_a_half_finished_variant_starts_anew(data_npz):
    run()
    path = data_npz.parent / "experiments" / "rates" / "experiment.json"
    state = json.loads(path.read_text())
    state["variants"][1]["status"] = "running"
    path.write_text(json.dumps(state))
    left = data_npz.parent / "experiments" / "rates" / "runs" / "lr-0.01" / "left.txt"
    left.write_text("of the run that was cut off")
    _, ran = run()
    assert [name for name, _ in ran] == ["lr-0.01"]
    assert not left.exists()


def test_a_run_that_somebody_removed_is_run_again(data_npz):
    run()
    shutil.rmtree(data_npz.parent / "experiments" / "rates" / "runs" / "lr-0.01")
    _, ran = run()
    assert [name for name, _ in ran] == ["lr-0.01"]


def test_seeds_are_added_to_those_that_are_there(data_npz):
    run()
    experiment, ran = run(seeds=3)
    assert ran == [(name, seed) for name in NAMES for seed in (1, 2)]
    assert [variant.seed for variant in experiment.of("lr-0.1")] == [0, 1, 2]
    assert [variant.folder for variant in experiment.of("lr-0.1")] == [
        "runs/lr-0.1",
        "runs/lr-0.1-seed1",
        "runs/lr-0.1-seed2",
    ]
    low, median, high = experiment.spread("lr-0.1", "train_loss")
    assert low <= median <= high
    assert low < high
    fewer, ran = run(seeds=1)
    assert ran == []
    assert len(fewer.variants) == 9  # what is done is kept


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_variant_that_fails_or_diverges_is_shown_and_the_others_go_on(data_npz, jobs):
    experiment, _ = run(TROUBLE, jobs=jobs)
    status = {variant.name: variant.status for variant in experiment.variants}
    assert status == {"failed": "failed", "diverged": "diverged", "fine": "done"}
    failed, diverged, _ = experiment.variants
    assert "nobody" in failed.error
    assert "learning rate" in diverged.error
    assert (experiment.folder / diverged.folder / "model.safetensors").is_file()
    assert [figure.met for figure in experiment.figures()] == [True]
    _, ran = run(TROUBLE, jobs=jobs)
    assert [name for name, _ in ran] == [
        "failed"
    ]  # it may succeed another time; NaN would be NaN again


def test_an_unexpected_error_is_the_variant_s_alone(data_npz, monkeypatch):
    def fail(task, place):
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(worker, "_train", fail)
    experiment, _ = run()
    assert {variant.error for variant in experiment.variants} == {"ZeroDivisionError: by zero"}


def test_a_swept_value_that_comes_with_the_data(data_npz):
    text = RECIPE.replace("[base]", "settings = { hidden = [9] }\n[base]")
    text += '[[sweeps]]\nname = "size"\nsetting = "hidden"\nvalues = [[3]]\nalso = ["lr-0.01"]\n'
    experiment = Runner(recipe(text), Options()).experiment
    assert experiment.sweeps[1].value_of("size-3") == "3"
    assert experiment.sweeps[1].value_of("lr-0.01") == "9"


def test_only_one_sweep(data_npz):
    text = (
        RECIPE
        + '[[sweeps]]\nname = "size"\nsetting = "hidden"\nvalues = [[3]]\nalso = ["lr-0.01"]\n'
    )
    experiment, ran = run(text, only="size")
    assert [name for name, _ in ran] == ["lr-0.01", "size-3"]
    assert experiment.status("lr-0.1") == "pending"
    with pytest.raises(UsageError, match="did you mean 'size'"):
        run(text, only="sizes")


def test_ctrl_c_keeps_what_is_done(data_npz, monkeypatch):
    train, count = worker._train, []

    def interrupted(task, place):
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt
        return train(task, place)

    monkeypatch.setattr(worker, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()
    kept = read_experiment("experiments/rates")
    assert [variant.status for variant in kept.variants] == ["done", "pending", "pending"]
    _, ran = run()
    assert [name for name, _ in ran] == NAMES[1:]


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_a_command_and_its_processes(here, data_npz, jobs):
    (here / "rates.toml").write_text(RECIPE.replace("epochs = 2", "epochs = 1_000_000_000"))
    words = [sys.executable, "-m", "fastmlp", "experiment", "rates.toml", "--jobs", str(jobs)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    state = here / "experiments" / "rates"
    end = time.monotonic() + 60
    while time.monotonic() < end and not list(state.glob("runs/*/history.jsonl")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "error: interrupted."
    assert {variant.status for variant in read_experiment(state).variants} == {"pending"}
    lines = [len(path.read_text().splitlines()) for path in state.glob("runs/*/history.jsonl")]
    time.sleep(0.3)
    assert lines == [
        len(path.read_text().splitlines()) for path in state.glob("runs/*/history.jsonl")
    ]


def test_a_process_that_dies_fails_its_variant_alone(data_npz, monkeypatch):
    started, start = [], pool.subprocess.Popen

    def note(*words, **options):
        started.append(start(*words, **options))
        return started[-1]

    monkeypatch.setattr(pool.subprocess, "Popen", note)
    killer = threading.Thread(target=lambda: (_wait_for(started), started[0].kill()))
    killer.start()
    runner = Runner(recipe(RECIPE.replace("epochs = 2", "epochs = 3")), Options(jobs=1))
    tasks = [planned.task for planned in runner.waiting]
    results = dict(
        result for result in pool.run_in_processes(tasks, 1) if result[1] is not pool.STARTED
    )
    killer.join()
    assert [results[number]["status"] for number in range(3)] == ["failed", "done", "done"]
    assert "signal 9" in results[0]["error"]
    assert len(started) == 2


def _wait_for(things):
    while not things:
        time.sleep(0.01)


def test_threads_are_shared_among_jobs(data_npz, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(12)), raising=False)
    free = RECIPE.replace('threads = "1"', "")

    def threads(text, **options):
        return {
            planned.task["settings"]["threads"]
            for planned in Runner(recipe(text), Options(**options)).waiting
        }

    assert threads(free) == {"auto"}
    assert threads(free, jobs=5) == {"2"}
    assert threads(free, jobs=40) == {"1"}
    assert threads(free, jobs=5, threads=7) == {"7"}
    assert threads(RECIPE, jobs=5) == {"1"}


def test_folders_of_others_are_left_alone(here, data_npz):
    (here / "mine").mkdir()
    (here / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="something else"):
        run(out="mine")
    run(out="rates")
    with pytest.raises(UsageError, match="holds the experiment rates"):
        run(name="others", out="rates")
    (here / "rates" / "experiment.json").write_text("{")
    with pytest.raises(ModelFileError, match="cannot be read"):
        run(out="rates")
    assert (here / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("options", [{"jobs": 0}, {"seeds": 0}, {"jobs": 10_000}, {"threads": 0}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError, match=r"must be"):
        Options(**options)


def test_a_recipe_without_data_says_what_it_wants(here):
    with pytest.raises(UsageError, match="--data: a table"):
        run(RECIPE.replace('dataset = "classes.npz"', 'form = "a table"'))


def test_members_and_folds_are_settings_like_others(data_npz):
    text = (
        RECIPE.partition("[[sweeps]]")[0]
        + """
[[sweeps]]
name = "kinds"
metric = "validation_loss"
[[sweeps.variants]]
name = "folds"
changes = { folds = 3 }
[[sweeps.variants]]
name = "shared"
changes = { members = 3, member_weights = "shared", validation_fraction = 0.2 }
"""
    )
    experiment, ran = run(text, "ensembles")
    assert len(ran) == 2
    for variant in experiment.variants:
        assert variant.status == "done"
        assert 0 < variant.metrics["validation_loss"] < 10
