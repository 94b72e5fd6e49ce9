"""``fastmlp train``: from data and options to a run's folder."""

from __future__ import annotations

from typing import Any

import click

from .console import Console
from .options import SectionedCommand, gather_settings, setting_options

RUN_OPTIONS = [
    click.Option(["--config"], metavar="FILE", help="TOML file with settings; what is typed here counts more."),
    click.Option(["--out"], metavar="FOLDER", help="The run's folder; default runs/<time>-<name>."),
    click.Option(["--json", "as_json"], is_flag=True, help="Print the result as one line of JSON, all else to stderr."),
    click.Option(["--quiet"], is_flag=True, help="Print errors only."),
]


@click.pass_context
def train(context: click.Context, data: str | None, config: str | None, out: str | None, as_json: bool, quiet: bool,
          **_: Any) -> int:  # fmt: skip
    """Train a network on DATA: a data set's name, a file, a folder, or features,target as two files.

    \b
    fastmlp train digits
    fastmlp train flowers.csv --target species --hidden 64,64 --early-stopping 10
    fastmlp train --config runs/first/config.toml --lr 0.0005
    """
    settings = gather_settings(context, data, config)

    from fastmlp.jobs.train import set_up

    from .progress import EpochLines
    from .training_report import Compilation, report_end, report_start

    console = Console(as_json, quiet)
    compilation = Compilation(console)
    job = set_up(settings, out=out, callbacks=[EpochLines(console)], announce=compilation.announce)
    compilation.finish(job.compile_seconds)
    report_start(console, job)
    metrics = job.run()
    code = report_end(console, job, metrics)
    console.json_line(metrics)
    return code


command = SectionedCommand(
    "train",
    callback=train,
    params=[click.Argument(["data"], required=False, metavar="[DATA]"), *setting_options(), *RUN_OPTIONS],
    help=train.__doc__,
    short_help="Train a network.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
