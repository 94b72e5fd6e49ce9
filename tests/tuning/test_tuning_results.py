"""What a search brought: the best of its trials, the frame, a file that is checked when read."""

import json
import math

import pytest

from fastmlp.errors import ModelFileError
from fastmlp.tuning.outcomes import Outcome
from fastmlp.tuning.results import STUDY_FILE, Study, best_of, read_study, write_study


def study(**changes):
    trials = [
        Outcome(0, "complete", 0.5, {}, 1.0, 3, curve=[[1, 0.7], [3, 0.5]], is_default=True),
        Outcome(1, "pruned", None, {"lr": 0.1, "hidden": "8"}, 0.5, 1, "pruned", [[1, 0.9]]),
        Outcome(2, "complete", 0.4, {"lr": 0.01, "hidden": "8,8"}, 1.5, 3),
        Outcome(3, "complete", 0.4, {"lr": 0.02}, 1.5, 3),
        Outcome(5, "failed", None, None, 0.1, 0, "no such word"),
    ]
    about = {
        "name": "s", "data": "flowers", "storage": "journal.log", "metric": "log_loss",
        "number": "log_loss", "larger_is_better": False, "task": "classification",
        "preset": "plain", "pruner": "median", "trials": trials, "importance": {"lr": 0.8},
        "space": {"lr": {"low": 0.01, "high": 0.1}, "hidden": {"choices": ["8", "8,8"]}},
        "usual": {"lr": 0.001, "hidden": "4"}, "best": 2, "run": "best",
    }  # fmt: skip
    return Study(**(about | changes))


def test_the_best_is_the_first_of_equals():
    assert study().best_trial.number == 2
    assert study(larger_is_better=True).best_trial.number == 0
    assert study().first.number == 0
    assert best_of([Outcome(0, "pruned", 0.1), Outcome(1, "complete", math.nan)], True) is None


def test_the_frame_has_the_settings_that_trials_had():
    frame = study().frame()
    assert frame.columns == ["trial", "state", "log_loss", "seconds", "epochs", "lr", "hidden"]
    assert frame["lr"].to_list() == [0.001, 0.1, 0.01, 0.02, 0.001]
    assert frame["hidden"].to_list() == ["4", "8", "8,8", "4", "4"]
    assert frame["log_loss"].to_list() == [0.5, None, 0.4, 0.4, None]
    assert study(trials=[]).frame().height == 0


def test_a_file_holds_all_of_it(tmp_path):
    write_study(study(), tmp_path)
    assert read_study(tmp_path) == study()


def damaged(tmp_path, **changes):
    write_study(study(), tmp_path)
    path = tmp_path / STUDY_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return tmp_path


TRIAL = {"number": 0, "state": "complete"}


@pytest.mark.parametrize(
    "changes",
    [
        {"format_version": 99}, {"run": "/etc"}, {"run": "../../other"}, {"more": 1},
        {"trials": 3}, {"trials": [3]}, {"trials": [{"number": "a"}]}, {"trials": [{"state": "x"}]},
        {"trials": [TRIAL | {"state": "great"}]}, {"trials": [TRIAL | {"curve": [[1]]}]},
        {"trials": [TRIAL | {"curve": [["a", 2]]}]}, {"trials": [TRIAL | {"curve": 3}]},
        {"importance": {"lr": "much"}}, {"space": []}, {"metric": None}, {"best": "first"},
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line(tmp_path, changes):
    with pytest.raises(ModelFileError) as caught:
        read_study(damaged(tmp_path, **changes))
    assert "\n" not in str(caught.value)
    assert "cannot be read" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"a": NaN}', "[" * 100_000])
def test_what_is_no_study_is_one_line(tmp_path, text):
    (tmp_path / STUDY_FILE).write_text(text)
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_study(tmp_path)


def test_a_folder_without_a_study_says_so(tmp_path):
    with pytest.raises(ModelFileError, match=r"holds no study.json; .* fastmlp tune"):
        read_study(tmp_path)
