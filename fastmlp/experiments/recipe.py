"""Recipes: TOML files that say what to run, on which data, and what others' runs brought."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from fastmlp.errors import UsageError, did_you_mean

from .data_plan import DataPlan, parse_data
from .parts import Comparison
from .sweeps import SweepPlan, VariantPlan, parse_comparisons, parse_sweeps
from .tables import NAME, Table

LARGEST_RECIPE = 1 << 20  # bytes
MEASURES = ("binary_cross_entropy",)
QUICK_EPOCHS = 2


@dataclass(frozen=True)
class Recipe:
    """What an experiment runs and compares.

    Attributes
    ----------
    name
        The file's stem.
    title, about
        What it is called and what it is about.
    base
        Settings of ``fastmlp train`` that all variants share.
    quick
        Settings for --quick; ``epochs`` is the most that any variant or phase is given.
    data
        What it runs on.
    sweeps
        The variants by sweep.
    comparisons
        The figures that were reported.
    measures
        What is measured of each run beside loss and accuracy: names of MEASURES.
    text
        The file as it was read.
    """

    name: str
    title: str
    about: str
    base: dict[str, Any]
    quick: dict[str, Any]
    data: DataPlan
    sweeps: list[SweepPlan]
    comparisons: list[Comparison]
    measures: list[str] = field(default_factory=list)
    text: str = ""

    @property
    def variants(self) -> list[VariantPlan]:
        """The variants of all sweeps, in order."""
        return [variant for sweep in self.sweeps for variant in sweep.own]


def names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = resources.files("fastmlp.experiments") / "recipes"
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def find_recipe(name: str) -> Recipe:
    """Return a recipe by the name of one that comes with the package, or by the path of a file.

    Raises
    ------
    UsageError
        If there is no such recipe, or it is not one: everything in it is checked.
    """
    if name in names():
        return parse_recipe(
            name,
            (resources.files("fastmlp.experiments") / "recipes" / f"{name}.toml").read_text(
                "utf-8"
            ),
        )
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(
            f"recipe {name!r} is neither a file nor one that comes with fastmlp"
            f"{did_you_mean(name, names())} Recipes: {', '.join(names())}."
        )
    try:
        if path.stat().st_size > LARGEST_RECIPE:
            raise UsageError(f"recipe {path} is larger than {LARGEST_RECIPE:,} bytes.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"recipe {path} cannot be read: {reason}. Give a TOML file.") from None
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")
    return parse_recipe(stem if NAME.fullmatch(stem) else "experiment", text, str(path))


def parse_recipe(name: str, text: str, path: str | None = None) -> Recipe:
    """Return the recipe that a text describes; see ``find_recipe`` for the errors.

    Parameters
    ----------
    name
        Of the experiment.
    text
        TOML.
    path
        What errors should call it; default its name.
    """
    import tomllib

    try:
        top = Table("the recipe", tomllib.loads(text))
        return _parse(name, text, top)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"recipe {path or name} is not TOML: {error}.") from None
    except UsageError as error:
        raise UsageError(f"recipe {path or name}: {error}") from None


def _parse(name: str, text: str, top: Table) -> Recipe:
    title, about = top.take("title", str, name), top.take("about", str, "")
    base, quick = dict(top.take("base", dict, {})), dict(top.take("quick", dict, {}))
    data = parse_data(Table("data", top.take("data", dict, {})))
    measures = top.take("measures", list, [])
    for measure in measures:
        if measure not in MEASURES:
            raise UsageError(
                f"measures: {measure!r:.60} is not known. Accepted: {', '.join(MEASURES)}."
            )
    sweep_tables, comparison_tables = (
        top.take_tables("sweeps", 1000),
        top.take_tables("compare", 10_000),
    )
    top.finish()
    if "dataset" in base:
        raise UsageError("base: the data are named by dataset in [data], not in [base].")
    if not sweep_tables:
        raise UsageError(
            "it has no [[sweeps]]; give at least one, with a setting and values, grid or variants."
        )
    quick.setdefault("epochs", QUICK_EPOCHS)
    sweeps = parse_sweeps(sweep_tables, base, quick)
    known = [variant.name for sweep in sweeps for variant in sweep.own]
    comparisons = parse_comparisons(comparison_tables, known)
    return Recipe(name, title, about, base, quick, data, sweeps, comparisons, measures, text)
