"""A worker process of a search: lines of JSON in, lines of JSON out.

The first line tells the search; each further line, whatever it holds, asks for one trial. What
trials print goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from typing import Any, TextIO

from fastmlp.errors import FastMLPError
from fastmlp.files.atomic import without_nan
from fastmlp.preparation.prepare import read_source
from fastmlp.training.callbacks import Callback, Training

from .plan import plan_from
from .studies import is_database, open_storage, open_study, silent
from .trials import Stopping, TrialRunner


class TellsStart(Callback):
    """Tells when a trial begins to train: kernels are compiled then."""

    def __init__(self, tell: Any):
        self._tell = tell

    def training_started(self, trainer: Training) -> None:
        """Tell."""
        self._tell({"kind": "training"})


def serve(lines: TextIO, answers: TextIO) -> None:
    """Run a trial for each line behind the first."""

    def tell(message: dict[str, Any]) -> None:
        answers.write(json.dumps(without_nan(message), allow_nan=False) + "\n")
        answers.flush()

    try:
        runner = _runner(json.loads(lines.readline()), tell)
    except FastMLPError as error:
        tell({"kind": "error", "error": str(error)})
        return
    with Stopping(runner) as stopping:
        tell({"kind": "ready"})
        for _ in lines:
            outcome = runner.run()
            tell({"kind": "outcome", "outcome": asdict(outcome)})
            stopping.check()


def _runner(told: dict[str, Any], tell: Any) -> TrialRunner:
    plan = plan_from(told["plan"])
    source = read_source(plan.settings({}))
    storage = open_storage(told["place"])
    study = open_study(plan, told["study"], storage, told["pruner"], told["worker"])
    return TrialRunner(
        plan,
        source,
        study,
        pruner=told["pruner"],
        deadline=told["deadline"],
        is_database=is_database(told["place"]),
        watchers=[TellsStart(tell)],
    )


def main() -> None:
    """Serve until standard input ends or Ctrl-C is passed on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers, silent():
        os.dup2(2, 1)
        try:
            serve(sys.stdin, answers)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
