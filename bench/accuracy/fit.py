"""The process of one fit: reads what is asked for as JSON, writes what came of it.

It is ``python -m bench.accuracy.fit REQUEST REPLY``, both of them files.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from fastmlp.errors import FastMLPError

from .metrics import measure
from .tables import Table, truth


def fit_once(request: dict[str, Any]) -> dict[str, Any]:
    """Fit one contender to one table; return its metrics and the seconds of the fit.

    What is imported, and for the other libraries what is read, comes before the clock starts.
    """
    table = Table(**request["table"])
    module = import_module(f"{__package__}.{request['module']}")
    made = module.Fit(table, request["seed"], request["threads"], **request["options"])
    wall, processor = time.perf_counter(), time.process_time()
    made.fit()
    times = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - processor}
    outputs, classes = made.outputs()
    times["compile"] = getattr(made, "compile_seconds", 0.0)
    return {**measure(table.task, truth(table), outputs, classes), **times}


def main(request: str, reply: str) -> None:
    """Fit, and write the reply; an error is one line of it."""
    try:
        found = fit_once(json.loads(Path(request).read_text(encoding="utf-8")))
    except FastMLPError as error:
        found = {"error": str(error)}
    except Exception as error:
        # Whatever a library raises is told to the process that asked, which decides what it means.
        found = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
    Path(reply).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
