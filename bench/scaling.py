"""``python -m bench.scaling``: how the time of training grows with rows, width, depth and batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.errors import choose
from fastmlp.machine.throughput import Shape

from .contenders import TRAINING_PEERS, Contender, find_peers, own_training
from .isa import ISAS, Isa, find_isa
from .machine import describe_machine, machine_lines
from .numbers import fitted_exponent
from .obedience import TRAINING, keep_obedient
from .options import (
    check_files,
    common_options,
    isa_option,
    print_notes,
    protocol_of,
    run,
    tell_progress,
    words_option,
    write_results,
)
from .report import draw_lines, micro
from .rounds import Protocol, Work, measure

INPUTS, WIDTH, DEPTH, BATCH, ROWS, CLASSES = 128, 128, 2, 64, 8192, 10
MOST_POINTS = 6


@dataclass(frozen=True)
class Axis:
    """What grows, while all else stays.

    Attributes
    ----------
    sizes
        From the smallest on.
    per_epoch
        Whether the time of an epoch is shown rather than that of a step.
    """

    sizes: tuple[int, ...]
    per_epoch: bool = False


AXES = {
    "rows": Axis((1024, 2048, 4096, 8192, 16_384, 65_536), per_epoch=True),
    "width": Axis((32, 64, 128, 256, 512, 1024)),
    "depth": Axis((1, 2, 4, 8, 16, 32)),
    "batch": Axis((16, 32, 64, 128, 256, 1024)),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--axes", ",".join(AXES), "What grows.")
@words_option("--peers", "none", f"Libraries to measure too: {', '.join(TRAINING_PEERS)}.")
@click.option(
    "--points", type=click.IntRange(2, MOST_POINTS), default=MOST_POINTS, show_default=True,
    metavar="N",
    help="Sizes of each, from the smallest on.",
)  # fmt: skip
@isa_option
@common_options
def command(
    axes: list[str],
    peers: list[str],
    points: int,
    isa: str,
    gemm: list[str],
    rounds: int,
    seconds: float,
    threads: int,
    json_file: str | None,
    plot_file: str | None,
) -> int:
    """Measure training as one size grows, and fit the exponent p of time = c·size^p.

    Without more said: 128 inputs, two hidden layers of 128 units, 10 classes, batches of 64, SGD.
    The exponent is that of all sizes together: what a step costs whatever its size makes it smaller
    than the algorithm's own, which is 1 for rows, depth and batch, and 2 for the width.
    """
    check_files(json_file, plot_file)
    protocol, limit = protocol_of(rounds, seconds), find_isa(isa)
    chosen = [choose("axis", name, AXES) for name in dict.fromkeys(axes)] or list(AXES)
    own, (found, missing) = own_training(gemm, threads), find_peers(peers, TRAINING_PEERS, threads)
    console, machine = Console(), describe_machine(isa)
    for line in machine_lines(machine):
        console.line(line)
    print_notes(console, "missing", list(missing.values()))
    report: dict[str, Any] = {
        "machine": machine,
        "threads": threads,
        "missing": missing,
        "axes": {},
    }
    everyone, report["isa"] = keep_obedient(console, [*own, *found], limit, TRAINING, tell_progress)
    for name in chosen:
        report["axes"][name] = _one_axis(console, name, points, everyone, protocol, limit)
    write_results(report, json_file, plot_file, _draw)
    names = {contender.name for contender in own}
    complete = all(names <= set(entry["contenders"]) for entry in report["axes"].values())
    return 0 if complete else 1


def shape_at(axis: str, size: int) -> Shape:
    """Return the network in which one thing has this size and all else its usual one."""
    sizes = {"rows": ROWS, "width": WIDTH, "depth": DEPTH, "batch": BATCH, axis: size}
    widths = (INPUTS, *[sizes["width"]] * sizes["depth"], CLASSES)
    return Shape(f"{axis} {size}", widths, sizes["batch"], "sgd", 0.01, rows=sizes["rows"])


def _one_axis(
    console: Console,
    name: str,
    points: int,
    contenders: list[Contender],
    protocol: Protocol,
    isa: Isa,
) -> dict[str, Any]:
    """Measure and print the sizes of an axis; return its part of the report."""
    axis = AXES[name]
    sizes = axis.sizes[:points]
    unit = "epoch" if axis.per_epoch else "step"
    times: dict[str, dict[int, float]] = {contender.name: {} for contender in contenders}
    results, failures = [], []
    for size in sizes:
        shape = shape_at(name, size)
        tell_progress(f"{name} {size:,}")
        measured, more_failures = measure(
            contenders, Work("Training", shape, {"shuffle": True}), protocol
        )
        failures += more_failures
        for each in measured:
            times[each.contender][size] = each.median / (1 if axis.per_epoch else shape.steps)
            results.append({"size": size, "steps": shape.steps, **each.to_dict()})
    fitted = {
        who: fitted_exponent(list(found), list(found.values()))
        for who, found in times.items()
        if found
    }
    console.line()
    header = [f"{name}{isa.limit}", *(f"{who}, µs/{unit}" for who in fitted)]
    rows = [
        [f"{size:,}", *(micro(times[who][size]) if size in times[who] else "-" for who in fitted)]
        for size in sizes
    ]
    rows.append(["exponent", *(f"{exponent:.2f}" for exponent in fitted.values())])
    console.table(header, rows)
    print_notes(console, "failed", failures)
    return {
        "unit": unit,
        "contenders": {
            who: {
                "sizes": list(times[who]),
                "seconds": list(times[who].values()),
                "exponent": exponent,
            }
            for who, exponent in fitted.items()
        },
        "results": results,
        "failed": failures,
    }


def _draw(report: dict[str, Any]):
    panels = {
        axis: {
            who: (line["sizes"], [1e6 * each for each in line["seconds"]], line["exponent"])
            for who, line in entry["contenders"].items()
        }
        for axis, entry in report["axes"].items()
    }
    labels = {
        axis: f"microseconds of one {entry['unit']}" for axis, entry in report["axes"].items()
    }
    machine = report["machine"]
    return draw_lines(
        panels, labels, f"Training on {machine['processor']}{ISAS[machine['isa']].limit}"
    )


if __name__ == "__main__":
    run(command)
