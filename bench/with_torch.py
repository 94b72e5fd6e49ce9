"""PyTorch as a contender: data in memory, fused optimizers, torch.compile as a variant."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fastmlp.errors import DeviceError
from fastmlp.machine.throughput import Parameters, Shape

from .place import CPU
from .problem import Orders, Problem, RowCalls
from .vectors import Report, bits_in, printed

# Compiling in worker processes of its own would hide memory from the count and take cores from
# others.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

ARCHITECTURE_BITS = {"nehalem": 128, "haswell": 256}  # of -march


class Training:
    """Epochs of steps: zero_grad, forward, loss, backward, optimizer.

    Parameters
    ----------
    device, precision
        Of a Place. On a GPU the data lie there from the start, and of an epoch only its order is
        sent.
    compiled
        Let torch.compile fuse the network with its loss, forward and backward. Which of the ways is
        fastest depends on the shape and the machine, so the harness tries them all and keeps the
        best.
    """

    compile_seconds = (
        0.0  # torch.compile works at the first step: the harness counts what that takes longer
    )

    def __init__(
        self, problem: Problem, threads: int, shuffle: bool, device: str = CPU,
        precision: str = "highest",
        compiled: bool = False,
    ):  # fmt: skip
        self._device = use(threads, device, precision)
        self._features, self._labels = data_on(self._device, problem)
        self._batch, self._orders = problem.shape.batch, Orders(problem.shape.rows, shuffle)
        network = make_network(problem.parameters).to(self._device)
        self._optimizer = make_optimizer(problem.shape, network)
        self._loss = make_loss(network, compiled)

    def run(self, epochs: int) -> list[float]:
        """Train; return each epoch's mean loss."""
        losses = [self._epoch() for _ in range(epochs)]
        synchronize(self._device)
        return losses

    @property
    def device_bytes(self) -> int:
        """What PyTorch has taken of the GPU's memory."""
        return taken_memory(self._device)

    def _epoch(self) -> float:
        total = torch.zeros((), device=self._device)
        for rows in torch.from_numpy(self._orders.next()).to(self._device).split(self._batch):
            self._optimizer.zero_grad(set_to_none=True)
            # index_select is faster than features[rows], which does the same.
            loss = self._loss(
                self._features.index_select(0, rows), self._labels.index_select(0, rows)
            )
            loss.backward()
            self._optimizer.step()
            total.add_(loss.detach(), alpha=len(rows))
        return total.item() / len(self._labels)


class Prediction:
    """Calls from NumPy rows to NumPy probabilities, in inference mode."""

    compile_seconds = 0.0

    def __init__(self, problem: Problem, threads: int, batch: int, compiled: bool = False):
        use(threads)
        self._calls = RowCalls(problem.features, batch)
        network = nn.Sequential(make_network(problem.parameters), nn.Softmax(dim=1)).eval()
        self._network = torch.compile(network) if compiled else network

    @torch.inference_mode()
    def run(self, calls: int) -> list[list[float]]:
        """Predict; return the last call's first row of probabilities."""
        for _ in range(calls):
            outputs = self._network(torch.from_numpy(self._calls.next())).numpy()
        return outputs[:1].tolist()


class Product:
    """Products of square matrices."""

    compile_seconds = 0.0

    def __init__(self, size: int, threads: int, device: str = CPU, precision: str = "highest"):
        self._device = use(threads, device, precision)
        self._a, self._b, self._c = (
            torch.ones((size, size), device=self._device) for _ in range(3)
        )

    def run(self, products: int) -> list[float]:
        """Multiply."""
        for _ in range(products):
            torch.mm(self._a, self._b, out=self._c)
        synchronize(self._device)
        return []


class Device:
    """Says which GPU PyTorch finds."""

    compile_seconds = 0.0

    def __init__(self, threads: int, device: str, precision: str):
        self._device = use(threads, device, precision)

    def run(self, count: int) -> list[dict[str, str]]:
        """Return the device's name and the CUDA that PyTorch was built for."""
        name = torch.cuda.get_device_name(self._device)
        return [
            {
                "device": name,
                "libraries": f"PyTorch {torch.__version__} for CUDA {torch.version.cuda}",
            }
        ]


def vectors() -> list[Report]:
    """Return what ATen, oneDNN and MKL say, and the compiler of torch.compile if it was at work."""
    aten = torch.backends.cpu.get_cpu_capability()
    reports = [Report("ATen", aten, {"DEFAULT": 128, "AVX2": 256, "AVX512": 512}.get(aten))]
    if torch.backends.mkldnn.is_available():
        reports.append(
            _announced("oneDNN", torch.backends.mkldnn.verbose(1), _convolve, r"cpu,isa:(.*)")
        )
    if torch.backends.mkl.is_available():
        reports.append(
            _announced(
                "MKL",
                torch.backends.mkl.verbose(1),
                _multiply,
                r"Intel\(R\) 64 architecture ([^,]*)",
            )
        )
    return [*reports, _inductor()] if "torch._inductor.codecache" in sys.modules else reports


def use(threads: int, device: str = CPU, precision: str = "highest") -> torch.device:
    """Make a device and its way to multiply those of this process.

    Raises
    ------
    DeviceError
        If PyTorch cannot use the device: why, and what to do.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # what a user who knows of slow subnormals would do
    chosen = torch.device(device)
    if chosen.type != CPU:
        _require_gpu(chosen)
        torch.cuda.set_device(chosen)
        torch.set_float32_matmul_precision(precision)
    return chosen


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done everything; the CPU has when a call returns."""
    if device.type != CPU:
        torch.cuda.synchronize(device)


def taken_memory(device: torch.device) -> int:
    """Return the most bytes that PyTorch's pools held of a GPU's memory; 0 on the CPU."""
    return 0 if device.type == CPU else torch.cuda.max_memory_reserved(device)


def data_on(device: torch.device, problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features and labels on a device."""
    return torch.from_numpy(problem.features).to(device), torch.from_numpy(
        problem.labels
    ).long().to(device)


def make_network(parameters: Parameters) -> nn.Sequential:
    """Return the network with these parameters, on the CPU."""
    layers: list[nn.Module] = []
    for weight, bias in parameters:
        layer = nn.utils.skip_init(nn.Linear, *weight.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
            layer.bias.copy_(torch.from_numpy(bias))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def make_loss(
    network: nn.Module, compiled: bool
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the function from a batch to its mean loss."""

    def loss(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return cross_entropy(network(x), labels)

    return torch.compile(loss) if compiled else loss


def make_optimizer(
    shape: Shape, network: nn.Module, capturable: bool = False
) -> torch.optim.Optimizer:
    """Return a shape's optimizer in its fused form: one kernel, or a few, for all parameters.

    With ``capturable`` a CUDA graph may hold its step; SGD's needs nothing for that.
    """
    if shape.optimizer == "adam":
        return torch.optim.Adam(
            network.parameters(), lr=shape.learning_rate, fused=True, capturable=capturable
        )
    return torch.optim.SGD(
        network.parameters(), lr=shape.learning_rate, momentum=shape.momentum, fused=True
    )


def _announced(
    library: str, verbose: AbstractContextManager, work: Callable[[], object], pattern: str
) -> Report:
    """Return what a library prints of the processor when it is told to talk and given work."""

    def work_aloud() -> None:
        with verbose:
            work()

    found = re.search(pattern, printed(work_aloud))
    bits = bits_in(found[1]) if found else None
    return Report(
        library, found[1] if bits else "does not say", bits
    )  # MKL, not on Intel: "Architecture processors"


def _convolve() -> None:
    torch.nn.functional.conv2d(
        torch.ones(1, 64, 56, 56), torch.ones(64, 64, 3, 3)
    )  # a small one would not go to oneDNN


def _multiply() -> None:
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))


def _inductor() -> Report:
    from torch._inductor import config, cpu_vec_isa

    isa, architecture = cpu_vec_isa.pick_vec_isa(), config.cpp.march
    words = f"{str(isa) if isa else 'scalar'} C++ for {architecture or 'native'}"
    # Whatever the code has, the C++ compiler makes vectors of scalar loops, as wide as the
    # architecture has them.
    bits = max(isa.bit_width(), ARCHITECTURE_BITS.get(architecture, 0))
    return Report("torch.compile", words, bits or None)


def _require_gpu(device: torch.device) -> None:
    version = f"PyTorch {torch.__version__}"
    if not torch.backends.cuda.is_built():
        raise DeviceError(
            f"{version} was built without CUDA; install a build for the driver's CUDA."
        )
    if not torch.cuda.is_available():
        raise DeviceError(
            f"{version} for CUDA {torch.version.cuda} finds no GPU; look at nvidia-smi and its"
            " driver."
        )
    if device.index >= torch.cuda.device_count():
        raise DeviceError(
            f"{version} finds {torch.cuda.device_count()} GPU(s), not one of number {device.index}."
        )
