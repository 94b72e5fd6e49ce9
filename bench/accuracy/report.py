"""How results are shown: tables for a terminal, tables for a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fastmlp.cli.console import Console
from fastmlp.errors import DataError
from fastmlp.files.atomic import write_text

from .contenders import label_of
from .metrics import LOWER_IS_BETTER
from .results import Results
from .scores import Summary, TableScores

TITLES = {"auc": "AUC", "accuracy": "accuracy", "log_loss": "log loss", "rmse": "RMSE"}
NONE = "-"
SUMMARY = (
    "contender", "score", "log loss", "tables", "won", "tied", "lost", "wall s", "CPU s"
)  # fmt: skip
BEGIN, END = "<!-- accuracy: {} -->\n", "<!-- end -->"


def number(metric: str, value: float | None) -> str:
    """Return a metric for people."""
    if value is None:
        return NONE
    if metric != "rmse" or value < 10:
        return f"{value:.4f}"
    return f"{value:.2f}" if value < 100 else f"{value:,.1f}" if value < 10_000 else f"{value:,.0f}"


def score(value: float | None) -> str:
    """Return a normalised score for people."""
    return NONE if value is None else f"{value + 0.0:.2f}"  # +0 of -0


def seconds(value: float) -> str:
    """Return seconds for people."""
    return f"{value:,.1f}" if value < 99.95 else f"{value:,.0f}"


def print_table(console: Console, name: str, table: TableScores, measured_now: set[str]) -> None:
    """Print all contenders on one table, the best first; those from a file have a mark."""
    metrics = list(table.values)
    console.line()
    console.line(f"{name}: {table.task}{_mark(table)}")
    header = ["contender", *(TITLES[metric] for metric in metrics), "score", "wall s", "CPU s"]
    rows = [
        [
            label_of(who) + ("" if who in measured_now else " *"),
            *(number(metric, table.values[metric].get(who)) for metric in metrics),
            score(table.scores[table.main][who]),
            seconds(table.seconds[who]),
            seconds(table.processor_seconds[who]),
        ]
        for who in ranked(table)
    ]
    console.table(header, rows, indent=2)


def ranked(table: TableScores) -> list[str]:
    """Return the contenders by the main metric, the best first."""
    values = table.values[table.main]
    return sorted(values, key=values.__getitem__, reverse=table.main not in LOWER_IS_BETTER)


def print_summary(console: Console, summaries: Sequence[Summary], own: str) -> None:
    """Print how contenders stand over all tables."""
    console.line()
    console.line(
        f"means over tables with a scale, sums of seconds; won, tied and lost: {label_of(own)}"
        " against each"
    )
    console.table(SUMMARY, [summary_row(each, own) for each in summaries], indent=2)


def summary_row(summary: Summary, own: str) -> list[str]:
    """Return the texts of one contender under SUMMARY."""
    outcomes = [summary.wins, summary.ties, summary.losses]
    is_self = summary.contender == own
    return [
        label_of(summary.contender),
        score(summary.score),
        score(summary.log_loss_score),
        f"{summary.tables} ({summary.scaled})",
        *(NONE if is_self else str(count) for count in outcomes),
        seconds(summary.seconds),
        seconds(summary.processor_seconds),
    ]


def page_tables(results: Results, own: str) -> dict[str, str]:
    """Return the tables of a page in Markdown, by the name of their place."""
    scores, summaries = results.scores(), results.summaries(own)
    everyone = [each.contender for each in summaries if each.tables == len(scores)]
    header = ["table", "metric", *map(label_of, everyone)]
    rows = [
        [name + _mark(table), TITLES[table.main], *_page_row(table, everyone)]
        for name, table in scores.items()
    ]
    return {
        "summary": markdown(SUMMARY, [summary_row(each, own) for each in summaries], left=1),
        "tables": markdown(header, rows, left=2),
    }


def _mark(table: TableScores) -> str:
    return "" if table.has_scale else " (no scale)"


def _page_row(table: TableScores, contenders: Sequence[str]) -> list[str]:
    """Return each contender's main metric; the best one is bold."""
    values = table.values[table.main]
    best = next(who for who in ranked(table) if who in contenders)
    texts = {who: number(table.main, values[who]) for who in contenders}
    return [f"**{text}**" if text == texts[best] else text for text in texts.values()]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """Return a table in Markdown, ``left`` columns flush left and the others flush right."""
    rule = [*["---"] * left, *["---:"] * (len(header) - left)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))


def write_page(path: Path, tables: dict[str, str]) -> None:
    """Write tables into a page, each between its marks.

    Raises
    ------
    DataError
        If the page has no place for any of them.
    """
    text = path.read_text(encoding="utf-8")
    found = [name for name in tables if place_of(name).search(text)]
    if not found:
        raise DataError(f"{path} has no place for a table: {BEGIN.format('summary').strip()}.")
    for name in found:
        text = place_of(name).sub(lambda match, name=name: match[1] + tables[name] + END, text)
    write_text(path, text)


def place_of(name: str) -> re.Pattern[str]:
    """Return what finds a table in a page: its mark, the table, the end's mark."""
    return re.compile(f"({re.escape(BEGIN.format(name))})(.*?){re.escape(END)}", re.DOTALL)
