"""Batch normalisation over ranks: threads stand in for them, and add up as MPI does."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from oracles.ranks import ranks_of

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.nn.architecture import Architecture
from fastmlp.nn.divided.normalization import SynchronizedBatchNormalization
from fastmlp.nn.layers import BatchNormalization
from fastmlp.nn.network import Network
from fastmlp.step.part import Part


class Sums:
    """What the threads add up, one array each at a time."""

    def __init__(self, size):
        self._arrays, self._barrier = [None] * size, threading.Barrier(size, timeout=30)

    def add(self, rank, array):
        self._arrays[rank] = array.copy()
        self._barrier.wait()
        array[:] = np.sum(self._arrays, axis=0)
        self._barrier.wait()


class ThreadBackend(CpuBackend):
    def __init__(self, ranks, sums):
        super().__init__(threads=1, ranks=ranks)
        self._added = sums

    def _allreduce(self, array):
        self._added.add(self.ranks.rank, array)


def passes(backend, x, upstream, part):
    """Return y, dx, dγ, dβ and the running statistics of a network with one normalisation."""
    network = Network(Architecture(inputs=4, outputs=4, hidden=(), batch_norm="input"), backend,
                      np.dtype(np.float64), seed=3)  # fmt: skip
    network.bind(max(len(x), 1))
    network.initialize()
    [norm] = [layer for layer in network.layers if isinstance(layer, BatchNormalization)]
    norm.unsettle(np.random.default_rng(4))
    norm.needs_input_gradient = True
    network.counters.part = part
    y = norm.forward(x, training=True).copy()
    dx = norm.backward(upstream).copy()
    kept = norm.gamma.gradient, norm.beta.gradient, norm.running_mean.values
    return norm, y, dx, *(each.copy() for each in kept), norm.running_variance.values.copy()


@pytest.mark.parametrize(("rows", "size"), [(7, 2), (8, 3), (2, 3), (1, 2)])
def test_ranks_compute_what_one_process_computes(random, rows, size):
    x, upstream = random.normal(2, 3, (rows, 4)), random.normal(size=(rows, 4))
    single, y, dx, dgamma, dbeta, *running = passes(
        CpuBackend(threads=1), x, upstream.copy(), Part(0, rows, rows)
    )
    assert type(single) is BatchNormalization
    sums, cuts = Sums(size), [rows * rank // size for rank in range(size + 1)]

    def rank(ranks, first, stop):
        part = x[first:stop].copy(), upstream[first:stop].copy(), Part(first, stop, rows)
        return passes(ThreadBackend(ranks, sums), *part)

    with ThreadPoolExecutor(size) as pool:
        done = list(pool.map(rank, ranks_of(size), *zip(*pairwise(cuts), strict=True)))
    assert all(type(found[0]) is SynchronizedBatchNormalization for found in done)

    def joined(place):
        return np.concatenate([found[place] for found in done])

    close = {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose(joined(1), y, **close)
    np.testing.assert_allclose(joined(2), dx, **close)
    # Shares of the gradient, which the whole step adds up once:
    np.testing.assert_allclose(sum(found[3] for found in done), dgamma, **close)
    np.testing.assert_allclose(sum(found[4] for found in done), dbeta, **close)
    for found in done:
        np.testing.assert_allclose(found[5:], running, **close)


def test_a_prediction_asks_no_other_rank(random):
    [_, second] = ranks_of(2)
    layer = SynchronizedBatchNormalization(4, 0.9, None)
    layer.bind(ThreadBackend(second, None), np.dtype(np.float64), 5)
    for parameter in (*layer.trained(), *layer.kept()):
        parameter.values = np.ones(4)
    x = random.normal(size=(5, 4))
    expected = (x - 1) / np.sqrt(1 + layer.epsilon) + 1
    np.testing.assert_allclose(layer.forward(x, training=False), expected, rtol=1e-12)
