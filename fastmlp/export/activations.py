"""Activations as other programs have them: ONNX's operators and PyTorch's classes, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmlp.export.onnx.graph import Graph
from fastmlp.nn.activations import Activation

SELU_ALPHA, SELU_SCALE = (
    1.6732632423543772,
    1.0507009873554805,
)  # Klambauer et al. 2017, equation 14


@dataclass(frozen=True)
class Elsewhere:
    """An activation in ONNX and in PyTorch.

    Attributes
    ----------
    onnx
        Adds f(z) to a graph, given the name of z and f's parameter; returns the name of the result.
    torch
        The class, of torch.nn or of ``export.torch.layers``.
    argument
        The class's name of f's parameter, or None.
    fixed
        Arguments with which the class is always made.
    taken
        Attributes on which the class computes f, and the values for which it does.
    """

    onnx: Callable[[Graph, str, float], str]
    torch: str
    argument: str | None = None
    fixed: dict[str, Any] = field(default_factory=dict)
    taken: dict[str, tuple] = field(default_factory=dict)

    def arguments(self, activation: Activation) -> dict[str, Any]:
        """Return the arguments that make the class."""
        return {self.argument: activation.parameter} if self.argument else self.fixed


def operator(name: str) -> Callable[[Graph, str, float], str]:
    """Return what adds an activation that is one operator without arguments."""
    return lambda graph, z, p: graph.add(name, z)


def leaky_relu(graph: Graph, z: str, p: float) -> str:
    """The larger of z and p·z, as p < 1; LeakyRelu would hold p in float32 always."""
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
    """z·sigmoid(z) as z/(1 + e⁻ᶻ): of the product ONNX Runtime 1.20 makes a float32 operator."""
    whole = graph.add("Add", graph.add("Exp", graph.add("Neg", z)), graph.constant(1.0))
    return graph.add("Div", z, whole)


def mish(graph: Graph, z: str, p: float) -> str:
    """z·tanh(softplus(z))."""
    return graph.add("Mul", z, graph.add("Tanh", softplus(graph, z, p)))


def hardswish(graph: Graph, z: str, p: float) -> str:
    """z times a share, min(max(z + 3, 0), 6)/6: HardSwish needs opset 14 and, in ONNX Runtime,
    float32.
    """
    above = graph.add("Max", graph.add("Add", z, graph.constant(3.0)), graph.constant(0.0))
    share = graph.add("Div", graph.add("Min", above, graph.constant(6.0)), graph.constant(6.0))
    return graph.add("Mul", z, share)


def softmax(graph: Graph, z: str, p: float) -> str:
    """eᶻ/Σ eᶻ over each row."""
    return graph.add("Softmax", z, axis=1)


def signed_log(graph: Graph, z: str, p: float) -> str:
    """sign(z)·ln(1 + |z|)."""
    size = graph.add("Log", graph.add("Add", graph.add("Abs", z), graph.constant(1.0)))
    return graph.add("Mul", graph.add("Sign", z), size)


def smooth_clip(graph: Graph, z: str, p: float) -> str:
    """sign(z)·s/√(1 + (s/l)²), s the smaller of |z| and p and l the larger: no square overflows."""
    size, limit = graph.add("Abs", z), graph.constant(p)
    small, large = graph.add("Min", size, limit), graph.add("Max", size, limit)
    share = graph.add("Div", small, large)
    square = graph.add("Add", graph.add("Mul", share, share), graph.constant(1.0))
    clipped = graph.add("Div", small, graph.add("Sqrt", square))
    return graph.add("Mul", graph.add("Sign", z), clipped)


ELSEWHERE = {
    "identity": Elsewhere(lambda graph, z, p: z, "Identity"),
    "relu": Elsewhere(operator("Relu"), "ReLU"),
    "leaky_relu": Elsewhere(leaky_relu, "LeakyReLU", argument="negative_slope"),
    "elu": Elsewhere(elu, "ELU", argument="alpha"),
    "selu": Elsewhere(selu, "SELU"),
    "gelu": Elsewhere(gelu, "GELU", taken={"approximate": ("none",)}),
    "silu": Elsewhere(silu, "SiLU"),
    "mish": Elsewhere(mish, "Mish"),
    "hardswish": Elsewhere(hardswish, "Hardswish"),
    "softplus": Elsewhere(softplus, "Softplus", taken={"beta": (1,), "threshold": (20,)}),
    "sigmoid": Elsewhere(operator("Sigmoid"), "Sigmoid"),
    "tanh": Elsewhere(operator("Tanh"), "Tanh"),
    "softmax": Elsewhere(softmax, "Softmax", fixed={"dim": 1}, taken={"dim": (None, 1, -1)}),
    "signed_log": Elsewhere(signed_log, "SignedLog"),
    "smooth_clip": Elsewhere(smooth_clip, "SmoothClip", argument="limit"),
}
BY_TORCH_CLASS = {row.torch: name for name, row in ELSEWHERE.items()}
