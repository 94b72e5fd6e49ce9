"""``fastmlp.tune``: the best run is that of its config to the bit, never worse than the first."""

import json
import shutil

import numpy as np
import pytest
from tuning_support import SMALL, SPACE, small_search

import fastmlp
from fastmlp.errors import FastMLPError, UsageError
from fastmlp.run.folder import METRICS_FILE
from fastmlp.tuning.api import finish
from fastmlp.tuning.results import read_study

MODEL = "model.safetensors"


def tune(dataset, **options):
    how = {"space": SPACE, "trials": 5, "pruner": "none", "out": "study", **SMALL}
    return fastmlp.tune(dataset, **(how | options))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A finished search on classes."""
    from small_data import save_classes

    folder = tmp_path_factory.mktemp("tuned")
    data = save_classes(folder / "classes.npz", rows=90)
    return tune(data, out=folder / "study", device="cpu", trials=8)


def test_the_best_run_is_that_of_its_config_to_the_bit(tuned, fastmlp, here):
    run = tuned.folder / "best"
    assert fastmlp("train", "--config", run / "config.toml", "--out", here / "again").code == 0
    assert (here / "again" / MODEL).read_bytes() == (run / MODEL).read_bytes()


def test_the_best_run_has_the_number_of_its_trial(tuned):
    assert tuned.metrics["validation_log_loss"] == tuned.best_value
    assert tuned.best_value == min(each.value for each in tuned.study.complete)
    assert tuned.best_value <= tuned.study.first.value
    for name, value in tuned.best_settings.items():
        assert tuned.model.settings[name] == value


def test_the_result_tells_of_every_trial(tuned):
    assert tuned.trials.height == 8
    assert tuned.trials["log_loss"].min() == tuned.best_value
    assert read_study(tuned.folder) == tuned.study
    assert sum(tuned.study.importance.values()) == pytest.approx(1)
    assert tuned.model.predict(np.zeros((2, 4), np.float32)).shape[0] == 2


def test_a_search_that_goes_on_keeps_or_replaces_the_best_run(tuned, here):
    folder = here / "study"
    shutil.copytree(tuned.folder, folder)
    data = tuned.model.settings["dataset"]
    stamp = (folder / "best" / MODEL).stat().st_mtime_ns
    same = tune(data, out=folder, device="cpu", trials=8)
    assert (folder / "best" / MODEL).stat().st_mtime_ns == stamp, "it was trained already"
    assert same.best_value == tuned.best_value
    kept = json.loads((folder / "study.json").read_text())
    kept["best"] = 77  # as if another trial had been the best before
    (folder / "study.json").write_text(json.dumps(kept))
    tune(data, out=folder, device="cpu", trials=8)
    assert (folder / "trial-77" / METRICS_FILE).is_file()
    assert (folder / "best" / MODEL).read_bytes() == (folder / "trial-77" / MODEL).read_bytes()


def test_data_in_memory(here):
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 3)).astype(np.float32)
    y = X[:, 0] * 3 + 1
    found = fastmlp.tune(X, y, space={"lr": SPACE["lr"]}, trials=3, out="study", **SMALL)
    assert found.study.metric == "rmse"
    assert found.best_value <= found.study.first.value
    with pytest.raises(UsageError, match="data in memory go with one job"):
        fastmlp.tune(X, y, space=SPACE, jobs=2, out="study", **SMALL)


def test_a_table_begins_with_the_preset_of_tables(here):
    lines = ["a,b,kind"] + [f"{n % 7},{n % 11},{'xy'[n % 7 > 3]}" for n in range(80)]
    (here / "t.csv").write_text("\n".join(lines) + "\n")
    small = {"epochs": 3, "hidden": "8,8", "folds": 2, "threads": 1}
    found = fastmlp.tune("t.csv", trials=2, out="study", **small)
    assert found.study.preset == "tables"
    assert "number_encoding" in found.study.settings
    assert "hidden" not in found.study.settings
    plain = fastmlp.train("t.csv", metric="log_loss", out="plain", **small)
    assert found.study.first.value == plain.metrics["validation_log_loss"]


def test_a_dict_a_file_and_settings_say_the_same(classes_npz, here):
    (here / "s.toml").write_text("[lr]\nlow = 0.001\nhigh = 0.1\nlog = true\n")
    of_file = tune(classes_npz, space="s.toml", trials=3, out="one")
    settings = fastmlp.Settings(dataset=classes_npz, **SMALL)
    how = {"space": {"lr": SPACE["lr"]}, "trials": 3, "pruner": "none"}
    of_dict = fastmlp.tune(settings, out="two", **how)
    assert of_file.trials["log_loss"].to_list() == of_dict.trials["log_loss"].to_list()


def test_no_trial_in_time_is_said_and_the_study_is_kept(classes_npz, here):
    search = small_search(classes_npz, trials=None, time=1e-9, out="study")
    search.run()
    with pytest.raises(FastMLPError, match="no trial was finished"):
        finish(search)
    assert read_study("study").trials == []
    small_search(classes_npz, trials=1, out="study").run()


def test_too_few_trials_have_no_importance(classes_npz):
    search = small_search(classes_npz, trials=2, out="study")
    search.run()
    assert search.importance() == {}


def test_a_callback_sees_the_trials_and_not_the_last_run(classes_npz):
    class Counts(fastmlp.Callback):
        seen = 0

        def training_started(self, trainer):
            self.seen += 1

    counts = Counts()
    tune(classes_npz, trials=3, callbacks=[counts])
    assert counts.seen == 3


def test_a_search_is_not_divided_among_ranks(classes_npz, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.delenv("FASTMLP_RANKS", raising=False)
    with pytest.raises(UsageError, match="a search is not divided among ranks; leave mpiexec out"):
        tune(classes_npz)
