"""``fastmlp card``: a model card beside the model, for a hub or a colleague."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import DATA_DIR, DEVICE, JSON, RUN, THREADS, option


def card(run: str, as_json: bool, **options: Any) -> None:
    """Write README.md beside a run's model: its data, numbers, limits, settings and how to load it.

    It is Markdown with the front matter that model hubs read. What it says was measured or decided
    by the run; where the data can be read again, it tells classes apart.

    \b
    fastmlp card runs/first
    fastmlp card runs/first --name iris-mlp --license mit --data moved/iris.csv
    """
    from fastmlp.report.cards.write import write_card

    written = write_card(run, **options)
    console = Console(as_json)
    if as_json:
        console.json_line({"card": str(written.path), "problems": written.problems})
        return
    console.entries(
        [*(("missing", problem) for problem in written.problems), ("card", str(written.path))]
    )


command = click.Command(
    "card",
    callback=card,
    params=[
        RUN,
        option("--out", "FILE.md", "The card; default README.md in the run's folder."),
        option("--name", "TEXT", "What the model is called; default the folder's name."),
        option("--license licence", "WORD", "Its licence as hubs identify it; default unsaid."),
        option("--data", "PATH", "Where the run's data are now, if not where they were."),
        DATA_DIR,
        DEVICE,
        THREADS,
        JSON,
    ],
    help=card.__doc__,
    short_help="Write a model card beside a run's model.",
)
