"""A training that is replayed and the same training launched eagerly agree to the last bit."""

import contextlib

import numpy as np
import pytest
from oracles.networks import build

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.nn.losses import parse_loss
from fastmlp.optim.optimizers import OPTIMIZERS, Regularization, make_optimizer
from fastmlp.optim.schedules import parse_schedule
from fastmlp.step.batches import Batches
from fastmlp.training.recorded_pass import RecordedPass

ROWS, EPOCHS, SEED = 50, 2, 9
BATCH_SIZES = {"ragged": 16, "even": 25, "one batch": 50, "larger than the data": 64}
REGULARIZATION = Regularization(l1=1e-3, l2=1e-3, weight_decay=1e-2, clip_norm=0.5, clip_value=0.2)


class Training:
    """A small network with dropout and batch normalisation, its data and its optimizer."""

    def __init__(
        self,
        backend,
        dtype,
        optimizer,
        batch_size,
        dropout_units=False,
        regularization=REGULARIZATION,
    ):
        random = np.random.default_rng(SEED)
        features = random.integers(0, 256, (ROWS, 6), np.uint8)
        labels, weights = (
            random.integers(0, 3, ROWS).astype(np.int32),
            random.uniform(0.5, 1.5, ROWS),
        )
        self.network = build(
            backend,
            dtype,
            rows=batch_size,
            inputs=6,
            hidden=(8, 7),
            activation="tanh,gelu",
            dropout=(0.25,),
            dropout_units=dropout_units,
            batch_norm="hidden",
        )
        self.loss = parse_loss("auto", task="classification", outputs=3, label_smoothing=0.1)
        self.loss.bind(backend, self.network.dtype, batch_size, 3)
        self.optimizer = make_optimizer(optimizer)
        self.optimizer.bind(backend, self.network.store, self.network.counters, regularization)
        scaling = {"scale": np.full(6, 1 / 255), "shift": np.full(6, -0.5)}
        self.batches = Batches(
            backend,
            features,
            labels,
            self.network.counters,
            dtype=self.network.dtype,
            batch_size=batch_size,
            weights=weights,
            **scaling,
        )
        self.steps = -(-ROWS // batch_size)
        self.schedule = parse_schedule("cosine(0.1)", 0.05, self.steps, EPOCHS, warmup=2)

    def step(self, rows):
        self.optimizer.begin_update(rows)
        x, targets, weights = self.batches.load(rows)
        outputs = self.network.forward(x, training=True)
        self.network.backward(self.loss.backward(outputs, targets, weights))
        self.optimizer.update()

    def start_epoch(self, epoch):
        self.batches.shuffle(SEED, epoch)
        self.network.counters.start_epoch(epoch * self.steps)
        self.optimizer.set_learning_rates(
            self.schedule.learning_rates(epoch * self.steps, self.steps)
        )

    def run_eagerly(self):
        for epoch in range(EPOCHS):
            self.start_epoch(epoch)
            for start in range(0, ROWS, self.batches.batch_size):
                self.step(min(self.batches.batch_size, ROWS - start))
        return self.arrays()

    def replay(self, largest_chunk=None):
        self.start_epoch(0)
        recorded_pass = RecordedPass(self.network.backend, ROWS, self.batches.batch_size, self.step)
        for epoch in range(EPOCHS):
            self.start_epoch(epoch)
            for _ in recorded_pass.run(largest_chunk):
                pass
        return self.arrays()

    def arrays(self):
        """Return everything that training changes."""
        store = self.network.store
        state = {name: array.copy() for name, array in self.optimizer.state.items()}
        counters = self.network.counters.values.copy()
        return {
            "values": store.values.copy(),
            "statistics": store.statistics.copy(),
            "sums": self.loss.sums.copy(),
            "counters": counters,
            **state,
        }


def assert_same_bits(first, second):
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), f"{name} differs"


def names(arrays):
    return {name for name, array in arrays.items() if not np.isfinite(array).all()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batches", ["ragged", "even"])
def test_eager_and_replayed_training_agree_to_the_bit(backend, dtype, optimizer, batches):
    size = BATCH_SIZES[batches]
    eager = Training(backend, dtype, optimizer, size)
    start = eager.arrays()
    after = eager.run_eagerly()
    assert_same_bits(after, Training(backend, dtype, optimizer, size).replay())
    assert names(after) == set()
    changed = {name for name in after if (after[name] != start[name]).any()}
    assert changed == set(after), f"training left {set(after) - changed} as it was"


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_updates_that_are_folded_into_products_agree_too(backend, dtype, optimizer):
    plain = Regularization(weight_decay=1e-2)
    eager, replayed = (
        Training(backend, dtype, optimizer, 16, regularization=plain) for _ in range(2)
    )
    assert eager.optimizer.folds
    assert_same_bits(eager.run_eagerly(), replayed.replay())


@pytest.mark.parametrize("batches", sorted(BATCH_SIZES))
def test_every_way_to_divide_the_data(backend, dtype, batches):
    size = BATCH_SIZES[batches]
    eager = Training(backend, dtype, "adam", size, dropout_units=True).run_eagerly()
    assert_same_bits(eager, Training(backend, dtype, "adam", size, dropout_units=True).replay())


@pytest.mark.parametrize("largest_chunk", [1, 2, 3, 100])
def test_chunks_do_not_change_the_result(backend, dtype, largest_chunk):
    at_once = Training(backend, dtype, "adam", 8).replay()
    assert_same_bits(at_once, Training(backend, dtype, "adam", 8).replay(largest_chunk))


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("batches", ["ragged", "even"])
def test_threads_change_no_bit(backend, dtype, batches, threads):
    size = BATCH_SIZES[batches]
    one = Training(backend, dtype, "adam", size).run_eagerly()
    several = CpuBackend(threads=threads)
    assert_same_bits(one, Training(several, dtype, "adam", size).replay())
    assert_same_bits(one, Training(several, dtype, "adam", size).run_eagerly())


class CountingBackend:
    """Stands for a backend: its Programs note how many steps they are told to run."""

    def __init__(self):
        self.replayed = []

    def record(self):
        backend = self

        class Program:
            def replay(self, steps=1):
                backend.replayed.append((self.rows, steps))

        program = Program()

        @contextlib.contextmanager
        def recording():
            backend.program = program
            yield program

        return recording()

    def step(self, rows):
        self.program.rows = rows

    def synchronize(self):
        """There is nothing to wait for."""


@pytest.mark.parametrize(
    ("rows", "batch_size", "drop_last", "steps", "visited"),
    [
        (0, 8, False, 0, 0),
        (1, 8, False, 1, 1),
        (7, 8, True, 1, 7),  # the only batch is never dropped
        (8, 8, True, 1, 8),
        (9, 8, False, 2, 9),
        (9, 8, True, 1, 8),
        (80, 8, True, 10, 80),
        (83, 8, False, 11, 83),
    ],
)
def test_a_pass_visits_every_row_that_it_promises(rows, batch_size, drop_last, steps, visited):
    counting = CountingBackend()
    recorded_pass = RecordedPass(counting, rows, batch_size, counting.step, drop_last)
    assert (recorded_pass.steps, recorded_pass.rows) == (steps, visited)
    done = list(recorded_pass.run(3))
    assert done == sorted(done)
    assert (done[-1] if done else 0) == steps
    assert sum(count for _, count in counting.replayed) == steps
    assert sum(size * count for size, count in counting.replayed) == visited


def test_a_pass_comes_back_at_the_marks():
    counting = CountingBackend()
    recorded_pass = RecordedPass(counting, 100, 10, counting.step)
    list(recorded_pass.run())  # learns how long a step takes
    assert list(recorded_pass.run(4)) == [4, 8, 10]
    assert list(recorded_pass.run(4, before=1)) == [
        3,
        7,
        10,
    ]  # marks are counted from the start of the training
