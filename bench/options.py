"""What the commands share: options, lists of words, how an error ends them, where results go."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fastmlp.backend.available import available_threads
from fastmlp.cli.console import Console
from fastmlp.errors import FastMLPError, UsageError, choose
from fastmlp.files.atomic import write_atomically, write_json

from .isa import ISAS, NATIVE
from .place import CPU
from .rounds import Protocol

PLOT_FORMATS = ("png", "svg", "pdf")
NONE = "none"


class Words(click.ParamType):
    """Words with commas between; ``none`` is no word."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Return the words."""
        if isinstance(value, list):
            return value
        words = [word.strip() for word in value.split(",") if word.strip()]
        return [] if words == [NONE] else words


def words_option(name: str, default: str | None, help_text: str) -> Callable:
    """Return an option that takes words with commas between."""
    return click.option(
        name, type=Words(), default=default, show_default=True, metavar="NAMES", help=help_text
    )  # fmt: skip


def _all_of(*options: Callable) -> Callable:
    """Return what adds options to a command, in this order."""

    def add(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def turn_options(seconds: float) -> Callable:
    """Return what adds the options of taking turns; ``seconds`` is the usual time of one."""
    return _all_of(
        click.option(
            "--rounds",
            type=click.IntRange(1),
            default=7,
            show_default=True,
            metavar="N",
            help="Turns of each.",
        ),
        click.option(
            "--seconds",
            type=float,
            default=seconds,
            show_default=True,
            metavar="S",
            help="Least time of one turn.",
        ),
    )


json_option = click.option("--json", "json_file", metavar="FILE", help="Write all numbers as JSON.")
common_options = _all_of(
    words_option(
        "--gemm", "auto", "How fastmlp multiplies: auto, tiles, blas, mkl; one contender for each."
    ),
    turn_options(seconds=0.3),
    click.option(
        "--threads",
        type=click.IntRange(1),
        default=available_threads,
        metavar="N",
        help="For each; default all cores.",
    ),
    json_option,
    click.option(
        "--plot",
        "plot_file",
        metavar="FILE",
        help="Draw it: a name that ends in .png, .svg or .pdf.",
    ),
)
isa_option = click.option(
    "--isa", default=NATIVE, show_default=True, metavar="NAME",
    help=f"Vectors beyond which nobody goes: {', '.join(ISAS)}.",
)  # fmt: skip
place_options = _all_of(
    click.option("--device", default=CPU, show_default=True, metavar="NAME",
        help="cpu, cuda or cuda:N."),
    click.option(
        "--matmul-precision", "precision", default="highest", show_default=True, metavar="WORD",
        help="Of float32 products on CUDA, for everyone: highest, or high for TF32.",
    ),
)  # fmt: skip


def protocol_of(rounds: int, seconds: float) -> Protocol:
    """Return how to measure.

    Raises
    ------
    UsageError
        If the time of a turn is not a positive number of seconds.
    """
    if not 0 < seconds <= 3600:
        raise UsageError(f"--seconds must be greater than 0 and at most 3600; got {seconds:g}.")
    return Protocol(rounds, seconds)


def check_files(json_file: str | None, plot_file: str | None) -> None:
    """Refuse, before the work, files that could not be written after it.

    Raises
    ------
    UsageError
        For a folder that is not there, or an unknown format.
    """
    for name in filter(None, (json_file, plot_file)):
        if not Path(name).absolute().parent.is_dir():
            raise UsageError(f"cannot write {name}: its folder does not exist; make it first.")
    if plot_file is not None:
        choose("--plot: format", _format(plot_file), PLOT_FORMATS)


def write_results(
    report: dict[str, Any],
    json_file: str | None,
    plot_file: str | None,
    draw: Callable[[dict[str, Any]], Any],
) -> None:
    """Write the files that were asked for; ``draw`` makes a matplotlib figure of the report."""
    if json_file is not None:
        write_json(Path(json_file), report)
    if plot_file is not None:
        figure = draw(report)
        write_atomically(
            Path(plot_file), lambda aside: figure.savefig(aside, format=_format(plot_file))
        )


def tell_progress(line: str) -> None:
    """Say on standard error what happens, so that standard output holds the tables alone."""
    print(f"  {line}", file=sys.stderr, flush=True)


def print_notes(console: Console, title: str, lines: list[str]) -> None:
    """Print lines under a title, or nothing without lines."""
    for line in dict.fromkeys(lines):
        console.line(f"{title}: {line}")


def run(command: click.Command) -> None:
    """Run a command and end the process with its exit code; what a user got wrong is one line."""
    try:
        sys.exit(command.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        message, code = " ".join(error.format_message().split()), error.exit_code
    except FastMLPError as error:
        message, code = str(error), error.exit_code
    except (click.Abort, KeyboardInterrupt):
        message, code = "interrupted.", 130
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def _format(name: str) -> str:
    return Path(name).suffix.lower().removeprefix(".")
