"""Starts a process for a contender and speaks with it: no two BLAS share a process, and memory is each one's own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastmlp.errors import FastMLPError
from fastmlp.jobs.throughput import Shape

from .contenders import Contender, Variant
from .problem import shape_to_dict

ROOT = Path(__file__).parent.parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")  # the last is read by XLA


class WorkerError(FastMLPError, RuntimeError):
    """A contender that could not be built or run; the message is its own."""


class Worker:
    """A process that runs one variant of a contender whenever it is asked to, and sleeps in between.

    Parameters
    ----------
    contender, variant
        What runs.
    activity
        ``"Training"``, ``"Prediction"`` or ``"Product"``: the class of the contender's module.
    shape
        Of the problem; None where the activity has none.
    **options
        Further keywords of that class.

    Attributes
    ----------
    compile_seconds
        What the contender says it spent on compiling when it was built.
    peak_bytes
        The most memory it has held.

    Raises
    ------
    WorkerError
        If it cannot be built.
    """

    def __init__(self, contender: Contender, variant: Variant, activity: str, shape: Shape | None, **options: Any):
        self.name = f"{contender.name} ({variant})"
        self.variant = variant
        self.peak_bytes = 0
        self._printed = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  closed by close
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=_environment(variant.threads),
        )
        description = {
            "module": contender.module,
            "activity": activity,
            "shape": None if shape is None else shape_to_dict(shape),
            "threads": variant.threads,
            "options": {**variant.options, **options},
        }
        try:
            self.compile_seconds = self._ask(description)["compile_seconds"]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, count: int) -> tuple[float, list]:
        """Run ``count`` units of work; return the seconds they took and what they gave."""
        reply = self._ask({"count": count})
        self.peak_bytes = reply["peak_bytes"]
        return reply["seconds"], reply["result"]

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):  # it may have ended already
                pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._printed.close()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            print(json.dumps(message), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        reply = json.loads(line) if line else {"error": f"its process ended: {self._last_words()}"}
        if "error" in reply:
            raise WorkerError(f"{self.name} cannot be measured: {reply['error']}")
        return reply

    def _last_words(self) -> str:
        self._process.wait()
        self._printed.seek(0)
        lines = self._printed.read().strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.returncode}"


def _environment(threads: int) -> dict[str, str]:
    """Return this process's environment with the thread counts that libraries read when they are loaded."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    if threads == 1:
        flags = f"{environment.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
        environment["XLA_FLAGS"] = flags.strip()
    return environment
