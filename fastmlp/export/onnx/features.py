"""Preprocessing as ONNX operators: a table's columns, or a matrix, become the scaled matrix that
the network reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from fastmlp.data.features.columns import CategoryColumn, NumericColumn
from fastmlp.data.features.frame import FramePlan
from fastmlp.data.features.matrix import MatrixPlan
from fastmlp.data.features.statistics import TargetStatistics
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.export.network import feature_scaling

from .graph import ML_DOMAIN, Graph

MATRIX_INPUT = "features"
UNITS = {
    "number": "a number",
    "truth": "1 for true, 0 for false",
    "date": "days since 1970-01-01, with the time of day as a fraction",
    "time": "seconds since midnight",
    "duration": "seconds",
}
MISSING = "NaN where it is missing"


def add_features(graph: Graph, features: FeaturePreprocessor) -> str:
    """Declare the inputs and add what imputes, encodes and scales them; return the name of the
    matrix.

    A table has an input (rows, 1) for each of its columns, called as the column is: double for
    numbers, dates and times, of which NaN is missing; string for texts, of which the empty one is
    missing unless training knew it as a level of its own. A matrix has one input, ``features``,
    double where a column lies far from zero.
    """
    kept = features.to_dict()["features"]
    if kept["kind"] == "table":
        matrix = _table(graph, FramePlan.from_dict(kept).columns)
    else:
        matrix = _matrix(graph, MatrixPlan.from_dict(kept))
    scaling = feature_scaling(features)
    if scaling is None:
        return matrix
    scaled = graph.add("Mul", matrix, graph.constant(scaling.scale[None], name="scale"))
    return graph.add("Add", scaled, graph.constant(scaling.shift[None], name="shift"))


def _matrix(graph: Graph, plan: MatrixPlan) -> str:
    """Impute, and take off in float64 the origins of columns that lie far from zero."""
    about, kind = "numbers, as they were before scaling", graph.dtype
    if plan.origins is not None:
        kind = np.dtype(np.float64)
        about += "; double, since some lie so far from zero that float would lose their differences"
    if plan.medians is not None:
        about += f"; {MISSING}"
    matrix = graph.input(MATRIX_INPUT, kind, plan.columns, about)
    gaps = None
    if plan.medians is not None:
        gaps = graph.add("IsNaN", matrix)
        medians = graph.constant(plan.medians[None], kind, "medians")
        matrix = graph.add("Where", gaps, medians, matrix)
    if plan.origins is not None:
        matrix = graph.add("Sub", matrix, graph.constant(plan.origins[None], kind, "origins"))
    matrix = graph.cast(matrix) if graph.dtype != kind else matrix
    if gaps is None or not plan.indicators:
        return matrix
    chosen = graph.constant(plan.indicators, np.int64, "indicators")
    indicators = graph.cast(graph.add("Gather", gaps, chosen, axis=1))
    return graph.add("Concat", matrix, indicators, axis=1)


def _table(graph: Graph, columns: Sequence[NumericColumn | CategoryColumn]) -> str:
    inputs = [_column_input(graph, position, column) for position, column in enumerate(columns, 1)]
    parts = []
    # Numbers that stand side by side are worked on together: a table of numbers alone takes five
    # operators.
    for _, group in groupby(zip(columns, inputs, strict=True), key=lambda pair: type(pair[0])):
        pairs = list(group)
        numbers = [(each, name) for each, name in pairs if isinstance(each, NumericColumn)]
        if numbers:
            parts.append(_numbers(graph, numbers))
        for each, name in pairs:
            if isinstance(each, CategoryColumn):
                parts.append(_levels(graph, each, name))
                if each.statistics is not None:
                    parts.append(_statistics(graph, each.statistics, each.reading.gaps, name))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _column_input(graph: Graph, position: int, column: NumericColumn | CategoryColumn) -> str:
    name = column.name or f"column_{position}"  # ONNX has no empty names
    if isinstance(column, NumericColumn):
        return graph.input(name, np.float64, 1, f"{UNITS[column.reading.kind]}; {MISSING}")
    known = column.levels if column.statistics is None else column.statistics.texts
    about = "a text" if "" in known else "a text; empty where it is missing"
    return graph.input(name, str, 1, about)


def _numbers(graph: Graph, group: list[tuple[NumericColumn, str]]) -> str:
    """Impute in float64 and only then narrow, as columns far from zero need it."""
    columns, inputs = zip(*group, strict=True)
    values = inputs[0] if len(inputs) == 1 else graph.add("Concat", *inputs, axis=1)
    origins = np.array([[column.origin for column in columns]])
    if origins.any():
        values = graph.add("Sub", values, graph.constant(origins, np.float64, "origins"))
    medians = graph.constant([[column.median for column in columns]], np.float64, "medians")
    gaps = graph.add("IsNaN", values)
    imputed = graph.add("Where", gaps, medians, values)
    imputed = graph.cast(imputed) if graph.dtype != np.float64 else imputed
    if not any(column.has_indicator for column in columns):
        return imputed
    # Each column's indicator is to stand behind it.
    both = graph.add("Concat", imputed, graph.cast(gaps), axis=1)
    count = len(columns)
    order = [
        place
        for number, column in enumerate(columns)
        for place in ([number, count + number] if column.has_indicator else [number])
    ]
    return graph.add("Gather", both, graph.constant(order, np.int64, "order"), axis=1)


def _levels(graph: Graph, column: CategoryColumn, texts: str) -> str:
    """Add the one-hot columns of a text column, in which a text that has none becomes zeros, or
    its codes.
    """
    count = len(column.levels)
    other = count if column.has_other else -1
    position_of = column.other_spellings | {"": column.missing_position}
    position_of |= {level: position for position, level in enumerate(column.levels)}
    positions = _looked_up(graph, texts, position_of, other)
    if column.is_coded:
        return graph.cast(positions)
    numbers = graph.constant(np.arange(len(column.output_levels))[None], np.int64, "levels")
    return graph.cast(graph.add("Equal", positions, numbers))


def _statistics(
    graph: Graph, statistics: TargetStatistics, gaps: tuple[str, ...], texts: str
) -> str:
    """Add the target statistics of a text column, those of unseen texts where it is not known."""
    place_of = {"": statistics.missing_place} | statistics.places(gaps)
    places = _looked_up(graph, texts, place_of, statistics.unseen_place)
    one_a_row = graph.add("Squeeze", places, graph.constant([1], np.int64, "axis"))
    table = graph.constant(statistics.table, name="statistics")
    return graph.add("Gather", table, one_a_row, axis=0)


def _looked_up(graph: Graph, texts: str, number_of: dict[str, int], default: int) -> str:
    return graph.add(
        "LabelEncoder",
        texts,
        domain=ML_DOMAIN,
        keys_strings=list(number_of),
        values_int64s=list(number_of.values()),
        default_int64=default,
    )
