"""``fastmlp tune``: a search for settings, and a run with the best of them."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import SectionedCommand, flag, gather_settings, option, setting_options

OPTIONS = [
    option(
        "--trials",
        "N",
        "Trials that the study has in the end; default 50, or as many as --time allows.",
        type=click.INT,
    ),
    option("--time", "TIME", "How long to search: 90s, 10m, 1h30m."),
    option("--space", "FILE", "TOML file with the settings to search; default by preset."),
    option(
        "--storage",
        "PLACE",
        "Where trials are kept: a file, sqlite:///FILE or postgresql://…; default journal.log in "
        "the folder.",
    ),
    option("--study", "NAME", "Name of the study; default that of the data."),
    option(
        "--jobs",
        "N",
        "Trials that run at a time, in processes that share the cores.",
        type=click.INT,
        default=1,
        show_default=True,
    ),
    option(
        "--pruner",
        "median|asha|none",
        "What ends hopeless trials.",
        default="median",
        show_default=True,
    ),
    option("--config", "FILE", "TOML file with settings; what is typed here counts more."),
    option("--out", "FOLDER", "The study's folder; default studies/<name>."),
    flag("--json as_json", "Print the result as one line of JSON, all else to stderr."),
    flag("--quiet", "Print errors only."),
]


@click.pass_context
def tune(context: click.Context, data: str | None, config: str | None, trials: int | None,
         time: str | None, space: str | None, storage: str | None, study: str | None, jobs: int,
         pruner: str, out: str | None, as_json: bool, quiet: bool,
         **_: Any) -> int | None:  # fmt: skip
    """Search for the settings that are best on the validation rows of DATA, and train with them.

    The first trial has the settings as they are. The same command goes on where it was stopped,
    and on other machines with the same --study in a database.

    \b
    fastmlp tune flowers.csv --target species --trials 30
    fastmlp tune prices.csv --metric mae --time 10m --jobs 4
    fastmlp tune prices.csv --space space.toml --storage postgresql://user:password@host/studies
    """
    from fastmlp.cli import tuning_report as printed
    from fastmlp.cli.training_report import Compilation
    from fastmlp.tuning.api import make_options, set_up_search

    console = Console(as_json, quiet)
    options = make_options(
        trials=trials, time=time, storage=storage, study=study, jobs=jobs, pruner=pruner, out=out
    )
    search = set_up_search(gather_settings(context, data, config), space, options)
    printed.report_start(console, search)
    lines = printed.TrialLines(console, search)
    compilation = Compilation(console)
    try:
        search.run(lines, announce=compilation.announce)
        result = printed.finish_and_report(console, search)
    except KeyboardInterrupt:
        return printed.report_interrupted(console, search)
    console.json_line(result)
    return None


command = SectionedCommand(
    "tune",
    callback=tune,
    params=[
        click.Argument(["data"], required=False, metavar="[DATA]"),
        *setting_options(),
        *OPTIONS,
    ],
    help=tune.__doc__,
    short_help="Search for the best settings.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
