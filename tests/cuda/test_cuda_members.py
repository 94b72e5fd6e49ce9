"""An ensemble on the CPU and on CUDA: training, out-of-fold and mean predictions agree."""

import numpy as np
import pytest
from oracles.networks import build

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.nn.losses import parse_loss
from fastmlp.optim.optimizers import Regularization, make_optimizer
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.training.members import MemberRows, MembersOrder, OutOfFold, held_out_visits
from fastmlp.training.passes import Evaluation, Prediction
from fastmlp.training.recorded import RecordedStep, bind

ROWS, INPUTS, OUTPUTS, SIZE, FOLDS = 53, 5, 3, 8, 3
KINDS = {
    "own": {"members": 3, "batch_norm": "all", "dropout": (0.3,)},
    "shared": {"members": 3, "sharing": 3, "dropout": (0.3,)},
    "folds that share": {"members": 6, "sharing": 2, "dropout": (0.3,)},
}
LOSSES = {
    "softmax_cross_entropy": "classification",
    "log_loss": "multilabel",
    "squared_error": "regression",
    "poisson": "regression",
}
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


class Ensemble:
    """A run of an ensemble over folds: ten updates, a ragged last batch in each epoch."""

    def __init__(self, backend, kind, loss="softmax_cross_entropy", optimizer="momentum"):
        random, task = np.random.default_rng(11), LOSSES[loss]
        self.backend = backend
        self.network = build(
            backend, inputs=INPUTS, hidden=(9, 16), activation="gelu", **KINDS[kind]
        )
        self.loss = parse_loss(loss, task=task, outputs=OUTPUTS)
        bind(self.network, self.loss, max(SIZE, ROWS))
        self.network.initialize()
        self.x = random.standard_normal((ROWS, INPUTS))
        self.targets = {
            "classification": random.integers(0, OUTPUTS, ROWS).astype(np.int32),
            "multilabel": (random.random((ROWS, OUTPUTS)) < 0.5).astype(np.float64),
            "regression": random.poisson(2.0, (ROWS, OUTPUTS)).astype(np.float64),
        }[task]
        members = self.network.architecture.members
        self.rows = MemberRows(members, ROWS, random.permutation(np.arange(ROWS) % FOLDS))
        self.batches = self.make(self.network.counters, members * SIZE, self.rows.visits)
        self.optimizer = make_optimizer(optimizer)
        parts = self.network, self.loss, self.optimizer, self.batches
        self.step = RecordedStep(*parts, Regularization(l2=0.01))

    def make(self, counters, size, visits=None, targets=True):
        given = self.targets if targets else None
        how = {"dtype": np.dtype(np.float64), "batch_size": size, "visits": visits}
        return Batches(self.backend, self.x, given, counters, **how)

    def train(self, epochs=2):
        order = MembersOrder(3, self.rows)
        for epoch in range(epochs):
            order.start_epoch(self.batches, epoch, 0)
            steps = self.step.training_pass.steps
            self.step.start_epoch(np.full(steps, 0.01), epoch * steps)
            list(self.step.training_pass.run())
        return self

    def parameters(self):
        named = self.network.named_parameters()
        return {name: self.backend.to_numpy(each.values) for name, each in named.items()}


def both(cuda, *how, **more):
    return [Ensemble(backend, *how, **more).train() for backend in (CpuBackend(threads=2), cuda)]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("kind", KINDS)
def test_training(cuda, kind, optimizer):
    """Not Adam, which makes steps of the rounding errors below a normalised layer."""
    ours, theirs = both(cuda, kind, optimizer=optimizer)
    found = theirs.parameters()
    for name, values in ours.parameters().items():
        assert np.isfinite(values).all()
        np.testing.assert_allclose(found[name], values, err_msg=name, **CLOSE)
    mine, other = ours.loss.take_sums(), theirs.loss.take_sums()
    assert other.rows == mine.rows
    assert other.right == mine.right
    assert other.loss == pytest.approx(mine.loss, rel=1e-10)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_out_of_fold_predictions(cuda, kind, loss):
    found = []
    for ensemble in both(cuda, kind, loss):
        backend, network, members = ensemble.backend, ensemble.network, ensemble.rows.members
        same = ensemble.make(Counters(backend), 20)
        sums = Evaluation(network, ensemble.loss, same).run()
        mean = Prediction(network, ensemble.loss, same).run()
        held_out = ensemble.make(
            Counters(backend), members * 4, held_out_visits(ensemble.rows), targets=False
        )
        encoder = TargetEncoder()
        encoder.task = LOSSES[loss]
        measure = OutOfFold(
            network, ensemble.loss, held_out, ensemble.rows, encoder, ensemble.targets
        )
        apart = measure.predictions()
        found.append((mean, apart, sums, measure._sums(apart)))
    (mean, apart, *ours), (their_mean, their_apart, *theirs) = found
    assert np.isfinite(mean).all()
    np.testing.assert_allclose(their_mean, mean, **CLOSE)
    np.testing.assert_allclose(their_apart, apart, **CLOSE)
    for mine, other in zip(ours, theirs, strict=True):
        assert other.rows == mine.rows == ROWS
        assert other.right == mine.right
        assert other.loss == pytest.approx(mine.loss, rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_training_twice_gives_the_same_bits(cuda, kind):
    bits = [
        {
            name: values.tobytes()
            for name, values in Ensemble(cuda, kind).train().parameters().items()
        }
        for _ in range(2)
    ]
    assert bits[0] == bits[1]
