"""``python -m bench.kernels``: how fast each kernel moves its bytes, beside a plain copy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastmlp.backend import open_backend
from fastmlp.backend.contract import Backend
from fastmlp.cli.console import Console
from fastmlp.data.memory import require_memory
from fastmlp.errors import UsageError, choose
from fastmlp.files.atomic import write_json

from .copies import Copies
from .gpu import describe_gpus
from .kernel_cases import Arrays, Case, make_cases, measured_operations
from .launches import Piece, measure_in_turn
from .machine import describe_machine, machine_lines
from .options import (
    check_files,
    json_option,
    place_options,
    protocol_of,
    run,
    tell_progress,
    turn_options,
    words_option,
)
from .place import CPU, Place, parse_place
from .report import micro
from .rounds import Protocol

SIZES = {CPU: "64x512,1024x1024", "cuda": "64x512,1024x1024,8192x2048"}
TYPES = ("float32", "float64")
KINDS = {"nn": "x·W", "nt": "dz·Wᵀ", "tn": "xᵀ·dz"}
MATRICES = 20  # that the cases of one size and type and their copies take, at most
TOO_FEW_BYTES = 1024  # to say anything of bandwidth: such a kernel takes the time of a launch


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option("--kernels", "all", "Operations to measure: names, all or none.")
@words_option(
    "--size", None, f"ROWSxCOLUMNS of a batch; default {SIZES[CPU]}, on CUDA {SIZES['cuda']}."
)
@words_option("--types", ",".join(TYPES), "Of numbers.")
@click.option(
    "--products/--no-products", default=True, show_default=True, help="Measure matrix products too."
)
@place_options
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="On the CPU.",
)
@turn_options(seconds=0.02)
@json_option
def command(
    kernels: list[str], size: list[str] | None, types: list[str], products: bool, device: str,
    precision: str,
    threads: int, rounds: int, seconds: float, json_file: str | None,
) -> int:  # fmt: skip
    """Measure each kernel alone, launched again and again over the same arrays, against a copy that
    moves as many bytes.

    The bytes are those that a kernel must read and write at least, by its own signature: what it
    updates counts twice. Copies are made in the same run, in turn with the kernels; on the CPU by
    one thread. Small arrays stay in a cache, for the kernel as for the copy.
    """
    check_files(json_file, None)
    place, protocol = parse_place(device, precision), protocol_of(rounds, seconds)
    sizes = [parse_size(word) for word in size or SIZES["cuda" if place.is_gpu else CPU].split(",")]
    names, dtypes = (
        _names(kernels),
        [np.dtype(choose("type", word, TYPES)) for word in dict.fromkeys(types)],
    )
    backend, _ = open_backend(place.device, threads=threads, matmul_precision=precision)
    console, machine = Console(), _machine(backend, place)
    for line in machine_lines(machine):
        console.line(line)
    report: dict[str, Any] = {"machine": machine, "threads": threads, "kernels": [], "products": []}
    for rows, columns in sizes:
        for dtype in dtypes:
            if not place.is_gpu:
                numbers = columns * (MATRICES * rows + columns)
                require_memory(numbers * dtype.itemsize, f"{dtype} {rows}×{columns}")
            group = _Group(console, backend, protocol, rows, columns, dtype)
            report["kernels"] += group.measure_kernels(names)
            if products:
                report["products"] += group.measure_products()
    for notice in dict.fromkeys(backend.notices):
        console.line(f"note: {notice}")
    if json_file is not None:
        write_json(Path(json_file), report)
    return 0


def parse_size(word: str) -> tuple[int, int]:
    """Return (rows, columns) of ``"64x512"``.

    Raises
    ------
    UsageError
        For anything else.
    """
    found = re.fullmatch(r"([1-9]\d{0,8})[x×]([1-9]\d{0,8})", word, re.ASCII)
    if found is None:
        raise UsageError(f"--size: {word!r} is no size. Give ROWSxCOLUMNS, such as 64x512.")
    return int(found[1]), int(found[2])


def _names(kernels: list[str]) -> list[str]:
    known = measured_operations()
    return (
        known
        if kernels == ["all"]
        else [choose("kernel", name, known) for name in dict.fromkeys(kernels)]
    )


def _machine(backend: Backend, place: Place) -> dict[str, Any]:
    described = backend.describe()
    found = {"fastmlp": {"device": described["device"], "libraries": described["blas"]}}
    return {
        **describe_machine(),
        "device": backend.name,
        "gpus": describe_gpus() if place.is_gpu else [],
        "found": found,
    }


@dataclass(frozen=True)
class _Group:
    """The measurements of one size and type."""

    console: Console
    backend: Backend
    protocol: Protocol
    rows: int
    columns: int
    dtype: np.dtype

    @property
    def _shape(self) -> str:
        return f"{self.rows}×{self.columns}"

    def measure_kernels(self, names: list[str]) -> list[dict[str, Any]]:
        """Measure and print these kernels; return their part of the report."""
        if not names:
            return []
        tell_progress(f"{self.dtype} {self._shape}: kernels")
        cases = make_cases(Arrays(self.backend, self.rows, self.columns, self.dtype), names)
        pieces = [self._recorded(case) for case in cases]
        lengths = dict.fromkeys(case.moved // 2 for case in cases)
        plain = Copies(self.backend, max(lengths))
        copies = {length: Piece(plain.repeated(length)) for length in lengths}
        measure_in_turn([*copies.values(), *pieces], self.backend.synchronize, self.protocol)
        results = [
            self._kernel(case, piece, copies[case.moved // 2])
            for case, piece in zip(cases, pieces, strict=True)
        ]
        self._print(
            ("kernel", "shape", "bytes", "µs", "GB/s", "of copy"),
            [_kernel_row(each) for each in results],
        )
        return results

    def measure_products(self) -> list[dict[str, Any]]:
        """Measure and print the three products of a layer; return their part of the report."""
        tell_progress(f"{self.dtype} {self._shape}: products")
        pieces = {kind: self._product(kind) for kind in KINDS}
        measure_in_turn(list(pieces.values()), self.backend.synchronize, self.protocol)
        operations = 2 * self.rows * self.columns**2
        results = [
            {**self._what(piece), "product": kind, "teraflops": operations / piece.median / 1e12}
            for kind, piece in pieces.items()
        ]
        self._print(
            ("product", "shape", "µs", "TFLOP/s"),
            [
                (
                    KINDS[each["product"]],
                    f"{self._shape}×{self.columns}",
                    micro(each["median"]),
                    f"{each['teraflops']:.3g}",
                )
                for each in results
            ],
        )
        return results

    def _recorded(self, case: Case) -> Piece:
        with self.backend.record() as program:
            case.launch()
        return Piece(program.replay, case.most, case.reset)

    def _product(self, kind: str) -> Piece:
        """Return a layer's product: ``nn`` forward, ``nt`` to its input, ``tn`` for its weights."""
        random = np.random.default_rng(0)
        batch, weights = (self.rows, self.columns), (self.columns, self.columns)
        shapes = {
            "nn": (batch, weights, batch),
            "nt": (batch, weights, batch),
            "tn": (batch, batch, weights),
        }[kind]
        a, b, c = (
            self.backend.from_numpy(random.standard_normal(shape).astype(self.dtype))
            for shape in shapes
        )
        with self.backend.record() as program:
            self.backend.matmul(kind, a, b, c)
        return Piece(program.replay)

    def _what(self, piece: Piece) -> dict[str, Any]:
        return {
            "dtype": str(self.dtype), "rows": self.rows, "columns": self.columns,
            "seconds": piece.seconds,
            "median": piece.median,
        }  # fmt: skip

    def _kernel(self, case: Case, piece: Piece, copy: Piece) -> dict[str, Any]:
        measured = {**self._what(piece), "kernel": case.kernel, "bytes": case.moved}
        if case.moved < TOO_FEW_BYTES:
            return {**measured, "gigabytes_per_second": None, "share_of_copy": None}
        return {
            **measured,
            "copy_seconds": copy.seconds,
            "gigabytes_per_second": case.moved / piece.median / 1e9,
            "share_of_copy": copy.median
            / piece.median,  # a copy reads and writes half of the bytes each
        }

    def _print(self, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        self.console.line()
        self.console.line(f"{self.dtype}, {self._shape}")
        self.console.table(header, rows, left=2, indent=2)


def _kernel_row(result: dict[str, Any]) -> tuple[str, ...]:
    speed, share = result["gigabytes_per_second"], result["share_of_copy"]
    return (
        result["kernel"],
        f"{result['rows']}×{result['columns']}",
        f"{result['bytes']:,}",
        micro(result["median"]),
        "-" if speed is None else f"{speed:,.1f}",
        "-" if share is None else f"{share:.0%}",
    )


if __name__ == "__main__":
    run(command)
