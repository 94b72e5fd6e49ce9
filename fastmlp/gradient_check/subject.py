"""A network on one batch: its gradients, and its loss as a function of what enters a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.nn.losses import Loss, loss_kind
from fastmlp.nn.network import Architecture, Network
from fastmlp.settings.settings import Settings
from fastmlp.training.recorded import bind

from .differences import Function


@dataclass
class Subject:
    """A network and its loss on one batch.

    Attributes
    ----------
    network, loss
        Bound to the batch's rows.
    l1, l2
        Penalties on what decays.
    """

    network: Network
    loss: Loss
    l1: float
    l2: float

    @classmethod
    def build(
        cls, architecture: Architecture, chosen: Settings, backend: Backend, dtype: str, rows: int
    ) -> Subject:
        """Return a bound network with initial parameters and a bound loss."""
        outputs = architecture.outputs
        loss = chosen.make_loss(loss_kind(chosen.loss_word).tasks[0], outputs)
        network = Network(architecture, backend, np.dtype(dtype), chosen.seed)
        for layer in network.layers:
            layer.needs_input_gradient = True
        bind(network, loss, rows)
        draw = np.random.default_rng(chosen.seed)
        network.initialize(draw.standard_normal((rows, architecture.inputs)))
        return cls(network, loss, chosen.l1, chosen.l2)

    @property
    def backend(self) -> Backend:
        """The device."""
        return self.network.backend

    def arrays(self) -> list[Array]:
        """Return the parameters and the running statistics."""
        return [parameter.values for parameter in self.network.named_parameters().values()]

    def take(self, targets: np.ndarray, weights: np.ndarray) -> None:
        """Put the targets and weights of the batch on the device."""
        kind = targets.dtype if targets.dtype == np.int32 else self.network.dtype
        self._targets = self.backend.from_numpy(targets.astype(kind))
        self._weights = self.backend.from_numpy(weights.astype(self.network.dtype))

    def _on_device(self, x: np.ndarray) -> Array:
        return self.backend.from_numpy(x.astype(self.network.dtype))

    def inputs(self, x: np.ndarray) -> list[np.ndarray]:
        """Return what enters each layer, and last the outputs."""
        found, signal = [x], self._on_device(x)
        for layer in self.network.layers:
            signal = layer.forward(signal, True)
            found.append(self.backend.to_numpy(signal))
        return found

    def gradients(self, x: np.ndarray) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
        """Return the derivatives by each layer's input (last the outputs), and by parameters."""
        outputs = self.network.forward(self._on_device(x), True)
        upstream = self.loss.backward(outputs, self._targets, self._weights)
        handed_on = [self.backend.to_numpy(upstream)]
        for layer in reversed(self.network.layers):
            upstream = layer.backward(upstream)
            # A copy: the layer below may write over it.
            handed_on.insert(0, self.backend.to_numpy(upstream))
        store = self.network.store
        for segment in store.segments:
            if segment.decays and (self.l1 or self.l2):
                where = store.gradient[segment.stretch], store.values[segment.stretch]
                self.backend.ops.add_penalty(*where, self.l1, self.l2)
        layers = self.network.layers
        return handed_on, [
            [self.backend.to_numpy(p.gradient) for p in layer.trained()] for layer in layers
        ]

    def loss_from(self, index: int, x: np.ndarray) -> Function:
        """Return the loss with penalties as a function of arrays like ``x`` that enter a layer.

        Behind the last layer come the outputs. The way to the loss is recorded once: each value
        costs a replay.
        """
        entry = signal = self._on_device(x.copy())
        with self.backend.record() as program:
            for layer in self.network.layers[index:]:
                signal = layer.forward(signal, True)
            self.loss.backward(signal, self._targets, self._weights)

        def value(values: np.ndarray) -> float:
            self.backend.assign(entry, values)
            program.replay()
            total = float(self.loss.row_losses(len(x)).sum())
            mean = self.loss.networks * total / len(x)  # of each network's rows, added up
            return (mean if self.loss.reduction == "mean" else total) + self._penalty()

        return value

    def _penalty(self) -> float:
        if not self.l1 and not self.l2:
            return 0.0
        decaying = [p.values for layer in self.network.layers for p in layer.trained() if p.decays]
        values = np.concatenate([self.backend.to_numpy(each).ravel() for each in decaying])
        return float(self.l1 * np.abs(values).sum() + self.l2 * np.square(values).sum() / 2)
