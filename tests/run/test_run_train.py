"""The main job: choices that are left open, weights of classes, what is written, and the call from
Python.
"""

import json
import tomllib

import numpy as np
import pytest

import fastmlp
from fastmlp.errors import DataError, FastMLPWarning, UsageError
from fastmlp.run.train import set_up
from fastmlp.settings.settings import Settings
from fastmlp.training.checkpoint import newest_checkpoint


def test_what_python_gets(run):
    assert run.folder.is_dir()
    assert run.metrics == json.loads((run.folder / "metrics.json").read_text())
    assert run.metrics["epochs"] == 20 == len(run.history)
    assert run.history[-1]["epoch"] == 20
    assert run.model.task == "classification"
    assert run.model.classes == [0, 1, 2]
    assert run.metrics["parameters"] == 4 * 6 + 6 + 6 * 3 + 3
    assert [run.metrics[f"{part}_rows"] for part in ("train", "validation", "test")] == [42, 6, 12]


def test_the_config_holds_every_choice(run):
    config = tomllib.loads((run.folder / "config.toml").read_text())
    assert config["epochs"] == 20
    assert config["lr"] == 0.001
    assert config["hidden"] == "6"
    assert Settings(**config).to_dict() == run.model.settings


def test_settings_and_changes(classes_npz, tmp_path):
    base = Settings(dataset=classes_npz, hidden="5", epochs=2)
    result = fastmlp.train(base, hidden=(4, 3), seed=9, out=tmp_path / "run")
    assert result.model.network.architecture.hidden == (4, 3)
    assert result.model.settings["seed"] == 9
    assert base.hidden == "5"


def test_a_setting_that_is_refused_leaves_no_folder(classes_npz, tmp_path):
    for wrong in (
        {"schedule": "foo"},
        {"optimizer": "momentum", "momentum": 2.0},
        {"activation": "foo"},
        {"loss": "huber(-1)"},
    ):
        with pytest.raises(UsageError):
            fastmlp.train(dataset=classes_npz, out=tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


def test_an_immense_network_is_refused_before_memory_is_taken(classes_npz, tmp_path):
    with pytest.raises(UsageError, match="of memory"):
        fastmlp.train(dataset=classes_npz, hidden=[10**9, 10**9], out=tmp_path / "run")
    with pytest.raises(UsageError, match="of memory"):
        fastmlp.train(dataset=classes_npz, hidden=[10**10], out=tmp_path / "run")


def test_a_folder_is_made_anew_unless_it_is_empty(classes_npz, tmp_path):
    (tmp_path / "empty").mkdir()
    settings = {"dataset": classes_npz, "hidden": [3], "epochs": 1}
    assert fastmlp.train(**settings, out=tmp_path / "empty").folder == tmp_path / "empty"
    (tmp_path / "file").write_text("mine")
    with pytest.warns(FastMLPWarning, match="file was there before"):
        assert fastmlp.train(**settings, out=tmp_path / "file").folder == tmp_path / "file-2"
    assert (tmp_path / "file").read_text() == "mine"


def test_the_default_folder_is_named_after_time_and_data(classes_npz, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = fastmlp.train(dataset="classes.npz", hidden=[3], epochs=1).folder
    assert folder.parent.name == "runs"
    assert folder.name.endswith("-classes")


def test_weights_of_classes_change_what_is_learnt(tmp_path):
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [90, 10])
    features = generator.normal(size=(100, 2)).astype(np.float32) + labels[:, None]
    np.savez(tmp_path / "d.npz", X=features, y=labels)
    found = {}
    for word in ("none", "balanced", "0=1,1=9"):
        trained = fastmlp.train(
            dataset=str(tmp_path / "d.npz"), hidden="none", epochs=200, class_weight=word,
            test_fraction=0.0, lr=0.02, out=tmp_path / word.replace("=", " "),
        )  # fmt: skip
        found[word] = int((trained.model.predict(features) == 1).sum())
    assert found["none"] < found["balanced"] / 2
    assert found["balanced"] == pytest.approx(found["0=1,1=9"], abs=2)


def test_pictures_alone_can_be_distorted(classes_npz, tmp_path):
    with pytest.raises(UsageError, match="augment 'flip' changes pictures") as error:
        fastmlp.train(dataset=classes_npz, augment="flip", epochs=1, out=tmp_path / "run")
    assert "--image-size" in str(error.value)
    assert not (tmp_path / "run").exists()


def test_pictures_are_distorted_for_training_alone(tmp_path):
    how = {"dataset": "digits", "hidden": [8], "epochs": 2, "seed": 1, "lr": 1e-30}
    plain = fastmlp.train(**how, out=tmp_path / "plain")
    words = "shift(2),rotate(30),scale(0.3),elastic(8,2)"
    distorted = fastmlp.train(**how, augment=words, out=tmp_path / "distorted")
    for name in ("train_loss", "test_loss"):
        assert distorted.metrics[name] == plain.metrics[name]
    ours, theirs = ([record["train_loss"] for record in run.history] for run in (plain, distorted))
    assert ours[0] == pytest.approx(ours[1], rel=1e-5)
    assert min(abs(theirs[0] - ours[0]), abs(theirs[1] - theirs[0])) > 1e-4


@pytest.mark.parametrize("early_stopping", [None, 3])
@pytest.mark.parametrize("average", ["ema(0.9)", "mean(0.4)"])
def test_the_average_is_what_is_measured_and_saved(tmp_path, average, early_stopping):
    how = {
        "dataset": "digits", "hidden": [8], "batch_norm": "hidden", "epochs": 5, "batch_size": 64,
        "early_stopping": early_stopping, "checkpoint_every": 1, "schedule": "constant",
        "average_weights": average,
    }  # fmt: skip
    run = fastmlp.train(**how, out=tmp_path / "run")
    last = run.history[-1]
    checkpoint, _ = newest_checkpoint(run.folder)
    arrays, store = checkpoint.state.arrays, run.model.network.store
    assert (arrays["values"] != arrays["averaging.values"]).mean() > 0.5
    shown = "best." if early_stopping else "averaging."
    np.testing.assert_array_equal(store.values, arrays[f"{shown}values"])
    np.testing.assert_array_equal(store.statistics, arrays[f"{shown}statistics"])
    if last["is_best"] or not early_stopping:
        name = "validation" if early_stopping else "test"
        assert run.metrics[f"{name}_accuracy"] == last[f"{name}_accuracy"]
    again = fastmlp.load(run.folder)
    np.testing.assert_array_equal(again.network.store.values, store.values)


def test_regression_comes_back_in_its_own_unit(prices_npz, tmp_path):
    trained = fastmlp.train(
        dataset=prices_npz, hidden=[8], epochs=400, lr=0.01, out=tmp_path / "run"
    )
    features = np.zeros((2, 3))
    features[1, 0] = 1
    low, high = trained.model.predict(features)
    assert low == pytest.approx(1000, abs=15)
    assert high - low == pytest.approx(50, abs=20)
    assert trained.metrics["test_r2"] > 0.9


def test_errors_name_the_row_as_the_file_counts(tmp_path):
    features = np.zeros((50, 2))
    features[37, 1] = np.inf
    np.savez(tmp_path / "d.npz", X=features, y=np.arange(50) % 2)
    with pytest.raises(DataError, match=r"row 38 holds inf"):
        fastmlp.train(dataset=str(tmp_path / "d.npz"), out=tmp_path / "run")
    target = np.linspace(0, 1, 50)
    target[41] = np.nan
    np.savez(tmp_path / "t.npz", X=np.zeros((50, 2)), y=target)
    with pytest.raises(DataError, match=r"row 42\b"):
        fastmlp.train(dataset=str(tmp_path / "t.npz"), out=tmp_path / "run")


def test_compiled_kernels_are_announced_after_their_compilation(classes_npz, tmp_path, monkeypatch):
    from fastmlp.kernels.cpu.compiling import object_code

    monkeypatch.setattr(object_code.ObjectStore, "load", lambda store, name: None)
    monkeypatch.setattr(object_code.ObjectStore, "save", lambda store, name, function: None)
    announced = []
    job = set_up(
        Settings(dataset=classes_npz, hidden="3", epochs=1),
        out=tmp_path / "run",
        announce=announced.append,
    )
    assert len(announced) == len(set(announced)) > 5
    before = len(announced)
    job.run()
    assert len(announced) == before  # nothing is left to compile once training begins


def codes(rows, levels, seed=0):
    """Codes, and a target that is drawn without a look at them."""
    random = np.random.default_rng(seed)
    code = random.permutation(np.resize(np.arange(levels), rows))
    return [f"c{number:04}" for number in code], random.integers(0, 2, rows)


@pytest.mark.parametrize("folds", [None, 2, 5])
@pytest.mark.parametrize("levels", [1500, 400])
@pytest.mark.parametrize("max_levels", [64, 2000])
def test_target_statistics_of_random_codes_tell_nothing(tmp_path, folds, levels, max_levels):
    import polars

    rows = 2000
    code, label = codes(rows, levels)
    noise = np.random.default_rng(1).normal(size=rows)
    frame = polars.DataFrame({"code": code, "noise": noise, "label": label})
    how = {"target_statistics": 8, "max_levels": max_levels, "folds": folds, "threads": 1}
    # A linear model finds what there is to be found: the statistic beside the weight of a level.
    how |= {"hidden": "none", "lr": 0.01, "epochs": 60, "device": "cpu", "categorical": "code"}
    how["validation_fraction"] = None if folds else 0.25
    run = fastmlp.train(frame, target="label", out=tmp_path / "run", **how)
    assert "code:target" in run.model.features.output_names
    for split, count in (("validation", 1600 if folds else 500), ("test", 400)):
        # Four deviations of a fair coin's share.
        assert abs(run.metrics[f"{split}_accuracy"] - 0.5) < 4 * 0.5 / count**0.5, split
        assert run.metrics[f"{split}_loss"] > 0.68, split  # log 2 is that of a coin


@pytest.mark.parametrize("folds", [None, 4])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_target_statistics_help_where_texts_tell_of_the_target(tmp_path, folds, task):
    import polars

    random = np.random.default_rng(2)
    code, effect = random.integers(0, 200, 3000), random.normal(size=200)
    value = effect[code] + 0.3 * random.normal(size=3000)
    if task == "classification":
        value = np.digitize(value, [-0.5, 0.5])
    frame = polars.DataFrame({"code": [f"c{number}" for number in code], "value": value})
    how = {"target": "value", "task": task, "folds": folds, "threads": 1, "device": "cpu"}
    how |= {"hidden": "16", "epochs": 30, "lr": 0.01, "categorical": "code", "preset": "plain"}
    losses = {}
    for threshold in (0, 64):
        run = fastmlp.train(
            frame, target_statistics=threshold, out=tmp_path / f"{threshold}", **how
        )
        measured = ("test_loss", "validation_loss") if folds else ("test_loss",)
        losses[threshold] = [run.metrics[name] for name in measured]
    assert all(np.array(losses[64]) < 0.6 * np.array(losses[0])), losses
