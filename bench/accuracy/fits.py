"""Lets contenders be fitted in turn, each fit in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.workers import ROOT, THREAD_VARIABLES

from .contenders import Contender
from .tables import Table

# Of a fit that had to compile kernels the seconds say nothing about the next one: it is made again.
WARM = 0.5  # seconds of compiling or loading, at most


@dataclass(frozen=True)
class Protocol:
    """How each contender is fitted: with which seeds, in how many turns, on how many threads."""

    seeds: tuple[int, ...]
    rounds: int
    threads: int


def fit_all(
    contenders: Sequence[Contender],
    tables: Sequence[Table],
    protocol: Protocol,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Fit every contender to every table.

    Parameters
    ----------
    contenders, tables, protocol
        Who, to what, how often.
    tell
        Called with a line about what happens.

    Returns
    -------
    rows : list
        A dict a fit: ``table``, ``contender``, ``seed``, ``round``, its metrics, and ``wall``,
        ``cpu`` and ``compile`` seconds.
    failures : list
        A line for each fit that failed.
    """
    rows, failures = [], []
    for number in range(1, protocol.rounds + 1):
        for table in tables:
            for contender in contenders:
                if table.task not in contender.tasks:
                    continue
                for seed in protocol.seeds if contender.is_random else protocol.seeds[:1]:
                    words = f"{contender.label}, seed {seed}"
                    tell(f"round {number} of {protocol.rounds}: {table.name}, {words}")
                    found = fit(contender, table, seed, protocol.threads)
                    if "error" in found:
                        failures.append(f"{contender.label} on {table.name}: {found['error']}")
                        continue
                    named = {"table": table.name, "contender": contender.name}
                    rows.append({**named, "seed": seed, "round": number, **found})
    return rows, failures


def fit(contender: Contender, table: Table, seed: int, threads: int) -> dict[str, Any]:
    """Return what came of one fit; its seconds do not count how kernels were compiled."""
    request = {
        "module": contender.module,
        "table": asdict(table),
        "seed": seed,
        "threads": threads,
        "options": contender.options,
    }
    found = in_a_process(request)
    return in_a_process(request) if found.get("compile", 0.0) > WARM else found


def in_a_process(request: dict[str, Any]) -> dict[str, Any]:
    """Return the reply of a process of its own; ``error`` says why there is none."""
    variables = dict.fromkeys(THREAD_VARIABLES, str(request["threads"]))
    with tempfile.TemporaryDirectory() as folder:
        asked, reply = Path(folder) / "request.json", Path(folder) / "reply.json"
        asked.write_text(json.dumps(request), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "bench.accuracy.fit", str(asked), str(reply)],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if reply.exists():
            return json.loads(reply.read_text(encoding="utf-8"))
    last = (done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
    return {"error": f"its process ended: {last}"}
