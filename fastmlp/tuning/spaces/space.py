"""The space of a search, from a TOML file or a dict: which settings, in which ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastmlp.errors import FastMLPError, UsageError, did_you_mean
from fastmlp.experiments.tables import Table
from fastmlp.settings.config import read_config
from fastmlp.settings.description import Role, converted, field_type
from fastmlp.settings.settings import Settings, settings_from

from .parameters import PLACE, Choices, Numbers, Parameter, Suggests, in_layers

DEPTH, WIDTH = "hidden.depth", "hidden.width"
MOST_LAYERS, MOST_CHOICES, MOST_PARAMETERS = 20, 200, 100
# Settings of the data that are searched: which rows there are, and what they mean, stays.
OF_THE_DATA = ("normalize", "missing", "max_levels", "level_rows", "target_statistics",
               "standardize_target", "clamp_outputs")  # fmt: skip
# Settings of training that are not: they say which rows validate and by what, or how long it goes.
FIXED = ("preset", "seed", "metric", "watch", "time_limit", "checkpoint_every", "log_every",
         "threshold")  # fmt: skip
OF_LAYERS = ("activation", "dropout")  # which may have a word for each layer
FACTS = {"task": "what is learnt", "texts": "whether there are columns of text",
         "gaps": "whether cells are missing"}  # fmt: skip
# What others call a setting.
ALIASES = {"learning_rate": "lr", "learning_rate_init": "lr", "alpha": "l2", "depth": "hidden",
           "layers": "hidden", "width": "hidden", "widths": "hidden", "units": "hidden",
           "hidden_layer_sizes": "hidden", "epoch": "epochs"}  # fmt: skip


def searchable() -> tuple[str, ...]:
    """Return the names of the settings that a space may hold."""
    groups = {"network", "loss", "optimizer", "training"}
    return tuple(
        each.name
        for each in fields(Settings)
        if (each.metadata["group"] in groups or each.name in OF_THE_DATA)
        and each.name not in FIXED
        and Role.PLACE not in each.metadata["role"]
    )


@dataclass(frozen=True)
class Space:
    """What trials may pick, in an order in which each knows what it depends on.

    Attributes
    ----------
    parameters
        What is picked.
    tables
        As it was written: a dict that TOML and JSON can hold.
    """

    parameters: tuple[Parameter, ...]
    tables: dict[str, Any]

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that trials change."""
        return tuple(dict.fromkeys(each.name.partition(".")[0] for each in self.parameters))

    def pick(self, trial: Suggests, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that a trial picks.

        Parameters
        ----------
        trial
            Picks.
        known
            The facts, and the settings where nothing is picked.
        """
        picked: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.is_active({**known, **picked}):
                value = parameter.domain.suggest(trial, parameter.name)
                picked[parameter.name] = parameter.domain.setting(value)
        return _composed(picked, known)

    def values_of(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return by parameter the values that give settings, where the space holds them."""
        widths = str(known.get("hidden", "")).split(",")
        equal = {DEPTH: len(widths), WIDTH: widths[0] if len(set(widths)) == 1 else None}
        each = {f"{WIDTH}{number}": width for number, width in enumerate(widths, 1)}
        here = {**known, **equal, **each}
        found = {
            parameter.name: parameter.domain.value_of(here.get(parameter.name))
            for parameter in self.parameters
            if parameter.is_active(here)
        }
        return {name: value for name, value in found.items() if value is not None}

    def without(self, names: tuple[str, ...] | list[str]) -> Space:
        """Return the space without some settings."""
        parameters = tuple(
            each for each in self.parameters if each.name.partition(".")[0] not in names
        )
        tables = {name: table for name, table in self.tables.items() if name not in names}
        return replace(self, parameters=parameters, tables=tables)


def _composed(picked: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings: widths of the layers as one text, words of layers as many as there are."""
    settings = {name: value for name, value in picked.items() if "." not in name}
    if DEPTH in picked:
        depth = picked[DEPTH]
        widths = [
            picked.get(f"{WIDTH}{number}", picked.get(WIDTH)) for number in range(1, depth + 1)
        ]
        settings["hidden"] = ",".join(map(str, widths)) or "none"
    hidden = str(settings.get("hidden", known.get("hidden", "")))
    layers = 0 if hidden.strip() in ("", "none") else len(hidden.split(","))
    for name in OF_LAYERS:
        text = settings.get(name, known.get(name) if "hidden" in settings else None)
        if isinstance(text, str) and "," in text:
            settings[name] = in_layers(text, layers)
    return settings


def default_space(preset: str) -> Space:
    """Return the space that goes with a preset."""
    path = files("fastmlp.tuning.spaces").joinpath(f"{preset}.toml")
    import tomllib

    return parse_space(tomllib.loads(path.read_text(encoding="utf-8")), f"the space of {preset}")


def read_space(path: str | Path) -> Space:
    """Return the space of a TOML file.

    Raises
    ------
    UsageError
        If it cannot be read, or something in it is wrong.
    """
    try:
        return parse_space(read_config(path), f"space {path}")
    except UsageError as error:
        text = (
            str(error).replace("config ", "space ", 1).replace("keys of fastmlp train", "a space")
        )
        raise UsageError(text) from None


def parse_space(tables: Mapping[str, Any], where: str = "space") -> Space:
    """Return the space that tables describe, one for each setting.

    Raises
    ------
    UsageError
        For whatever is wrong, with the key, what was given and what is accepted.
    """
    if not isinstance(tables, Mapping) or not tables:
        raise UsageError(f"{where} names no setting; give a table such as [lr] with low and high.")
    parameters: list[Parameter] = []
    for key, values in tables.items():
        name = _known_setting(where, str(key))
        kept = dict(values) if isinstance(values, Mapping) else values
        table = Table(f"{where}: [{name}]", kept)
        is_layers = name == "hidden" and not {"choices"} & set(table.values)
        parameters += _layers(table) if is_layers else [_parameter(name, table)]
    if len(parameters) > MOST_PARAMETERS:
        raise UsageError(
            f"{where} has {len(parameters)} parameters; at most {MOST_PARAMETERS} are searched."
        )
    kept = {str(name): values for name, values in tables.items()}
    return Space(_in_order(where, parameters), kept)


def _known_setting(where: str, key: str) -> str:
    name, accepted = key.replace("-", "_"), searchable()
    if name in accepted:
        return name
    if name in ALIASES:
        raise UsageError(f"{where}: {key} is called {ALIASES[name]} here; write [{ALIASES[name]}].")
    if name in Settings.__dataclass_fields__:
        raise UsageError(
            f"{where}: {key} cannot be searched, since trials that differ in it cannot be "
            f"compared, or the machine decides it; give it as --{name.replace('_', '-')}."
        )
    raise UsageError(
        f"{where}: {key!r} is not a setting{did_you_mean(name, accepted)} "
        "Accepted are the settings of the network, the loss, the optimizer and the training of "
        "fastmlp train --help."
    )


def _layers(table: Table) -> list[Parameter]:
    """Return the parameters of the hidden layers: their number, and their widths."""
    when = _conditions(table)
    each = table.take("each", bool, False)
    depth = _numbers(Table(f"{table.where} depth", table.take("depth", dict, {})), int)
    width = _numbers(Table(f"{table.where} width", table.take("width", dict, {})), int)
    table.finish()
    if depth.high > MOST_LAYERS or depth.low < 0:
        ends = f"{depth.low:g} to {depth.high:g}"
        raise table.error("depth", f"must be from 0 to {MOST_LAYERS}; got {ends}")
    if width.low < 1:
        raise table.error("width", f"must be at least 1; got {width.low:g}")
    found = [Parameter(DEPTH, depth, when)]
    if not each:
        return [*found, Parameter(WIDTH, width, when)]
    for number in range(1, int(depth.high) + 1):
        deeper = tuple(range(max(number, int(depth.low)), int(depth.high) + 1))
        found.append(Parameter(f"{WIDTH}{number}", width, {**when, DEPTH: deeper}))
    return found


def _parameter(name: str, table: Table) -> Parameter:
    kind, optional = field_type(Settings, name)
    when = _conditions(table)
    if "choices" in table.values:
        domain = _choices(name, table, kind, optional)
    elif kind is bool:
        raise table.error("choices", "is missing; give choices = [true, false]")
    else:
        domain = _numbers(table, kind)
    table.finish()
    for value in domain.ends:
        _check_value(name, value, table)
    return Parameter(name, domain, when)


def _check_value(name: str, value: Any, table: Table) -> None:
    """Check that the setting accepts a value, its words too."""
    given = (
        in_layers(value, 2) if name in ("activation", "dropout") and "," in str(value) else value
    )
    try:
        changes = {"folds": 2} if name == "member_weights" else {}
        changes |= {"members": 4} if name == "member_weights" else {}
        settings_from(changes, {name: given}).check_words()
    except FastMLPError as error:
        raise UsageError(f"{table.where}: {error}") from None


def _choices(name: str, table: Table, kind: type, optional: bool) -> Choices:
    given = table.take("choices", list)
    if not 2 <= len(given) <= MOST_CHOICES:
        raise table.error(
            "choices", f"must be a list of 2 to {MOST_CHOICES} values; got {len(given)}"
        )
    values: list[Any] = []
    for each in given:
        value = converted(kind, each)
        if optional and kind is not str and value in ("auto", "none"):
            value = None
        if not isinstance(value, (str, int, float, bool, type(None))):
            raise table.error("choices", f"must be texts, numbers or truths; got {each!r:.60}")
        if any(type(value) is type(other) and value == other for other in values):
            raise table.error("choices", f"holds {each!r:.60} twice; give it once")
        values.append(value)
    return Choices(tuple(values))


def _numbers(table: Table, kind: type) -> Numbers:
    low, high = _number(table, "low"), _number(table, "high")
    step = None if table.values.get("step") is None else _number(table, "step")
    log, word = table.take("log", bool, False), table.take("word", str)
    whole = all(isinstance(each, int) for each in (low, high, 1 if step is None else step))
    if kind is int and not whole:
        raise table.error("low, high and step", "must be whole numbers")
    is_whole = kind is int or (kind is str and whole)
    if word is not None and (kind is not str or word.count(PLACE) != 1):
        text = (
            f"must be a text with one {PLACE} for the number, of a setting of words; got {word!r}"
        )
        raise table.error("word", text)
    if not low < high:
        raise table.error("low", f"must be less than high; got {low:g} and {high:g}")
    if log and not low > 0:
        raise table.error("low", f"must be greater than 0 with log; got {low:g}")
    if step is not None and log:
        raise table.error("step", "does not go with log; leave one of them out")
    if step is not None and (
        not step > 0 or (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step))
    ):
        text = f"must go from low to high without a rest, {low:g} to {high:g}; got {step:g}"
        raise table.error("step", text)
    return Numbers(low, high, step, log, is_whole, word)


def _number(table: Table, key: str) -> float:
    value = table.take_any(key)
    if value is None:
        raise table.error(key, "is missing; give low and high, or choices")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise table.error(key, f"must be a number; got {value!r:.60}")
    if not abs(value) < 1e300:
        raise table.error(key, f"must be a finite number; got {value!r:.60}")
    return value


def _conditions(table: Table) -> dict[str, tuple[Any, ...]]:
    when, found = table.take("when", dict, {}), {}
    accepted = {*Settings.__dataclass_fields__, *FACTS, DEPTH, WIDTH}
    for key, values in when.items():
        name = key if key in (DEPTH, WIDTH) else key.replace("-", "_")
        if name not in accepted:
            text = f"names {key!r}, which is no setting{did_you_mean(name, accepted)}"
            raise table.error("when", text.removesuffix("."))
        listed = values if isinstance(values, list) else [values]
        if not listed or not all(isinstance(each, (str, int, float)) for each in listed):
            raise table.error("when", f"must name values or lists of them; got {values!r:.60}")
        found[name] = tuple(listed)
    return found


def _in_order(where: str, parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """Return parameters so that each stands behind those that its condition names."""
    names, ordered = {each.name for each in parameters}, []
    waiting = list(parameters)
    while waiting:
        placed = {each.name for each in ordered}
        ready = [each for each in waiting if not (set(each.when) & names) - placed]
        if not ready:
            circle = ", ".join(re.sub(r"\..*", "", each.name) for each in waiting)
            raise UsageError(f"{where}: the conditions of {circle} wait for each other.")
        ordered += ready
        waiting = [each for each in waiting if each not in ready]
    return tuple(ordered)
