"""A whole model as ONNX: preprocessing, network and what becomes of its outputs, so that raw rows
give labels.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import MissingExtraError, UsageError
from fastmlp.export.activations import softmax
from fastmlp.export.network import plain_layers, target_scaling
from fastmlp.nn.plain_layers import Ensemble

from .features import MATRIX_INPUT, add_features
from .graph import LARGEST_FILE, Graph
from .network import add_network

if TYPE_CHECKING:
    from fastmlp.export.trained import TrainedModel

DEFAULT_OPSET = 17  # of 2022: nothing in the graph needs a later one
LEAST_OPSET = 13
ABOUT = (
    "Rows as the training data had them give labels and probabilities, "
    "or values in the target's own unit."
)
# From outputs to predictions, by the loss.
LINKS = {
    "softmax": lambda graph, z: softmax(graph, z, 0.0),
    "sigmoid": lambda graph, z: graph.add("Sigmoid", z),
    "exponential": lambda graph, z: graph.add("Exp", z),
    "identity": lambda graph, z: z,
}
# And back to logits, where a temperature may divide them.
INVERSE_LINKS = {
    "softmax": lambda graph, p: graph.add("Log", p),
    "sigmoid": lambda graph, p: _log_odds(graph, p),
}


def onnx_model(model: TrainedModel, opset: int | None = None) -> Any:
    """Return a model as an ``onnx.ModelProto`` that ``onnx.checker`` accepts.

    Parameters
    ----------
    model
        Any trained model.
    opset
        Version of the operators, 13 or later; default 17.

    Returns
    -------
    onnx.ModelProto
        Inputs: see ``onnx_features.add_features``. Outputs: for classification ``label`` (rows,)
        and ``probabilities`` (rows, classes); for several labels a row ``label`` (rows, outputs) of
        0 and 1 and ``probabilities``; for regression ``prediction`` (rows, outputs). The number of
        rows is free.

    Raises
    ------
    MissingExtraError
        Without the package onnx.
    UsageError
        If the opset is not known, or the model is larger than the 2 GiB that an ONNX file can hold.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("an ONNX file", "onnx", "onnx") from None
    opset, latest = DEFAULT_OPSET if opset is None else opset, onnx.defs.onnx_opset_version()
    if not LEAST_OPSET <= opset <= latest:
        raise UsageError(
            f"opset {opset} cannot be written; give {LEAST_OPSET} to {latest}, "
            f"or none for {DEFAULT_OPSET}."
        )
    graph = Graph(model.network.dtype)
    outputs = _add_predictions(graph, model, add_features(graph, model.features))
    if model.task == "regression":
        _add_values(graph, model, outputs)
    else:
        _add_probabilities(graph, model, outputs)
    if graph.constant_bytes > LARGEST_FILE:
        raise UsageError(
            "the model is larger than the 2 GiB that an ONNX file can hold; "
            "export it as torch or npz."
        )
    return graph.model("fastmlp", opset, {"fastmlp": json.dumps(_metadata(model, graph))}, ABOUT)


def _add_predictions(graph: Graph, model: TrainedModel, x: str) -> str:
    """Add the network, the temperature and the loss's link; of an ensemble, every member's link and
    their mean, whose logits the temperature divides.
    """
    word, temperature = model.loss.kind.link, model.adjustment.temperature
    link, layers = LINKS[word], plain_layers(model.network)
    match layers:
        case [Ensemble(members)]:
            said = [link(graph, add_network(graph, list(member), x)) for member in members]
            # ONNX Runtime has Mean in float32 alone.
            mean = graph.add("Div", graph.add("Sum", *said), graph.constant(float(len(said))))
            if temperature == 1:
                return mean
            outputs = INVERSE_LINKS[word](graph, mean)
        case _:
            outputs = add_network(graph, layers, x)
    if temperature != 1:
        outputs = graph.add("Div", outputs, graph.constant(temperature, name="temperature"))
    return link(graph, outputs)


def _log_odds(graph: Graph, p: str) -> str:
    rest = graph.add("Sub", graph.constant(1.0), p)
    return graph.add("Sub", graph.add("Log", p), graph.add("Log", rest))


def _add_values(graph: Graph, model: TrainedModel, outputs: str) -> None:
    """Undo what standardised the target, in float64 as the model itself does."""
    values, scaling = graph.cast(outputs, np.float64), target_scaling(model.targets)
    if scaling is not None:
        values = graph.add(
            "Mul", values, graph.constant(scaling.scale[None], np.float64, "target_deviation")
        )
        values = graph.add(
            "Add", values, graph.constant(scaling.shift[None], np.float64, "target_mean")
        )
    limits = model.targets.limits
    if limits is not None:  # Clip takes single numbers, and there may be several outputs
        low, high = (
            graph.constant(limit[None], np.float64, name)
            for limit, name in zip(limits, ("lowest", "highest"), strict=True)
        )
        values = graph.add("Min", graph.add("Max", values, low), high)
    about, width = "the target's values, in its own unit", model.targets.output_width
    if model.levels:
        values, width = _ordered(graph, model, values), len(model.levels)
        about = f"quantiles {', '.join(f'{level:g}' for level in model.levels)}, in its own unit"
    graph.output("prediction", values, np.float64, width, about)


def _ordered(graph: Graph, model: TrainedModel, values: str) -> str:
    """Sort quantiles and move them as the model does: see metrics.quantiles.ordered."""
    count, widening = len(model.levels), model.adjustment.widening
    size = graph.constant([count], np.int64, "levels")
    values = graph.add("TopK", values, size, unused=1, axis=1, largest=0, sorted=1)
    if not widening:
        return values
    moved = graph.add("Add", values, graph.constant([widening], np.float64, "widening"))
    columns = [
        graph.add("Gather", moved, graph.constant([place], np.int64), axis=1)
        for place in range(count)
    ]
    last = count - 1
    low, high = columns[last // 2], columns[(last + 1) // 2]
    for place in range(last // 2, -1, -1):
        both = columns[place], columns[last - place]
        low, high = graph.add("Min", low, *both), graph.add("Max", high, *both)
        columns[place], columns[last - place] = low, high
    return graph.add("Concat", *columns, axis=1)


def _add_probabilities(graph: Graph, model: TrainedModel, outputs: str) -> None:
    width = model.targets.output_width
    if model.task == "multilabel":
        label = graph.cast(graph.add("Greater", outputs, graph.constant(0.5)), np.int64)
        graph.output("label", label, np.int64, width, "1 where the probability is more than ½")
    else:
        if model.network.architecture.outputs == 1:
            outputs = graph.add(
                "Concat", graph.add("Sub", graph.constant(1.0), outputs), outputs, axis=1
            )
        best, about = _decided(graph, model, outputs)
        assert model.classes is not None  # which a classification has
        kind = str if isinstance(model.classes[0], str) else np.array(model.classes).dtype
        labels = graph.constant(model.classes, kind, "classes")
        graph.output("label", graph.add("Gather", labels, best), kind, None, about)
    graph.output(
        "probabilities",
        outputs,
        graph.dtype,
        width,
        "by class, in the order of the metadata's classes",
    )


def _decided(graph: Graph, model: TrainedModel, probabilities: str) -> tuple[str, str]:
    """Return the class numbers (rows,), and how they are found, in words."""
    threshold = model.adjustment.threshold
    if threshold == 0.5:
        return graph.add("ArgMax", probabilities, axis=1, keepdims=0), "the likeliest class"
    second = graph.add("Gather", graph.cast(probabilities, np.float64), graph.constant(1, np.int64),
                       axis=1)  # fmt: skip
    is_second = graph.add("Greater", second, graph.constant(threshold, np.float64, "threshold"))
    return graph.cast(is_second, np.int64), f"the second class above a probability of {threshold:g}"


def _metadata(model: TrainedModel, graph: Graph) -> dict[str, Any]:
    """Return what a program may want to know, the names of a matrix's columns included."""
    is_matrix = [value.name for value in graph.inputs] == [MATRIX_INPUT]
    return {
        "task": model.task,
        "classes": model.classes,
        "target": model.target_name,
        "adjustment": model.adjustment.to_dict(),
        "quantiles": list(model.levels),
        "columns": list(model.features.output_names) if is_matrix else None,
    }
