"""``fastmlp report``: one HTML page on how a run, an experiment or a search went."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import DATA_DIR, DEVICE, JSON, THREADS, option


def report(folder: str, as_json: bool, **options: Any) -> None:
    """Write a page on how a run or an experiment went: verdict, curves, classes, mistakes, sweeps.

    FOLDER is that of a run, of an experiment or of a search by fastmlp tune. The page needs no
    network; beside it lie the pictures as PNG files and their numbers as CSV files.

    \b
    fastmlp report runs/first
    fastmlp report runs/first --data moved/flowers.csv --out flowers.html
    """
    from fastmlp.report.write import write_report

    written = write_report(folder, **options)
    console = Console(as_json)
    if as_json:
        console.json_line(
            {
                "report": str(written.path),
                "figures": str(written.figures),
                "pictures": written.pictures,
                "headline": written.headline,
                "verdict": written.sentences,
                "problems": written.problems,
            }
        )
        return
    console.entries(
        [
            ("verdict", written.headline),
            *(("", sentence) for sentence in written.sentences),
            *(("missing", problem) for problem in written.problems),
            ("report", str(written.path)),
            ("pictures", f"{len(written.pictures)} as PNG and CSV in {written.figures}"),
        ]
    )


command = click.Command(
    "report",
    callback=report,
    params=[
        click.Argument(["folder"], metavar="FOLDER"),
        option("--out", "FILE.html", "The page; default report.html in the folder."),
        option("--data", "PATH", "Where the run's data are now, if not where they were."),
        DATA_DIR,
        DEVICE,
        THREADS,
        JSON,
    ],
    help=report.__doc__,
    short_help="Write a page on how a run or an experiment went.",
)
