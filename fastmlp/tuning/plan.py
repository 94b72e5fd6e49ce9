"""What a search looks for: the settings that stay, the space, the number that decides."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from fastmlp.data.source import Source
from fastmlp.data.staged.table import StagedTable
from fastmlp.errors import UsageError
from fastmlp.metrics.table import parse_metric
from fastmlp.nn.losses import loss_kind
from fastmlp.preparation.prepare import preset_for, task_of
from fastmlp.settings.description import Role
from fastmlp.settings.presets import FEWEST_ROWS
from fastmlp.settings.settings import Settings, names_of, settings_from

from .spaces.space import Space, default_space, parse_space

# Who validates where nothing is said: of few rows all, in so many folds; else a share of them.
FEW_ROWS, FOLDS, VALIDATION_SHARE = 10_000, 5, 0.2
LOSS = "loss"
# What a loss is compared by between trials, where the user names nothing.
METRIC_OF_LOSS = {"squared_error": "rmse", "absolute_error": "mae", "poisson": "poisson_deviance"}
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
FORMAT = 1
DIGESTED_ROWS = 100


@dataclass(frozen=True)
class Plan:
    """A search that is the same for all of its workers, here and elsewhere.

    Attributes
    ----------
    name
        Of the data.
    base
        The settings that were given, with those that the search adds.
    tables
        The space.
    metric
        What decides, on the validation rows: a metric, or ``loss``.
    facts
        What conditions may ask of the data beside settings.
    preset
        That the settings come to.
    data
        A digest of the data.
    resolved
        The settings with those of the preset.
    notes
        What was decided without being told, in sentences.
    """

    name: str
    base: dict[str, Any]
    tables: dict[str, Any]
    metric: str
    facts: dict[str, Any]
    preset: str
    data: str
    resolved: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @cached_property
    def space(self) -> Space:
        """What trials may pick."""
        return parse_space(self.tables)

    @property
    def number(self) -> str:
        """The name under which records have the number that decides."""
        return LOSS if self.metric == LOSS else parse_metric(self.metric).name

    @property
    def larger_is_better(self) -> bool:
        """Whether the largest number is the best."""
        return self.metric != LOSS and parse_metric(self.metric).kind.larger_is_better

    def settings(self, changes: Mapping[str, Any]) -> Settings:
        """Return the settings of a trial that changes some."""
        return settings_from(self.base, dict(changes))

    @property
    def known(self) -> dict[str, Any]:
        """What conditions of the space are asked about, where a trial picks nothing."""
        return {**self.resolved, **self.facts}

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it."""
        return asdict(self)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same of whoever works on one study."""
        elsewhere = {*names_of(Role.PLACE)}
        elsewhere |= {each.name for each in fields(Settings) if each.metadata["group"] == "machine"}
        settings = {name: value for name, value in self.base.items() if name not in elsewhere}
        whole = {"settings": settings, "space": self.tables, "metric": self.metric}
        return json.loads(json.dumps({"format": FORMAT, **whole, "data": self.data}))


def make_plan(settings: Settings, source: Source, tables: Mapping[str, Any] | None) -> Plan:
    """Return the plan of a search.

    Parameters
    ----------
    settings
        What stays as it is, and where the search begins.
    source
        The data.
    tables
        The space; None for the one that goes with the preset, without what was given.

    Raises
    ------
    UsageError
        If settings or space do not fit the data or each other.
    """
    _check_settings(settings)
    task, said, notes = task_of(settings, source), settings.said(), []
    resolved = settings.with_preset(preset_for(source), task, len(source))
    facts = {"task": task, **_facts(source)}
    if tables is None:
        space = default_space(resolved.preset)
        stays = [name for name in space.settings if name in said]
        space = _relevant(space.without(stays), facts)
        if stays:
            notes.append(f"as given, and not searched: {', '.join(stays)}.")
        if not space.parameters:
            raise UsageError(
                "all settings of the space were given, so nothing is left to be searched; give "
                "fewer of them, or a --space."
            )
    else:
        space = parse_space(tables)
    added, how = _validating(resolved, said, space, len(source))
    notes += how
    metric = _metric(settings, task, space)
    if metric != LOSS:
        added["metric"] = metric
        said.pop("watch", None)
    base = {**said, **added}
    resolved = settings_from(base).with_preset(preset_for(source), task, len(source))
    about = resolved.preset, _digest(source), resolved.to_dict()
    return Plan(source.name, base, space.tables, metric, facts, *about, notes)


def _check_settings(settings: Settings) -> None:
    for name in ("checkpoint_every", "log_every"):
        if getattr(settings, name) is not None:
            raise UsageError(
                f"{name} does not go with a search, whose trials leave no folder; leave it out."
            )


def _validating(
    resolved: Settings, said: dict[str, Any], space: Space, rows: int
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings by which rows validate, where nothing says that any do, and a note.

    A fifth of few rows is noise to choose by: of the 1,797 digits 40 trials found settings that
    were worse on the test rows than those that they began with, and by folds better ones.
    """
    if resolved.folds is not None or "folds" in space.settings or said.get("validation_fraction"):
        return {}, []
    excluded = {"members", "member_weights", "clip_norm"} & {*said, *space.settings}
    if FEWEST_ROWS <= rows < FEW_ROWS and not excluded:
        return {"folds": FOLDS}, [
            f"there are few rows, so all of them validate in {FOLDS} folds, and the model is an "
            f"ensemble of {FOLDS}; --validation-fraction holds rows out instead."
        ]
    return {"validation_fraction": VALIDATION_SHARE}, [
        f"no folds validate, so {VALIDATION_SHARE:.0%} of the rows do; --validation-fraction says "
        "otherwise."
    ]


def _metric(settings: Settings, task: str, space: Space) -> str:
    """Return what decides: what was given, else what goes with the loss."""
    if settings.metric != "auto":
        return str(settings.make_metric(task))
    if settings.watch == "score":
        return "r2" if task == "regression" else "accuracy"
    kind, loss = loss_kind(settings.loss_word, task), settings.make_loss(task, 2)
    if kind.from_logits and task != "regression":
        return "log_loss"
    if task == "regression" and loss.name in METRIC_OF_LOSS:
        return METRIC_OF_LOSS[loss.name]
    if task == "regression" and len(loss.levels) == 1:
        return f"pinball({loss.levels[0]:g})"
    if clash := [name for name in _of_the_loss() if name in space.settings]:
        raise UsageError(
            f"trials that differ in {', '.join(clash)} cannot be compared by their loss; name a "
            "--metric."
        )
    return LOSS


def _of_the_loss() -> list[str]:
    """Return the settings with another of which the loss is another number."""
    of_loss = [each for each in fields(Settings) if each.metadata["group"] == "loss"]
    return [each.name for each in of_loss if each.metadata["role"] != Role.RESUME]


def _facts(source: Source) -> dict[str, bool]:
    """Return whether a table has columns of text, and cells that are missing."""
    if source.schema is None:
        return {"texts": False, "gaps": False}
    features = [each for each in source.schema.columns if each.role == "feature"]
    return {
        "texts": any("text" in each.kind for each in features),
        "gaps": any(each.missing for each in features),
    }


def _relevant(space: Space, facts: dict[str, Any]) -> Space:
    """Return the space without settings that never count with these data."""
    never = [
        parameter.name
        for parameter in space.parameters
        if not all(
            facts[name] in values for name, values in parameter.when.items() if name in facts
        )
    ]
    return space.without(never)


def _digest(source: Source) -> str:
    """Return what tells other data from these: their shape, all targets, some rows."""
    rows = np.linspace(0, len(source) - 1, min(len(source), DIGESTED_ROWS)).astype(np.int64)
    features = source.features[rows]
    assert not isinstance(features, StagedTable)  # a search has its data in memory
    shown = features.tolist() if isinstance(features, np.ndarray) else features.rows()
    whole = [source.features.shape, np.asarray(source.known_target).tolist(), shown]
    told = json.dumps(whole, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def parse_seconds(text: str | float | None) -> float | None:
    """Return a time in seconds: ``90``, ``90s``, ``10m``, ``1h30m``; None for none.

    Raises
    ------
    UsageError
        If it cannot be read, or is not positive.
    """
    if text is None:
        return None
    written = str(text).strip().lower()
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", written)
    if isinstance(text, (int, float)) or re.fullmatch(r"\d+(?:\.\d+)?", written):
        seconds = float(written)
    elif parts and "".join(number + unit for number, unit in parts) == written:
        seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    else:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise UsageError(
            f"time must be a number with s, m, h or d, as 90s, 10m or 1h30m; got {str(text)!r:.40}."
        )
    return seconds


def plan_from(kept: dict[str, Any]) -> Plan:
    """Return the plan that ``to_dict`` described."""
    return Plan(**kept)
