"""``fastmlp experiment``: the runs of a recipe, and their results beside the reported figures."""

from __future__ import annotations

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import OpenNumber

OPTIONS = [
    click.Option(["--data"], metavar="PATH", help="The original data, in the form that the recipe names."),
    click.Option(["--only"], metavar="SWEEP", help="Run the variants of one sweep."),
    click.Option(["--quick"], is_flag=True, help="Few rows and epochs: to see that it works, not to compare."),
    click.Option(["--jobs"], type=click.INT, metavar="N", default=1, show_default=True,
                 help="Variants that run at a time, in processes that share the cores."),
    click.Option(["--seeds"], type=click.INT, metavar="K", default=1, show_default=True,
                 help="Runs of each variant; the table shows their median and spread."),
    click.Option(["--device"], metavar="TEXT", help="auto, cpu, cuda or cuda:N; default as the recipe says."),
    click.Option(["--threads"], type=OpenNumber(int), metavar="N", default="auto", show_default=True,
                 help="CPU threads of each run."),
    click.Option(["--out"], metavar="FOLDER", help="The experiment's folder; default experiments/<name>."),
    click.Option(["--json", "as_json"], is_flag=True, help="Print the result as one line of JSON, all else to stderr."),
    click.Option(["--quiet"], is_flag=True, help="Print errors only."),
]  # fmt: skip


def experiment(recipe: str | None, data: str | None, only: str | None, quick: bool, jobs: int, seeds: int,
               device: str | None, threads: int | None, out: str | None, as_json: bool, quiet: bool) -> None:  # fmt: skip
    """Run RECIPE, the name of one that comes with fastmlp or a TOML file; without one, list them.

    What is done is kept: the same command goes on where it was stopped, and runs again what a
    changed recipe changes.

    \b
    fastmlp experiment mnist
    fastmlp experiment kuzushiji --data images.csv,labels.csv --jobs 2
    fastmlp experiment my-sweep.toml --seeds 3
    """
    from fastmlp.cli.experiment_report import (
        VariantLines,
        list_recipes,
        report,
        report_start,
        to_json,
    )
    from fastmlp.experiments.recipe import find_recipe
    from fastmlp.experiments.runner import Options, Runner

    console = Console(as_json, quiet)
    if recipe is None:
        list_recipes(console)
        return
    found = find_recipe(recipe)
    runner = Runner(found, Options(data, quick, jobs, seeds, device, threads, out, only))
    report_start(console, runner)
    finished = runner.run(VariantLines(console, len(runner.waiting)))
    report(console, finished)
    console.json_line(to_json(finished))


command = click.Command(
    "experiment",
    callback=experiment,
    params=[click.Argument(["recipe"], required=False, metavar="[RECIPE]"), *OPTIONS],
    help=experiment.__doc__,
    short_help="Run a recipe of many trainings and compare.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
