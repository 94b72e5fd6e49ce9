"""A network's steps as ONNX operators that every opset from 13 on has, and that ONNX Runtime has in
both precisions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastmlp.export.network import Activate, Drop, Linear, Normalization, Step

from .graph import Graph

SELU_ALPHA, SELU_SCALE = (
    1.6732632423543772,
    1.0507009873554805,
)  # Klambauer et al. 2017, equation 14


def add_network(graph: Graph, steps: list[Step], x: str) -> str:
    """Add the steps that follow the value ``x``; return the name of the last one's value."""
    for step in steps:
        match step:
            case Linear(weight, bias):
                arrays = [graph.constant(weight, name="weight")]
                arrays += [] if bias is None else [graph.constant(bias, name="bias")]
                x = graph.add("Gemm", x, *arrays)
            case Normalization():
                # The operator would hold epsilon in float32 whatever the network computes in.
                arrays = {
                    name: getattr(step, name) for name in ("gamma", "beta", "mean", "variance")
                }
                arrays["variance"] = arrays["variance"] + step.epsilon
                constants = [graph.constant(array, name=name) for name, array in arrays.items()]
                x = graph.add("BatchNormalization", x, *constants, epsilon=0.0)
            case Activate(activation):
                x = ACTIVATIONS[activation.name](graph, x, activation.parameter)
            case Drop():
                pass  # a prediction keeps every unit
    return x


def operator(name: str) -> Callable[[Graph, str, float], str]:
    """Return what adds an activation that is one operator without arguments."""
    return lambda graph, z, p: graph.add(name, z)


def leaky_relu(graph: Graph, z: str, p: float) -> str:
    """The larger of z and p·z, as p < 1; LeakyRelu would hold p in float32 whatever the network
    computes in.
    """
    return graph.add("Max", z, graph.add("Mul", z, graph.constant(p)))


def elu(graph: Graph, z: str, p: float) -> str:
    """z, or p·(eᶻ − 1) where z < 0: ONNX Runtime has Elu, Selu and Softplus in float32 alone."""
    zero = graph.constant(0.0)
    below = graph.add("Sub", graph.add("Exp", graph.add("Min", z, zero)), graph.constant(1.0))
    return graph.add("Add", graph.add("Max", z, zero), graph.add("Mul", below, graph.constant(p)))


def selu(graph: Graph, z: str, p: float) -> str:
    """A multiple of elu."""
    return graph.add("Mul", elu(graph, z, SELU_ALPHA), graph.constant(SELU_SCALE))


def softplus(graph: Graph, z: str, p: float) -> str:
    """ln(1 + eᶻ) as max(z, 0) + ln(1 + e^−|z|), which does not overflow."""
    small = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
    rest = graph.add("Log", graph.add("Add", small, graph.constant(1.0)))
    return graph.add("Add", graph.add("Max", z, graph.constant(0.0)), rest)


def gelu(graph: Graph, z: str, p: float) -> str:
    """z·Φ(z) = z/2·(1 + erf(z/√2)); erf in float32, which is all that ONNX Runtime has."""
    erf = graph.add(
        "Erf", graph.cast(graph.add("Mul", z, graph.constant(np.sqrt(0.5))), np.float32)
    )
    distribution = graph.add("Add", graph.cast(erf), graph.constant(1.0))
    return graph.add("Mul", graph.add("Mul", z, graph.constant(0.5)), distribution)


def silu(graph: Graph, z: str, p: float) -> str:
    """z·sigmoid(z) as z/(1 + e⁻ᶻ): ONNX Runtime 1.20 makes of the product an operator that it lacks
    in float64.
    """
    whole = graph.add("Add", graph.add("Exp", graph.add("Neg", z)), graph.constant(1.0))
    return graph.add("Div", z, whole)


def mish(graph: Graph, z: str, p: float) -> str:
    """z·tanh(softplus(z))."""
    return graph.add("Mul", z, graph.add("Tanh", softplus(graph, z, p)))


def softmax(graph: Graph, z: str, p: float) -> str:
    """eᶻ/Σ eᶻ over each row."""
    return graph.add("Softmax", z, axis=1)


def signed_log(graph: Graph, z: str, p: float) -> str:
    """sign(z)·ln(1 + |z|)."""
    size = graph.add("Log", graph.add("Add", graph.add("Abs", z), graph.constant(1.0)))
    return graph.add("Mul", graph.add("Sign", z), size)


ACTIVATIONS: dict[str, Callable[[Graph, str, float], str]] = {
    "relu": operator("Relu"),
    "sigmoid": operator("Sigmoid"),
    "tanh": operator("Tanh"),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "softplus": softplus,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softmax": softmax,
    "signed_log": signed_log,
}
