"""Recipes: what a text becomes, and what is refused before anything runs."""

import pytest
from experiments_support import RECIPE, recipe

from fastmlp.errors import UsageError
from fastmlp.experiments.recipe import LARGEST_RECIPE, find_recipe, names
from fastmlp.experiments.sweeps import effective_settings

GRID = """
[base]
hidden = [6]
[[sweeps]]
name = "both"
grid = { lr = [0.1, 0.2], batch_size = [8, 16, 32] }
changes = { epochs = 3 }
"""
NAMED = """
[base]
lr = 0.5
[[sweeps]]
name = "kinds"
setting = "lr"
[[sweeps.variants]]
name = "plain"
[[sweeps.variants]]
name = "slow"
changes = { lr = 0.1, epochs = 50 }
[[sweeps.variants]]
name = "phased"
[[sweeps.variants.phases]]
epochs = 3
loss = "mse"
[[sweeps.variants.phases]]
epochs = 30
rows_share = 0.5
[[sweeps]]
name = "again"
setting = "epochs"
values = [70]
also = ["slow"]
"""


def test_values():
    found = recipe()
    assert [(v.name, v.changes, v.value) for v in found.variants] == [
        ("lr-0.001", {"lr": 0.001}, 0.001),
        ("lr-0.01", {"lr": 0.01}, 0.01),
        ("lr-0.1", {"lr": 0.1}, 0.1),
    ]
    assert found.sweeps[0].order == ["lr-0.001", "lr-0.01", "lr-0.1"]
    assert found.title == "Learning rates"
    assert found.comparisons[0].expect == "at_least"


def test_grid():
    variants = recipe(GRID).variants
    assert [v.name for v in variants] == [
        f"both-{lr}-{size}" for lr in (0.1, 0.2) for size in (8, 16, 32)
    ]
    assert variants[4].changes == {"epochs": 3, "lr": 0.2, "batch_size": 16}
    assert variants[4].value is None


def test_named_variants_and_variants_that_two_sweeps_show():
    first, second = recipe(NAMED).sweeps
    assert first.order == ["slow", "plain", "phased"]  # by the swept number
    assert first.values == [0.1, 0.5, 0.5]
    assert second.order == ["slow", "again-70"]
    assert second.values == [50, 70]
    assert [v.name for v in second.own] == ["again-70"]


def test_quick_limits_every_epoch_and_gives_way_to_variants():
    found = recipe(NAMED + "[quick]\nepochs = 4\nlr = 0.25\nhidden = [3]\n")
    plain, slow, phased, _ = found.variants
    assert effective_settings(slow, found.base, None)[0].epochs == 50
    settings = {
        v.name: effective_settings(v, found.base, found.quick) for v in (plain, slow, phased)
    }
    assert settings["plain"][0].lr == 0.25
    assert settings["slow"][0].lr == 0.1
    assert settings["slow"][0].epochs == 4
    assert settings["slow"][0].hidden_widths == (3,)
    assert [phase["epochs"] for phase in settings["phased"][1]] == [3, 4]


def test_a_share_of_the_epochs():
    slow = recipe(NAMED).variants[1]
    assert effective_settings(slow, {}, None, 0.25)[0].epochs == 12
    assert effective_settings(slow, {}, None, 0.001)[0].epochs == 1


def test_recipes_of_the_package_are_whole():
    assert names() == ["adam-batchnorm", "kuzushiji", "mnist", "parts", "products"]
    for name in names():
        found = find_recipe(name)
        assert found.about
        assert found.data.form
        assert all(sweep.why and sweep.title for sweep in found.sweeps)


SWEEP = '[[sweeps]]\nname = "s"\nsetting = "lr"\nvalues = [0.1]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = ", "is not TOML"),
        ("a = " + "[" * 5000 + "]" * 5000, "is not TOML"),
        ('title = "no sweeps"', "no [[sweeps]]"),
        ("sweeps = 3", "sweeps must be a list"),
        ("sweeps = [3]", "sweeps[1] must be a table"),
        (RECIPE + "[[sweep]]\nname = 1", "did you mean 'sweeps'"),
        (SWEEP + "vaules = [1]", "did you mean 'values'"),
        (SWEEP + "grid = { lr = [1.0] }", "one of values"),
        ('[[sweeps]]\nname = "s"', "one of values"),
        ('[[sweeps]]\nname = "../up"\nvalues = [1]', "name must be letters"),
        ('[[sweeps]]\nname = "s"\nvalues = [1]', "need a setting"),
        ('[[sweeps]]\nname = "s"\nsetting = "learning"\nvalues = [1]', "is not a setting"),
        (
            '[[sweeps]]\nname = "s"\nsetting = "lr"\nvalues = [-1.0]',
            "variant s--1.0: lr must be greater",
        ),
        ('[[sweeps]]\nname = "s"\nsetting = "lr"\nvalues = [0.1, 0.1]', "two variants named"),
        (SWEEP + SWEEP, "two variants named"),
        ('[[sweeps]]\nname = "s"\ngrid = { lr = 3 }', "list of values"),
        ('[[sweeps]]\nname = "s"\ngrid = { lrr = [3] }', "did you mean 'lr'"),
        (
            f'[[sweeps]]\nname = "s"\ngrid = {{ lr = {[1.0] * 150}, batch_size = {[1] * 150} }}',
            "two variants",
        ),
        (SWEEP + "metric = 3", "metric must be text"),
        (SWEEP + 'metric = "test_accuracies"', "is not measured"),
        (SWEEP + 'also = ["t"]', "no variant of an earlier sweep"),
        (SWEEP + "also = [[1]]", "no variant of an earlier sweep"),
        (
            '[[sweeps]]\nname = "s"\nsetting = "activation"\nvalues = ["rleu"]',
            "did you mean 'relu'",
        ),
        ('[[sweeps]]\nname = "s"\nsetting = "init"\nvalues = ["heavy"]', "initial weight 'heavy'"),
        (
            '[[sweeps]]\nname = "s"\nsetting = "schedule"\nvalues = ["cosin"]',
            "did you mean 'cosine'",
        ),
        ('[[sweeps]]\nname = "s"\nsetting = "loss"\nvalues = ["hinge"]', "loss 'hinge'"),
        (
            '[[sweeps]]\nname = "s"\nsetting = "momentum"\nvalues = [1.5]\n'
            'changes = { optimizer = "momentum" }',
            "momentum",
        ),
        (SWEEP + 'changes = { dataset = "/etc/passwd" }', "its own dataset must be one of"),
        ('[base]\ndataset = "digits"\n' + SWEEP, "named by dataset in [data]"),
        ("[base]\nhiden = [3]\n" + SWEEP, "did you mean 'hidden'"),
        ('[quick]\nepochs = "few"\n' + SWEEP, "epochs must be a whole number"),
        ("[data]\nrows = 1\n" + SWEEP, "rows must be at least 2"),
        ('[data]\nresize = "big"\n' + SWEEP, "HEIGHTxWIDTH"),
        ("[data]\nclass_sizes = [3]\n" + SWEEP, "two whole numbers"),
        ("[data]\nclass_sizes = [true, 3]\n" + SWEEP, "two whole numbers"),
        ("[data]\nepochs_share = 0.0\n" + SWEEP, "epochs_share"),
        ('[data]\ndatset = "digits"\n' + SWEEP, "did you mean 'dataset'"),
        ("[data.quick]\nrow = 3\n" + SWEEP, "did you mean 'rows'"),
        ('[data]\nsettings = { dataset = "digits" }\n' + SWEEP, "must not name the dataset"),
        ('measures = ["everything"]\n' + SWEEP, "measures: 'everything'"),
        (
            SWEEP + '[[sweeps]]\nname = "t"\n[[sweeps.variants]]\nname = "x"\nphases = [3]',
            "must be a table",
        ),
        (
            SWEEP
            + '[[sweeps]]\nname = "t"\n[[sweeps.variants]]\nname = "x"\nphases = [{ lr = 1.0 }]',
            "no epochs",
        ),
        (
            SWEEP + '[[sweeps]]\nname = "t"\n[[sweeps.variants]]\nname = "x"\n'
            'phases = [{ epochs = 1, loss = "x" }]',
            "loss",
        ),
        (
            SWEEP + '[[compare]]\nvariant = "s-0.2"\nmetric = "test_accuracy"\nreported = 1',
            "did you mean 's-0.1'",
        ),
        (
            SWEEP + '[[compare]]\nvariant = "s-0.1"\nmetric = "test_accuracy"\nreported = nan',
            "finite number",
        ),
        (
            SWEEP + '[[compare]]\nvariant = "s-0.1"\nmetric = "test_accuracy"\nreported = "high"',
            "must be a number",
        ),
        (
            SWEEP + '[[compare]]\nvariant = "s-0.1"\nmetric = "test_accuracy"\nreported = 1\n'
            'expect = "fail"',
            "'fails'",
        ),
        (
            SWEEP + '[[compare]]\nvariant = "s-0.1"\nmetric = "test_accuracy"\nreported = 1\n'
            "tolerance = -1",
            "at least 0",
        ),
        (
            SWEEP
            + '[[compare]]\nvariant = "s-0.1"\nmetric = "test_accuracy"\nreported = 1\nthan = "t"',
            "no variant 't'",
        ),
        (f'title = "{"x" * 30_000}"\n' + SWEEP, "longer than"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UsageError) as caught:
        recipe(text, "mine")
    message = str(caught.value)
    assert message.startswith("recipe mine")
    assert words in message, message
    assert "\n" not in message.replace("is not TOML", "") or "TOML" in message


def test_files(tmp_path):
    path = tmp_path / "my sweep.toml"
    path.write_text(RECIPE)
    assert find_recipe(str(path)).name == "my-sweep"
    path.write_text("x = 1\n" + RECIPE)
    with pytest.raises(UsageError, match=r"my sweep\.toml: the recipe has no key 'x'"):
        find_recipe(str(path))
    with pytest.raises(UsageError, match="did you mean 'mnist'"):
        find_recipe("mnits")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        find_recipe(str(path))
    path.write_bytes(b"#" * (LARGEST_RECIPE + 1))
    with pytest.raises(UsageError, match="larger than"):
        find_recipe(str(path))
