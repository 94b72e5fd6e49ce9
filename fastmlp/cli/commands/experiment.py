"""``fastmlp experiment``: the runs of a recipe, and their results beside the reported figures."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import OpenNumber, flag, option
from fastmlp.ranks.launcher import refuse_several

ONE = {"type": click.INT, "default": 1, "show_default": True}
AUTO = {"type": OpenNumber(int), "default": "auto", "show_default": True}
OPTIONS = [
    option("--data", "PATH", "The original data, in the form that the recipe names."),
    option("--only", "SWEEP", "Run the variants of one sweep."),
    flag("--quick", "Few rows and epochs: to see that it works, not to compare."),
    option(
        "--jobs",
        "N",
        "Variants that run at a time, in processes that share the cores; auto: one, or one for "
        "each thread of a cluster.",
        **AUTO,
    ),
    option(
        "--backend",
        "TEXT",
        "Where they run: processes, loky, dask, dask:HOST:PORT, ray or ray:HOST:PORT.",
        default="processes",
        show_default=True,
    ),
    option("--seeds", "K", "Runs of each variant; the table shows their median and spread.", **ONE),
    option("--device", "TEXT", "auto, cpu, cuda or cuda:N; default as the recipe says."),
    option("--threads", "N", "CPU threads of each run; on a cluster auto is one.", **AUTO),
    option("--out", "FOLDER", "The experiment's folder; default experiments/<name>."),
    flag("--json as_json", "Print the result as one line of JSON, all else to stderr."),
    flag("--quiet", "Print errors only."),
]


def experiment(recipe: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Run RECIPE, the name of one that comes with fastmlp or a TOML file; without one, list them.

    What is done is kept: the same command goes on where it was stopped, and runs again what a
    changed recipe changes.

    \b
    fastmlp experiment mnist
    fastmlp experiment kuzushiji --data images.csv,labels.csv --jobs 2
    fastmlp experiment my-sweep.toml --seeds 3
    fastmlp experiment my-sweep.toml --backend dask:scheduler.example:8786
    """
    refuse_several("fastmlp experiment", "and give --jobs")
    from fastmlp.cli import experiment_report as printed
    from fastmlp.experiments.recipe import find_recipe
    from fastmlp.experiments.runner import Options, Runner

    console = Console(as_json, quiet)
    if recipe is None:
        printed.list_recipes(console)
        return
    found = find_recipe(recipe)
    runner = Runner(found, Options(**options))
    printed.report_start(console, runner)
    lines = printed.VariantLines(console, len(runner.waiting))
    finished = runner.run(lines, lambda sentence: console.line(f"note: {sentence}"))
    printed.report(console, finished)
    console.json_line(printed.to_json(finished))


command = click.Command(
    "experiment",
    callback=experiment,
    params=[click.Argument(["recipe"], required=False, metavar="[RECIPE]"), *OPTIONS],
    help=experiment.__doc__,
    short_help="Run a recipe of many trainings and compare.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
