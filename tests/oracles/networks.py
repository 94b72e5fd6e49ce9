"""Small networks, and a forward pass in plain NumPy that knows only the parameters' names."""

import numpy as np
from oracles.activations import VALUES
from scipy import special

from fastmlp.nn.network import Architecture, Network


def build(backend, dtype=np.float64, *, rows=16, seed=3, input_gradient=False, **architecture):
    """Return a bound network with random parameters (biases too) of ``architecture``."""
    architecture = {
        "inputs": 4,
        "outputs": 3,
        "hidden": (5,),
        "bias_init": "normal(0, 0.3)",
        **architecture,
    }
    network = Network(Architecture(**architecture), backend, dtype, seed)
    for layer in network.layers:
        layer.needs_input_gradient |= input_gradient
    network.bind(rows)
    network.initialize()
    return network


def forward(network, x, activation="relu"):
    """Return the outputs in float64 of dense layers, the hidden ones normalised or not."""
    parameters = {
        name: p.values.astype(np.float64) for name, p in network.named_parameters().items()
    }
    hidden = len(network.architecture.hidden)
    for layer in range(hidden + 1):
        x = x @ parameters[f"dense_{layer}.weight"] + parameters.get(f"dense_{layer}.bias", 0.0)
        if layer == hidden:
            return x
        norm = f"batch_normalization_{layer}"
        if f"{norm}.gamma" in parameters:
            deviation = np.sqrt(parameters[f"{norm}.running_variance"] + 1e-5)
            x = parameters[f"{norm}.gamma"] * (x - parameters[f"{norm}.running_mean"]) / deviation
            x = x + parameters[f"{norm}.beta"]
        x = VALUES[activation](x)


def probabilities(logits):
    return special.softmax(logits, axis=1)
