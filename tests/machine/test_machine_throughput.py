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
    Clock,
    find_shapes,
    initial_parameters,
    make_data,
    make_trainer,
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


def trainer_of(shape, callbacks=()):
    return make_trainer(
        shape,
        *make_data(shape),
        initial_parameters(shape),
        open_backend("cpu", threads=1)[0],
        callbacks=callbacks,
    )


def test_an_epoch_visits_all_rows_and_learns(tiny):
    trainer = trainer_of(tiny)
    sums = [trainer.train_epoch().total for _ in range(20)]
    assert {each.rows for each in sums} == {tiny.rows}
    assert sums[-1].loss < sums[0].loss


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
    assert trainer_of(shape).train_epoch().total.loss == pytest.approx(losses.mean(), rel=1e-5)


def test_the_clock_stops_and_counts_steps(tiny):
    clock = Clock()
    trainer = trainer_of(tiny, [clock])
    trainer.fit()
    assert clock.steps == trainer.position.step == 1
    clock.limit = 0.02
    trainer.fit()
    assert clock.elapsed >= 0.02
    assert 1 + clock.steps == trainer.network.counters.update
    rows = trainer.position.total.rows + (trainer.position.epoch - 1) * tiny.rows
    assert rows == (1 + clock.steps) * tiny.batch
