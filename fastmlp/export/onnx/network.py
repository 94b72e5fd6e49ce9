"""A network's steps as ONNX operators that every opset from 13 on has, and that ONNX Runtime has in
both precisions.
"""

from __future__ import annotations

from fastmlp.export.activations import ELSEWHERE
from fastmlp.export.network import ONNX_OPERATORS
from fastmlp.nn.steps import Activate, Drop, Linear, Normalization, Step

from .graph import Graph


def add_network(graph: Graph, steps: list[Step], x: str) -> str:
    """Add the steps that follow the value ``x``; return the name of the last one's value."""
    for step in steps:
        match step:
            case Linear(weight, bias):
                arrays = [graph.constant(weight, name="weight")]
                arrays += [] if bias is None else [graph.constant(bias, name="bias")]
                x = graph.add(ONNX_OPERATORS[Linear], x, *arrays)
            case Normalization():
                # The operator would hold epsilon in float32 whatever the network computes in.
                arrays = {
                    name: getattr(step, name) for name in ("gamma", "beta", "mean", "variance")
                }
                arrays["variance"] = arrays["variance"] + step.epsilon
                constants = [graph.constant(array, name=name) for name, array in arrays.items()]
                x = graph.add(ONNX_OPERATORS[Normalization], x, *constants, epsilon=0.0)
            case Activate(activation):
                x = ELSEWHERE[activation.name].onnx(graph, x, activation.parameter)
            case Drop():
                pass  # a prediction keeps every unit
    return x
