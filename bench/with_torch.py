"""PyTorch as a contender: tensors in memory, batches by index, fused optimizers, and torch.compile as a variant."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fastmlp.jobs.throughput import Parameters, Shape

from .problem import Orders, Problem, RowCalls

# Compiling in worker processes of its own would hide memory from the count and take cores from others.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")


class Training:
    """Epochs of steps: zero_grad, forward, loss, backward, optimizer.

    Parameters
    ----------
    compiled
        Let torch.compile fuse the network with its loss, forward and backward. Which of the ways is fastest depends on
        the shape and the machine, so the harness tries them all and keeps the best.
    """

    compile_seconds = 0.0  # torch.compile works at the first step: the harness counts what that takes longer

    def __init__(self, problem: Problem, threads: int, shuffle: bool, compiled: bool = False):
        _use(threads)
        self._features, self._labels = torch.from_numpy(problem.features), torch.from_numpy(problem.labels).long()
        self._batch, self._orders = problem.shape.batch, Orders(problem.shape.rows, shuffle)
        network = _network(problem.parameters)
        self._optimizer = _optimizer(problem.shape, network)

        def loss(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return cross_entropy(network(x), labels)

        self._loss = torch.compile(loss) if compiled else loss

    def run(self, epochs: int) -> list[float]:
        """Train; return each epoch's mean loss."""
        return [self._epoch() for _ in range(epochs)]

    def _epoch(self) -> float:
        total = torch.zeros(())
        for rows in torch.from_numpy(self._orders.next()).split(self._batch):
            self._optimizer.zero_grad(set_to_none=True)
            # index_select is faster than features[rows], which does the same.
            loss = self._loss(self._features.index_select(0, rows), self._labels.index_select(0, rows))
            loss.backward()
            self._optimizer.step()
            total += loss.detach() * len(rows)
        return total.item() / len(self._labels)


class Prediction:
    """Calls from NumPy rows to NumPy probabilities, in inference mode."""

    compile_seconds = 0.0

    def __init__(self, problem: Problem, threads: int, batch: int, compiled: bool = False):
        _use(threads)
        self._calls = RowCalls(problem.features, batch)
        network = nn.Sequential(_network(problem.parameters), nn.Softmax(dim=1)).eval()
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

    def __init__(self, size: int, threads: int):
        _use(threads)
        self._a, self._b, self._c = (torch.ones((size, size)) for _ in range(3))

    def run(self, products: int) -> list[float]:
        """Multiply."""
        for _ in range(products):
            torch.mm(self._a, self._b, out=self._c)
        return []


def _use(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # what a user who knows of slow subnormals would do


def _network(parameters: Parameters) -> nn.Sequential:
    layers: list[nn.Module] = []
    for weight, bias in parameters:
        layer = nn.utils.skip_init(nn.Linear, *weight.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
            layer.bias.copy_(torch.from_numpy(bias))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _optimizer(shape: Shape, network: nn.Module) -> torch.optim.Optimizer:
    if shape.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=shape.learning_rate, fused=True)
    return torch.optim.SGD(network.parameters(), lr=shape.learning_rate, momentum=shape.momentum, fused=True)
