"""``fastmlp train``: from data and options to a run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import (
    SectionedCommand,
    flag,
    gather_settings,
    option,
    setting_options,
    typed_settings,
)
from fastmlp.cli.streams import be_silent
from fastmlp.cli.workers import start_workers
from fastmlp.errors import UsageError
from fastmlp.ranks.launcher import announced_rank

if TYPE_CHECKING:
    from fastmlp.run.train import TrainingJob
    from fastmlp.training.callbacks import Callback

RUN_OPTIONS = [
    option("--config", "FILE", "TOML file with settings; what is typed here counts more."),
    option(
        "--out",
        "FOLDER",
        "The run's folder; default runs/<time>-<name>. To a taken name a number is added.",
    ),
    option("--resume", "RUN", "Go on with a run from its newest checkpoint, in its folder."),
    option("--tensorboard", "FOLDER", "Write a log for TensorBoard."),
    option("--csv-log", "FILE", "Write a line of CSV for each epoch."),
    flag("--json as_json", "Print the result as one line of JSON, all else to stderr."),
    flag("--quiet", "Print errors only."),
    option("--workers", "N", "Train in so many processes of this machine; on CUDA one a GPU.",
           type=int),
]  # fmt: skip


@click.pass_context
def train(context: click.Context, data: str | None, config: str | None, out: str | None,
          resume: str | None, tensorboard: str | None, csv_log: str | None, as_json: bool,
          quiet: bool, workers: int | None, **_: Any) -> int:  # fmt: skip
    """Train a network on DATA: a data set's name, a file, a folder, or features,target as two
    files.

    \b
    fastmlp train digits
    fastmlp train flowers.csv --target species --hidden 64,64 --early-stopping 10
    fastmlp train --config runs/first/config.toml --lr 0.0005
    fastmlp train --resume runs/first --epochs 50
    mpiexec -n 4 fastmlp train flowers.csv --target species
    """
    if workers is not None:
        start_workers(workers, str(context.params["device"]), context.obj)
    if announced_rank():  # the first speaks for all
        be_silent()
    from fastmlp.ranks.joining import here

    ranks = here()
    with ranks.guarded():
        return _trained(context, data, config, out, resume, _logs(tensorboard, csv_log),
                        Console(as_json, quiet))  # fmt: skip


def _trained(context: click.Context, data: str | None, config: str | None, out: str | None,
             resume: str | None, logs: list[Callback], console: Console) -> int:  # fmt: skip
    """Train as the options say; return the exit code."""
    from fastmlp.cli.progress import EpochLines
    from fastmlp.cli.reading import ReadingLine
    from fastmlp.cli.training_report import Compilation, report_end, report_start

    compilation, reading = Compilation(console), ReadingLine(console)
    watchers = {
        "callbacks": [EpochLines(console), *logs],
        "announce": compilation.announce,
        "report": reading,
    }
    if resume is None:
        from fastmlp.run.folder import taken
        from fastmlp.run.train import set_up

        job = set_up(gather_settings(context, data, config), out=out, **watchers)
        if moved := taken(out, job.folder):
            console.notice(f"note: {moved}")
    else:
        job = _resumed(context, resume, {"DATA": data, "--config": config, "--out": out}, watchers)
    reading.finish()
    compilation.finish(job.compile_seconds)
    report_start(console, job)
    metrics = job.run()
    code = report_end(console, job, metrics)
    console.json_line(metrics)
    return code


def _logs(tensorboard: str | None, csv_log: str | None) -> list[Callback]:
    """Return the callbacks that write the logs; a missing package is reported before any work."""
    from fastmlp.training.logs import CsvLog, TensorBoard

    wanted = (TensorBoard, tensorboard), (CsvLog, csv_log)
    return [kind(place) for kind, place in wanted if place is not None]


def _resumed(
    context: click.Context, run: str, refused: dict[str, str | None], watchers: dict[str, Any]
) -> TrainingJob:
    """Set up a run that goes on: its settings are its folder's, but for those typed here."""
    for name, value in refused.items():
        if value is not None:
            raise UsageError(
                f"{name} does not go with --resume, which takes the data and settings of {run}; "
                "leave it out."
            )
    from fastmlp.run.resume import resume

    return resume(run, typed_settings(context), **watchers)


command = SectionedCommand(
    "train",
    callback=train,
    params=[
        click.Argument(["data"], required=False, metavar="[DATA]"),
        *setting_options(),
        *RUN_OPTIONS,
    ],
    help=train.__doc__,
    short_help="Train a network.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
