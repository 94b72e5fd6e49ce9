"""One rank of a job of bench.ranks: trains a shape for a while, each rank on a core of its own.

``mpiexec -n 2 python -m bench.rank_worker SHAPE BATCH SECONDS THREADS`` prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace

import numpy as np

from fastmlp.backend import open_backend
from fastmlp.machine.throughput import SHAPES, Clock, initial_parameters, make_data, make_trainer
from fastmlp.ranks.joining import here

WARM_UP = 0.3  # seconds
SUMS = 20  # at a time, of the gradient alone


def bind_to_core(number: int, threads: int) -> None:
    """Let this process run on its own cores alone, where the system can be told."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        own = [cores[(number * threads + i) % len(cores)] for i in range(threads)]
        os.sched_setaffinity(0, own)


def main(name: str, batch: int, seconds: float, threads: int) -> None:
    """Measure, and let the first rank print seconds of a step and of a sum over the ranks."""
    ranks = here()
    bind_to_core(ranks.place.node_rank, threads)
    shape = replace(SHAPES[name], batch=batch)
    backend, _ = open_backend("cpu", threads=threads, ranks=ranks)
    clock = Clock()
    data, parameters = make_data(shape), initial_parameters(shape)
    trainer = make_trainer(shape, *data, parameters, backend, callbacks=[clock])
    for clock.limit in (min(WARM_UP, seconds), seconds):
        trainer.fit()
    gradient = trainer.network.store.gradient
    with backend.record() as program:
        backend.allreduce(gradient)
    sums = []
    while not ranks.is_alone and ranks.decide(lambda: sum(sums) * SUMS < seconds / 3):
        gradient[:] = 0
        ranks.total(np.zeros(1))  # all begin at the same time
        start = time.perf_counter()
        program.replay(SUMS)
        sums.append((time.perf_counter() - start) / SUMS)
    if ranks.is_first:
        step = clock.elapsed / clock.steps
        total = float(np.median(sums)) if sums else 0.0
        print(json.dumps({"step": step, "sum": total, "library": ranks.place.library}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
