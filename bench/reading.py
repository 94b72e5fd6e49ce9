"""``python -m bench.reading``: from a CSV to a matrix of float32, by fastmlp and by hand with
polars and pandas.

Every turn is a process of its own, which has read a small table before the clock starts, so that
imports are not counted.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.errors import FastMLPError, choose

from .machine import describe_machine, machine_lines
from .options import check_files, json_option, run, tell_progress, words_option, write_results
from .readers import READERS
from .tables import write_long, write_wide
from .worker import peak_memory

OWN = "fastmlp"
SHAPES = {
    "long": 1_000_000,
    "wide": 2_000,
    "wider": 20_000,
}  # rows of the first, columns of the others
LONG_PEERS = ("polars", "pandas")
SMALL = 20
Turns = dict[str, list[dict[str, float]]]


def read(reader: str, table: Path, small: Path) -> dict[str, float]:
    """Read one table with one reader; return the time and the most memory that was held."""
    READERS[reader](small)
    start = time.perf_counter()
    matrix = READERS[reader](table)
    return {
        "seconds": time.perf_counter() - start,
        "megabytes": peak_memory() / 1e6,
        "rows": matrix.shape[0],
        "columns": matrix.shape[1],
    }


def in_a_process(reader: str, table: Path, small: Path) -> dict[str, float]:
    """Read in a process of its own."""
    words = [sys.executable, "-m", "bench.reading", "--alone", reader, str(table), str(small)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or "no message").splitlines()[-1]
        raise FastMLPError(f"{reader} failed on {table.name}: {why}")
    return json.loads(done.stdout)


def compare(contenders: Sequence[tuple[str, str, Path, Path]], rounds: int) -> Turns:
    """Let contenders, (name, reader, table, small table) each, read in turn."""
    turns: Turns = {name: [] for name, *_ in contenders}
    for number in range(rounds):
        for name, *words in contenders:
            tell_progress(f"round {number + 1} of {rounds}: {name}")
            turns[name].append(in_a_process(*words))
    return turns


def read_long(folder: Path, rows: int, rounds: int) -> dict[str, Any]:
    """Compare fastmlp with its peers on a table of many rows; the ratio is to polars."""
    table, small = folder / "long.csv", folder / "small.csv"
    write_long(table, rows)
    write_long(small, SMALL)
    readers = (OWN, *(peer for peer in LONG_PEERS if importlib.util.find_spec(peer)))
    turns = compare([(reader, reader, table, small) for reader in readers], rounds)
    return {"turns": turns, "ratio": median_of(turns[OWN]) / median_of(turns["polars"])}


def read_wide(folder: Path, columns: int, rounds: int) -> dict[str, Any]:
    """Compare a wide CSV with the same as .npz, relative to that and polars' parsing together."""
    files = {
        suffix: (folder / f"wide{suffix}", folder / f"small{suffix}") for suffix in (".csv", ".npz")
    }
    for table, small in files.values():
        write_wide(table, columns)
        write_wide(small, SMALL)
    contenders = [
        (f"{OWN}, CSV", OWN, *files[".csv"]),
        (f"{OWN}, npz", OWN, *files[".npz"]),
        ("the parse", "parse", *files[".csv"]),
        ("polars", "polars", *files[".csv"]),
    ]
    turns = compare(contenders, rounds)
    own, *parts = (median_of(turns[name]) for name, *_ in contenders[:3])
    return {"turns": turns, "ratio": own / sum(parts)}


def median_of(turns: list[dict[str, float]], what: str = "seconds") -> float:
    """Return the median over turns."""
    return statistics.median(turn[what] for turn in turns)


def show(console: Console, shape: str, size: int, result: dict[str, Any]) -> None:
    """Print a table of one shape's turns."""
    console.line()
    against = "polars" if shape == "long" else "npz and the parse"
    console.line(
        f"{shape}, {size:,} {'rows' if shape == 'long' else 'columns'}: {result['ratio']:.2f} times"
        f" {against}"
    )
    rows = []
    for name, turns in result["turns"].items():
        seconds = [turn["seconds"] for turn in turns]
        spread = f"{min(seconds):.3f}–{max(seconds):.3f}"
        rows.append(
            [name, f"{median_of(turns):.3f}", spread, f"{median_of(turns, 'megabytes'):,.0f}"]
        )
    console.table(["reader", "median s", "min–max s", "peak MB"], rows, left=1, indent=2)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option(
    "--shapes",
    ",".join(SHAPES),
    "1,000,000 rows of 30 columns; 40 rows of 2,000 and of 20,000 columns.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="Turns of each.",
)
@json_option
@click.option(
    "--alone", nargs=3, hidden=True, help="Reader, table, small table: read once, print JSON."
)
def command(
    shapes: list[str], rounds: int, json_file: str | None, alone: tuple[str, str, str] | None
) -> None:
    """Compare how long tables take from the file to a matrix that is ready to be learnt from."""
    if alone is not None:
        reader, *tables = alone
        print(json.dumps(read(reader, *map(Path, tables))))
        return
    for shape in shapes:
        choose("--shapes: shape", shape, tuple(SHAPES))
    check_files(json_file, None)
    console, machine = Console(), describe_machine()
    for line in machine_lines(machine):
        console.line(line)
    results = {}
    for shape in shapes:
        with tempfile.TemporaryDirectory() as folder:
            tell_progress(f"{shape}: writing the table")
            compared = read_long if shape == "long" else read_wide
            results[shape] = compared(Path(folder), SHAPES[shape], rounds)
        show(console, shape, SHAPES[shape], results[shape])
    write_results(
        {"machine": machine, "shapes": results}, json_file, None, draw=lambda report: None
    )


if __name__ == "__main__":
    run(command)
