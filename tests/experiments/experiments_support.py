"""What the tests of experiments share."""

from fastmlp.experiments.recipe import parse_recipe
from fastmlp.experiments.runner import Options, Runner

RECIPE = """
title = "Learning rates"
[data]
dataset = "classes.npz"
[base]
hidden = [6]
epochs = 2
batch_size = 16
threads = "1"
[[sweeps]]
name = "lr"
setting = "lr"
values = [0.001, 0.01, 0.1]
[[compare]]
variant = "lr-0.1"
metric = "test_accuracy"
reported = 0.2
"""


def recipe(text=RECIPE, name="rates"):
    return parse_recipe(name, text)


def run(text=RECIPE, name="rates", **options):
    """Run a recipe; return the experiment and the (name, seed) that ran, in order of their ends."""
    runner, ran = Runner(recipe(text, name), Options(**options)), []
    experiment = runner.run(
        lambda variant: ran.append(variant.key) if variant.status != "running" else None
    )
    return experiment, ran
