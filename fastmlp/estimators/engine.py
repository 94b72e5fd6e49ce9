"""The network behind an estimator: built from a blueprint, filled with weights."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache

import numpy as np

from fastmlp.backend import Backend, open_backend
from fastmlp.backend.available import available_threads
from fastmlp.errors import UsageError
from fastmlp.model.prediction import PREDICTION_BATCH, RecordedPrediction
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.layers import Dense
from fastmlp.nn.network import Architecture, Network
from fastmlp.ranks.contract import ALONE, Ranks
from fastmlp.step.batches import InputScaling
from fastmlp.step.parameters import Parameter, Snapshot
from fastmlp.training import recorded

from .losses import make_loss

# joblib sets these in its worker processes.
LIMITS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"


@dataclass(frozen=True)
class Blueprint:
    """Everything that makes two networks the same but for their weights; plain words and numbers.

    Attributes
    ----------
    architecture
        Of the network.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    loss, smoothing
        What is minimised.
    dtype
        ``"float32"`` or ``"float64"``.
    seed
        Of the dropout masks.
    """

    architecture: Architecture
    task: str
    loss: str
    smoothing: float
    dtype: str
    seed: int


@cache
def _compiler():
    """Return the one compiler of this process: a kernel is loaded once, not in every ``fit``."""
    from fastmlp.kernels.cpu.compiling.compiler import KernelCompiler

    return KernelCompiler()


def open_device(
    device: str,
    threads: int | None,
    gemm: str = "auto",
    matmul_precision: str = "highest",
    ranks: Ranks = ALONE,
) -> Backend:
    """Return a backend of an estimator's own: several may be trained in several threads."""
    backend, _ = open_backend(
        device, threads=threads, gemm=gemm, matmul_precision=matmul_precision, ranks=ranks
    )
    if backend.name == "cpu":
        from fastmlp.backend.cpu.backend import CpuBackend

        assert isinstance(backend, CpuBackend)
        backend.compiler = _compiler()
    return backend


class Engine:
    """A network with its loss on a device. It is never pickled: weights and a FitState are enough
    to build another.

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
    ranks
        The processes that train it together; whoever predicts is alone.

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
        scaling: InputScaling | None = None,
        ranks: Ranks = ALONE,
    ):
        self.blueprint, self.device, self.threads = blueprint, device, threads
        self.backend = open_device(device, thread_count, ranks=ranks)
        architecture, dtype = blueprint.architecture, blueprint.dtype
        remedy = "give smaller hidden_layer_sizes or a smaller batch_size"
        rows = max(rows, PREDICTION_BATCH)
        name = f"hidden_layer_sizes={list(architecture.hidden)}"
        recorded.check_memory(architecture, self.backend, dtype, rows, remedy, name)
        self.network = Network(architecture, self.backend, np.dtype(dtype), blueprint.seed)
        told = blueprint.loss, blueprint.task, architecture.outputs, blueprint.smoothing
        self.loss = make_loss(*told)
        self.lock = threading.RLock()
        self.scaling: InputScaling = scaling or {}
        self._shown: dict[Parameter, np.ndarray] = {}
        self.bind(rows)

    def bind(self, rows: int) -> None:
        """Allocate buffers for batches of up to ``rows`` rows, where those at hand are smaller."""
        if rows > self.network.bound_rows:
            recorded.bind(self.network, self.loss, rows)
            self.prediction = RecordedPrediction(self.network, self.loss, **self.scaling)

    def fits(self, blueprint: Blueprint, device: str, threads: int | str) -> bool:
        """Return whether this is the engine that would be built now."""
        return (self.blueprint, self.device, self.threads) == (blueprint, device, threads)

    def has_weights(self, snapshot: Snapshot | None) -> bool:
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
        """Return what the attributes show; under a batch norm the intercept is its β."""
        layers = self.network.layers
        intercepts = []
        for layer, following in zip(layers, [*layers[1:], None], strict=True):
            if isinstance(layer, Dense) and layer.bias is not None:
                intercepts.append(layer.bias)
            elif isinstance(layer, Dense) and following is not None:
                intercepts += [each for each in following.trained() if each.name == "beta"]
        norms = [
            {parameter.name: parameter for parameter in (*layer.trained(), *layer.kept())}
            for layer in layers
            if layer.kept()
        ]
        return [layer.weight for layer in self.dense], intercepts, norms

    def show(self, parameter: Parameter) -> np.ndarray:
        """Return a parameter to be seen: live on the CPU, from a GPU a copy that is read-only."""
        if self.backend.shares_host_memory:
            return parameter.values
        copy = self.backend.to_numpy(parameter.values)
        copy.flags.writeable = False
        self._shown[parameter] = copy
        return copy

    def put(self, parameter: Parameter, values: np.ndarray, name: str) -> None:
        """Take what the user may have set; what still is the array that was shown is not copied."""
        if values is (
            parameter.values if self.backend.shares_host_memory else self._shown.get(parameter)
        ):
            return
        values = np.asarray(values)
        if values.shape != parameter.shape:
            raise UsageError(
                f"{name} has shape {values.shape}; the parameters now call for {parameter.shape}. "
                "Fit anew."
            )
        self.backend.assign(parameter.values, values)

    def draw(self, random: np.random.RandomState, activations: tuple[str, ...]) -> None:
        """Draw initial weights as scikit-learn does: Glorot's uniform, for the intercepts too."""
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
            if layer.kept():
                layer.initialize(np.random.default_rng(0))  # γ = 1, β = 0: nothing is drawn

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """Return the finished outputs (rows, outputs): probabilities, or values."""
        with self.lock:
            return self.prediction.run(rows)

    def predict_with(self, scaling: InputScaling) -> None:
        """Scale the inputs by these from now on."""
        if any(self.scaling.get(word) is not factor for word, factor in scaling.items()):
            self.scaling = scaling
            self.prediction = RecordedPrediction(self.network, self.loss, **scaling)


def thread_count(threads: int | str) -> int | None:
    """Return the number of CPU threads, None for all that this process may use.

    Parameters
    ----------
    threads
        A number, which is taken as it is, or ``"auto"``: what the usual environment variables allow
        (joblib sets them in its processes, to ``inner_max_num_threads`` or to a fair share), and
        one thread in a worker that has no such limit, as those of joblib's threading backend.
    """
    if threads != "auto":
        return int(threads)
    limit = _environment_limit()
    if limit is None and _inside_joblib():
        return 1
    return limit if limit is None else min(limit, available_threads())


def _environment_limit() -> int | None:
    for name in LIMITS:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > 0:
            return int(value)
    return None


def _inside_joblib() -> bool:
    from joblib.parallel import get_active_backend

    return (getattr(get_active_backend()[0], "nesting_level", 0) or 0) > 0
