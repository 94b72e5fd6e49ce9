"""fastmlp held to all of its threads, faster or not: what its own choice is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.backend.cpu.program import CpuProgram
from fastmlp.machine.throughput import make_trainer

from .problem import Problem


class HeldBackend(CpuBackend):
    """A backend whose Programs are always divided among all threads."""

    @contextmanager
    def record(self) -> Iterator[CpuProgram]:
        """Yield a Program, as every backend does."""
        with super().record() as program:
            yield program
        program.hold(self.threads)


class Training:
    """Epochs of a recorded step."""

    def __init__(self, problem: Problem, threads: int, shuffle: bool):
        backend = HeldBackend(threads=threads)
        self._trainer = make_trainer(
            problem.shape, problem.features, problem.labels, problem.parameters, backend, shuffle
        )  # fmt: skip
        self.compile_seconds = backend.compile_seconds

    def run(self, epochs: int) -> list[float]:
        """Train; return each epoch's mean loss."""
        return [self._trainer.train_epoch().total.loss for _ in range(epochs)]
