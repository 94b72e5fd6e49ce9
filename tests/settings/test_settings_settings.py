"""Settings: one table for all faces; every value is checked, and reaches what is made of it."""

import math
import re
from dataclasses import MISSING, fields, replace

import numpy as np
import pytest

from fastmlp.errors import UsageError
from fastmlp.nn.inputs.columns import InputColumns
from fastmlp.settings.description import Role, field_type
from fastmlp.settings.settings import (
    FEWEST_EPOCHS,
    FEWEST_UPDATES,
    MOST_EPOCHS,
    Settings,
    names_of,
    settings_from,
)


def test_every_setting_is_described():
    for description in fields(Settings):
        assert description.default is not MISSING
        assert description.metadata["help"].endswith((".", "…"))
        assert description.metadata["group"]
        kind, optional = field_type(Settings, description.name)
        assert kind in (str, int, float, bool)
        assert optional == (description.default is None)


def test_the_table_cannot_be_changed():
    with pytest.raises(AttributeError):
        Settings().lr = 3


def test_later_layers_count_more_and_none_gives_a_choice_back():
    merged = settings_from({"lr": 0.1, "epochs": 3, "seed": 4}, {"lr": 0.2}, {"epochs": None})
    assert (merged.lr, merged.epochs, merged.seed) == (0.2, None, 4)


def test_values_are_brought_to_their_type_where_nothing_is_lost():
    settings = settings_from({"hidden": [32, 16], "dropout": 0.5, "threads": 2, "lr": 1, "l1": 0})
    assert settings.hidden_widths == (32, 16)
    assert settings.dropout_rates == (0.5,)
    assert settings.thread_count == 2
    assert settings.lr == 1.0
    assert settings_from({"hidden": (8,)}).hidden_widths == (8,)
    assert settings_from({"batch-size": 7}).batch_size == 7


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rate": 0.1}, "'learning_rate' is not known"),
        ({"hiden": "3"}, "did you mean 'hidden'"),
        ({"lr": True}, "lr must be a number"),
        ({"lr": "0.1"}, "lr must be a number"),
        ({"lr": 0.0}, "lr must be greater than 0"),
        ({"lr": math.nan}, "finite"),
        ({"lr": math.inf}, "finite"),
        ({"epochs": 1.5}, "whole number"),
        ({"epochs": 0}, "at least 1"),
        ({"shuffle": 1}, "true or false"),
        ({"hidden": True}, "hidden must be text"),
        ({"hidden": "-3"}, "at least 1"),
        ({"hidden": "3,,4"}, "at least 1"),
        ({"hidden": "²"}, "hidden must be whole numbers"),
        ({"dropout": "1.0"}, "less than 1"),
        ({"dropout": "nan"}, "less than 1"),
        ({"dropout": "a"}, "not a number"),
        ({"threads": "-1"}, "threads"),
        ({"threads": "²"}, "threads"),
        ({"dtype": "float16"}, "did you mean"),
        ({"matmul_precision": "medium", "dtype": "float64"}, "is for dtype float32, not float64"),
        ({"test_fraction": 1.0}, "less than 1"),
        ({"test_fraction": 0.5, "validation_fraction": 0.5}, "less than 1"),
        ({"dataset": None}, "dataset must be text"),
        ({"hidden": [[1], 2]}, "hidden"),
        ({"seed": 2**200}, "seed"),
        ({"l1": 10**400}, "l1"),
        ({"epochs": 10**400}, "epochs must be less than 2^63"),
        ({"momentum": 1.0}, "momentum must be at least 0 and less than 1; got 1."),
        ({"rho": -0.1}, "rho must be at least 0 and less than 1"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and less than 1"),
        ({"batch_norm_decay": 1.0}, "batch_norm_decay must be at least 0 and less than 1"),
        ({"clip_norm": 0.0}, "clip_norm must be greater than 0"),
        ({"epsilon": 0.0}, "epsilon must be at least 1e-30"),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        settings_from(given)
    assert "\n" not in str(caught.value)


def test_a_value_that_is_large_is_not_shown_whole():
    with pytest.raises(UsageError, match=r"target must be text; got array\(") as caught:
        settings_from({"target": np.zeros((50, 50))})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_paths_are_texts(tmp_path):
    assert settings_from({"dataset": tmp_path, "data_dir": tmp_path}).data_dir == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "widths"), [("none", ()), ("", ()), (" 4 , 5 ", (4, 5)), ("7", (7,))]
)
def test_hidden_widths(text, widths):
    assert Settings(hidden=text).hidden_widths == widths


@pytest.mark.parametrize(
    ("rows", "batch_size"),
    [(1438, 64), (60_000, 64), (64 * 200, 64), (64 * 90, 64), (10, 64), (1, 1), (100, 0)],
)
def test_epochs_are_chosen_for_a_number_of_updates(rows, batch_size):
    decided = Settings(batch_size=batch_size).decided(rows)
    assert decided.batch_size == min(batch_size or rows, rows)
    assert FEWEST_EPOCHS <= decided.epochs <= MOST_EPOCHS
    updates = math.ceil(rows / decided.batch_size)
    assert updates * decided.epochs >= FEWEST_UPDATES or decided.epochs == MOST_EPOCHS
    assert updates * (decided.epochs - 1) < FEWEST_UPDATES or decided.epochs == FEWEST_EPOCHS


def test_open_choices_follow_the_optimizer_and_given_ones_stay():
    assert Settings(optimizer="adam").decided(10).lr == 0.001
    assert Settings(optimizer="adamw").decided(10).weight_decay == 0.01
    assert Settings(optimizer="sgd").decided(10).weight_decay == 0.0
    given = Settings(lr=0.5, weight_decay=0.0, optimizer="adamw", epochs=3).decided(10)
    assert (given.lr, given.weight_decay, given.epochs) == (0.5, 0.0, 3)


def test_what_changes_in_mid_run_leaves_arrays_and_data_alone():
    resumed, phases = set(names_of(Role.RESUME)), set(names_of(Role.PHASE))
    assert set(names_of(Role.ROWS)) <= phases < resumed
    assert not resumed & {"hidden", "batch_norm", "decay_biases", "dtype", "seed", "task"}
    assert not resumed & {"target", "test_fraction", "validation_fraction", "normalize", "drop"}


CHANGED = Settings(
    hidden="7,5", activation="tanh", output_activation="softplus", init="he_normal",
    bias_init="constant(0.5)", dropout="0.25,0.5", dropout_units=True, batch_norm="all",
    batch_norm_decay=0.75, decay_biases=True, loss="log-loss", reduction="sum",
    input_activation="smooth_clip(2)", number_encoding="periodic(4)", embedding_width=3,
    label_smoothing=0.125, l1=0.1, l2=0.2, weight_decay=0.3, clip_norm=4.0, clip_value=5.0,
    schedule="step(3,0.25)", lr=0.5, epochs=9, warmup=2, batch_size=4,
    input_scale=True, parametrization="ntk", activation_mix=True,
)  # fmt: skip


def test_every_setting_reaches_the_architecture():
    columns = InputColumns((0, 1), ((2, 7),))
    changed = replace(CHANGED, members=3, clip_norm=None)  # which do not go together
    made = changed.make_architecture(inputs=3, outputs=2, columns=columns)
    usual = Settings().make_architecture(inputs=1, outputs=1)
    assert (made.inputs, made.outputs, made.hidden, made.dropout) == (3, 2, (7, 5), (0.25, 0.5))
    assert made.columns == columns
    sharing = Settings(members=6, folds=2, member_weights="shared", hidden="7")
    assert sharing.make_architecture(inputs=1, outputs=1).sharing == 3
    for each in (each for each in fields(made) if each.name != "sharing"):  # without batch_norm
        assert getattr(made, each.name) != getattr(usual, each.name)
        if each.name not in ("inputs", "outputs", "columns", "hidden", "dropout"):
            assert getattr(made, each.name) == getattr(changed, each.name)


def test_members_reach_the_architecture():
    how = {"members": 6, "member_weights": "shared"}
    for given, expected in [
        ({}, (1, 1)),
        ({"members": 6}, (6, 1)),
        ({"folds": 3}, (3, 1)),
        (how, (6, 6)),
        (how | {"folds": 2}, (6, 3)),
    ]:
        made = Settings(**given).make_architecture(inputs=3, outputs=2)
        assert (made.members, made.sharing) == expected


def test_what_else_settings_make():
    loss = CHANGED.make_loss("multilabel", outputs=2)
    assert (loss.name, loss.reduction, loss.parameter) == ("log_loss", "sum", 0.125)
    regularization = CHANGED.make_regularization()
    assert list(vars(regularization).values()) == [0.1, 0.2, 0.3, 4.0, 5.0]
    assert Settings(optimizer="adamw").make_regularization().weight_decay == 0.01
    schedule = CHANGED.make_schedule(rows=10)
    assert (schedule.name, schedule.arguments) == ("step", [3, 0.25])
    assert (schedule.base_rate, schedule.updates_per_epoch, schedule.warmup) == (0.5, 3, 2)
    assert schedule.total == 3 * 9 - 2


@pytest.mark.parametrize(
    ("rows", "drop_last", "updates"), [(8, False, 2), (9, False, 3), (9, True, 2), (3, True, 1)]
)
def test_updates_per_epoch(rows, drop_last, updates):
    settings = Settings(batch_size=4, drop_last=drop_last)
    assert settings.updates_per_epoch(rows) == updates


@pytest.mark.parametrize(
    "words",
    [
        {"activation": "relu,rleu"},
        {"output_activation": "rleu"},
        {"activation": "relu,relu,relu"},
        {"init": "heavy"},
        {"bias_init": "heavy"},
        {"loss": "hinge"},
        {"loss": "mse", "label_smoothing": 0.1},
        {"schedule": "cosin"},
        {"init": "he+5"},
        {"activation": "softmax", "activation_mix": True},
        {"dropout_schedule": "plateau"},
        {"weight_decay_schedule": "flat_cosine(2)"},
    ],
)
def test_words_that_a_run_would_refuse(words):
    settings = Settings(**words)
    with pytest.raises(UsageError):
        settings.check_words()


def test_shares_are_scheduled_where_there_is_something_to_share():
    words = {"dropout_schedule": "cosine", "weight_decay_schedule": "flat_cosine(0.5)"}
    for given, names in (
        ({}, set()),
        ({"dropout": 0.1}, {"dropout"}),
        ({"optimizer": "adamw"}, {"weight_decay"}),
        ({"dropout": 0.1, "weight_decay": 0.1}, {"dropout", "weight_decay"}),
        ({"dropout": 0.1, "dropout_schedule": "constant"}, set()),
    ):
        settings = settings_from(words, given).decided(rows=100)
        assert settings.make_shares(rows=100).keys() == names


def test_words_that_a_run_accepts():
    Settings().check_words()
    CHANGED.check_words()
