"""``fastmlp info``: what this machine offers, or what a run holds."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.column_table import show_columns
from fastmlp.cli.console import Console, duration, number
from fastmlp.cli.options import DEVICE, JSON, flag
from fastmlp.cli.parameter_table import parameter_rows
from fastmlp.errors import UsageError


def info(run: str | None, graph: bool, device: str, as_json: bool) -> None:
    """Tell versions, BLAS, threads, data sets and CUDA of this machine; or what is in a RUN.

    \b
    fastmlp info
    fastmlp info runs/first
    fastmlp info runs/first --graph --device cuda
    """
    from fastmlp.machine.information import information, run_information

    console = Console(as_json)
    if graph:
        _tell_step(console, run, device)
        return
    report = information() if run is None else run_information(run)
    if as_json:
        console.json_line(report)
    elif run is None:
        _show_machine(console, report)
    else:
        _show_run(console, report)


def _tell_step(console: Console, run: str | None, device: str) -> None:
    if run is None:
        raise UsageError(
            "--graph needs a RUN, whose training step it lists: fastmlp info runs/first --graph."
        )
    from dataclasses import asdict

    from fastmlp.run.recorded_step import recorded_step

    step = recorded_step(run, device)
    rows = [(str(position), name) for position, name in enumerate(step.operations, 1)]
    console.table(("", "operation"), rows, left=2)
    console.line()
    console.line(
        f"{len(step.operations)} operations a step on {step.device}: {step.layers} layers, "
        f"{step.optimizer}"
    )
    console.json_line(asdict(step))


def _show_machine(console: Console, report: dict[str, Any]) -> None:
    for name, extra in report["extras"].items():
        if not report["versions"][name]:
            report["versions"][name] = f"not installed; pip install 'fastmlp[{extra}]'"
    console.entries((name, found or "missing") for name, found in report["versions"].items())
    console.line()
    precisions = report["matmul_precisions"].items()
    console.entries(
        [
            ("platform", report["platform"]),
            ("processor", report["processor"]),
            ("vectors", _vectors(report["vector_width"], report["kernels"])),
            ("threads", str(report["threads"])),
            ("BLAS", report["blas"]),
            ("products", ", ".join(f"{word} ({factors})" for word, factors in precisions)),
            ("CUDA", report["cuda"] or f"no: {report['cuda_unavailable']}"),
            ("kernel cache", report["kernel_cache"]),
        ]
    )
    console.line()
    later = "will be downloaded when first used"
    console.entries((name, place or later) for name, place in report["datasets"].items())


def _vectors(processor: str, kernels: dict[str, Any]) -> str:
    """Say what the processor has and what is made of it, with who is to blame if that is less."""
    blame = (
        f", narrowed by {' and '.join(kernels['narrowed_by'])}" if kernels["narrowed_by"] else ""
    )
    return (
        f"processor {processor}; kernels compiled for {kernels['vectors']} "
        f"({kernels['processor']}){blame}"
    )


def _show_run(console: Console, report: dict[str, Any]) -> None:
    architecture, metrics = report["architecture"], report["metrics"]
    widths = (architecture["inputs"], *architecture["hidden"], architecture["outputs"])
    members = architecture["members"]
    network = "-".join(map(str, widths))
    rows = ", ".join(f"{name} {count:,}" for name, count in report["rows"].items())
    console.entries(
        [
            ("model", report["model"]),
            ("task", report["task"]),
            ("target", report["target_name"] or "unnamed"),
            *([("classes", _some(report["classes"]))] if report["classes"] else []),
            ("rows", rows or "not known: imported"),
            ("network", network if members == 1 else f"{members} × {network}"),
            ("loss", report["loss"]),
        ]
    )
    console.line()
    rows = [row[:2] for row in parameter_rows(report["parameters"].items())]
    console.table(("arrays", "shape"), rows)
    console.line(f"{report['parameter_count']:,} trained parameters")
    if report["columns"]:
        from fastmlp.data.readings.schema import ColumnFacts

        console.line()
        show_columns(console, [ColumnFacts.from_dict(each) for each in report["columns"]])
    console.line()
    console.line("settings")
    console.entries((f"  {name}", str(value)) for name, value in report["settings"].items())
    if metrics is not None:
        console.line()
        console.line("metrics")
        console.entries(
            (f"  {name}", _shown(name, value)) for name, value in metrics.items() if value != ""
        )


def _some(values: list) -> str:
    shown = ", ".join(map(str, values[:10]))
    return f"{len(values):,}: {shown}" + (", …" if len(values) > 10 else "")


def _shown(name: str, value: Any) -> str:
    if isinstance(value, float) and name.endswith("_seconds"):
        return duration(value)
    if isinstance(value, float):
        return number(value) if name != "samples_per_second" else f"{value:,.0f}"
    return "-" if value is None else str(value)


command = click.Command(
    "info",
    callback=info,
    params=[
        click.Argument(["run"], required=False, metavar="[RUN]"),
        flag(
            "--graph", "List the operations of a training step of RUN: on CUDA, its graph's nodes."
        ),
        DEVICE,
        JSON,
    ],
    help=info.__doc__,
    short_help="Tell what this machine offers, or what is in a run.",
)
