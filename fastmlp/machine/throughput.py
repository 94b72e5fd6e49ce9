"""Training throughput of a few fixed networks on made-up data, for ``fastmlp bench`` and bench/."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from fastmlp.backend import Backend, open_backend
from fastmlp.data.memory import require_memory
from fastmlp.errors import DeviceError, UsageError, choose
from fastmlp.nn.losses import SoftmaxCrossEntropy
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import make_optimizer
from fastmlp.optim.schedules import parse_schedule
from fastmlp.step.batches import Batches
from fastmlp.training.callbacks import Callback, Progress, Training
from fastmlp.training.policies import Order, Patience, Rates, SeededOrder
from fastmlp.training.recorded import COPIES_OF_PARAMETERS, RecordedStep, bind
from fastmlp.training.trainer import Trainer

SEED = 20240229
MOST_EPOCHS = 10**6

Parameters = list[
    tuple[np.ndarray, np.ndarray]
]  # (weight (fan_in, fan_out), bias (fan_out,)) of each layer


@dataclass(frozen=True)
class Shape:
    """A network, and how it is trained.

    Attributes
    ----------
    name
        A word for the command line.
    widths
        Columns of the input, units of each hidden layer, classes.
    batch
        Rows of a batch.
    optimizer
        ``"sgd"``, ``"momentum"`` or ``"adam"``.
    learning_rate, momentum
        Of the optimizer; momentum 0 where the rule has none.
    rows
        Rows of the made-up data, a multiple of the batch.
    """

    name: str
    widths: tuple[int, ...]
    batch: int
    optimizer: str
    learning_rate: float
    momentum: float = 0.0
    rows: int = 20_480

    @property
    def steps(self) -> int:
        """Training steps of an epoch; a ragged last batch counts."""
        return -(-self.rows // self.batch)

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum((before + 1) * after for before, after in pairwise(self.widths))

    @property
    def flops_per_step(self) -> int:
        """Floating-point operations of a step's matrix products: three a layer, but two in the
        first.

        The first layer passes no gradient on to its input.
        """
        weights = [before * after for before, after in pairwise(self.widths)]
        return 2 * self.batch * (3 * sum(weights) - weights[0])

    @property
    def network(self) -> str:
        """The widths for people: ``"784-100-20-64-20"``."""
        return "-".join(map(str, self.widths))

    @property
    def rule(self) -> str:
        """The optimizer for people: ``"momentum 0.5"``."""
        return f"{self.optimizer} {self.momentum:g}" if self.momentum else self.optimizer


# Rows: enough that image data outgrow the last-level cache, few enough that an epoch of the slowest
# takes seconds.
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("kuzushiji", (784, 100, 20, 64, 20), 64, "sgd", 0.05),
        Shape("mnist", (784, 500, 250, 100, 10), 64, "sgd", 0.05),
        Shape(
            "products", (4800, 3600, 2400, 1200, 52), 64, "momentum", 0.01, momentum=0.5, rows=2048
        ),
        Shape("wide", (784, 512, 512, 10), 128, "adam", 1e-3),
        Shape("tabular", (28, 64, 64, 2), 256, "adam", 1e-3),
        Shape("small", (20, 64, 64, 2), 32, "adam", 1e-3),
    )
}


def find_shapes(names: Sequence[str]) -> list[Shape]:
    """Return the shapes of these names, each once; all of them for no name or for ``all``.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    words = dict.fromkeys(names)
    if not words or list(words) == ["all"]:
        return list(SHAPES.values())
    return [SHAPES[choose("shape", name, SHAPES)] for name in words]


def make_data(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return made-up features (rows, inputs) float32, normalised already, and labels (rows,) int32
    that follow from them.

    The same shape always gets the same data. Every class occurs, if there are as many rows.
    """
    generator = np.random.Generator(np.random.Philox(SEED))
    inputs, classes = shape.widths[0], shape.widths[-1]
    features = generator.standard_normal((shape.rows, inputs), np.float32)
    teacher = generator.standard_normal((inputs, classes), np.float32)
    labels = (features @ teacher).argmax(axis=1).astype(np.int32)
    every_class = min(shape.rows, classes)
    labels[:every_class] = np.arange(every_class)
    return features, labels


def initial_parameters(shape: Shape) -> Parameters:
    """Return a shape's initial weights, always the same: normal of variance 2/fan_in; float32."""
    generator = np.random.Generator(np.random.Philox(SEED + 1))
    return [
        (
            generator.standard_normal((before, after), np.float32)
            * np.float32(np.sqrt(2 / before)),
            np.zeros(after, np.float32),
        )
        for before, after in pairwise(shape.widths)
    ]


def build_network(shape: Shape, backend: Backend, parameters: Parameters) -> Network:
    """Return the shape's network with these parameters, not yet bound to a number of rows."""
    architecture = Architecture(
        shape.widths[0], shape.widths[-1], shape.widths[1:-1], activation="relu"
    )
    network = Network(architecture, backend, np.dtype(np.float32), SEED)
    named = network.named_parameters()
    for index, (weight, bias) in enumerate(parameters):
        backend.assign(named[f"dense_{index}.weight"].values, weight)
        backend.assign(named[f"dense_{index}.bias"].values, bias)
    return network


def make_trainer(
    shape: Shape,
    features: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    backend: Backend,
    shuffle: bool = True,
    callbacks: Sequence[Callback] = (),
) -> Trainer:
    """Return a shape's training on a backend, recorded and ready, for as many epochs as one likes.

    Parameters
    ----------
    shape
        The network and its optimizer.
    features, labels
        Of ``make_data``.
    parameters
        Initial weights.
    backend
        Where it runs.
    shuffle
        Whether each epoch has an order of its own; the rows are taken as they lie otherwise.
    callbacks
        Called while it trains.
    """
    network, loss = build_network(shape, backend, parameters), SoftmaxCrossEntropy()
    bind(network, loss, shape.batch)
    options = {"dtype": network.dtype, "batch_size": shape.batch, "ranks": backend.ranks}
    batches = Batches(backend, features, labels, network.counters, **options)
    optimizer = make_optimizer(shape.optimizer, momentum=shape.momentum)
    return Trainer(
        RecordedStep(network, loss, optimizer, batches),
        epochs=MOST_EPOCHS,
        order=SeededOrder(SEED) if shuffle else Order(),
        rates=Rates(parse_schedule("constant", shape.learning_rate, shape.steps, MOST_EPOCHS)),
        patience=Patience(),
        callbacks=callbacks,
    )


class Clock(Callback):
    """Ends training when its time is up, at least a step after its start, inside an epoch or not.

    Attributes
    ----------
    steps, elapsed
        How many steps were made since the start, and how many seconds they took.
    """

    def __init__(self):
        self.limit = 0.0

    def training_started(self, trainer: Training) -> None:
        """Start."""
        self._before = trainer.update + trainer.position.step
        self._start = time.perf_counter()

    def progressed(self, trainer: Training, progress: Progress) -> None:
        """Look whether the time is up."""
        self.elapsed = time.perf_counter() - self._start
        self.steps = trainer.update + progress.step - self._before
        if self.elapsed >= self.limit:
            trainer.interrupt()


@dataclass(frozen=True)
class Throughput:
    """How fast a shape trains on a device.

    Attributes
    ----------
    shape, network, batch, optimizer
        What was trained.
    device
        ``"cpu"`` or ``"cuda:N"``.
    samples_per_second
        Rows trained on in a second.
    microseconds_per_step
        Time of a step: batch from memory, forward, loss, backward, update.
    gigaflops
        10⁹ operations of matrix products in a second.
    compile_seconds
        Spent on compiling and loading kernels before.
    """

    shape: str
    network: str
    batch: int
    optimizer: str
    device: str
    samples_per_second: float
    microseconds_per_step: float
    gigaflops: float
    compile_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self)


def measure_shape(shape: Shape, backend: Backend, seconds: float) -> Throughput:
    """Train a shape for about ``seconds`` after as long a warm-up, at most 0.3 s, and return how
    fast it went.

    Raises
    ------
    DataError
        If there is too little memory.
    """
    numbers = COPIES_OF_PARAMETERS * shape.parameters + 2 * shape.rows * shape.widths[0]
    require_memory(4 * numbers, f"the shape {shape.name}")
    compiled_before = backend.compile_seconds
    clock = Clock()
    data, parameters = make_data(shape), initial_parameters(shape)
    trainer = make_trainer(shape, *data, parameters, backend, callbacks=[clock])
    for clock.limit in (min(seconds, 0.3), seconds):
        trainer.fit()
    rate = clock.steps / clock.elapsed
    return Throughput(
        shape.name,
        shape.network,
        shape.batch,
        shape.rule,
        backend.name,
        rate * shape.rows / shape.steps,
        1e6 / rate,
        rate * shape.flops_per_step / 1e9,
        backend.compile_seconds - compiled_before,
    )


def open_devices(
    devices: Sequence[str], threads: int | None = None
) -> tuple[list[Backend], dict[str, str]]:
    """Open each device that can be used.

    Returns
    -------
    backends : list
        One a device that can be used, in the order given.
    unavailable : dict
        Why each of the others cannot.

    Raises
    ------
    UsageError
        If a device is not known, or none is given.
    DeviceError
        If none can be used.
    """
    backends, unavailable, last_error = [], {}, None
    for device in dict.fromkeys(devices):
        try:
            backends.append(open_backend(device, threads=threads)[0])
        except DeviceError as error:
            unavailable[device], last_error = str(error), error
    if not backends:
        raise last_error or UsageError(
            "no device is given. Accepted: cpu, cuda, cuda:N, with commas between."
        )
    return backends, unavailable


def measure_throughput(
    backends: Sequence[Backend],
    shapes: Sequence[Shape],
    seconds: float,
    tell: Callable[[Throughput], None] = lambda measured: None,
) -> list[Throughput]:
    """Measure every shape on every device, shape by shape; ``tell`` is called after each."""
    measured = []
    for shape in shapes:
        for backend in backends:
            measured.append(measure_shape(shape, backend, seconds))
            tell(measured[-1])
    return measured
