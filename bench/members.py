"""What a member of an ensemble costs: K members in one Program beside K networks trained in turn.

``python -m bench.members`` prints seconds of an epoch for each network and number of members, each
the median of several epochs, with the three ways taken in turn in every round. All is done by one
thread, and its processor's time is what counts: others on the machine disturb that least.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastmlp.backend import Backend, open_backend
from fastmlp.machine.throughput import SEED, Shape, find_shapes, make_data
from fastmlp.nn.losses import SoftmaxCrossEntropy
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import make_optimizer
from fastmlp.step.batches import Batches
from fastmlp.training.members import MemberRows, MembersOrder
from fastmlp.training.policies import Order, SeededOrder
from fastmlp.training.recorded import RecordedStep, bind

ROUNDS, MEMBERS = 7, (4, 16)
NAMES = ("small", "tabular", "kuzushiji")
HEADER = "network             batch  members  one network     K in turn    K own         K shared"


@dataclass
class Ensemble:
    """A recorded training of a shape with some members."""

    step: RecordedStep
    order: Order
    epochs: int = 0

    def seconds(self) -> float:
        """Train an epoch; return how long it took, its order included."""
        steps = self.step.training_pass.steps
        begun = time.process_time()
        self.order.start_epoch(self.step.batches, self.epochs, 0)
        self.step.start_epoch(np.full(steps, 1e-3), self.epochs * steps)
        for _ in self.step.training_pass.run():
            pass
        self.step.loss.take_sums()
        self.epochs += 1
        return time.process_time() - begun


def build(shape: Shape, backend: Backend, members: int, sharing: int = 1) -> Ensemble:
    """Return a shape's training on its made-up data, recorded."""
    features, labels = make_data(shape)
    inputs, *hidden, outputs = shape.widths
    architecture = Architecture(inputs, outputs, tuple(hidden), members=members, sharing=sharing)
    network, loss = (
        Network(architecture, backend, np.dtype(np.float32), SEED),
        SoftmaxCrossEntropy(),
    )
    bind(network, loss, shape.batch)
    network.initialize()
    rows = MemberRows(members, shape.rows)
    how = {"dtype": network.dtype, "batch_size": members * shape.batch, "visits": rows.visits}
    batches = Batches(backend, features, labels, network.counters, **how)
    optimizer = make_optimizer(shape.optimizer, momentum=shape.momentum)
    order = SeededOrder(SEED) if members == 1 else MembersOrder(SEED, rows)
    return Ensemble(RecordedStep(network, loss, optimizer, batches), order)


def measure(shape: Shape, backend: Backend, members: int, rounds: int) -> list[float]:
    """Return the median seconds of an epoch of one network, of members with weights of their own,
    and of members that share them.
    """
    ways = [build(shape, backend, 1), build(shape, backend, members)]
    ways.append(build(shape, backend, members, sharing=members))
    for way in ways:
        way.seconds()  # compiles, and fills the caches
    found = [[way.seconds() for way in ways] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


def main(words: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shapes", nargs="*", help=f"default: {' '.join(NAMES)}")
    parser.add_argument("--members", type=int, nargs="+", default=MEMBERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(words)
    backend, _ = open_backend("cpu", threads=1)
    print(HEADER)
    for shape in find_shapes(options.shapes or NAMES):
        for members in options.members:
            one, own, shared = measure(shape, backend, members, options.rounds)
            turn = members * one
            print(
                f"{shape.network:<19} {shape.batch:>5}  {members:>7}  {one:>9.3f} s  "
                f"{turn:>10.3f} s  {own:>6.3f} s ({own / turn:.2f})  "
                f"{shared:>6.3f} s ({shared / turn:.2f})"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
