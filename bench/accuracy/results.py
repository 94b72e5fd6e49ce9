"""What was measured: fits, tables and machines, kept in a file and put together again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.workers import ROOT
from fastmlp.errors import DataError
from fastmlp.files.atomic import write_text

from .contenders import OWN, is_own
from .recipes import RECIPES
from .scores import Rows, Summary, TableScores, score_table, summarise

RECORDED = ROOT / "bench" / "results" / "accuracy.json"
PARTS = ("tables", "measured", "rows")


@dataclass
class Results:
    """All fits, and what is known of where they were made.

    Attributes
    ----------
    tables
        By name: the task, how many test rows there are, and how many of each class.
    measured
        By contender: the machine, the libraries' versions, the threads, the settings.
    rows
        A dict a fit.
    """

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    measured: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def contenders(self) -> list[str]:
        """Names of those who have fits, fastmlp first."""
        names = dict.fromkeys(row["contender"] for row in self.rows)
        return sorted(names, key=lambda name: (not is_own(name), name != OWN))

    def renewed(self, other: Results) -> Results:
        """Return these results with those of another run in the place of the same contenders'."""
        again = {row["contender"] for row in other.rows}
        kept = [row for row in self.rows if row["contender"] not in again]
        places = {name: place for name, place in self.measured.items() if name not in again}
        return Results(self.tables | other.tables, places | other.measured, [*kept, *other.rows])

    def only(self, tables: list[str]) -> Results:
        """Return the results on some tables."""
        rows = [row for row in self.rows if row["table"] in tables]
        return Results({name: self.tables[name] for name in tables}, self.measured, rows)

    def scores(self) -> dict[str, TableScores]:
        """Return the scores by table, in the order of the recipes."""
        peers = [name for name in self.contenders if not is_own(name)]
        order = list(RECIPES)
        names = sorted(self.tables, key=lambda name: order.index(name) if name in order else 0)
        return {
            name: score_table(
                (table := self.tables[name])["task"],
                rows,
                Rows(table["test_rows"], tuple(table["class_counts"])),
                peers,
            )
            for name in names
            if (rows := [row for row in self.rows if row["table"] == name])
        }

    def summaries(self, own: str) -> list[Summary]:
        """Return how each contender stands over all tables, the best score first."""
        tables = list(self.scores().values())
        found = [summarise(name, own, tables) for name in self.contenders]
        return sorted(found, key=lambda each: -9 if each.score is None else each.score)[::-1]


def read_results(path: Path) -> Results:
    """Return what a file holds.

    Raises
    ------
    DataError
        If it is missing or no such file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Results(**{part: found[part] for part in PARTS})
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = " ".join(str(error).split())
        raise DataError(
            f"{path} holds no results of bench.accuracy ({why}); --json writes such a file."
        ) from None


def write_results(path: Path, results: Results) -> None:
    """Write results as JSON, a line a fit."""
    head = json.dumps({"tables": results.tables, "measured": results.measured}, indent=1)
    rows = ",\n".join(f"  {json.dumps(_rounded(row))}" for row in results.rows)
    write_text(path, f'{head.removesuffix("}").rstrip()},\n "rows": [\n{rows}\n ]\n}}\n')


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a fit with seven digits a number, which is more than is known."""
    return {
        key: float(f"{value:.7g}") if isinstance(value, float) else value
        for key, value in row.items()
    }
