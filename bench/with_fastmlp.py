"""fastmlp as a contender: training as the trainer does it; prediction by call and by Program."""

from __future__ import annotations

import numpy as np

from fastmlp.backend import open_backend
from fastmlp.backend.contract import Backend
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.machine.throughput import build_network, make_trainer
from fastmlp.model.model import Model
from fastmlp.model.prediction import PREDICTION_BATCH
from fastmlp.nn.losses import SoftmaxCrossEntropy
from fastmlp.nn.network import Network
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.training.passes import Prediction as PredictionPass
from fastmlp.training.recorded import bind

from .place import CPU
from .problem import Problem, RowCalls
from .vectors import Report, of_numpy


class Training:
    """Epochs of a recorded step.

    Parameters
    ----------
    device, precision
        Of a Place.
    gemm
        Who multiplies matrices on the CPU.
    """

    def __init__(
        self, problem: Problem, threads: int, shuffle: bool, device: str = CPU,
        precision: str = "highest",
        gemm: str = "auto",
    ):  # fmt: skip
        self._backend, _ = open_backend(
            device, threads=threads, gemm=gemm, matmul_precision=precision
        )
        self._trainer = make_trainer(
            problem.shape,
            problem.features,
            problem.labels,
            problem.parameters,
            self._backend,
            shuffle,
        )
        self.compile_seconds = self._backend.compile_seconds

    def run(self, epochs: int) -> list[float]:
        """Train; return each epoch's mean loss."""
        losses = [self._trainer.train_epoch().total.loss for _ in range(epochs)]
        self._backend.synchronize()
        return losses

    @property
    def device_bytes(self) -> int:
        """What CuPy's pool has taken of the GPU's memory; 0 on the CPU."""
        if self._backend.name == CPU:
            return 0
        import cupy

        return cupy.get_default_memory_pool().total_bytes()

    @property
    def notices(self) -> list[str]:
        """What the backend has to say of how it runs: that no graph could be made, for one."""
        return self._backend.notices


class Prediction:
    """Calls of Model.predict_outputs, or replays of a prediction that was recorded once.

    Parameters
    ----------
    program
        Copy each call's rows to where a recorded prediction reads them, rather than make a new one
        from them.
    """

    def __init__(
        self, problem: Problem, threads: int, batch: int, gemm: str = "auto", program: bool = False
    ):
        backend, _ = open_backend("cpu", threads=threads, gemm=gemm)
        self._calls = RowCalls(problem.features, batch)
        network = build_network(problem.shape, backend, problem.parameters)
        loss = SoftmaxCrossEntropy()
        bind(network, loss, PREDICTION_BATCH)
        if program:
            rows, recorded = _recorded(backend, network, loss, batch, problem.shape.widths[0])

            def predict(x: np.ndarray) -> np.ndarray:
                rows[...] = x
                return recorded.run()

            self._predict = predict
        else:
            encoder = TargetEncoder().fit(problem.labels, "classification", False, "float32")
            preprocessor = FeaturePreprocessor().fit(problem.features, "none", "float32")
            self._predict = Model(network, loss, preprocessor, encoder, {}).predict_outputs
        self._predict(self._calls.next())  # a Model compiles when it first predicts
        self.compile_seconds = backend.compile_seconds

    def run(self, calls: int) -> list[list[float]]:
        """Predict; return the last call's first row of probabilities."""
        for _ in range(calls):
            outputs = self._predict(self._calls.next())
        return outputs[:1].tolist()


class Product:
    """Products of square matrices: by our register tiles with threads, or on a GPU by cuBLAS."""

    compile_seconds = 0.0

    def __init__(self, size: int, threads: int, device: str = CPU, precision: str = "highest"):
        self._backend, _ = open_backend(
            device, threads=threads, gemm="tiles", matmul_precision=precision
        )
        a, b, c = (self._backend.from_numpy(np.ones((size, size), np.float32)) for _ in range(3))
        with self._backend.record() as self._program:
            self._backend.matmul("nn", a, b, c)

    def run(self, products: int) -> list[float]:
        """Multiply."""
        self._program.replay(products)
        self._backend.synchronize()
        return []


class Device:
    """Says which GPU fastmlp finds."""

    compile_seconds = 0.0

    def __init__(self, threads: int, device: str, precision: str):
        self._backend, _ = open_backend(device, threads=threads, matmul_precision=precision)

    def run(self, count: int) -> list[dict[str, str]]:
        """Return the device's name and the library of its products."""
        described = self._backend.describe()
        return [{"device": described["device"], "libraries": described["blas"]}]


def vectors() -> list[Report]:
    """Return what Numba compiles the kernels for, and what NumPy and each BLAS say."""
    from fastmlp.kernels.cpu.compiling.processor import processor

    target = processor()
    return [
        Report("kernels", f"{target.words} ({target.name})", 8 * target.vector_bytes),
        *of_numpy(),
    ]


def _recorded(
    backend: Backend, network: Network, loss: SoftmaxCrossEntropy, batch: int, inputs: int
) -> tuple[np.ndarray, PredictionPass]:
    """Return the array whose rows a recorded prediction reads, and that prediction."""
    rows = backend.zeros((batch, inputs), np.float32)
    step = min(batch, PREDICTION_BATCH)
    batches = Batches(backend, rows, None, Counters(backend), dtype=network.dtype, batch_size=step)
    return rows, PredictionPass(network, loss, batches)
