"""Spaces: what a table says, what trials pick of it, and one line for whatever is wrong."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tuning_support import Picks

import fastmlp.tuning.spaces
from fastmlp.errors import UsageError
from fastmlp.settings.presets import PRESETS, preset_settings
from fastmlp.settings.settings import Settings, settings_from
from fastmlp.tuning.spaces.space import default_space, parse_space, read_space, searchable

SPACES = Path(fastmlp.tuning.spaces.__file__).parent


def space(text):
    return parse_space(tomllib.loads(text), "space s.toml")


def test_numbers_words_and_layers_become_settings():
    found = space(
        """
        [lr]
        low = 0.001
        high = 0.1
        log = true
        [hidden]
        depth = { low = 1, high = 3 }
        width = { low = 16, high = 64, step = 16 }
        [activation]
        choices = ["relu", ["relu", "silu"]]
        [dropout]
        low = 0.0
        high = 0.5
        step = 0.1
        [number_encoding]
        low = 4
        high = 64
        word = "piecewise({})"
        [input_scale]
        choices = [false, true]
        [embed_above]
        choices = ["none", 8]
        """
    )
    assert found.pick(Picks(), {}) == {
        "lr": 0.001, "hidden": "16", "activation": "relu", "dropout": 0.0,
        "number_encoding": "piecewise(4)", "input_scale": False, "embed_above": None,
    }  # fmt: skip
    picked = found.pick(Picks(high=True), {})
    assert picked == {
        "lr": 0.1, "hidden": "64,64,64", "activation": "relu,silu,silu", "dropout": 0.5,
        "number_encoding": "piecewise(64)", "input_scale": True, "embed_above": 8,
    }  # fmt: skip
    settings_from(picked).check_words()
    picks = Picks(lr=0.0123456789, dropout=0.1 + 2 * 0.1, hidden_depth=2)
    assert found.pick(picks, {})["lr"] == 0.01235
    assert found.pick(picks, {})["dropout"] == 0.3
    assert found.pick(picks, {})["hidden"] == "16,16"


def test_each_layer_may_have_a_width_of_its_own():
    width = "{low = 8, high = 32, log = true}"
    found = space(f"[hidden]\neach = true\ndepth = {{low = 1, high = 3}}\nwidth = {width}")
    names = [each.name for each in found.parameters]
    assert names == ["hidden.depth", "hidden.width1", "hidden.width2", "hidden.width3"]
    picks = Picks(hidden_depth=2, hidden_width1=30, hidden_width2=20)
    assert found.pick(picks, {}) == {"hidden": "30,20"}
    assert picks.asked == ["hidden.depth", "hidden.width1", "hidden.width2"]


def test_no_hidden_layer_is_a_depth_too():
    found = space("[hidden]\ndepth = {low = 0, high = 1}\nwidth = {low = 8, high = 9}")
    assert found.pick(Picks(), {}) == {"hidden": "none"}


def test_words_of_layers_follow_the_depth():
    """Those that were given too: two activations do not fit three layers."""
    found = space("[hidden]\ndepth = {low = 1, high = 3}\nwidth = {low = 8, high = 9}")
    known = {"hidden": "4,4", "activation": "relu,silu", "dropout": "0.1,0.2"}
    assert found.pick(Picks(high=True), known) == {
        "hidden": "9,9,9", "activation": "relu,silu,silu", "dropout": "0.1,0.2,0.2",
    }  # fmt: skip
    assert found.pick(Picks(), known) == {"hidden": "8", "activation": "silu", "dropout": "0.2"}


def test_a_condition_asks_parameters_settings_and_facts():
    found = space(
        """
        [weight_decay]
        low = 0.001
        high = 0.1
        when = { optimizer = "adamw" }
        [optimizer]
        choices = ["adam", "adamw"]
        [dropout]
        low = 0.1
        high = 0.5
        when = { "hidden.depth" = [2, 3], normalize = ["robust", "unit"] }
        [hidden]
        depth = { low = 1, high = 2 }
        width = { low = 8, high = 16 }
        [label_smoothing]
        low = 0.0
        high = 0.1
        when = { task = "classification" }
        """
    )
    known = {"task": "regression", "normalize": "robust"}
    assert set(found.pick(Picks(), known)) == {"optimizer", "hidden"}
    known |= {"task": "classification"}
    both = set(found.pick(Picks(high=True), known))
    assert both == {"optimizer", "weight_decay", "hidden", "dropout", "label_smoothing"}
    known |= {"normalize": "standard"}
    assert "dropout" not in found.pick(Picks(high=True), known)


def test_the_values_of_settings_are_found_where_the_space_holds_them():
    found = default_space("tables")
    known = {**Settings().to_dict(), **preset_settings("tables", "regression", 1000, {})}
    values = found.values_of({**known, "gaps": True, "texts": False})
    assert values == {
        "lr": 0.003, "hidden.depth": 2, "hidden.width": 128, "activation": "relu,silu",
        "dropout": 0.25, "weight_decay": 0.01, "batch_size": 128,
        "number_encoding": "piecewise(32)", "normalize": "robust",
        "input_scale": False, "missing": "indicator",
    }  # fmt: skip
    others = {**known, "lr": 0.5, "hidden": "128,64", "dropout": "0.1,0.2", "gaps": False}
    left = found.values_of({**others, "texts": False})
    assert not {"lr", "hidden.width", "dropout", "missing"} & set(left)
    assert left["hidden.depth"] == 2


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_the_ends_of_a_default_space_are_accepted(preset, high, task):
    facts = {"task": task, "texts": True, "gaps": True}
    base = preset_settings(preset, task, 1000, {})
    found = default_space(preset)
    changes = found.pick(Picks(high), {**Settings().to_dict(), **base, **facts})
    settings_from(base, changes).check_words()
    assert len(changes) > 7


def test_the_spaces_of_the_page_are_spaces():
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert space(text).settings[:2] == ("lr", "hidden")


def test_there_is_a_space_for_each_preset():
    assert {path.stem for path in SPACES.glob("*.toml")} == set(PRESETS)


def test_a_space_without_settings_that_were_given():
    found = default_space("plain").without(["hidden", "lr"])
    assert not {"hidden", "lr"} & set(found.settings)
    assert "dropout" in found.tables


def test_what_makes_trials_incomparable_is_not_searched():
    accepted = searchable()
    assert not {"seed", "test_fraction", "validation_fraction", "metric", "watch", "dataset",
                "device", "threads", "preset", "target", "time_limit"} & set(accepted)  # fmt: skip
    assert {"lr", "hidden", "folds", "members", "normalize", "loss", "calibrate"} <= set(accepted)


LR, PLAIN = "[lr]\nlow = 0.1\nhigh = 0.2\n", "space s.toml: [lr]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["names no setting", "[lr]"]),
        ("lr = 3", ["[lr] must be a table", "3"]),
        ("[learning_rate]\nlow=1\nhigh=2", ["learning_rate is called lr", "[lr]"]),
        ("[dropuot]\nlow=0\nhigh=1", ["'dropuot'", "did you mean 'dropout'"]),
        ("[seed]\nlow=0\nhigh=1", ["seed cannot be searched", "--seed"]),
        ("[test_fraction]\nlow=0.1\nhigh=0.2", ["cannot be searched", "--test-fraction"]),
        ("[lr]\nlow=0.1", [PLAIN, "high is missing"]),
        ("[lr]\nlow='a'\nhigh=2", [PLAIN, "low must be a number", "'a'"]),
        ("[lr]\nlow=true\nhigh=2", ["low must be a number", "True"]),
        ("[lr]\nlow=inf\nhigh=2", ["finite", "inf"]),
        ("[lr]\nlow=0.2\nhigh=0.1", ["low must be less than high", "0.2 and 0.1"]),
        ("[lr]\nlow=0.0\nhigh=0.1\nlog=true", ["greater than 0 with log", "got 0"]),
        ("[lr]\nlow=0.0\nhigh=0.1", [PLAIN, "lr must be greater than 0"]),
        ("[lr]\nlow=0.1\nhigh=0.2\nlog=1", ["log must be true or false"]),
        ("[lr]\nlow=0.1\nhigh=0.2\nstep=0.03", ["step", "without a rest", "0.03"]),
        ("[lr]\nlow=0.1\nhigh=0.2\nstep=0.1\nlog=true", ["step does not go with log"]),
        ("[lr]\nlow=0.1\nhigh=0.2\nhihg=3", ["has no key 'hihg'", "did you mean 'high'"]),
        ("[lr]\nlow=0.1\nhigh=0.2\nword='{}'", ["word must be", "setting of words"]),
        ("[number_encoding]\nlow=4\nhigh=8\nword='piecewise'", ["one {}", "'piecewise'"]),
        ("[number_encoding]\nlow=1\nhigh=8\nword='piecewise({})'", ["number of bins", "least 2"]),
        ("[batch_size]\nlow=1.5\nhigh=8", ["whole numbers"]),
        ("[batch_size]\nlow=-4\nhigh=8", ["batch_size must be at least 0"]),
        ("[activation]\nchoices=['relu','rleu']", ["[activation]", "'rleu'", "mean 'relu'"]),
        ("[activation]\nchoices=['relu']", ["2 to 200 values", "got 1"]),
        ("[activation]\nchoices=['relu','relu']", ["'relu' twice"]),
        ("[activation]\nchoices='relu'", ["choices must be a list"]),
        ("[input_scale]\nlow=0\nhigh=1", ["choices = [true, false]"]),
        ("[batch_norm]\nchoices=['none', 3]", ["batch_norm", "3"]),
        ("[hidden]\ndepth={low=1,high=2}", ["width: low is missing"]),
        ("[hidden]\ndepth={low=1,high=99}\nwidth={low=1,high=9}", ["depth must be from 0 to 20"]),
        ("[hidden]\ndepth={low=1,high=2}\nwidth={low=0,high=9}", ["width must be at least 1"]),
        ("[hidden]\ndepth={low=1.5,high=2}\nwidth={low=1,high=9}", ["depth", "whole numbers"]),
        (LR + "when={optimiser='sgd'}", ["when names 'optimiser'", "did you mean 'optimizer'"]),
        (LR + "when={optimizer={}}", ["when must name values"]),
        (LR + "when={dropout=0.5}\n[dropout]\nlow=0.1\nhigh=0.5\nwhen={lr=0.1}",
         ["wait for each other", "lr, dropout"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_key_and_remedy(text, words):
    with pytest.raises(UsageError) as caught:
        space(text)
    message = str(caught.value)
    assert message.startswith("space s.toml")
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read space .*none\.toml"):
        read_space(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[lr\n")
    with pytest.raises(UsageError, match=r"space .*bad.toml is not TOML"):
        read_space(tmp_path / "bad.toml")
    (tmp_path / "good.toml").write_text(LR)
    assert read_space(tmp_path / "good.toml").settings == ("lr",)


VALUES = some.recursive(
    some.one_of(
        some.booleans(), some.integers(-3, 300), some.floats(), some.text(max_size=5),
        some.sampled_from(["relu", "none", "{}", "adam", "auto"]),
    ),
    lambda inner: some.lists(inner, max_size=3)
    | some.dictionaries(some.sampled_from(["low", "high", "step"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
KEYS = ("low", "high", "log", "step", "word", "choices", "when", "depth", "width", "each", "x")
NAMES = ("lr", "hidden", "dropout", "batch_size", "activation", "input_scale", "seed", "depth",
         "number_encoding", "optimizer", "folds", "members", "member_weights")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    some.dictionaries(
        some.sampled_from(NAMES),
        some.one_of(VALUES, some.dictionaries(some.sampled_from(KEYS), VALUES, max_size=4)),
        max_size=3,
    )
)
def test_any_tables_are_a_space_or_one_line(tables):
    said, found = "space", None
    try:
        found = parse_space(tables)
    except UsageError as error:
        said = str(error)
    assert "\n" not in said
    assert said.startswith("space")
    for high in (False, True) if found else ():
        found.pick(Picks(high), {})
