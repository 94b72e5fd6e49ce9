"""What the tests of experiments share."""

from small_data import RECIPE

from fastmlp.experiments.recipe import parse_recipe
from fastmlp.experiments.runner import Options, Runner


def recipe(text=RECIPE, name="rates"):
    return parse_recipe(name, text)


def run(text=RECIPE, name="rates", **options):
    """Run a recipe; return the experiment and the (name, seed) that ran, in order of their ends."""
    runner, ran = Runner(recipe(text, name), Options(**options)), []
    experiment = runner.run(
        lambda variant: ran.append(variant.key) if variant.status != "running" else None
    )
    return experiment, ran
