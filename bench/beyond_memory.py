"""``python -m bench.beyond_memory``: training from a file that memory may not hold, beside training
from memory.

Each way is a process of its own. ``cold``: the file's pages are dropped from memory before every
epoch, so that all rows come from the disk; ``warm``: the system may keep them.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

import fastmlp
from fastmlp.cli.console import Console
from fastmlp.data.memory import available_memory, in_units

from .apart import trained_apart
from .machine import describe_machine, machine_lines
from .options import check_files, json_option, run, tell_progress, write_results
from .worker import peak_memory

BLOCK = 64 << 20  # bytes that are made at a time
CLASSES = 10
WAYS = ("memory", "warm", "cold")
TRAINING = {
    "preset": "plain",
    "hidden": "256",
    "batch_size": 256,
    "epochs": 2,
    "device": "cpu",
    "test_fraction": 0.01,
    "shuffle_block": 0,
}


def write_matrix(folder: Path, size: float, columns: int, dtype: str) -> int:
    """Write X.npy of about ``size`` bytes and y.npy, without holding them; return the rows."""
    kind, random = np.dtype(dtype), np.random.default_rng(0)
    rows = max(int(size // (columns * kind.itemsize)), 100)
    step = max(BLOCK // (columns * kind.itemsize), 1)
    labels = random.integers(0, CLASSES, rows)
    with (folder / "X.npy").open("wb") as file:
        header = {"descr": kind.str, "fortran_order": False, "shape": (rows, columns)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, step):
            some = labels[start : start + step]
            block = random.integers(0, 200, (len(some), columns), np.uint8)
            block[np.arange(len(some)), some] = 255  # what tells the class
            file.write(block.astype(kind).data)
        file.flush()
        os.fsync(file.fileno())
    np.save(folder / "y.npy", labels)
    return rows


def drop_pages(path: Path) -> None:
    """Let the system forget what memory holds of a file, where it can be asked to."""
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Dropping(fastmlp.Callback):
    """Drops a file's pages before each epoch."""

    def __init__(self, path: Path):
        self._path = path

    def training_started(self, trainer) -> None:
        """Before the first."""
        drop_pages(self._path)

    def epoch_ended(self, trainer, result) -> None:
        """Before the next."""
        drop_pages(self._path)


def train_alone(folder: Path, way: str, memory: str, settings: dict[str, Any]) -> dict[str, float]:
    """Train one way in this process; return times, speed and the most memory that was held."""
    path = folder / "X.npy"
    callbacks = [Dropping(path)] if way == "cold" else []
    if way == "cold":
        drop_pages(path)
    start = time.perf_counter()
    given = {"dataset": f"{path},{folder / 'y.npy'}", "memory": memory} | settings
    with tempfile.TemporaryDirectory() as out:
        metrics = fastmlp.train(**given, out=Path(out) / "run", callbacks=callbacks).metrics
    return {
        "seconds": time.perf_counter() - start,
        "train_seconds": metrics["train_seconds"],
        "rows_per_second": metrics["samples_per_second"],
        "train_loss": metrics["train_loss"],
        "megabytes": peak_memory() / 1e6,
    }


in_a_process = partial(trained_apart, "bench.beyond_memory")


def compare(folder: Path, size: float, memory: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train each way that memory allows; return what each took."""
    found = {}
    for way in WAYS:
        # In memory there are the splits beside the file's own pages.
        if way == "memory" and 2 * size > available_memory():
            continue
        tell_progress(f"training, {way}")
        allowed = f"{int(4 * size)}" if way == "memory" else f"{memory}"
        found[way] = in_a_process(folder, way, allowed, settings)
    return found


def show(console: Console, result: dict[str, Any]) -> None:
    """Print a line for each way."""
    console.line()
    shape = f"{result['rows']:,} rows × {result['columns']:,} {result['dtype']}"
    sizes = f"{in_units(result['bytes'])}; the data may take {in_units(result['memory'])}"
    console.line(f"{shape}, {sizes}")
    lines = [
        (
            way,
            f"{took['rows_per_second']:,.0f}",
            f"{took['seconds'] - took['train_seconds']:.1f}",
            f"{took['train_seconds']:.1f}",
            f"{took['megabytes']:,.0f}",
        )
        for way, took in result["ways"].items()
    ]
    heads = ["way", "rows/s", "other s", "training s", "peak MB"]
    console.table(heads, lines, left=1, indent=2)
    losses = {took["train_loss"] for took in result["ways"].values()}
    console.line("the losses are the same to the bit" if len(losses) == 1 else f"losses: {losses}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--gigabytes",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Size of the file.",
)
@click.option(
    "--columns",
    type=click.IntRange(CLASSES),
    default=784,
    show_default=True,
    metavar="N",
    help="Numbers in a row.",
)
@click.option(
    "--dtype",
    type=click.Choice(("uint8", "float32", "float64")),
    default="float32",
    show_default=True,
    help="Of the numbers.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, min_open=True),
    default=0.2,
    show_default=True,
    metavar="X",
    help="Of the file's size: what the data may take in memory.",
)
@click.option(
    "--folder",
    metavar="FOLDER",
    help="Where the file is made; default the folder for temporary files.",
)
@json_option
@click.option(
    "--alone", nargs=4, hidden=True, help="Folder, way, memory, settings: train once, print JSON."
)
def command(gigabytes: float, columns: int, dtype: str, share: float, folder: str | None,
            json_file: str | None, alone: tuple[str, str, str, str] | None) -> None:  # fmt: skip
    """Compare training from a file that stays where it is with training from memory."""
    if alone is not None:
        place, way, memory, settings = alone
        print(json.dumps(train_alone(Path(place), way, memory, json.loads(settings))))
        return
    check_files(json_file, None)
    console, machine, size = Console(), describe_machine(), 1e9 * gigabytes
    for line in machine_lines(machine):
        console.line(line)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        tell_progress("making the file")
        rows, most = write_matrix(Path(name), size, columns, dtype), max(int(share * size), 1)
        ways = compare(Path(name), size, most, dict(TRAINING))
    about = {"rows": rows, "columns": columns, "dtype": dtype, "bytes": size, "memory": most}
    result = about | {"ways": ways}
    show(console, result)
    write_results({"machine": machine} | result, json_file, None, draw=lambda report: None)


if __name__ == "__main__":
    run(command)
