"""``python -m bench.busy``: training on one, all or chosen threads beside busy processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from fastmlp.backend.available import available_threads
from fastmlp.cli.console import Console
from fastmlp.errors import UsageError, choose
from fastmlp.machine.throughput import SHAPES, Shape

from .contenders import OWN, Contender, Variant
from .machine import describe_machine, machine_lines
from .options import (
    json_option,
    print_notes,
    protocol_of,
    run,
    tell_progress,
    turn_options,
    words_option,
    write_results,
)
from .report import micro
from .rounds import Measurement, Protocol, Work, measure

DEEP = Shape("deep", (13, 256, 256, 256, 2), 256, "adam", 1e-3)
MOST_NEIGHBOURS = 64
ONE, ALL, AUTO = "one thread", "all threads", "auto"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--shapes", "deep,mnist,small", f"{', '.join([DEEP.name, *SHAPES])}.")
@words_option("--neighbours", "0,1,2", "How many processes spin beside it, each held to a core.")
@turn_options(seconds=0.5)
@click.option(
    "--threads",
    type=click.IntRange(2),
    default=available_threads,
    metavar="N",
    help="All; default all cores.",
)
@json_option
def command(
    shapes: list[str],
    neighbours: list[str],
    rounds: int,
    seconds: float,
    threads: int,
    json_file: str | None,
) -> int:
    """Measure a training step on a machine where others work.

    fastmlp runs on one thread, on all, and on as many as it finds faster; the last is set against
    the better of the others.
    """
    protocol, counts = (
        protocol_of(rounds, seconds),
        [_count_of(word) for word in dict.fromkeys(neighbours)],
    )
    known = {DEEP.name: DEEP, **SHAPES}
    chosen = [known[choose("shape", name, known)] for name in dict.fromkeys(shapes)]
    console, machine = Console(), describe_machine()
    for line in machine_lines(machine):
        console.line(line)
    report: dict[str, Any] = {"machine": machine, "threads": threads, "shapes": {}}
    for shape in chosen:
        report["shapes"][shape.name] = _one_shape(console, shape, counts, threads, protocol)
    write_results(report, json_file, None, draw=lambda report: None)
    return (
        0 if all(each["ratio"] for entries in report["shapes"].values() for each in entries) else 1
    )


def contenders(threads: int) -> list[Contender]:
    """Return fastmlp on one thread, on all, and left to choose."""
    return [
        Contender(ONE, f"with_{OWN}", (Variant(1),)),
        Contender(ALL, "with_all_threads", (Variant(threads),)),
        Contender(AUTO, f"with_{OWN}", (Variant(threads),)),
    ]


@contextmanager
def spinning(count: int) -> Iterator[list[subprocess.Popen]]:
    """Have so many processes spin, each held to a core of its own while there are as many."""
    started: list[subprocess.Popen] = []
    try:
        for number in range(count):
            started.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            if hasattr(os, "sched_setaffinity"):
                cores = sorted(os.sched_getaffinity(0))
                os.sched_setaffinity(started[-1].pid, {cores[number % len(cores)]})
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def _count_of(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) <= MOST_NEIGHBOURS):
        raise UsageError(
            f"--neighbours: {word!r} is no number of processes from 0 to {MOST_NEIGHBOURS}."
        )
    return int(word)


def _one_shape(
    console: Console, shape: Shape, counts: list[int], threads: int, protocol: Protocol
) -> list[dict[str, Any]]:
    """Measure and print a shape; return an entry for each number of neighbours."""
    entries, failures = [], []
    for count in counts:
        tell_progress(f"{shape.name}: {count} neighbours")
        with spinning(count):
            measured, more_failures = measure(
                contenders(threads), Work("Training", shape, {"shuffle": True}), protocol
            )
        failures += more_failures
        entries.append({"neighbours": count, **_compared(measured, shape.steps)})
    console.line()
    console.line(f"{shape.name}: {shape.network}, batch {shape.batch}, {shape.rule}")
    header = ["neighbours", *(f"{name}, µs/step" for name in (ONE, ALL, AUTO)), "auto / better"]
    rows = [
        [
            str(entry["neighbours"]),
            *(
                micro(entry["seconds"][name]) if name in entry["seconds"] else "-"
                for name in (ONE, ALL, AUTO)
            ),
            f"{entry['ratio']:.2f}" if entry["ratio"] else "-",
        ]
        for entry in entries
    ]
    console.table(header, rows, left=0, indent=2)
    print_notes(console, "failed", failures)
    return entries


def _compared(measured: list[Measurement], steps: int) -> dict[str, Any]:
    """Return the median time of a step of each, and the choice over the better of the two."""
    seconds = {each.contender: each.median / steps for each in measured}
    complete = seconds.keys() == {ONE, ALL, AUTO}
    return {
        "seconds": seconds,
        "ratio": seconds[AUTO] / min(seconds[ONE], seconds[ALL]) if complete else None,
        "results": [each.to_dict() for each in measured],
    }


if __name__ == "__main__":
    run(command)
