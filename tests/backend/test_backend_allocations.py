"""A replayed epoch takes no memory: what it needs was allocated when it was recorded."""

from __future__ import annotations

import tracemalloc

import numpy as np

from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import Regularization, make_optimizer
from fastmlp.step.batches import Batches
from fastmlp.training.recorded import RecordedStep, bind

# bytes: the numbers of the chooser and the generator's frame, whatever the number of steps
A_FEW_OBJECTS = 4096


def test_an_epoch_allocates_nothing(backend, random):
    rows, batch_size = 4096 + 5, 16
    network = Network(
        Architecture(12, 3, (24, 16), dropout=(0.1,), batch_norm="hidden"),
        backend,
        np.float32,
        seed=0,
    )
    loss = parse_loss("auto", task="classification", outputs=3)
    bind(network, loss, batch_size)
    network.initialize()
    optimizer = make_optimizer("adam")
    features = random.normal(size=(rows, 12)).astype(np.float32)
    labels = random.integers(0, 3, rows).astype(np.int32)
    batches = Batches(
        backend, features, labels, network.counters, dtype=network.dtype, batch_size=batch_size
    )
    how = Regularization(l1=1e-4, clip_norm=1.0)
    step = RecordedStep(network, loss, optimizer, batches, how)
    training_pass = step.training_pass
    step.start_epoch(np.full(training_pass.steps, 0.01), 0)

    def epoch():
        network.counters.start_epoch(0)
        for _ in training_pass.run():
            pass

    epoch()
    tracemalloc.start()
    try:
        epoch()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert network.counters.update == training_pass.steps
    assert peak < A_FEW_OBJECTS
