"""Presets: what auto takes and when, what counts more, and what a run keeps of it."""

import dataclasses
import inspect
import re
from itertools import pairwise

import numpy as np
import pytest

import fastmlp
from fastmlp.errors import UsageError
from fastmlp.experiments.sweeps import VariantPlan, effective_settings
from fastmlp.preparation.prepare import prepare
from fastmlp.run.phases import set_up_phases
from fastmlp.settings import presets
from fastmlp.settings.config import read_config
from fastmlp.settings.presets import (
    AUTO,
    CHOICES,
    FEWEST_ROWS,
    PRESETS,
    TABLES,
    TABLES_BY_TASK,
    preset_settings,
)
from fastmlp.settings.settings import Settings, settings_from

TASKS = ("classification", "multilabel", "regression")
# The tests that train do it with few weights and epochs, whatever the preset's.
SMALL = {
    "hidden": "6", "epochs": 2, "batch_size": 16, "device": "cpu", "checkpoint_every": 1,
}  # fmt: skip


def write_table(path, rows, target="label"):
    random = np.random.default_rng(rows)
    x = random.normal(size=(rows, 2))
    y = (x[:, 0] > 0).astype(int) if target == "label" else x[:, 0] * 2.5
    lines = [f"a,b,{target}", *(f"{a:.6f},{b:.6f},{t}" for (a, b), t in zip(x, y, strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def prepared(**given):
    return prepare(settings_from({"device": "cpu"}, given)).settings


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_settings_that_are_accepted(name, task):
    chosen = settings_from(preset_settings(name, task, 1000, {}))
    chosen.check_words()
    decided = Settings(preset=name).with_preset("plain", task, 1000)
    assert decided == settings_from(preset_settings(name, task, 1000, {}), {"preset": name})
    assert name in CHOICES


def test_plain_is_what_fastmlp_does_of_itself():
    assert PRESETS["plain"] == {}
    assert dataclasses.replace(
        Settings().with_preset("plain", "regression", 1000), preset=AUTO
    ) == (Settings())


@pytest.mark.parametrize(
    ("rows", "name"), [(FEWEST_ROWS, "tables"), (FEWEST_ROWS - 1, "plain"), (300, "tables")]
)
def test_auto_takes_that_of_tables_for_tables_with_rows_enough(tmp_path, rows, name):
    settings = prepared(dataset=write_table(tmp_path / "t.csv", rows))
    assert settings.preset == name
    assert settings.folds == PRESETS[name].get("folds")
    assert settings.number_encoding == PRESETS[name].get("number_encoding", "plain")


def test_auto_takes_plain_for_arrays_and_pictures(tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", X=random.normal(size=(80, 3)), y=random.integers(0, 2, 80))
    assert prepared(dataset=str(tmp_path / "a.npz")).preset == "plain"
    assert prepared(dataset="digits").preset == "plain"
    # A table whose rows are pictures is none to its network.
    pixels = random.integers(0, 256, (60, 16))
    rows = [",".join(map(str, [*row, n % 2])) for n, row in enumerate(pixels)]
    names = ",".join([*(f"pixel{n}" for n in range(16)), "label"])
    (tmp_path / "p.csv").write_text("\n".join([names, *rows]) + "\n")
    assert prepared(dataset=str(tmp_path / "p.csv"), image_size="4x4").preset == "plain"


def test_what_is_asked_for_is_taken(tmp_path):
    path = write_table(tmp_path / "t.csv", 60)
    assert prepared(dataset=path, preset="plain").folds is None
    np.savez(tmp_path / "a.npz", X=np.arange(120.0).reshape(60, 2), y=np.arange(60) % 2)
    assert prepared(dataset=str(tmp_path / "a.npz"), preset="tables").folds == TABLES["folds"]
    with pytest.raises(UsageError, match=r"preset.*tables"):
        settings_from({"preset": "table"})


def test_what_is_given_counts_more_also_where_it_is_the_default(tmp_path):
    path = write_table(tmp_path / "t.csv", 60)
    default = Settings()
    given = {"hidden": default.hidden, "normalize": default.normalize, "early_stopping": 7}
    settings = prepared(dataset=path, **given)
    assert settings.preset == "tables"
    assert {name: getattr(settings, name) for name in given} == given
    others = TABLES | TABLES_BY_TASK["classification"]
    assert {name: getattr(settings, name) for name in others if name not in given} == {
        name: value for name, value in others.items() if name not in given
    }


@pytest.mark.parametrize("task", TASKS)
def test_some_entries_are_of_a_task(task):
    chosen = preset_settings("tables", task, 1000, {})
    assert chosen == TABLES | TABLES_BY_TASK[task] | {"batch_size": 128}
    assert ("calibrate" in chosen) == (task != "regression")
    assert ("clamp_outputs" in chosen) == (task == "regression")


@pytest.mark.parametrize(
    ("said", "without"),
    [
        ({"validation_fraction": 0.2}, {"folds"}),
        ({"validation_fraction": 0.0}, set()),
        ({"clip_norm": 1.0}, {"folds"}),
        ({"members": 3}, {"folds"}),
        ({"members": 10}, set()),
        ({"loss": "mae"}, {"calibrate", "clamp_outputs"}),
        ({"loss": "auto"}, set()),
        ({"optimizer": "sgd"}, {"lr", "weight_decay"}),
        ({"optimizer": TABLES["optimizer"]}, set()),
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_what_is_given_leaves_no_place_for_some_entries(said, without, task):
    whole = preset_settings("tables", task, 1000, {})
    chosen = preset_settings("tables", task, 1000, said)
    assert whole.keys() - chosen.keys() == without & whole.keys()
    # And together they are settings: nothing is refused that the user did not say.
    settings_from(said, {"preset": "tables"}).with_preset("plain", task, 1000).check_words()


def test_what_the_user_says_of_both_is_still_refused():
    with pytest.raises(UsageError, match="folds and validation_fraction exclude each other"):
        settings_from({"preset": "tables", "folds": 5, "validation_fraction": 0.2})
    three = settings_from({"preset": "tables", "folds": 3, "validation_fraction": 0.0})
    assert three.with_preset("plain", "classification", 1000).folds == 3


def test_the_config_holds_all_of_it_and_a_resumed_run_keeps_it(tmp_path):
    path = write_table(tmp_path / "t.csv", 60)
    trained = fastmlp.train(dataset=path, out=tmp_path / "run", **SMALL)
    kept = read_config(trained.folder / "config.toml")
    expected = {"preset": "tables"} | TABLES | TABLES_BY_TASK["classification"] | SMALL
    expected["activation"] = "silu"  # one hidden layer has one
    assert {name: kept[name] for name in expected} == expected
    again = fastmlp.train(resume=trained.folder, epochs=4)
    resumed = read_config(trained.folder / "config.toml")
    assert resumed == kept | {"epochs": 4}
    assert again.model.network.architecture.members == TABLES["folds"]
    # The same settings from the file are the same run.
    anew = fastmlp.train(settings_from(resumed), out=tmp_path / "anew")
    assert read_config(anew.folder / "config.toml") == resumed


def test_a_config_of_old_says_nothing_of_presets_and_is_plain(tmp_path):
    path = write_table(tmp_path / "t.csv", 60)
    trained = fastmlp.train(dataset=path, out=tmp_path / "run", **SMALL, preset="plain")
    config = trained.folder / "config.toml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("preset")]
    config.write_text("\n".join(lines) + "\n")
    again = fastmlp.train(resume=trained.folder, epochs=3)
    assert again.model.network.architecture.members == 1
    assert read_config(config)["preset"] == "plain"


def test_phases_are_plain(tmp_path):
    path = write_table(tmp_path / "t.csv", 60)
    settings = settings_from({"dataset": path, "hidden": "4", "device": "cpu"})
    phases = [{"epochs": 1}, {"epochs": 1, "lr": 0.01}]
    job = set_up_phases(settings, phases, out=tmp_path / "run")
    assert read_config(job.folder / "config.toml")["preset"] == "plain"
    assert job.model.network.architecture.members == 1
    with pytest.raises(UsageError, match="preset tables does not go with phases"):
        set_up_phases(settings_from({"dataset": path, "preset": "tables"}), phases)


def test_variants_of_an_experiment_are_plain_unless_they_say_otherwise():
    base = {"dataset": "t.csv", "epochs": 3}
    settings, _ = effective_settings(VariantPlan("one", {"lr": 0.1}), base, None)
    assert settings.preset == "plain"
    settings, _ = effective_settings(VariantPlan("one", {"preset": "tables"}), base, None)
    assert settings.preset == "tables"


def test_a_run_accepts_pictures_as_they_are_and_distorted():
    for own in ({}, {"augment": "shift(1.5),rotate(10),scale(0.1),elastic(28,4)", "dropout": "0"}):
        settings = settings_from(presets.IMAGES, own)
        settings.check_words()
        assert settings.hidden_widths == (512, 512)
        assert bool(settings.dropout_rates) == (settings.make_augmentation() is None)


def test_what_is_given_counts_more():
    assert settings_from(presets.IMAGES, {"epochs": 3, "augment": "flip"}).epochs == 3


def test_each_is_another_choice_than_the_default():
    for name, value in presets.IMAGES.items():
        assert value != getattr(Settings, name), name


@pytest.mark.parametrize(
    ("hidden", "activation"),
    [("128,128", "relu,silu"), ("64", "silu"), ("8,8,8", "silu"), ("none", "silu")],
)
def test_activations_fit_the_layers_that_were_given(hidden, activation):
    chosen = preset_settings("tables", "regression", 1000, {"hidden": hidden})
    assert chosen["activation"] == activation
    settings_from(chosen, {"hidden": hidden}).check_words()


@pytest.mark.parametrize("name", ["TABLES", "IMAGES"])
def test_each_has_a_comment_of_its_own(name):
    [table] = re.findall(rf"^{name}: .*?^}}", inspect.getsource(presets), re.DOTALL | re.MULTILINE)
    lines = table.splitlines()
    assert len(lines) > 4
    for before, line in pairwise(lines):
        if line.startswith('    "'):
            assert before.strip().startswith("#"), line
