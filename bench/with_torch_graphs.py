"""PyTorch with CUDA graphs as a contender: whole steps captured once and replayed."""

from __future__ import annotations

import time

import torch

from .problem import Orders, Problem
from .with_torch import (
    data_on,
    make_loss,
    make_network,
    make_optimizer,
    synchronize,
    taken_memory,
    use,
)

# before a capture: libraries are loaded, algorithms chosen, gradients and optimizer states made
WARM_UP_STEPS = 3


class Training:
    """Epochs of replayed graphs.

    Parameters
    ----------
    device, precision
        Of a Place.
    steps
        How many steps one graph holds; a second graph of a single step takes what is left of an
        epoch.
    compiled
        Capture what torch.compile makes of the network and its loss.
    """

    def __init__(
        self, problem: Problem, threads: int, shuffle: bool, device: str,
        precision: str = "highest", steps: int = 1,
        compiled: bool = False,
    ):  # fmt: skip
        self._device = use(threads, device, precision)
        self._orders = Orders(problem.shape.rows, shuffle)
        start = time.perf_counter()
        self._step = ResidentStep(problem, self._device, compiled)
        at_a_time, left = divmod(problem.shape.steps, steps)
        warm_up(self._step)
        self._graphs = [
            (captured(self._step, count), often)
            for count, often in ((steps, at_a_time), (1, left))
            if often
        ]
        self._step.start_anew()
        synchronize(self._device)
        self.compile_seconds = time.perf_counter() - start

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
        self._step.start_epoch(torch.from_numpy(self._orders.next()))
        for graph, often in self._graphs:
            for _ in range(often):
                graph.replay()
        return self._step.mean_loss()


class ResidentStep:
    """A training step of which everything lies on the device, also which rows come next: it can be
    run again unchanged.

    Parameters
    ----------
    problem
        Whose rows must be a multiple of the batch: a graph has batches of one size.
    device
        Where it lies.
    compiled
        Let torch.compile fuse the network with its loss.
    """

    def __init__(self, problem: Problem, device: torch.device, compiled: bool = False):
        shape = problem.shape
        if shape.rows % shape.batch:
            raise ValueError(
                f"a graph needs batches of one size; {shape.rows} rows are no multiple of"
                f" {shape.batch}"
            )
        self._features, self._labels = data_on(device, problem)
        self._order = torch.arange(shape.rows, device=device)
        self._within_batch = torch.arange(shape.batch, device=device)
        self._position = torch.zeros((), dtype=torch.int64, device=device)
        self._total = torch.zeros((), device=device)
        self._batch, self._steps = shape.batch, shape.steps
        self._network = make_network(problem.parameters).to(device)
        self._initial = [parameter.detach().clone() for parameter in self._network.parameters()]
        self._optimizer = make_optimizer(shape, self._network, capturable=device.type != "cpu")
        self._loss = make_loss(self._network, compiled)

    def run(self) -> None:
        """Take the next batch of the order, train on it, and move on."""
        rows = self._order.index_select(0, self._within_batch + self._position)
        self.forget_gradients()
        loss = self._loss(self._features.index_select(0, rows), self._labels.index_select(0, rows))
        loss.backward()
        self._optimizer.step()
        self._total.add_(loss.detach())
        self._position.add_(self._batch)

    def forget_gradients(self) -> None:
        """Let the next backward pass make gradients anew, in a capture in its graph's memory."""
        self._optimizer.zero_grad(set_to_none=True)

    def start_epoch(self, order: torch.Tensor) -> None:
        """Set the order of the coming epoch and go to its start."""
        self._order.copy_(order)
        self.rewind()

    def rewind(self) -> None:
        """Go to the start of the order."""
        self._position.zero_()
        self._total.zero_()

    def mean_loss(self) -> float:
        """Return the mean loss of the epoch; waits for the device."""
        return self._total.item() / self._steps

    @torch.no_grad()
    def start_anew(self) -> None:
        """Restore the initial weights and a fresh optimizer, where captured graphs find them."""
        for parameter, initial in zip(self._network.parameters(), self._initial, strict=True):
            parameter.copy_(initial)
        for state in self._optimizer.state.values():
            for value in filter(torch.is_tensor, state.values()):
                value.zero_()  # as an optimizer starts: moments, velocities and Adam's count


def warm_up(step: ResidentStep) -> None:
    """Run a few steps on a stream of their own, as PyTorch's manual asks for before a capture."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_STEPS):
            step.rewind()
            step.run()
    torch.cuda.current_stream().wait_stream(side)


def captured(step: ResidentStep, count: int) -> torch.cuda.CUDAGraph:
    """Return the graph of ``count`` steps; nothing of them is run."""
    step.forget_gradients()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(count):
            step.run()
    return graph
