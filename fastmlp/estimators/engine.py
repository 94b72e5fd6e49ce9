"""The network that works behind an estimator: built from a blueprint, filled with its weights,
asked for outputs.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import numpy as np

from fastmlp.backend import Backend, open_backend
from fastmlp.data.memory import available_memory, in_units
from fastmlp.errors import UsageError
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.layers import BatchNormalization, Dense
from fastmlp.nn.network import Architecture, Network
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter
from fastmlp.training.passes import Prediction

from .losses import make_loss

PREDICTION_BATCH = 256  # rows
RECORDINGS = 8  # predictions kept for the next call with as many rows
COPIES = 6  # of the parameters: values, gradient, two moments, and two snapshots


@dataclass(frozen=True)
class Blueprint:
    """Everything that makes two networks the same but for their weights; plain words and numbers.

    Attributes
    ----------
    architecture
        Of the network.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    loss, label_smoothing
        What is minimised.
    dtype
        ``"float32"`` or ``"float64"``.
    seed
        Of the dropout masks.
    """

    architecture: Architecture
    task: str
    loss: str
    label_smoothing: float
    dtype: str
    seed: int


@cache
def _compiler():
    """Return the one compiler of this process: what a kernel costs to load is paid once, not in
    every ``fit``.
    """
    from fastmlp.kernels.cpu.compiling.compiler import KernelCompiler

    return KernelCompiler()


def open_device(device: str, threads: int | None) -> Backend:
    """Return a backend of an estimator's own, so that estimators may be trained in several threads."""
    backend, _ = open_backend(device, threads=threads)
    if backend.name == "cpu":
        backend.compiler = _compiler()
    return backend


class Engine:
    """A network with its loss on a device. It is never pickled: weights and Memory are enough to
    build another.

    Parameters
    ----------
    blueprint
        What to build.
    device, threads
        Where, in the user's words.
    thread_count
        What ``threads`` means here; None for all that this process may use.
    rows
        Rows of the largest batch.
    scaling
        Origin, scale and shift of the inputs' columns by these words, as Batches takes them; None
        for the identity.

    Attributes
    ----------
    network, loss, backend
        The parts.
    lock
        Held while the buffers are in use: two threads may ask one estimator for predictions.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        device: str,
        threads: int | str,
        thread_count: int | None,
        rows: int = 0,
        scaling: dict[str, np.ndarray | None] | None = None,
    ):
        self.blueprint, self.device, self.threads, self.scaling = (
            blueprint,
            device,
            threads,
            scaling or {},
        )
        self.backend = open_device(device, thread_count)
        _check_memory(blueprint, max(rows, PREDICTION_BATCH), self.backend)
        self.network = Network(
            blueprint.architecture, self.backend, blueprint.dtype, blueprint.seed
        )
        outputs = blueprint.architecture.outputs
        self.loss = make_loss(blueprint.loss, blueprint.task, outputs, blueprint.label_smoothing)
        self.lock = threading.RLock()
        self._predictions: dict[tuple, tuple[Batches, Prediction]] = {}
        self._shown: dict[Parameter, np.ndarray] = {}
        self.bind(max(rows, PREDICTION_BATCH))

    def bind(self, rows: int) -> None:
        """Allocate buffers for batches of up to ``rows`` rows, where those at hand are smaller."""
        if rows > self.network.bound_rows:
            self.network.bind(rows)
            self.loss.bind(
                self.backend, self.network.dtype, rows, self.network.architecture.outputs
            )
            self._predictions.clear()

    def fits(self, blueprint: Blueprint, device: str, threads: int | str) -> bool:
        """Return whether this is the engine that would be built now."""
        return (self.blueprint, self.device, self.threads) == (blueprint, device, threads)

    def has_weights(self, snapshot: tuple[np.ndarray, np.ndarray] | None) -> bool:
        """Return whether the network's numbers are those of a snapshot, to the bit."""
        return snapshot is not None and all(
            map(np.array_equal, self.network.store.snapshot(), snapshot)
        )

    @property
    def dense(self) -> list[Dense]:
        """The dense layers."""
        return [layer for layer in self.network.layers if isinstance(layer, Dense)]

    def weight_parameters(
        self,
    ) -> tuple[list[Parameter], list[Parameter], list[dict[str, Parameter]]]:
        """Return what ``coefs_``, ``intercepts_`` and ``batch_norm_`` show; under a batch norm the
        intercept is its β.
        """
        layers = self.network.layers
        intercepts = [
            layer.bias or following.beta
            for layer, following in zip(layers, [*layers[1:], None], strict=True)
            if isinstance(layer, Dense)
        ]
        norms = [
            {parameter.name: parameter for parameter in (*layer.trained(), *layer.kept())}
            for layer in layers
            if isinstance(layer, BatchNormalization)
        ]
        return [layer.weight for layer in self.dense], intercepts, norms

    def show(self, parameter: Parameter) -> np.ndarray:
        """Return a parameter for the user: on the CPU the live array, from a GPU a copy that cannot
        be written.
        """
        if self.backend.shares_host_memory:
            return parameter.values
        copy = self.backend.to_numpy(parameter.values)
        copy.flags.writeable = False
        self._shown[parameter] = copy
        return copy

    def put(self, parameter: Parameter, values: np.ndarray, name: str) -> None:
        """Take what the user may have set; nothing is copied where it is still the array that was
        shown.
        """
        if values is (
            parameter.values if self.backend.shares_host_memory else self._shown.get(parameter)
        ):
            return
        values = np.asarray(values)
        if values.shape != parameter.shape:
            raise UsageError(
                f"{name} has shape {values.shape}; the parameters now call for {parameter.shape}. Fit anew."
            )
        self.backend.assign(parameter.values, values)

    def draw(self, random: np.random.RandomState, activations: tuple[str, ...]) -> None:
        """Draw the initial weights as scikit-learn does, number by number: Glorot's uniform, for
        the intercepts too.
        """
        names = [parse_activation(word).name for word in activations or ("identity",)]
        for index, layer in enumerate(self.dense):
            factor = 2.0 if names[min(index, len(names) - 1)] == "sigmoid" else 6.0
            bound = np.sqrt(factor / (layer.fan_in + layer.width))
            self.backend.assign(
                layer.weight.values, random.uniform(-bound, bound, layer.weight.shape)
            )
            intercept = random.uniform(-bound, bound, layer.width)
            if layer.bias is not None:
                self.backend.assign(layer.bias.values, intercept)
        for layer in self.network.layers:
            if isinstance(layer, BatchNormalization):
                layer.initialize(None)  # γ = 1, β = 0: nothing is drawn

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """Return the finished outputs (rows, outputs): probabilities, or values."""
        if not len(rows):
            return np.zeros((0, self.network.architecture.outputs), self.network.dtype)
        with self.lock:
            if len(rows) > PREDICTION_BATCH:
                return Prediction(self.network, self.loss, self._batches(rows)).run()
            key = len(rows), rows.dtype
            if key not in self._predictions:
                if len(self._predictions) >= RECORDINGS:
                    del self._predictions[next(iter(self._predictions))]
                batches = self._batches(
                    np.array(rows, order="C")
                )  # memory that later calls are written into
                self._predictions[key] = batches, Prediction(self.network, self.loss, batches)
            batches, prediction = self._predictions[key]
            batches.replace_features(rows)
            return prediction.run()

    def _batches(self, rows: np.ndarray) -> Batches:
        how = {
            "dtype": self.network.dtype,
            "batch_size": min(PREDICTION_BATCH, len(rows)),
            **self.scaling,
        }
        return Batches(self.backend, rows, None, Counters(self.backend), **how)


def _check_memory(blueprint: Blueprint, rows: int, backend: Backend) -> None:
    """Refuse a network for which there is no memory before any of it is taken."""
    architecture = blueprint.architecture
    numbers = COPIES * architecture.parameters + 2 * rows * sum(architecture.widths)
    on_device = backend.free_memory()
    wanted, available = numbers * np.dtype(blueprint.dtype).itemsize, on_device
    if wanted > (available_memory() if available is None else available):
        raise UsageError(
            f"hidden_layer_sizes={list(architecture.hidden)} needs {in_units(wanted)} of memory on {backend.name}, "
            "more than is available; give smaller layers or a smaller batch_size."
        )
