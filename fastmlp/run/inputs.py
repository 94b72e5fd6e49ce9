"""What a network is told of its input's columns, and the edges of bins, learnt from the rows."""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Backend
from fastmlp.data.features.order_statistics.quantiles import column_quantiles
from fastmlp.data.mapped.rows import MappedRows, within
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.inputs.columns import InputColumns, parse_number_encoding
from fastmlp.nn.inputs.piecewise import PiecewiseLinear
from fastmlp.nn.network import Network
from fastmlp.preparation.prepare import PreparedData
from fastmlp.settings.settings import Settings

FEWEST_BINS = 2  # one bin would say what the number itself says
ROWS_OF_A_BIN = 20
MOST_BINS, FEWEST_OF_MANY = 256, 4  # of all numbers together, and of each for all that


def learn_columns(
    settings: Settings, data: PreparedData, backend: Backend
) -> tuple[InputColumns | None, list[np.ndarray]]:
    """Return what the columns are, None where all are as ever, and the edges of their bins.

    Returns
    -------
    InputColumns or None
        For ``Architecture``.
    list of numpy.ndarray
        With a piecewise encoding the ascending edges of each number that has bins; else empty.
    """
    name, count = parse_number_encoding(settings.number_encoding)
    numbers, codes = data.features.numbers, data.features.codes
    if name == "plain" and not codes:
        return None, []
    if name != "piecewise":
        return InputColumns(numbers, codes), []
    # Of many numbers each has fewer bins, or the first layer would outgrow all others.
    count = min(count, max(FEWEST_OF_MANY, MOST_BINS // max(len(numbers), 1)))
    count = min(count, max(FEWEST_BINS, len(data.train) // ROWS_OF_A_BIN))
    edges = [np.unique(each) for each in _quantiles(settings, data, backend, count).T]
    bins = tuple(len(each) - 1 if len(each) > FEWEST_BINS else 0 for each in edges)
    kept = [each for each, has_bins in zip(edges, bins, strict=True) if has_bins]
    return InputColumns(numbers, codes, bins), kept


def set_edges(network: Network, edges: list[np.ndarray]) -> None:
    """Give a network that encodes numbers piecewise the edges of their bins."""
    for layer in network.own_layers():
        if isinstance(layer, PiecewiseLinear):
            layer.set_edges(edges)


def _quantiles(settings: Settings, data: PreparedData, backend: Backend, bins: int) -> np.ndarray:
    """Return the (bins + 1, numbers) quantiles of the training rows, as the encoding meets them:
    scaled as batches are, and through the input activation, in the network's type.
    """
    numbers, dtype = list(data.features.numbers), np.dtype(settings.dtype)
    features = within(data.train.features, settings.memory)
    if isinstance(features, MappedRows):
        about = len(numbers), features.dtype
        chosen = features.converted(lambda block: block[:, numbers], *about)
    else:
        chosen = features[:, numbers]
    found = column_quantiles(chosen, np.linspace(0, 1, bins + 1))
    values = found.astype(dtype)
    scale, shift = data.features.scale, data.features.shift
    if scale is not None and shift is not None:
        values = values * scale[numbers].astype(dtype) + shift[numbers].astype(dtype)
    activation = parse_activation(settings.input_activation)
    if activation.is_identity or not values.size:
        return values
    z, a = backend.from_numpy(values), backend.empty(values.shape, dtype)
    activation.forward(backend, z, a)
    return np.sort(backend.to_numpy(a), axis=0)
