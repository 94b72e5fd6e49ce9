"""``python -m bench.train``: a training step of fastmlp and of its peers, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.errors import UsageError
from fastmlp.machine.throughput import Shape, find_shapes

from .agreement import TF32_TOLERANCE, TOLERANCE, Agreement, check_training
from .contenders import GPU_PEERS, OWN, TRAINING_PEERS, Contender, LineUp, find_peers, own_training
from .gpu import describe_gpus, line_up_on_gpu
from .isa import ISAS, Isa, find_isa
from .machine import describe_machine, machine_lines
from .numbers import best_peer, geometric_mean, share_of_peak, speed_against
from .obedience import TRAINING, keep_obedient
from .options import (
    check_files,
    common_options,
    isa_option,
    place_options,
    print_notes,
    protocol_of,
    run,
    tell_progress,
    words_option,
    write_results,
)
from .peak import measure_peak, peak_size
from .place import Place, parse_place
from .report import HEADER, MEMORY_COLUMN, PEAK_COLUMN, draw_bars, spread, table_rows
from .rounds import Measurement, Protocol, Work, measure

# Of products, with 29 million parameters, a step took it 0.7 s on two cores: its rounds would take
# many minutes.
LARGEST_FOR_SKLEARN = 10_000_000  # parameters
TOO_LARGE = (
    "sklearn does not take part in {}: a step with {:,} parameters takes it too long to be worth"
    " the wait."
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--shapes", "all", "kuzushiji, mnist, products, wide, tabular, small, or all.")
@words_option(
    "--peers",
    None,
    f"Libraries to compare with; default {','.join(TRAINING_PEERS)}, on CUDA {','.join(GPU_PEERS)};"
    " none.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Compare losses over whole epochs, not a few batches; measure nothing.",
)
@place_options
@isa_option
@common_options
def command(
    shapes: list[str],
    peers: list[str] | None,
    check: bool,
    device: str,
    precision: str,
    isa: str,
    gemm: list[str],
    rounds: int,
    seconds: float,
    threads: int,
    json_file: str | None,
    plot_file: str | None,
) -> int:
    """Measure a training step: batch from memory, forward, loss, backward, update.

    All contenders train the same network from the same weights on the same float32 rows in memory,
    each in a process of its own, in turn within each round. On a GPU the rows lie in its memory,
    and batches are gathered there.
    """
    check_files(json_file, plot_file)
    place, protocol, chosen = (
        parse_place(device, precision),
        protocol_of(rounds, seconds),
        find_shapes(shapes),
    )
    limit = _isa_at(place, isa)
    present = _line_up(place, peers, gemm, threads)
    console, machine = Console(), describe_machine(isa)
    if place.is_gpu:
        machine |= {
            "device": place.device,
            "precision": precision,
            "gpus": describe_gpus(),
            "found": present.devices,
        }
    for line in machine_lines(machine):
        console.line(line)
    print_notes(console, "missing", list(present.missing.values()))
    report: dict[str, Any] = {
        "machine": machine,
        "threads": threads,
        "missing": present.missing,
        "shapes": {},
    }
    everyone, report["isa"] = keep_obedient(
        console, [*present.own, *present.peers], limit, TRAINING, tell_progress
    )
    peak = {} if check else _peak(console, everyone, place, threads, protocol, limit)
    report["peak_gigaflops"] = peak
    for shape in chosen:
        contenders, skipped = _that_take_part(everyone, shape)
        bench = _Bench(console, shape, place, protocol, peak, limit)
        report["shapes"][shape.name] = bench.run(contenders, skipped, check)
    if not check:
        report["summary"] = _summary(console, report["shapes"])
    write_results(report, json_file, plot_file, _draw)
    return 0 if all(_is_complete(entry, present.own) for entry in report["shapes"].values()) else 1


def _line_up(place: Place, names: list[str] | None, gemm: list[str], threads: int) -> LineUp:
    """Return who takes part; on a GPU each has said that it can use it."""
    if place.is_gpu:
        if gemm != ["auto"]:
            raise UsageError(
                "--gemm chooses among the CPU's ways to multiply; on a GPU it is cuBLAS. Leave it"
                " out."
            )
        return line_up_on_gpu(GPU_PEERS if names is None else names, place, threads)
    found, missing = find_peers(TRAINING_PEERS if names is None else names, TRAINING_PEERS, threads)
    return LineUp(own_training(gemm, threads), found, missing)


def _isa_at(place: Place, name: str) -> Isa:
    isa = find_isa(name)
    if place.is_gpu and not isa.is_native:
        raise UsageError("--isa is for the CPU's vector instructions; on a GPU leave it out.")
    return isa


def _peak(
    console: Console, peers: list[Contender], place: Place, threads: int, protocol: Protocol,
    isa: Isa
) -> dict[str, float]:  # fmt: skip
    """Measure and print what a large product reaches."""
    size = peak_size(place)
    peak, failures = measure_peak(
        peers, place, threads, protocol, size, tell_progress, isa.environment
    )
    if peak:
        console.line(
            f"sgemm {size}³: "
            + ", ".join(f"{name} {speed:,.0f} GFLOP/s" for name, speed in peak.items())
        )
    print_notes(console, "failed", failures)
    return peak


def _is_complete(entry: dict[str, Any], own: list[Contender]) -> bool:
    """Return whether fastmlp could be run, in each way asked for, and all agree."""
    ran = {each["contender"] for each in entry["agreement"] if each["agrees"]}
    return all(each["agrees"] for each in entry["agreement"]) and ran >= {
        contender.name for contender in own
    }


def _that_take_part(everyone: list[Contender], shape: Shape) -> tuple[list[Contender], list[str]]:
    if shape.parameters <= LARGEST_FOR_SKLEARN or all(each.name != "sklearn" for each in everyone):
        return everyone, []
    return [each for each in everyone if each.name != "sklearn"], [
        TOO_LARGE.format(shape.name, shape.parameters)
    ]


@dataclass(frozen=True)
class _Bench:
    """The bench of one shape: compared first, then measured and printed."""

    console: Console
    shape: Shape
    place: Place
    protocol: Protocol
    peak: dict[str, float]
    isa: Isa

    def run(self, contenders: list[Contender], skipped: list[str], check: bool) -> dict[str, Any]:
        """Return this shape's part of the report; with ``check``, losses are only compared."""
        shape = self.shape
        self.console.line()
        self.console.line(
            f"{shape.name}: {shape.network}, batch {shape.batch}, {shape.rule}{self.isa.limit}"
        )
        print_notes(self.console, "skipped", skipped)
        tell_progress(f"{shape.name}: comparing losses")
        agreements, failures = check_training(contenders, shape, check, self._tolerance)
        measured: list[Measurement] = []
        if not check:
            work = Work("Training", shape, {"shuffle": True})
            measured, more_failures = measure(contenders, work, self.protocol, tell_progress)
            failures += more_failures
            self._print_table(measured)
        self._print_agreement(agreements, with_losses=check)
        print_notes(self.console, "failed", failures)
        return {
            "network": shape.network,
            "batch": shape.batch,
            "optimizer": shape.rule,
            "steps": shape.steps,
            "flops_per_step": shape.flops_per_step,
            "results": [self._result(each, measured) for each in measured],
            "agreement": [each.to_dict() for each in agreements],
            "skipped": skipped,
            "failed": failures,
        }

    @property
    def _tolerance(self) -> float:
        return TOLERANCE if self.place.precision == "highest" else TF32_TOLERANCE

    def _share(self, measured: Measurement) -> float | None:
        if not self.peak:
            return None
        seconds = measured.median / self.shape.steps
        return share_of_peak(self.shape.flops_per_step, seconds, 1e9 * max(self.peak.values()))

    def _result(self, measured: Measurement, everyone: list[Measurement]) -> dict[str, Any]:
        """Return a measurement of epochs as JSON can hold it."""
        return {
            **measured.to_dict(),
            "microseconds_per_step": 1e6 * measured.median / self.shape.steps,
            "times_best_peer": speed_against(measured, best_peer(everyone)),
            "share_of_peak": self._share(measured),
        }

    def _print_table(self, measured: list[Measurement]) -> None:
        header, rows = list(HEADER), table_rows(measured, self.shape.steps)
        if self.place.is_gpu:
            header[MEMORY_COLUMN] = "GPU memory"
        if self.peak:
            header.insert(PEAK_COLUMN, "of peak")
            for row, each in zip(rows, measured, strict=True):
                row.insert(PEAK_COLUMN, f"{self._share(each):.1%}")
        self.console.table(header, rows, left=2, indent=2)
        for each in measured:
            print_notes(self.console, each.contender, each.notices)

    def _print_agreement(self, agreements: list[Agreement], with_losses: bool) -> None:
        agree = all(each.agrees for each in agreements)
        if len(agreements) > 1:
            worst = max(each.difference for each in agreements)
            names = ", ".join(each.contender for each in agreements)
            tolerance = f"largest relative difference {worst:.1e}, tolerance {self._tolerance:g}"
            self.console.line(f"losses {'agree' if agree else 'DISAGREE'}: {names}, {tolerance}")
        if with_losses or not agree:
            header = ("contender", "loss of each epoch", "difference")
            losses = [", ".join(f"{loss:.6f}" for loss in each.values) for each in agreements]
            rows = [
                (a.contender, text, f"{a.difference:.1e}")
                for a, text in zip(agreements, losses, strict=True)
            ]
            self.console.table(header, rows, left=2, indent=2)


def _summary(console: Console, shapes: dict[str, Any]) -> list[dict[str, Any]]:
    """Print and return how each way of running fastmlp stands against the peers."""
    names = [
        each["contender"]
        for entry in shapes.values()
        for each in entry["results"]
        if not each["is_peer"]
    ]
    lines = []
    for name in dict.fromkeys(names):
        against: dict[str, list[float]] = {"the best peer": []}
        for entry in shapes.values():
            times = {each["contender"]: each["median"] for each in entry["results"]}
            peers = {
                each["contender"]: each["median"] for each in entry["results"] if each["is_peer"]
            }
            if name in times and peers:
                against["the best peer"].append(min(peers.values()) / times[name])
                for peer in filter(lambda peer: peer.startswith("torch"), peers):
                    against.setdefault(peer, []).append(peers[peer] / times[name])
        for other, ratios in against.items():
            if ratios:
                lines.append({"contender": name, "against": other,
                        "geometric_mean": geometric_mean(ratios),
                              "least": min(ratios), "shapes": len(ratios)})  # fmt: skip
    if lines:
        console.line()
    for line in lines:
        console.line(
            f"{line['contender']}: {line['geometric_mean']:.2f} times as fast as {line['against']}"
            f" in the geometric mean of {line['shapes']} shape(s), {line['least']:.2f} at least"
        )
    return lines


def _draw(report: dict[str, Any]):
    groups = {
        name: {each["contender"]: spread(each, entry["steps"]) for each in entry["results"]}
        for name, entry in report["shapes"].items()
    }
    machine = report["machine"]
    place = machine["found"][OWN]["device"] if "found" in machine else machine["processor"]
    return draw_bars(
        groups, f"A training step on {place}{ISAS[machine['isa']].limit}", "microseconds"
    )


if __name__ == "__main__":
    run(command)
