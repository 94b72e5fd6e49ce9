"""``python -m bench.parquet_folder``: a folder of Parquet files that memory may not hold.

Each way is a process of its own: in memory, in parts with an empty cache, and from the cache.
"""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars

import fastmlp
from fastmlp.cli.console import Console
from fastmlp.data.memory import available_memory, in_units

from .apart import trained_apart
from .machine import describe_machine, machine_lines
from .options import check_files, json_option, run, tell_progress, write_results
from .worker import peak_memory

PART_ROWS = 100_000
WAYS = ("memory", "parts", "cache")
TRAINING = {"hidden": "256", "batch_size": 256, "epochs": 1, "device": "cpu", "shuffle_block": 0}


def write_folder(folder: Path, size: float, columns: int) -> int:
    """Write Parquet files of about ``size`` bytes once they are read; return the rows.

    Numbers as float64 with a gap here and there, a column of texts, and a label.
    """
    random, rows = np.random.default_rng(0), max(int(size // (8 * columns)), 100)
    for part, start in enumerate(range(0, rows, PART_ROWS)):
        count = min(PART_ROWS, rows - start)
        values = random.normal(size=(count, columns - 2)).round(4)
        table = polars.from_numpy(values, schema=[f"x{place}" for place in range(columns - 2)])
        has_gap = polars.Series(random.random(count) < 0.01)
        table = table.with_columns(
            polars.when(~has_gap).then(polars.col("x1")).alias("x1"),
            polars.Series("town", [f"town {number}" for number in random.integers(0, 50, count)]),
            polars.Series("label", np.where(values[:, 0] > 0, "high", "low")),
        )
        table.write_parquet(folder / f"part-{part:04d}.parquet")
    return rows


def train_alone(folder: Path, way: str, memory: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Train one way in this process; return times, speed and the most memory that was held."""
    given: dict[str, Any] = {"dataset": str(folder / "parts"), "memory": memory}
    given |= TRAINING | settings
    if way == "memory":
        given["memory"] = str(1 << 50)  # which any data fit
    else:
        given["cache_dir"] = str(folder / "cache")
    start = time.perf_counter()
    found: dict[str, Any] = {}

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        data = prepare(*arguments, **named)
        found["prepare_seconds"] = time.perf_counter() - began
        found["prepare_megabytes"] = peak_memory() / 1e6
        found["rows"] = sum(data.rows.values())
        found["said"] = data.notes[-1] if way != "memory" else ""
        return data

    from fastmlp.run import train as training

    prepare, training.prepare = training.prepare, timed
    try:
        with tempfile.TemporaryDirectory() as out:
            metrics = fastmlp.train(**given, out=Path(out) / "run").metrics
    finally:
        training.prepare = prepare
    return found | {
        "seconds": time.perf_counter() - start,
        "train_seconds": metrics["train_seconds"],
        "rows_per_second": metrics["samples_per_second"],
        "prepared_per_second": found["rows"] / found["prepare_seconds"],
        "train_loss": metrics["train_loss"],
        "megabytes": peak_memory() / 1e6,
    }


in_a_process = partial(trained_apart, "bench.parquet_folder")


def compare(folder: Path, size: float, memory: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train each way that memory allows; return what each took."""
    found = {}
    for way in WAYS:
        # In memory there are the table, what is read of it, the splits and the matrix.
        if way == "memory" and 4 * size > available_memory():
            continue
        tell_progress(f"training, {way}")
        found[way] = in_a_process(folder, way, str(memory), settings)
    return found


def show(console: Console, result: dict[str, Any]) -> None:
    """Print a line for each way."""
    console.line()
    sizes = f"{in_units(result['bytes'])}; the data may take {in_units(result['memory'])}"
    console.line(f"{result['rows']:,} rows × {result['columns']:,} columns, {sizes}")
    lines = [
        (
            way,
            f"{took['prepare_seconds']:.1f}",
            f"{took['prepared_per_second']:,.0f}",
            f"{took['prepare_megabytes']:,.0f}",
            f"{took['train_seconds']:.1f}",
            f"{took['rows_per_second']:,.0f}",
            f"{took['megabytes']:,.0f}",
        )
        for way, took in result["ways"].items()
    ]
    heads = ["way", "reading s", "rows/s", "peak MB", "training s", "rows/s", "peak MB"]
    console.table(heads, lines, left=1, indent=2)
    if "parts" in result["ways"]:
        console.line(result["ways"]["parts"]["said"].partition("; ")[0])
    losses = {took["train_loss"] for took in result["ways"].values()}
    console.line("the losses are the same to the bit" if len(losses) == 1 else f"losses: {losses}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--gigabytes",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Size of the table in memory.",
)
@click.option(
    "--columns",
    type=click.IntRange(4),
    default=202,
    show_default=True,
    metavar="N",
    help="Of the table.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, min_open=True),
    default=0.2,
    show_default=True,
    metavar="X",
    help="Of that size: what the data may take in memory.",
)
@click.option("--preset", default="plain", show_default=True, help="Of the training.")
@click.option(
    "--folder",
    metavar="FOLDER",
    help="Where the files are made; default the folder for temporary files.",
)
@json_option
@click.option(
    "--alone", nargs=4, hidden=True, help="Folder, way, memory, settings: train once, print JSON."
)
def command(gigabytes: float, columns: int, share: float, preset: str, folder: str | None,
            json_file: str | None, alone: tuple[str, str, str, str] | None) -> None:  # fmt: skip
    """Compare a table that is read in parts with one that is read whole."""
    if alone is not None:
        place, way, memory, settings = alone
        print(json.dumps(train_alone(Path(place), way, memory, json.loads(settings))))
        return
    check_files(json_file, None)
    console, machine, size = Console(), describe_machine(), 1e9 * gigabytes
    for line in machine_lines(machine):
        console.line(line)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        tell_progress("making the files")
        (Path(name) / "parts").mkdir()
        rows, most = write_folder(Path(name) / "parts", size, columns), max(int(share * size), 1)
        ways = compare(Path(name), size, most, {"preset": preset})
    result = {"rows": rows, "columns": columns, "bytes": size, "memory": most, "ways": ways}
    show(console, result)
    write_results({"machine": machine} | result, json_file, None, draw=lambda report: None)


if __name__ == "__main__":
    run(command)
