"""``python -m bench.predict``: fastmlp and its peers row by row, by batches and all at once."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.errors import UsageError
from fastmlp.machine.throughput import Shape, find_shapes

from .agreement import PROBABILITY_TOLERANCE, check_prediction
from .contenders import PREDICTION_PEERS, Contender, find_peers, own_prediction
from .isa import ISAS, Isa, find_isa
from .machine import describe_machine, machine_lines
from .numbers import best_peer, speed_against
from .obedience import PREDICTION, keep_obedient
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
from .report import HEADER, draw_bars, spread, table_rows
from .rounds import Protocol, Work, measure

ALL_ROWS = "all"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--shapes", "all", "kuzushiji, mnist, products, wide, tabular, small, or all.")
@words_option("--peers", ",".join(PREDICTION_PEERS), "Libraries to compare with; none for none.")
@words_option("--batches", f"1,64,{ALL_ROWS}", "Rows of a call.")
@isa_option
@common_options
def command(
    shapes: list[str],
    peers: list[str],
    batches: list[str],
    isa: str,
    gemm: list[str],
    rounds: int,
    seconds: float,
    threads: int,
    json_file: str | None,
    plot_file: str | None,
) -> int:
    """Measure calls that turn NumPy rows into NumPy probabilities.

    fastmlp takes part as a user calls it (Model.predict_outputs) and as a prediction that was
    recorded once.
    """
    check_files(json_file, plot_file)
    protocol, chosen, limit = protocol_of(rounds, seconds), find_shapes(shapes), find_isa(isa)
    for batch in batches:
        _rows_of(batch, chosen[0])
    own, (found, missing) = (
        own_prediction(gemm, threads),
        find_peers(peers, PREDICTION_PEERS, threads),
    )
    console, machine = Console(), describe_machine(isa)
    for line in machine_lines(machine):
        console.line(line)
    print_notes(console, "missing", list(missing.values()))
    report: dict[str, Any] = {
        "machine": machine,
        "threads": threads,
        "missing": missing,
        "shapes": {},
    }
    everyone, report["isa"] = keep_obedient(
        console, [*own, *found], limit, PREDICTION, tell_progress
    )
    for shape in chosen:
        report["shapes"][shape.name] = _one_shape(
            console, shape, everyone, batches, protocol, limit
        )
    write_results(report, json_file, plot_file, _draw)
    return 0 if all(_is_complete(entry, own) for entry in report["shapes"].values()) else 1


def _rows_of(batch: str, shape: Shape) -> int:
    """Return the rows of a call."""
    if batch == ALL_ROWS:
        return shape.rows
    if not (batch.isascii() and batch.isdigit() and 0 < int(batch) <= shape.rows):
        raise UsageError(
            f"--batches: {batch!r} is no number of rows from 1 to {shape.rows:,}, nor {ALL_ROWS}."
        )
    return int(batch)


def _one_shape(
    console: Console,
    shape: Shape,
    contenders: list[Contender],
    batches: list[str],
    protocol: Protocol,
    isa: Isa,
) -> dict[str, Any]:
    """Check, measure and print a shape; return its part of the report."""
    console.line()
    console.line(f"{shape.name}: {shape.network}{isa.limit}")
    tell_progress(f"{shape.name}: comparing probabilities")
    agreements, failures = check_prediction(contenders, shape)
    results = {}
    for batch in dict.fromkeys(batches):
        rows = _rows_of(batch, shape)
        work = Work("Prediction", shape, {"batch": rows})
        measured, more_failures = measure(contenders, work, protocol, tell_progress)
        failures += more_failures
        console.line(f"{rows:,} row{'s' if rows > 1 else ''} a call")
        console.table(HEADER, table_rows(measured), left=2, indent=2)
        peer = best_peer(measured)
        results[batch] = [
            {**each.to_dict(), "times_best_peer": speed_against(each, peer)} for each in measured
        ]
    if len(agreements) > 1:
        worst = max(each.difference for each in agreements)
        verdict = "agree" if all(each.agrees for each in agreements) else "DISAGREE"
        names = ", ".join(each.contender for each in agreements)
        tolerance = f"tolerance {PROBABILITY_TOLERANCE:g}"
        console.line(
            f"probabilities {verdict}: {names}, largest difference {worst:.1e}, {tolerance}"
        )
    print_notes(console, "failed", failures)
    return {
        "network": shape.network,
        "rows": shape.rows,
        "results": results,
        "agreement": [each.to_dict() for each in agreements],
        "failed": failures,
    }


def _is_complete(entry: dict[str, Any], own: list[Contender]) -> bool:
    """Return whether fastmlp could be run, in each way asked for, and all agree."""
    ran = {each["contender"] for each in entry["agreement"]}
    return all(each["agrees"] for each in entry["agreement"]) and ran >= {
        contender.name for contender in own
    }


def _draw(report: dict[str, Any]):
    groups = {
        f"{name}\n{batch}": {each["contender"]: spread(each) for each in results}
        for name, entry in report["shapes"].items()
        for batch, results in entry["results"].items()
    }
    machine = report["machine"]
    title = f"A call on {machine['processor']}, by rows of a call{ISAS[machine['isa']].limit}"
    return draw_bars(groups, title, "microseconds")


if __name__ == "__main__":
    run(command)
