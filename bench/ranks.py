"""``python -m bench.ranks``: what it costs and brings to divide a batch among ranks, beside threads
of one process; and on paper among up to 64 machines.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import click

from fastmlp.backend.available import available_threads
from fastmlp.cli.console import Console
from fastmlp.errors import FastMLPError, UsageError
from fastmlp.machine.throughput import SHAPES, Shape, find_shapes
from fastmlp.ranks.starting import OPEN_MPI, launcher

from .machine import describe_machine, machine_lines
from .options import json_option, run, turn_options, words_option, write_results
from .workers import ROOT

FLOAT_BYTES = 4
DEFAULT_SHAPES = "kuzushiji,mnist,products"
PAPER_RANKS = (2, 4, 8, 16, 32, 64)
# For the model: what a node computes and what its network does; no measurement.
NODE_FLOPS = 1e12
NETWORKS = {
    "1 GbE": (50e-6, 0.125e9),
    "10 GbE": (20e-6, 1.25e9),
    "100 Gb/s InfiniBand": (2e-6, 12.5e9),
}
WORTH_IT = 0.8  # of the ideal speed


@dataclass(frozen=True)
class Way:
    """One way of training a shape.

    Attributes
    ----------
    name
        For people.
    ranks, threads
        Processes, and threads of each.
    batches
        Rows of a batch, as a multiple of the shape's.
    """

    name: str
    ranks: int
    threads: int
    batches: int = 1


def ways(ranks: int) -> list[Way]:
    """Return what is compared: one core, the same number of threads and of ranks, and weak
    scaling: as many rows a rank as one core has.
    """
    return [
        Way("1 thread", 1, 1),
        Way(f"{ranks} threads", 1, ranks),
        Way(f"{ranks} ranks", ranks, 1),
        Way("1 thread, larger batch", 1, 1, ranks),
        Way(f"{ranks} threads, larger batch", 1, ranks, ranks),
        Way(f"{ranks} ranks, larger batch", ranks, 1, ranks),
    ]


def measure(shape: Shape, way: Way, seconds: float) -> dict[str, Any]:
    """Run one job; return its seconds of a step and of a sum over the ranks.

    Raises
    ------
    FastMLPError
        If it fails, with its last line.
    """
    own = [sys.executable, "-m", "bench.rank_worker", shape.name, str(way.batches * shape.batch)]
    command = [*own, str(seconds), str(way.threads)]
    if way.ranks > 1:
        command = [launcher(), "-n", str(way.ranks), *command]
    environment = OPEN_MPI | dict(os.environ)
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no line"])[-1]
        raise FastMLPError(f"a job of {way.name} on {shape.name} failed: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_in_turn(shape: Shape, ranks: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Return each way's medians; in every round each has its turn."""
    compared = ways(ranks)
    found: dict[str, list[dict[str, Any]]] = {way.name: [] for way in compared}
    for _ in range(rounds):
        for way in compared:
            found[way.name].append(measure(shape, way, seconds))
    return [
        {
            "way": way.name,
            "batch": way.batches * shape.batch,
            "steps": [each["step"] for each in found[way.name]],
            "step": statistics.median(each["step"] for each in found[way.name]),
            "sum": statistics.median(each["sum"] for each in found[way.name]),
            "library": found[way.name][0]["library"],
        }
        for way in compared
    ]


def sum_seconds(parameters: int, ranks: int, latency: float, bandwidth: float) -> float:
    """Return what a sum over the ranks takes on paper: the better of a ring and of doubling."""
    if ranks == 1:
        return 0.0
    size, rounds = FLOAT_BYTES * parameters, math.ceil(math.log2(ranks))
    ring = 2 * (ranks - 1) * latency + 2 * size * (ranks - 1) / (ranks * bandwidth)
    return min(ring, rounds * (latency + size / bandwidth))


def step_seconds(shape: Shape, batch: int, ranks: int, network: str) -> float:
    """Return what a step takes on paper, of a batch of so many rows in all."""
    flops = shape.flops_per_step / shape.batch * batch / ranks
    return flops / NODE_FLOPS + sum_seconds(shape.parameters, ranks, *NETWORKS[network])


def smallest_share(shape: Shape, ranks: int, network: str) -> int:
    """Return how many rows a rank needs for ``WORTH_IT`` of the ideal speed, on paper."""
    flops = shape.flops_per_step / shape.batch
    total = sum_seconds(shape.parameters, ranks, *NETWORKS[network])
    return math.ceil(WORTH_IT / (1 - WORTH_IT) * total * NODE_FLOPS / flops)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--shapes", DEFAULT_SHAPES, f"Of {', '.join(SHAPES)}.")
@click.option(
    "--ranks", type=click.IntRange(2), default=2, show_default=True, metavar="N",
    help="Processes, each on a core.",
)  # fmt: skip
@click.option("--paper", is_flag=True, help="Measure nothing: show the model alone.")
@turn_options(seconds=1.0)
@json_option
def command(
    shapes: list[str], ranks: int, paper: bool, rounds: int, seconds: float, json_file: str | None
) -> int:
    """Measure steps whose batches are divided among ranks, pinned one to a core."""
    if not paper and ranks > available_threads():
        raise UsageError(
            f"--ranks {ranks} are more than the {available_threads()} cores here; ranks that share "
            "one wait for each other. Give fewer."
        )
    console, chosen = Console(), find_shapes(shapes)
    report: dict[str, Any] = {"shapes": {}, "paper": {}}
    if not paper:
        report["machine"] = describe_machine()
        for line in machine_lines(report["machine"]):
            console.line(line)
        for shape in chosen:
            found = measure_in_turn(shape, ranks, rounds, seconds)
            report["shapes"][shape.name] = found
            _show(console, shape, found)
    for shape in chosen:
        report["paper"][shape.name] = _on_paper(console, shape)
    write_results(report, json_file, None, lambda *_: None)
    return 0


def _show(console: Console, shape: Shape, found: list[dict[str, Any]]) -> None:
    console.line(f"\n{shape.name}: {shape.network}, {shape.parameters:,} parameters")
    base = found[0]
    rows = [
        (
            each["way"],
            f"{each['batch']}",
            f"{1e6 * each['step']:,.0f}",
            f"{1e6 * min(each['steps']):,.0f}",
            f"{base['step'] / base['batch'] * each['batch'] / each['step']:.2f}",
            f"{1e6 * each['sum']:,.0f}" if each["sum"] else "",
            f"{each['sum'] / each['step']:.0%}" if each["sum"] else "",
        )
        for each in found
    ]
    header = (
        "way",
        "batch",
        "µs a step",
        "best",
        "rows/s, 1 thread = 1",
        "µs of it a sum",
        "share",
    )
    console.table(header, rows)


def _on_paper(console: Console, shape: Shape) -> dict[str, list[dict[str, float]]]:
    """Show and return the rows a rank needs, for each network and number of nodes."""
    console.line(
        f"\n{shape.name} on paper: rows a node needs for {WORTH_IT:.0%} of the ideal speed, at "
        f"{NODE_FLOPS / 1e12:g} TFLOP/s a node"
    )
    needed = {
        network: [smallest_share(shape, ranks, network) for ranks in PAPER_RANKS]
        for network in NETWORKS
    }
    header = ("nodes", *map(str, PAPER_RANKS))
    console.table(header, [(name, *(f"{n:,}" for n in rows)) for name, rows in needed.items()])
    return {
        name: [{"ranks": r, "rows": n} for r, n in zip(PAPER_RANKS, rows, strict=True)]
        for name, rows in needed.items()
    }


if __name__ == "__main__":
    run(command)
