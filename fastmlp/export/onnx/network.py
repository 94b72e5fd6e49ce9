"""A network's layers as operators that every opset from 13 on and ONNX Runtime have.

ONNX Runtime has them in both precisions.
"""

from __future__ import annotations

import numpy as np

from fastmlp.export.activations import ELSEWHERE
from fastmlp.export.network import ONNX_OPERATORS
from fastmlp.nn.plain_layers import (
    Activate,
    Drop,
    Linear,
    Lookup,
    MixedActivate,
    Normalization,
    Piecewise,
    PlainLayer,
    Scaling,
    Waves,
)

from .graph import Graph
from .inputs import add_lookup, add_piecewise, add_waves


def add_network(graph: Graph, layers: list[PlainLayer], x: str) -> str:
    """Add the layers that follow the value ``x``; return the name of the last one's value."""
    for layer in layers:
        match layer:
            case Scaling(scale, shift):
                x = graph.add("Mul", x, graph.constant(scale[None], name="factors"))
                if shift.any():
                    x = graph.add("Add", x, graph.constant(shift[None], name="shift"))
            case Linear(weight, bias):
                arrays = [graph.constant(weight, name="weight")]
                arrays += [] if bias is None else [graph.constant(bias, name="bias")]
                x = graph.add(ONNX_OPERATORS[Linear], x, *arrays)
            case Normalization():
                # The operator would hold epsilon in float32 whatever the network computes in.
                arrays = {
                    name: getattr(layer, name) for name in ("gamma", "beta", "mean", "variance")
                }
                arrays["variance"] = arrays["variance"] + layer.epsilon
                constants = [graph.constant(array, name=name) for name, array in arrays.items()]
                x = graph.add(ONNX_OPERATORS[Normalization], x, *constants, epsilon=0.0)
            case Activate(activation, leaves):
                a = ELSEWHERE[activation.name].onnx(graph, x, activation.parameter)
                mask = graph.constant([leaves], np.bool_, "leaves") if leaves else ""
                x = graph.add("Where", mask, x, a) if leaves else a
            case Piecewise():
                x = add_piecewise(graph, layer, x)
            case Waves():
                x = add_waves(graph, layer, x)
            case Lookup():
                x = add_lookup(graph, layer, x)
            case MixedActivate(activation, mix):
                f = ELSEWHERE[activation.name].onnx(graph, x, activation.parameter)
                f = graph.add("Mul", f, graph.constant(mix[None], name="mix"))
                straight = graph.add("Mul", x, graph.constant(1 - mix[None], name="rest"))
                x = graph.add("Add", f, straight)
            case Drop():
                pass  # a prediction keeps every unit
    return x
