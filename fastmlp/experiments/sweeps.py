"""The sweeps of a recipe: values, grids and named variants become checked settings."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

from fastmlp.data.sources.datasets import NAMES as NAMES_OF_DATA
from fastmlp.errors import UsageError, did_you_mean
from fastmlp.metrics.table import METRICS, parse_metric
from fastmlp.run.phases import MOST_PHASES, parse_phases
from fastmlp.settings.settings import Settings, settings_from

from .parts import EXPECTATIONS, Comparison
from .tables import NAME, Table

MOST_VARIANTS = 10_000
SETTINGS = tuple(description.name for description in fields(Settings))
METRIC = re.compile(
    rf"(train|validation|test)_(loss|{'|'.join(METRICS)}|binary_cross_entropy)(_first)?"
    r"|(train|test|validation)_loss_lowest(_epoch)?"
    r"|train_seconds|samples_per_second|parameters|epochs|best_epoch"
)


@dataclass(frozen=True)
class VariantPlan:
    """A run that is wanted: its changes to the recipe's base, and its value in the sweep."""

    name: str
    changes: dict[str, Any]
    phases: list[dict[str, Any]] = field(default_factory=list)
    value: float | int | str | bool | None = None


@dataclass(frozen=True)
class SweepPlan:
    """A sweep: its ``own`` variants, the ``order`` of all that it shows, and their ``values``."""

    name: str
    title: str
    setting: str
    log_axis: bool
    metric: str
    why: str
    own: list[VariantPlan]
    order: list[str]
    values: list[Any]


def parse_sweeps(
    tables: list[Table], base: dict[str, Any], quick: dict[str, Any]
) -> list[SweepPlan]:
    """Return the sweeps of a recipe, every variant's settings and phases checked, quick ones too.

    Raises
    ------
    UsageError
        For whatever is wrong, naming the sweep.
    """
    sweeps: list[SweepPlan] = []
    known: dict[str, VariantPlan] = {}
    for table in tables:
        sweep = _parse_sweep(table, base, known)
        for variant in sweep.own:
            if variant.name in known:
                raise UsageError(
                    f"{table.where}: there are two variants named {variant.name!r}; "
                    "name one otherwise."
                )
            known[variant.name] = variant
            _check_variant(variant, base, quick)
        if any(sweep.name == earlier.name for earlier in sweeps):
            raise UsageError(
                f"{table.where}: there are two sweeps named {sweep.name!r}; name one otherwise."
            )
        sweeps.append(sweep)
        if len(known) > MOST_VARIANTS:
            raise UsageError(f"it has more than {MOST_VARIANTS:,} variants.")
    return sweeps


def parse_comparisons(tables: list[Table], variants: list[str]) -> list[Comparison]:
    """Return the reported figures, each of a variant that there is.

    Raises
    ------
    UsageError
        For whatever is wrong, naming the figure.
    """
    return [_parse_comparison(table, variants) for table in tables]


def effective_settings(
    variant: VariantPlan,
    base: dict[str, Any],
    quick: dict[str, Any] | None,
    epochs_share: float = 1.0,
) -> tuple[Settings, list[dict[str, Any]]]:
    """Return a variant's settings and phases.

    Parameters
    ----------
    variant
        The variant.
    base
        Settings for which it has none of its own.
    quick
        Settings that count more than the base's, and the most ``epochs`` of the run or a phase;
        None for a full run.
    epochs_share
        The share of all epochs that is trained.
    """
    # Variants are compared in what they say: auto takes no ensemble.
    settings = settings_from({"preset": "plain"}, base, quick or {}, variant.changes)
    # A quick run shortens all, whatever they say.
    of_variant = settings_from(base, variant.changes).epochs

    def shortened(epochs: int | None) -> int | None:
        most = None if quick is None else quick["epochs"]
        if epochs is None:
            return most
        scaled = max(1, round(epochs * epochs_share))
        return scaled if most is None else min(scaled, most)

    phases = [
        phase | {"epochs": shortened(phase.get("epochs", of_variant))} for phase in variant.phases
    ]
    return replace(settings, epochs=shortened(of_variant)), phases


def shown_value(value: Any) -> float | int | str | bool:
    """Return a swept value as a number or a text."""
    return ",".join(str(part) for part in value) if isinstance(value, list) else value


def _parse_sweep(table: Table, base: dict[str, Any], known: dict[str, VariantPlan]) -> SweepPlan:
    name = table.take_name("name")
    title, why = table.take("title", str, name), table.take("why", str, "")
    setting, log_axis = table.take("setting", str, ""), table.take("log_axis", bool, False)
    changes = table.take("changes", dict, {})
    metric = _metric(table, "metric", _ranking_metric(base | changes))
    values, grid = table.take("values", list), table.take("grid", dict)
    named, also = table.take_tables("variants", MOST_VARIANTS), table.take("also", list, [])
    table.finish()
    if setting and setting not in SETTINGS:
        raise table.error(
            "setting",
            f"{setting!r} is not a setting of train{did_you_mean(setting, SETTINGS)[:-1]}",
        )
    if sum((values is not None, grid is not None, bool(named))) > 1 or not (
        values or grid or named or also
    ):
        raise UsageError(
            f"{table.where} must have one of values (with a setting), grid, or variants; or also."
        )
    if values is not None and not setting:
        raise table.error("values", "need a setting that takes them")
    if values is not None:
        own = [_of_values(table, name, changes, {setting: value}) for value in values]
    elif grid is not None:
        own = _of_grid(table, name, changes, grid)
    else:
        own = [_named(variant, changes, setting, base) for variant in named]
    for other in also:
        if not isinstance(other, str) or other not in known:
            near = did_you_mean(other, known) if isinstance(other, str) else "."
            raise table.error(
                "also", f"names {other!r:.60}, which is no variant of an earlier sweep{near[:-1]}"
            )
    order = [*also, *(variant.name for variant in own)]
    values = []
    if setting:
        order, values = _by_value(order, {**known, **{v.name: v for v in own}}, setting, base)
    return SweepPlan(name, title, setting, log_axis, metric, why, own, order, values)


def _of_grid(table: Table, name: str, changes: dict, grid: dict[str, Any]) -> list[VariantPlan]:
    for setting, values in grid.items():
        if setting not in SETTINGS:
            raise table.error(
                "grid",
                f"has {setting!r}, which is not a setting{did_you_mean(setting, SETTINGS)[:-1]}",
            )
        if not isinstance(values, list) or not values:
            raise table.error("grid", f"must have a list of values for {setting}")
    combinations = itertools.islice(itertools.product(*grid.values()), MOST_VARIANTS + 1)
    return [
        _of_values(table, name, changes, dict(zip(grid, values, strict=True)))
        for values in combinations
    ]


def _of_values(table: Table, sweep: str, changes: dict, values: dict[str, Any]) -> VariantPlan:
    words = [
        re.sub(r"[^A-Za-z0-9._-]+", "-", str(shown_value(value))).rstrip("-")
        for value in values.values()
    ]
    name = "-".join([sweep, *words])
    if not NAME.fullmatch(name):
        raise table.error(
            "values",
            f"make a variant's name of {name!r:.100}; give variants with names of their own",
        )
    return VariantPlan(
        name, {**changes, **values}, [], shown_value(*values.values()) if len(values) == 1 else None
    )


def _named(table: Table, changes: dict, setting: str, base: dict[str, Any]) -> VariantPlan:
    name, own = table.take_name("name"), table.take("changes", dict, {})
    phases = [dict(phase.values) for phase in table.take_tables("phases", MOST_PHASES)]
    table.finish()
    all_changes = {**changes, **own}
    value = (
        all_changes.get(setting, base.get(setting, getattr(Settings(), setting, None)))
        if setting
        else None
    )
    return VariantPlan(name, all_changes, phases, shown_value(value))


def _by_value(
    order: list[str], known: dict[str, VariantPlan], setting: str, base: dict[str, Any]
) -> tuple[list[str], list[Any]]:
    """Sort variants by a swept number, and return its values; texts stay in their order."""
    default = getattr(Settings(), setting)
    values = {name: known[name].changes.get(setting, base.get(setting, default)) for name in order}
    if all(isinstance(value, (int, float)) for value in values.values()):
        order = sorted(order, key=lambda name: values[name])
    return order, [shown_value(values[name]) for name in order]


def _check_variant(variant: VariantPlan, base: dict[str, Any], quick: dict[str, Any]) -> None:
    dataset = variant.changes.get("dataset", NAMES_OF_DATA[0])
    if dataset not in NAMES_OF_DATA:
        raise UsageError(
            f"variant {variant.name}: its own dataset must be one of {', '.join(NAMES_OF_DATA)}; "
            f"got {dataset!r:.60}. Other data are named in [data], for all variants."
        )
    try:
        # Counts of epochs are counts, before a quick run makes them so.
        given = settings_from(base, variant.changes)
        if variant.phases:
            parse_phases(given, variant.phases)
        for shortening in (None, quick):
            settings, phases = effective_settings(variant, base, shortening)
            settings.check_words()
            for phase in parse_phases(settings, phases) if phases else ():
                phase.settings.check_words()
    except UsageError as error:
        raise UsageError(f"variant {variant.name}: {error}") from None


def _ranking_metric(settings: dict[str, Any]) -> str:
    """Return what ranks runs where a sweep does not say: that which tells their best epoch."""
    word = settings.get("metric", "auto")
    is_named = isinstance(word, str) and word != "auto"
    return f"test_{parse_metric(word).name}" if is_named else "test_accuracy"


def _metric(table: Table, key: str, default: str | None = None) -> str:
    metric = table.take(key, str, default)
    if metric is None or not METRIC.fullmatch(metric):
        raise table.error(
            key, f"{metric!r:.60} is not measured; give test_accuracy, train_loss, test_r2, …"
        )
    return metric


def _parse_comparison(table: Table, variants: list[str]) -> Comparison:
    variant, metric = table.take("variant", str, ""), _metric(table, "metric")
    reported, than = table.take_any("reported"), table.take("than", str, "")
    expect = table.take_choice("expect", EXPECTATIONS, "at_least")
    tolerance, note = table.take("tolerance", float, 0.0), table.take("note", str, "")
    table.finish()
    for name in (variant, than) if than else (variant,):
        if name not in variants:
            raise UsageError(
                f"{table.where}: there is no variant {name!r:.60}{did_you_mean(name, variants)}"
            )
    is_number = (
        isinstance(reported, (int, float))
        and not isinstance(reported, bool)
        and math.isfinite(reported)
    )
    if not is_number and not isinstance(reported, str):
        raise table.error(
            "reported", f"must be a finite number or a text such as NaN; got {reported!r:.60}"
        )
    if not is_number and not than and expect != "fails":
        raise table.error(
            "reported", f"must be a number where {expect} is expected; got {reported!r:.60}"
        )
    if tolerance < 0:
        raise table.error("tolerance", f"must be at least 0; got {tolerance:g}")
    return Comparison(variant, metric, reported, expect, tolerance, note, than)
