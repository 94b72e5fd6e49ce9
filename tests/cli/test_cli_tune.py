"""tune: what it prints, goes on with, refuses; Ctrl-C keeps everything."""

import signal
import subprocess

import pytest
from cli_support import PLAIN, command, environment

from fastmlp.tuning.results import read_study

SMALL = (*PLAIN, *"--hidden 8 --epochs 3 --threads 1 --folds 2".split())
LR = "[lr]\nlow = 0.001\nhigh = 0.1\nlog = true\n"


@pytest.fixture
def space(here):
    (here / "space.toml").write_text(LR)
    return "space.toml"


def tune(fastmlp, *words, trials=3):
    return fastmlp("tune", *words, *SMALL, "--trials", trials, "--space", "space.toml")


def test_a_search_from_start_to_page(fastmlp, flowers_csv, space, here):
    done = tune(fastmlp, flowers_csv)
    assert done.code == 0
    assert done.err == ""
    for words in (
        "study        flowers, 60 rows of flowers",
        "decides      log_loss of all training rows, each out of its fold of 2; smaller is better",
        "searched     lr",
        "trial 0: log_loss",
        "; as given\n",
        "trial 2: log_loss",
        "best trial",
        "run folder   studies/flowers/best",
        "page         studies/flowers/report.html",
        "fastmlp train --config studies/flowers/best/config.toml",
    ):
        assert words in done.out, done.out
    assert (here / "studies/flowers/report.html").is_file()
    assert fastmlp("evaluate", "studies/flowers/best").code == 0
    assert fastmlp("report", "studies/flowers").code == 0


def test_json_is_one_line_and_the_same_command_goes_on(fastmlp, flowers_csv, space):
    first = tune(fastmlp, flowers_csv, "--json").json
    assert first["trials"] == 3
    assert first["best_value"] <= first["value_as_given"]
    assert first["metrics"]["validation_log_loss"] == first["best_value"]
    more = tune(fastmlp, flowers_csv, "--json", trials=4)
    assert more.json["trials"] == 4
    assert "4; 3 are done" in more.err
    assert "trial 3: " in more.err
    assert "trial 2: " not in more.err
    quiet = tune(fastmlp, flowers_csv, "--quiet", trials=4)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(fastmlp, flowers_csv, space, here):
    words = ["tune", flowers_csv, *SMALL, "--space", space, "--trials", "100000"]
    with subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here,
        env=environment(),
    ) as process:  # fmt: skip
        lines = iter(process.stdout)
        while not next(lines).startswith("trial 3:"):
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        errors = process.stderr.read()
    assert process.returncode == 130, errors
    assert "Traceback" not in rest + errors
    assert errors.startswith("interrupted: ")
    assert "of 100,000 trials are kept in studies/flowers/journal.log" in errors
    assert errors.endswith("The same command goes on.\n")
    done = 4 + rest.count("\ntrial ") + rest.startswith("trial ")
    again = tune(fastmlp, flowers_csv, "--json", trials=done + 1)
    assert again.code == 0
    states = [trial.state for trial in read_study(here / "studies/flowers").trials]
    assert states == ["complete"] * (done + 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--space", "none.toml"], ["cannot read space none.toml"]),
        (["--time", "soon"], ["time must be", "'soon'"]),
        (["--pruner", "medain"], ["did you mean 'median'"]),
        (["--jobs", "0"], ["jobs must be from 1"]),
        (["--storage", "mysql://a:b@c/d"], ["mysql://a:***@c/d", "sqlite:///file.db"]),
        (["--metric", "rmse"], ["metric rmse goes with regression"]),
        (["--log-every", "5"], ["log_every does not go with a search"]),
        (["--study", "a/b"], ["study must be"]),
    ],
)
def test_mistakes_are_one_line(fastmlp, flowers_csv, words, said):
    fastmlp("tune", flowers_csv, *SMALL, *words).is_refused(*said)


def test_another_search_in_the_same_folder_is_refused(fastmlp, flowers_csv, space):
    assert tune(fastmlp, flowers_csv, "--quiet", trials=1).code == 0
    tune(fastmlp, flowers_csv, "--lr", "0.02").is_refused("other settings (lr)", "--study")


def test_a_failed_first_trial_is_one_line(fastmlp, flowers_csv, space):
    done = tune(fastmlp, flowers_csv, "--class-weight", "nobody=3", "--quiet")
    done.is_refused("the first trial", "nobody")


def test_help_tells_of_the_search(fastmlp):
    text = fastmlp("tune", "--help").out
    for option in ("--trials", "--time", "--space", "--storage", "--study", "--jobs", "--pruner",
                   "--metric", "--target", "--test-fraction"):  # fmt: skip
        assert option in text
