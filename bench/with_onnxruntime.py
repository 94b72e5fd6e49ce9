"""ONNX Runtime as a contender for prediction: a graph of Gemm, Relu and Softmax."""

from __future__ import annotations

import time

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from fastmlp.machine.throughput import Parameters

from .problem import Problem, RowCalls
from .vectors import Report

OPSET, IR_VERSION = 17, 8  # old enough for every release of the last years


class Prediction:
    """Calls of an inference session."""

    def __init__(self, problem: Problem, threads: int, batch: int):
        self._calls = RowCalls(problem.features, batch)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        model = build_model(problem.parameters).SerializeToString()
        start = time.perf_counter()
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self.compile_seconds = time.perf_counter() - start

    def run(self, calls: int) -> list[list[float]]:
        """Predict; return the last call's first row of probabilities."""
        for _ in range(calls):
            [outputs] = self._session.run(None, {"x": self._calls.next()})
        return outputs[:1].tolist()


def vectors() -> list[Report]:
    """Return that it does not say: it asks the processor, and no option stands between."""
    return [Report("ONNX Runtime", "does not say", None)]


def build_model(parameters: Parameters) -> onnx.ModelProto:
    """Return the network as an ONNX model from ``x`` (rows, inputs) to ``probabilities``."""
    nodes, initializers, name = [], [], "x"
    for index, (weight, bias) in enumerate(parameters):
        weight_name, bias_name, z, a = (f"{stem}_{index}" for stem in ("weight", "bias", "z", "a"))
        initializers += [
            numpy_helper.from_array(weight, weight_name),
            numpy_helper.from_array(bias, bias_name),
        ]
        nodes.append(helper.make_node("Gemm", [name, weight_name, bias_name], [z]))
        is_last = index == len(parameters) - 1
        name = "probabilities" if is_last else a
        nodes.append(helper.make_node("Softmax" if is_last else "Relu", [z], [name]))
    inputs, classes = parameters[0][0].shape[0], parameters[-1][0].shape[1]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", inputs])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", classes])],
        initializers,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
