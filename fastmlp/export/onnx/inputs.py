"""Encodings of numbers and embeddings of codes as ONNX operators of every opset from 13 on."""

from __future__ import annotations

import numpy as np

from fastmlp.kernels.constants import PERIODIC_OUTPUTS
from fastmlp.nn.plain_layers import Lookup, Piecewise, Waves

from .graph import Graph


def _columns(graph: Graph, x: str, columns: np.ndarray) -> str:
    return graph.add("Gather", x, graph.constant(columns, np.int64, "columns"), axis=1)


def _reshape(graph: Graph, x: str, *shape: int) -> str:
    return graph.add("Reshape", x, graph.constant(shape, np.int64, "shape"))


def add_piecewise(graph: Graph, layer: Piecewise, x: str) -> str:
    """Add x and its components, cut off by Max and Min with infinite ends."""
    width = graph.constant((layer.right - layer.left)[None], name="width")
    left = graph.constant(layer.left[None], name="left")
    above = graph.add("Sub", _columns(graph, x, layer.columns), left)
    share = graph.add("Div", above, width)
    share = graph.add("Max", share, graph.constant(layer.lowest[None], name="lowest"))
    share = graph.add("Min", share, graph.constant(layer.highest[None], name="highest"))
    return graph.add("Concat", x, share, axis=1)


def add_waves(graph: Graph, layer: Waves, x: str) -> str:
    """Add x and the outputs of its numbers; whole turns come off before the cosine is taken."""
    numbers, frequencies = layer.frequency.shape
    value = _reshape(graph, _columns(graph, x, layer.numbers), -1, numbers, 1)
    turns = graph.add("Mul", value, graph.constant(layer.frequency[None], name="frequency"))
    turns = graph.add("Add", turns, graph.constant(layer.phase[None], name="phase"))
    whole = graph.add("Floor", graph.add("Add", turns, graph.constant(0.5)))
    rest = graph.add("Sub", turns, whole)
    cosine = graph.add("Cos", graph.add("Mul", rest, graph.constant(2 * np.pi, name="turn")))
    rows = _reshape(graph, cosine, -1, numbers, 1, frequencies)
    weight = layer.weight.reshape(numbers, PERIODIC_OUTPUTS, frequencies).transpose(0, 2, 1)
    outputs = graph.add("MatMul", rows, graph.constant(weight, name="weight"))
    outputs = graph.add("Add", outputs, graph.constant(layer.bias[:, None], name="bias"))
    flat = _reshape(graph, outputs, -1, numbers * PERIODIC_OUTPUTS)
    return graph.add("Concat", x, flat, axis=1)


def add_lookup(graph: Graph, layer: Lookup, x: str) -> str:
    """Add the plain columns and, for each column of codes, rows of the table."""
    codes = graph.cast(_columns(graph, x, layer.codes), np.int64)
    rows = graph.add("Add", codes, graph.constant(layer.starts[None, :-1], np.int64, "starts"))
    vectors = graph.add("Gather", graph.constant(layer.table, name="table"), rows, axis=0)
    flat = _reshape(graph, vectors, -1, len(layer.codes) * layer.table.shape[1])
    if not len(layer.plain):
        return flat
    return graph.add("Concat", _columns(graph, x, layer.plain), flat, axis=1)
