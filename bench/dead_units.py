"""``python -m bench.dead_units``: does a step slow down once the moments of dead units have decayed
to nothing?

Adam's first moment of a unit that no longer learns shrinks by a tenth a step and reaches the
subnormal numbers after some 830 steps, where arithmetic may be many times slower. Half of the
hidden units are killed by their biases after 100 steps; the time of a step before is set against
that at the end.
"""

from __future__ import annotations

import time

import numpy as np

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import make_optimizer
from fastmlp.step.batches import Batches
from fastmlp.training.recorded import RecordedStep, bind

ROWS, BATCH, STEPS, STRETCH = 6400, 64, 5000, 100
DEADLY_BIAS = -1e4


def main() -> None:
    """Train 5,000 steps and print the time of a step along the way."""
    backend = CpuBackend(threads=1)
    network = Network(Architecture(64, 10, (512, 512)), backend, np.float32, seed=0)
    loss = parse_loss("auto", task="classification", outputs=10)
    bind(network, loss, BATCH)
    network.initialize()
    optimizer = make_optimizer("adam")
    random = np.random.default_rng(0)
    features = random.normal(size=(ROWS, 64)).astype(np.float32)
    labels = random.integers(0, 10, ROWS).astype(np.int32)
    batches = Batches(
        backend, features, labels, network.counters, dtype=network.dtype, batch_size=BATCH
    )
    step = RecordedStep(network, loss, optimizer, batches)
    seconds = []
    for stretch in range(STEPS // STRETCH):
        if stretch == 1:
            for name in ("dense_0.bias", "dense_1.bias"):
                network.named_parameters()[name].values[:256] = DEADLY_BIAS
        step.start_epoch(np.full(STRETCH, 1e-3), stretch * STRETCH)
        start = time.perf_counter()
        for _ in step.training_pass.run():
            pass
        seconds.append((time.perf_counter() - start) / STRETCH)
    moment = optimizer.state["first_moment"]
    subnormal = np.count_nonzero((moment != 0) & (np.abs(moment) < np.finfo(np.float32).tiny))
    print("steps          microseconds a step (median of stretches of 100)")
    for first in range(0, STEPS, 1000):
        part = seconds[first // STRETCH : (first + 1000) // STRETCH]
        print(f"{first:5,} to {first + 1000:5,}  {1e6 * np.median(part):8.1f}")
    ratio = np.median(seconds[-10:]) / np.median(seconds[1:8])
    print(f"the last 1,000 steps over steps 100 to 800, before moments decay: {ratio:.2f}")
    print(f"subnormal moments at the end: {subnormal}")


if __name__ == "__main__":
    main()
