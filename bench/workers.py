"""Starts a process for a contender and speaks with it: no two BLAS or memories are shared."""

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
from fastmlp.machine.throughput import Shape

from .contenders import Contender, Variant
from .problem import shape_to_dict
from .vectors import Report

ROOT = Path(__file__).parent.parent
SHARED_GPU = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false"
}  # JAX would take three quarters of a GPU, where others work too
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NPROC",
)  # the last is read by XLA
# What a user has set is kept, with what a variant needs behind it: the last word counts.
JOINED = {"XLA_FLAGS": " ", "GLIBC_TUNABLES": ":", "NPY_DISABLE_CPU_FEATURES": " "}


class WorkerError(FastMLPError, RuntimeError):
    """A contender that could not be built or run; the message is its own."""


class Worker:
    """A process that runs one variant of a contender whenever it is asked to, and sleeps in
    between.

    Parameters
    ----------
    contender, variant
        What runs.
    activity
        ``"Training"``, ``"Prediction"``, ``"Product"`` or ``"Device"``: the class of the
        contender's module.
    shape
        Of the problem; None where the activity has none.
    **options
        Further keywords of that class.

    Attributes
    ----------
    compile_seconds
        What the contender says it spent on compiling when it was built.
    peak_bytes, device_bytes
        The most memory it has held; what its library has taken of a GPU's memory.
    notices
        Lines of its own about how it ran.

    Raises
    ------
    WorkerError
        If it cannot be built.
    """

    def __init__(
        self,
        contender: Contender,
        variant: Variant,
        activity: str,
        shape: Shape | None,
        **options: Any,
    ):
        self.name = f"{contender.name} ({variant})"
        self.variant = variant
        self.peak_bytes = self.device_bytes = 0
        self.notices: list[str] = []
        self._printed = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  closed by close
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=_environment(variant),
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
        self.peak_bytes, self.device_bytes, self.notices = (
            reply[key] for key in ("peak_bytes", "device_bytes", "notices")
        )
        return reply["seconds"], reply["result"]

    @property
    def process(self) -> int:
        """Number of its process."""
        return self._process.pid

    def vectors(self) -> list[Report]:
        """Return what its libraries say of the vectors they use; ask when it has run."""
        return [Report(*each) for each in self._ask({"vectors": True})["vectors"]]

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


def _environment(variant: Variant) -> dict[str, str]:
    """Return the environment with what libraries read when loaded: threads, flags, memory."""
    threads = dict.fromkeys(THREAD_VARIABLES, str(variant.threads))
    environment = {**os.environ, **SHARED_GPU, **threads, **variant.environment}
    for name, separator in JOINED.items():
        words = [os.environ.get(name, ""), variant.environment.get(name, "")]
        if name == "XLA_FLAGS" and variant.threads == 1:
            words.append("--xla_cpu_multi_thread_eigen=false")
        if joined := separator.join(filter(None, words)):
            environment[name] = joined
    return environment
