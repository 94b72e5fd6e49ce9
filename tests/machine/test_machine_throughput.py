"""The training loop behind ``fastmlp bench``: shapes, devices, memory, and what a loop computes."""

from dataclasses import replace

import numpy as np
import pytest

from fastmlp.backend import open_backend
from fastmlp.data import memory
from fastmlp.errors import DataError, DeviceError, UsageError
from fastmlp.machine import throughput
from fastmlp.machine.throughput import (
    SHAPES,
    TrainingLoop,
    find_shapes,
    initial_parameters,
    make_data,
    measure_shape,
    open_devices,
)


def test_every_device_refused_is_an_error(monkeypatch):
    def refuse(device, **named):
        raise DeviceError(f"no {device}")

    monkeypatch.setattr(throughput, "open_backend", refuse)
    with pytest.raises(DeviceError, match="no cuda"):
        open_devices(["cuda"])


def test_shapes_by_name():
    assert find_shapes([]) == find_shapes(["all"]) == list(SHAPES.values())
    assert [shape.name for shape in find_shapes(["wide", "small", "wide"])] == ["wide", "small"]
    with pytest.raises(UsageError):
        find_shapes(["nothing"])


def test_too_little_memory_is_told(tiny, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 100)
    with pytest.raises(DataError, match="the shape tiny needs"):
        measure_shape(tiny, open_backend("cpu", threads=1)[0], 0.01)


def loop_of(shape, shuffle=True):
    return TrainingLoop(
        shape,
        *make_data(shape),
        initial_parameters(shape),
        open_backend("cpu", threads=1)[0],
        shuffle,
    )


def test_an_epoch_visits_all_rows_and_learns(tiny):
    loop = loop_of(tiny)
    statistics = [loop.run_epoch() for _ in range(20)]
    assert {each.rows for each in statistics} == {tiny.rows}
    assert statistics[-1].loss < statistics[0].loss


def test_the_first_loss_is_that_of_the_initial_weights(tiny):
    """Before any update, against plain NumPy: data, weights and loss are what they are called."""
    shape = replace(tiny, batch=tiny.rows)
    features, labels = make_data(shape)
    x = features.astype(np.float64)
    parameters = initial_parameters(shape)
    for weight, bias in parameters[:-1]:
        x = np.maximum(x @ weight + bias, 0)
    z = x @ parameters[-1][0] + parameters[-1][1]
    losses = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]
    assert loop_of(shape).run_epoch().loss == pytest.approx(losses.mean(), rel=1e-5)


def test_run_for_counts_steps_and_rows(tiny):
    steps, rows, seconds = loop_of(tiny).run_for(0.02)
    assert seconds >= 0.02
    assert rows == steps * tiny.batch
    steps, rows, _ = loop_of(tiny).run_for(0.0)
    assert (steps, rows) == (1, tiny.batch)
