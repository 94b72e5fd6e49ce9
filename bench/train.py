"""``python -m bench.train``: a training step of fastmlp and of its peers, side by side."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.jobs.throughput import Shape, find_shapes

from .agreement import TOLERANCE, Agreement, check_training
from .contenders import TRAINING_PEERS, Contender, find_peers, own_training
from .machine import describe_machine, machine_lines
from .numbers import best_peer, geometric_mean, share_of_peak, speed_against
from .options import (
    check_files,
    common_options,
    print_notes,
    protocol_of,
    run,
    tell_progress,
    words_option,
    write_results,
)
from .peak import measure_peak
from .report import HEADER, PEAK_COLUMN, draw_bars, spread, table_rows
from .rounds import Measurement, Protocol, Work, measure

# Of products, with 29 million parameters, a step took it 0.7 s on two cores: its rounds would take many minutes.
LARGEST_FOR_SKLEARN = 10_000_000  # parameters
TOO_LARGE = "sklearn does not take part in {}: a step with {:,} parameters takes it too long to be worth the wait."


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--shapes", "all", "kuzushiji, mnist, products, wide, tabular, small, or all.")
@words_option("--peers", ",".join(TRAINING_PEERS), "Libraries to compare with; none for none.")
@click.option("--check", is_flag=True, help="Compare losses over whole epochs, not a few batches; measure nothing.")
@common_options
def command(
    shapes: list[str],
    peers: list[str],
    check: bool,
    gemm: list[str],
    rounds: int,
    seconds: float,
    threads: int,
    json_file: str | None,
    plot_file: str | None,
) -> int:
    """Measure a training step: batch from memory, forward, loss, backward, update.

    All contenders train the same network from the same weights on the same float32 rows in memory, each in a process
    of its own, in turn within each round.
    """
    check_files(json_file, plot_file)
    protocol, chosen = protocol_of(rounds, seconds), find_shapes(shapes)
    own, (found, missing) = own_training(gemm, threads), find_peers(peers, TRAINING_PEERS, threads)
    console, machine = Console(), describe_machine()
    for line in machine_lines(machine):
        console.line(line)
    print_notes(console, "missing", list(missing.values()))
    report: dict[str, Any] = {"machine": machine, "threads": threads, "missing": missing, "shapes": {}}
    peak, failures = ({}, []) if check else measure_peak(found, threads, protocol, tell=tell_progress)
    report["peak_gigaflops"] = peak
    if peak:
        console.line("sgemm 1024³: " + ", ".join(f"{name} {speed:,.0f} GFLOP/s" for name, speed in peak.items()))
    print_notes(console, "failed", failures)
    for shape in chosen:
        contenders, skipped = _that_take_part(own, found, shape)
        report["shapes"][shape.name] = _one_shape(console, shape, contenders, skipped, protocol, peak, check)
    if not check:
        report["summary"] = _summary(console, report["shapes"])
    write_results(report, json_file, plot_file, _draw)
    return 0 if all(_is_complete(entry, own) for entry in report["shapes"].values()) else 1


def _is_complete(entry: dict[str, Any], own: list[Contender]) -> bool:
    """Return whether fastmlp could be run, in each way asked for, and all agree."""
    ran = {each["contender"] for each in entry["agreement"] if each["agrees"]}
    return all(each["agrees"] for each in entry["agreement"]) and ran >= {contender.name for contender in own}


def _that_take_part(own: list[Contender], peers: list[Contender], shape: Shape) -> tuple[list[Contender], list[str]]:
    if shape.parameters <= LARGEST_FOR_SKLEARN or all(peer.name != "sklearn" for peer in peers):
        return [*own, *peers], []
    return [*own, *(peer for peer in peers if peer.name != "sklearn")], [TOO_LARGE.format(shape.name, shape.parameters)]


def _one_shape(
    console: Console, shape: Shape, contenders: list[Contender], skipped: list[str], protocol: Protocol,
    peak: dict[str, float], check: bool,
) -> dict[str, Any]:  # fmt: skip
    """Check, measure and print a shape; return its part of the report."""
    console.line()
    console.line(f"{shape.name}: {shape.network}, batch {shape.batch}, {shape.rule}")
    print_notes(console, "skipped", skipped)
    tell_progress(f"{shape.name}: comparing losses")
    agreements, failures = check_training(contenders, shape, whole_epochs=check)
    measured: list[Measurement] = []
    if not check:
        work = Work("Training", shape, {"shuffle": True})
        measured, more_failures = measure(contenders, work, protocol, tell_progress)
        failures += more_failures
        _print_table(console, shape, measured, peak)
    _print_agreement(console, agreements, with_losses=check)
    print_notes(console, "failed", failures)
    return {
        "network": shape.network,
        "batch": shape.batch,
        "optimizer": shape.rule,
        "steps": shape.steps,
        "flops_per_step": shape.flops_per_step,
        "results": [_result(each, shape, measured, peak) for each in measured],
        "agreement": [each.to_dict() for each in agreements],
        "skipped": skipped,
        "failed": failures,
    }


def _share(measured: Measurement, shape: Shape, peak: dict[str, float]) -> float | None:
    if not peak:
        return None
    return share_of_peak(shape.flops_per_step, measured.median / shape.steps, 1e9 * max(peak.values()))


def _result(
    measured: Measurement, shape: Shape, everyone: list[Measurement], peak: dict[str, float]
) -> dict[str, Any]:  # fmt: skip
    """Return a measurement of epochs as JSON can hold it."""
    return {
        **measured.to_dict(),
        "microseconds_per_step": 1e6 * measured.median / shape.steps,
        "times_best_peer": speed_against(measured, best_peer(everyone)),
        "share_of_peak": _share(measured, shape, peak),
    }


def _print_table(console: Console, shape: Shape, measured: list[Measurement], peak: dict[str, float]) -> None:
    header, rows = list(HEADER), table_rows(measured, shape.steps)
    if peak:
        header.insert(PEAK_COLUMN, "of peak")
        for row, each in zip(rows, measured, strict=True):
            row.insert(PEAK_COLUMN, f"{_share(each, shape, peak):.1%}")
    console.table(header, rows, left=2, indent=2)


def _print_agreement(console: Console, agreements: list[Agreement], with_losses: bool) -> None:
    if len(agreements) > 1:
        worst = max(each.difference for each in agreements)
        verdict = "agree" if all(each.agrees for each in agreements) else "DISAGREE"
        names = ", ".join(each.contender for each in agreements)
        console.line(f"losses {verdict}: {names}, largest relative difference {worst:.1e}, tolerance {TOLERANCE:g}")
    if with_losses or not all(each.agrees for each in agreements):
        header = ("contender", "loss of each epoch", "difference")
        losses = [", ".join(f"{loss:.6f}" for loss in each.values) for each in agreements]
        rows = [(a.contender, text, f"{a.difference:.1e}") for a, text in zip(agreements, losses, strict=True)]
        console.table(header, rows, left=2, indent=2)


def _summary(console: Console, shapes: dict[str, Any]) -> list[dict[str, Any]]:
    """Print and return, for each way of running fastmlp, how it stands against the peers over all shapes."""
    names = [each["contender"] for entry in shapes.values() for each in entry["results"] if not each["is_peer"]]
    lines = []
    for name in dict.fromkeys(names):
        against = {"the best peer": [], "torch": []}
        for entry in shapes.values():
            times = {each["contender"]: each["median"] for each in entry["results"]}
            peers = [each["median"] for each in entry["results"] if each["is_peer"]]
            if name in times and peers:
                against["the best peer"].append(min(peers) / times[name])
            if name in times and "torch" in times:
                against["torch"].append(times["torch"] / times[name])
        for other, ratios in against.items():
            if ratios:
                lines.append({"contender": name, "against": other, "geometric_mean": geometric_mean(ratios),
                              "least": min(ratios), "shapes": len(ratios)})  # fmt: skip
    if lines:
        console.line()
    for line in lines:
        console.line(
            f"{line['contender']}: {line['geometric_mean']:.2f} times as fast as {line['against']} in the geometric mean "
            f"of {line['shapes']} shape(s), {line['least']:.2f} at least"
        )
    return lines


def _draw(report: dict[str, Any]):
    groups = {
        name: {each["contender"]: spread(each, entry["steps"]) for each in entry["results"]}
        for name, entry in report["shapes"].items()
    }
    return draw_bars(groups, f"A training step on {report['machine']['processor']}", "microseconds")


if __name__ == "__main__":
    run(command)
