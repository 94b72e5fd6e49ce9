"""``fastmlp.gradcheck``: the hand-written gradients of a network, layer by layer, against
differences of its loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmlp.backend.devices import open_backend
from fastmlp.errors import UsageError
from fastmlp.nn.architecture import Architecture
from fastmlp.nn.inputs.columns import InputColumns
from fastmlp.nn.losses import Loss
from fastmlp.settings.description import Role
from fastmlp.settings.settings import Settings, names_of, settings_from

from . import DEFAULTS
from .differences import EPSILON, ROUNDINGS, SMALLEST_SHARE, STEP, Function, Slopes, slopes
from .results import AGREES, NOT_COMPARED, WRONG, Comparison, GradientCheck, LayerCheck
from .subject import Subject

# Of parameters, and of a batch's outputs: what a check can look at in minutes.
MOST_NUMBERS = 10_000_000
DATA_STREAM = 0xDA7A  # keeps the random rows apart from the initial weights under the same seed
# Random targets that a loss takes, by what it makes of the outputs.
TARGETS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "softmax": lambda draw, rows, outputs: draw.integers(0, outputs, rows).astype(np.int32),
    "sigmoid": lambda draw, *shape: (draw.random(shape) < 0.5).astype(np.float64),
    "soft": lambda draw, rows, outputs: draw.dirichlet(np.ones(outputs), rows),
    "identity": lambda draw, *shape: draw.standard_normal(shape),
    "exponential": lambda draw, *shape: draw.poisson(2.0, shape).astype(np.float64),
}
PENALTY = "dW ← dW + l2·W + l1·sign(W), on what decays"
SYMBOLS = {"weight": "dW", "bias": "db", "gamma": "dγ", "beta": "dβ", "factors": "ds", "mix": "dα"}
SYMBOLS |= {"frequency": "dω", "phase": "dφ", "table": "dE", "scale": "ds"}


def gradcheck(
    *,
    inputs: int = 4,
    outputs: int = 3,
    rows: int = 8,
    soft_targets: bool = False,
    elements: int = 256,
    announce: Callable[[str], None] = lambda name: None,
    **settings: Any,
) -> GradientCheck:
    """Compare the gradients of a random network on random rows with differences of its loss.

    Every layer is asked for the derivatives of its parameters and of its input; the loss for that
    of the outputs. A number w of them is moved by h = ε^⅓·max(1, |w|) to either side, and (L(w + h)
    − L(w − h))/2h computed in float64. The relative error is taken of the larger of the two
    derivatives, or of 1/1000 of the loss or of the array's largest derivative where both are
    smaller. It may be ε^⅓ of the dtype under check: far above what rounding leaves, far below any
    mistake.

    Parameters
    ----------
    inputs, outputs
        Columns of the input and of the output.
    rows
        Rows of the batch, for each member; they have random weights between ½ and 1½.
    soft_targets
        Targets of softmax_cross_entropy are distributions rather than labels.
    elements
        How many numbers of each array to look at, drawn by the seed; 0 for all.
    announce
        Called with a kernel's name after each that had to be compiled.
    **settings
        Those of ``fastmlp.train`` that have a part in a gradient: ``gradcheck(hidden=[5, 3],
        activation="gelu")``. Defaults as there, except for those in DEFAULTS; ``loss="auto"`` is a
        cross-entropy. Dropout keeps one mask throughout.

    Raises
    ------
    UsageError
        If a setting is not accepted, or the loss is not finite.
    """
    chosen = _chosen(settings)
    for name, value in (("inputs", inputs), ("outputs", outputs), ("rows", rows)):
        _check_count(name, value, 1)
    _check_count("elements", elements, 0)
    _check_size(chosen.make_architecture(inputs, outputs), rows)
    columns = _columns(chosen, inputs)
    architecture = chosen.make_architecture(inputs, outputs, columns)
    _check_size(architecture, rows)
    backend, _ = open_backend(chosen.device, threads=1, gemm=chosen.gemm, announce=announce)
    generator = np.random.Generator(
        np.random.Philox(key=np.array([chosen.seed, DATA_STREAM], np.uint64))
    )
    subject = Subject.build(architecture, chosen, backend, chosen.dtype, rows)
    for layer in subject.network.layers:
        layer.unsettle(generator)
    in_all = architecture.members * rows
    x, targets, weights = _batch(
        subject.loss, chosen.dtype, generator, in_all, inputs, outputs, soft_targets
    )
    for position, count in () if columns is None else columns.codes:
        x[:, position] = generator.integers(0, count, in_all)
    subject.take(targets, weights)
    # The same network on the same rows, in float64, is where the differences are taken.
    twin = Subject.build(architecture, chosen, backend, "float64", rows)
    for ours, theirs in zip(twin.arrays(), subject.arrays(), strict=True):
        backend.assign(ours, backend.to_numpy(theirs))
    twin.take(targets, weights)
    judge = _Judge(float(np.finfo(chosen.dtype).eps), elements, generator)
    layers = list(_check_layers(subject, twin, x, judge))
    return GradientCheck(
        f"{architecture}, {chosen.activation}" if architecture.hidden else str(architecture),
        subject.loss.name,
        twin.loss_from(0, x)(x),
        rows,
        chosen.seed,
        chosen.dtype,
        STEP,
        judge.tolerance,
        judge.resolution,
        layers,
    )


def _columns(chosen: Settings, inputs: int) -> InputColumns | None:
    """Return all columns as numbers; with embeddings the last as codes, just enough for one."""
    if chosen.embed_above is None:
        return None
    every = InputColumns.all_numbers(inputs, chosen.number_encoding)
    codes = ((inputs - 1, chosen.embed_above + 1),)
    return InputColumns(every.numbers[:-1], codes, every.bins[:-1])


def _chosen(settings: dict[str, Any]) -> Settings:
    chosen = settings_from(DEFAULTS, settings)
    for name in settings:
        if name.replace("-", "_") not in names_of(Role.GRADIENT):
            accepted = ", ".join(names_of(Role.GRADIENT))
            raise UsageError(f"setting {name!r} has no part in a gradient. Accepted: {accepted}.")
    return chosen


def _check_count(name: str, value: int, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise UsageError(f"{name} must be a whole number of at least {low}; got {value!r}.")


def _check_size(architecture: Architecture, rows: int) -> None:
    """Refuse what would take hours, before any memory is taken."""
    parameters, widths = architecture.parameters, (*architecture.widths, architecture.encoded.width)
    rows = rows * architecture.members
    if max(parameters, rows * sum(widths)) > MOST_NUMBERS:
        raise UsageError(
            f"a network of {parameters:,} parameters on {rows:,} rows is too large for a gradient "
            f"check, which takes up to {MOST_NUMBERS:,} parameters and outputs; "
            "give smaller layers or fewer rows."
        )


def _batch(
    loss: Loss,
    dtype: str,
    generator: np.random.Generator,
    rows: int,
    inputs: int,
    outputs: int,
    soft: bool,
):
    """Return random rows, targets and weights in float64 (labels in int32), all of them numbers of
    ``dtype``.
    """
    if soft and not loss.kind.takes_labels:
        raise UsageError(f"soft targets go with softmax_cross_entropy, not with {loss.name}.")
    x, weights = generator.standard_normal((rows, inputs)), generator.uniform(0.5, 1.5, rows)
    draw = TARGETS["soft" if soft else loss.kind.link]
    targets = draw(generator, rows, outputs)
    rounded = targets if targets.dtype == np.int32 else targets.astype(dtype).astype(np.float64)
    return x.astype(dtype).astype(np.float64), rounded, weights.astype(dtype).astype(np.float64)


def _check_layers(
    subject: Subject, twin: Subject, x: np.ndarray, judge: _Judge
) -> Iterator[LayerCheck]:
    """Compare the loss and each layer, from the output to the input."""
    backend, layers = twin.backend, twin.network.layers
    inputs = twin.inputs(x)
    loss = twin.loss_from(0, x)(x)
    if not math.isfinite(loss):
        raise UsageError(
            f"the loss is {loss} here, so that nothing can be compared; "
            "give smaller initial weights."
        )
    handed_on, gradients = subject.gradients(x)

    def of_input(index: int, symbol: str, name: str) -> Comparison:
        return judge.compare(
            symbol, name, handed_on[index], twin.loss_from(index, inputs[index]), inputs[index]
        )

    def of_parameter(index: int, place: int) -> Comparison:
        from_here = twin.loss_from(index, inputs[index])
        name, parameter = layers[index].named_trained()[place]
        kept = backend.to_numpy(parameter.values)

        def function(values: np.ndarray) -> float:
            backend.assign(parameter.values, values)
            return from_here(inputs[index])

        try:
            symbol = SYMBOLS[parameter.name]
            return judge.compare(symbol, name, gradients[index][place], function, kept)
        finally:
            backend.assign(parameter.values, kept)

    outputs = of_input(len(layers), "dz" if twin.loss.kind.from_logits else "dy", "outputs")
    penalty = [PENALTY] if twin.l1 or twin.l2 else []
    yield LayerCheck("loss", twin.loss.name, [twin.loss.formula, *penalty], [outputs])
    names = twin.network.layer_names()
    for index in reversed(range(len(layers))):
        layer = layers[index]
        parameters = [of_parameter(index, place) for place in range(len(layer.trained()))]
        comparisons = [*parameters, of_input(index, "dx", "input")]
        yield LayerCheck(names[index], str(layer), layer.formulas, comparisons)


@dataclass
class _Judge:
    """Compares derivatives; ``epsilon`` is that of the dtype under check."""

    epsilon: float
    elements: int
    generator: np.random.Generator

    @property
    def tolerance(self) -> float:
        return self.epsilon ** (1 / 3)

    @property
    def resolution(self) -> float:
        return ROUNDINGS * max(EPSILON ** (2 / 3), self.epsilon) / SMALLEST_SHARE

    def compare(
        self, symbol: str, name: str, backward: np.ndarray, function: Function, point: np.ndarray
    ) -> Comparison:
        """Compare an array's derivatives with the slopes of ``function`` at ``point``."""
        elements = np.arange(point.size)
        if 0 < self.elements < point.size:
            elements = np.sort(self.generator.choice(point.size, self.elements, replace=False))
        by_differences = slopes(function, point.astype(np.float64), elements)
        derivatives = backward.ravel()[elements].astype(np.float64)
        kinks = int(by_differences.kinks.sum())
        if kinks == len(elements):
            nothing = (None, math.nan, math.nan, math.nan, NOT_COMPARED)
            return Comparison(symbol, name, backward.shape, len(elements), kinks, *nothing)
        errors = _relative_errors(derivatives, by_differences)
        error = float(np.nanmax(errors))
        worst = (
            int(np.nanargmax(errors))
            if error > self.resolution
            else _largest(by_differences, self.resolution)
        )
        return Comparison(
            symbol,
            name,
            backward.shape,
            len(elements),
            kinks,
            tuple(int(i) for i in np.unravel_index(elements[worst], backward.shape)),
            float(derivatives[worst]),
            float(by_differences.values[worst]),
            error,
            AGREES if error <= self.tolerance else WRONG,
        )


def _relative_errors(derivatives: np.ndarray, by_differences: Slopes) -> np.ndarray:
    """Return each element's error, NaN at kinks and infinite where a derivative is not a number."""
    sizes = np.maximum(
        np.maximum(np.abs(derivatives), np.abs(by_differences.values)), by_differences.floor
    )
    with np.errstate(invalid="ignore"):
        errors = np.abs(derivatives - by_differences.values) / sizes
    return np.where(by_differences.kinks, np.nan, np.where(np.isfinite(errors), errors, np.inf))


def _largest(by_differences: Slopes, resolution: float) -> int:
    """Return the first of the largest derivatives; what differs by rounding alone counts as equal,
    on every processor.
    """
    sizes = np.abs(by_differences.values)
    sizes[sizes <= resolution * by_differences.floor] = 0.0
    sizes[by_differences.kinks] = -1.0
    return int(np.argmax(sizes >= sizes.max() * (1 - 1e-6)))
