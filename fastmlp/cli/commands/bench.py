"""``fastmlp bench``: how fast this machine trains, device by device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import THREADS, option
from fastmlp.errors import UsageError, choose

if TYPE_CHECKING:
    from fastmlp.machine.throughput import Throughput

STANDARD_OUTPUT = "-"
PLOT_FORMATS = ("png", "svg", "pdf")
LONGEST = 3600.0  # seconds for one shape on one device
HEADER = ("shape", "network", "batch", "optimizer", "device", "samples/s", "µs/step", "GFLOP/s")


def bench(device: str, shapes: str, seconds: float, threads: int | None, json_file: str | None,
          plot_file: str | None) -> None:  # fmt: skip
    """Measure how fast networks of several shapes train on every device at hand, with made-up data.

    \b
    fastmlp bench
    fastmlp bench --device cpu --shapes small,mnist --seconds 3
    fastmlp bench --json speed.json --plot speed.png
    """
    if not 0 < seconds <= LONGEST:
        raise UsageError(
            f"--seconds must be greater than 0 and at most {LONGEST:g}; got {seconds:g}."
        )
    _check_files(json_file, plot_file)  # refused before the work, not after

    from fastmlp.machine.throughput import find_shapes, measure_throughput, open_devices

    console = Console(as_json=json_file == STANDARD_OUTPUT)
    chosen = find_shapes(_words(shapes))
    backends, unavailable = open_devices(_words(device), threads)
    described = {backend.name: backend.describe() for backend in backends}
    for name, facts in described.items():
        words = [f"{key} {value}" for key, value in facts.items() if key != "device"]
        console.line(f"{name}: {', '.join(words)}")

    def announce(measured: Throughput) -> None:
        if console.as_json or sys.stderr.isatty():
            print(f"{measured.shape} on {measured.device}: done", file=sys.stderr, flush=True)

    results = measure_throughput(backends, chosen, seconds, announce)
    console.line()
    console.table(HEADER, [_row(measured) for measured in results], left=2)
    for name, reason in unavailable.items():
        console.line(f"no rows for {name}: {reason}")
    report = {
        "devices": described,
        "unavailable": unavailable,
        "seconds": seconds,
        "results": [measured.to_dict() for measured in results],
    }
    console.json_line(report)
    if json_file not in (None, STANDARD_OUTPUT):
        from fastmlp.files.atomic import write_json

        write_json(Path(json_file), report)
    if plot_file is not None:
        _plot(Path(plot_file), results)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _check_files(json_file: str | None, plot_file: str | None) -> None:
    for name in (json_file, plot_file):
        if name not in (None, STANDARD_OUTPUT) and not Path(name).absolute().parent.is_dir():
            raise UsageError(f"cannot write {name}: its folder does not exist; make it first.")
    if plot_file is not None:
        choose("--plot: format", Path(plot_file).suffix.lower().removeprefix("."), PLOT_FORMATS)


def _row(measured: Throughput) -> tuple[str, ...]:
    return (
        measured.shape,
        measured.network,
        str(measured.batch),
        measured.optimizer,
        measured.device,
        f"{measured.samples_per_second:,.0f}",
        f"{measured.microseconds_per_step:,.1f}",
        f"{measured.gigaflops:,.1f}",
    )


def _plot(path: Path, results: list[Throughput]) -> None:
    """Draw samples a second, a group of bars a shape and a bar a device, on a logarithmic axis."""
    from matplotlib.figure import Figure

    from fastmlp.files.atomic import write_atomically

    shapes = list(dict.fromkeys(measured.shape for measured in results))
    devices = list(dict.fromkeys(measured.device for measured in results))
    figure = Figure(figsize=(2 + 1.2 * len(shapes), 4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(devices)
    for index, device in enumerate(devices):
        own = [measured for measured in results if measured.device == device]
        shift = (index - (len(devices) - 1) / 2) * width
        places = [shapes.index(measured.shape) + shift for measured in own]
        axes.bar(places, [measured.samples_per_second for measured in own], width, label=device)
    axes.set_xticks(range(len(shapes)), shapes)
    axes.set(yscale="log", ylabel="samples per second", title="Training throughput")
    axes.legend()
    kind = path.suffix.lower().removeprefix(".")
    write_atomically(path, lambda aside: figure.savefig(aside, format=kind))


command = click.Command(
    "bench",
    callback=bench,
    params=[
        option(
            "--device",
            "NAMES",
            "Devices, with commas between.",
            default="cpu,cuda",
            show_default=True,
        ),
        option(
            "--shapes",
            "NAMES",
            "kuzushiji, mnist, products, wide, tabular, small: some with commas between, or all.",
            default="all",
            show_default=True,
        ),
        option(
            "--seconds",
            "S",
            "Time for each measurement.",
            type=float,
            default=1.0,
            show_default=True,
        ),
        THREADS,
        option("--json json_file", "FILE", "Write the numbers as JSON; - for standard output."),
        option("--plot plot_file", "FILE", "Draw them: a name that ends in .png, .svg or .pdf."),
    ],
    help=bench.__doc__,
    short_help="Measure how fast this machine trains.",
)
