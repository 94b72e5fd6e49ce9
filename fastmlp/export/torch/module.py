"""A model as the state_dict of a PyTorch nn.Sequential, as the module itself, and as the Python
file that builds it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import FastMLPError
from fastmlp.export.activations import ELSEWHERE
from fastmlp.export.network import (
    TORCH_CLASSES,
    feature_scaling,
    logit_scaling,
    plain_layers,
    target_clamp,
    target_scaling,
)
from fastmlp.nn.plain_layers import (
    Activate,
    Clamp,
    Drop,
    Ensemble,
    Linear,
    Lookup,
    MixedActivate,
    Normalization,
    Piecewise,
    PlainLayer,
    Scaling,
    Waves,
)

if TYPE_CHECKING:
    from fastmlp.export.trained import TrainedModel

LINEAR, NORMALIZATION, DROPOUT = (TORCH_CLASSES[kind] for kind in (Linear, Normalization, Drop))
OWN_LAYERS = (
    "Ensemble",
    "Scale",
    "Mixed",
    "Clamp",
    "SignedLog",
    "SmoothClip",
    "Leaving",
    "Piecewise",
    "Waves",
    "Lookup",
    "Quantiles",
)  # of layers.py, which imports torch
# Of the Python file: by it an export knows one that it may replace.
FIRST_LINE = (
    '"""A network that fastmlp trained, as a PyTorch module: '
    'build() returns it with its weights."""'
)
SIZES = (
    "columns",
    "activation",
    "in_features",
    "out_features",
    "num_features",
)  # read well without a name
PROBABILITIES, VALUES = "probabilities", "the target's values, in its own unit"
# What the outputs are, and what makes predictions of them.
GIVES = {
    "softmax": "logits; .softmax(1) makes ",
    "sigmoid": "logits; .sigmoid() makes ",
    "exponential": "logarithms; .exp() makes ",
    "identity": "",
}


@dataclass(frozen=True, repr=False)
class TorchLayer:
    """A layer: the name of its class, the arguments that make it, its arrays by name; of an
    ensemble, the layers of each member.

    An argument may be a layer without arrays.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    own_arrays: dict[str, np.ndarray] = field(default_factory=dict)
    members: tuple[tuple[TorchLayer, ...], ...] = ()

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays, those of members too: ``members.0.2.weight``."""
        named = dict(self.own_arrays)
        for number, layers in enumerate(self.members):
            named |= {f"members.{number}.{name}": each for name, each in _arrays(layers).items()}
        return named

    @property
    def classes(self) -> set[str]:
        """The names of its class and of those inside it."""
        inside = [each for layers in self.members for each in layers]
        inside += [each for each in self.arguments.values() if isinstance(each, TorchLayer)]
        return {self.name}.union(*(each.classes for each in inside))

    def __str__(self) -> str:
        prefix = "" if self.name in OWN_LAYERS else "nn."
        if self.members:
            link = repr(self.arguments["link"])
            networks = [f"nn.Sequential({', '.join(map(str, each))})" for each in self.members]
            lines = ",\n            ".join([link, *networks])
            return f"{self.name}(\n            {lines},\n        )"
        words = []
        for name, value in self.arguments.items():
            text = str(value) if isinstance(value, TorchLayer) else repr(value)
            words.append(text if name in SIZES else f"{name}={text}")
        return f"{prefix}{self.name}({', '.join(words)})"

    def build(self, torch: Any, own: Any) -> Any:
        """Return the module, of torch.nn or of our own layers, without its arrays."""
        arguments = {
            name: value.build(torch, own) if isinstance(value, TorchLayer) else value
            for name, value in self.arguments.items()
        }
        kind = getattr(own if self.name in OWN_LAYERS else torch.nn, self.name)
        members = (_sequential(each, torch, own) for each in self.members)
        return kind(*arguments.values(), *members) if self.members else kind(**arguments)


class MissingTorchError(FastMLPError, ImportError):
    """PyTorch is not installed."""

    exit_code = 2


def torch_layers(model: TrainedModel) -> list[TorchLayer]:
    """Return the layers of the nn.Sequential that computes what a model does between its matrix and
    its outputs.

    It takes the matrix that ``model.features.transform`` returns, not yet scaled, and gives logits
    for classes and values in the target's own unit for regression, or their logarithms where the
    loss is of counts.
    """
    dtype, link = model.network.dtype, model.loss.kind.link
    cooled = logit_scaling(model.adjustment.temperature, model.network.architecture.outputs)
    behind = cooled, target_scaling(model.targets), target_clamp(model)
    around = feature_scaling(model.features), *plain_layers(model.network), *behind
    made = [_layer(layer, dtype, link) for layer in around if layer is not None]
    if not model.levels:
        return made
    widening = model.adjustment.widening or (0.0,) * len(model.levels)
    array = np.array(widening, dtype)
    return [*made, TorchLayer("Quantiles", {"columns": len(widening)}, {"widening": array})]


def state_dict(model: TrainedModel) -> dict[str, np.ndarray]:
    """Return the arrays of ``torch_layers`` as nn.Sequential names them: ``0.weight``, …"""
    return _arrays(torch_layers(model))


def _arrays(layers: Iterable[TorchLayer]) -> dict[str, np.ndarray]:
    return {
        f"{index}.{name}": array
        for index, layer in enumerate(layers)
        for name, array in layer.arrays.items()
    }


def module(model: TrainedModel) -> Any:
    """Return the nn.Sequential, in evaluation mode.

    Raises
    ------
    MissingTorchError
        Without PyTorch.
    """
    try:
        import torch  # pyright: ignore[reportMissingModuleSource]
    except ImportError:
        raise MissingTorchError(
            "to_torch(module=True) needs PyTorch, which is not installed: pip install torch. "
            "Without module=True it returns arrays."
        ) from None
    from . import layers as own

    sequential = _sequential(torch_layers(model), torch, own).to(
        torch.float64 if model.network.dtype == np.float64 else torch.float32
    )
    sequential.load_state_dict(
        {name: torch.from_numpy(array) for name, array in state_dict(model).items()}
    )
    return sequential.eval()


def _sequential(layers: Iterable[TorchLayer], torch: Any, own: Any) -> Any:
    """Return layers as an nn.Sequential, with initial weights."""
    return torch.nn.Sequential(*(each.build(torch, own) for each in layers))


def python_source(model: TrainedModel, weights_name: str) -> str:
    """Return a Python file whose ``build()`` returns the module, with the weights of the file
    ``weights_name``.
    """
    layers = torch_layers(model)
    lines = [
        FIRST_LINE,
        "",
        "from pathlib import Path",
        "",
        "import torch",
        "from safetensors.torch import load_file",
        "from torch import nn",
        "",
        f"WEIGHTS = Path(__file__).with_name({weights_name!r})",
        *_facts(model),
        "",
        *_own_sources({name for layer in layers for name in layer.classes}),
        "",
        "def build():",
        '    """Return the network in evaluation mode."""',
        "    network = nn.Sequential(",
        *(f"        {layer}," for layer in layers),
        f"    ).to(torch.{model.network.dtype.name})",
        "    network.load_state_dict(load_file(WEIGHTS))",
        "    return network.eval()",
    ]
    return "\n".join(lines) + "\n"


def _facts(model: TrainedModel) -> Iterator[str]:
    """Yield what a reader must know of inputs and outputs; what comes from data, as literals."""
    width = model.features.output_columns
    missing = "without missing values"
    matrix = f"a matrix (rows, {width}) of {model.network.dtype.name}"
    yield f"# It takes {matrix}, {missing}, as it was before scaling."
    kept = model.features.to_dict()["features"]
    if kept["kind"] == "table":
        yield f"COLUMNS = {list(model.features.output_names)!a}"
    elif kept["origins"] is not None:
        yield "# Subtract these from its columns first, in float64: some lie far from zero."
        yield f"ORIGINS = {kept['origins'] + [0.0] * len(kept['indicators'])!r}"
    what = PROBABILITIES if model.task != "regression" else VALUES
    yield f"# It gives {GIVES[model.loss.kind.link]}{what}."
    if model.adjustment.temperature != 1:
        yield f"# Logits are divided by the temperature {model.adjustment.temperature!r} (Scale)."
    if model.levels:
        yield f"LEVELS = {list(model.levels)!r}  # of the quantiles, one a column"
    if model.classes is not None:
        yield f"CLASSES = {model.classes!a}"
    if model.adjustment.threshold != 0.5:
        yield "# A row is of the second class where its probability is above this."
        yield f"THRESHOLD = {model.adjustment.threshold!r}"


def _own_sources(names: set[str]) -> Iterator[str]:
    """Yield the lines of the layers that torch.nn lacks, as torch_layers has them."""
    text = Path(__file__).with_name("layers.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name in names:
            yield from ("", ast.get_source_segment(text, node) or "", "")


def _layer(layer: PlainLayer, dtype: np.dtype, link: str) -> TorchLayer:
    def arrays(**named: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.ascontiguousarray(array, dtype) for name, array in named.items()}

    match layer:
        case Scaling(scale, shift):
            return TorchLayer("Scale", {"columns": len(scale)}, arrays(scale=scale, shift=shift))
        case Linear(weight, bias):
            inputs, outputs = weight.shape
            sizes = {"in_features": inputs, "out_features": outputs}
            if bias is None:
                return TorchLayer(LINEAR, sizes | {"bias": False}, arrays(weight=weight.T))
            return TorchLayer(LINEAR, sizes, arrays(weight=weight.T, bias=bias))
        case Normalization(gamma, beta, mean, variance, epsilon, decay):
            given = {"num_features": len(gamma), "eps": epsilon, "momentum": round(1 - decay, 12)}
            kept = arrays(weight=gamma, bias=beta, running_mean=mean, running_var=variance)
            return TorchLayer(NORMALIZATION, given, kept | {"num_batches_tracked": np.array(0)})
        case Activate(activation, leaves):
            row = ELSEWHERE[activation.name]
            function = TorchLayer(row.torch, row.arguments(activation))
            if not leaves:
                return function
            given = {"columns": len(leaves), "function": function}
            return TorchLayer("Leaving", given, {"leaves": np.array(leaves)})
        case MixedActivate(activation, mix):
            inner = _layer(Activate(activation), dtype, link)
            given = {"columns": len(mix), "activation": inner}
            return TorchLayer("Mixed", given, arrays(mix=mix))
        case Clamp(low, high):
            return TorchLayer("Clamp", {"columns": len(low)}, arrays(low=low, high=high))
        case Piecewise(_, left, right):
            kept = arrays(left=left, right=right, lowest=layer.lowest, highest=layer.highest)
            return TorchLayer(
                "Piecewise", {"components": len(left)}, kept | {"columns": layer.columns}
            )
        case Waves(numbers, frequency, phase, weight, bias):
            count, frequencies = frequency.shape
            outputs = bias.shape[1]
            shaped = weight.reshape(count, outputs, frequencies)
            kept = arrays(frequency=frequency, phase=phase, weight=shaped, bias=bias)
            sizes = {"numbers": count, "frequencies": frequencies, "outputs": outputs}
            return TorchLayer("Waves", sizes, kept | {"columns": numbers})
        case Lookup(plain, codes, starts, table):
            rows, width = table.shape
            sizes = {"plain": len(plain), "codes": len(codes), "rows": rows, "width": width}
            places = {"plain": plain, "codes": codes, "starts": starts[:-1]}
            return TorchLayer("Lookup", sizes, arrays(table=table) | places)
        case Drop(rate):
            return TorchLayer(DROPOUT, {"p": round(rate, 12)})
        case Ensemble(members):
            networks = (tuple(_layer(each, dtype, link) for each in own) for own in members)
            return TorchLayer("Ensemble", {"link": link}, members=tuple(networks))
