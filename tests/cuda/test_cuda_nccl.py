"""Sums over ranks by NCCL: on one emulated device, and over real processes that have one each."""

import json

import numpy as np
import pytest
from device import PACKAGES
from oracles.rank_jobs import ROOT, environment, run_job
from oracles.ranks import ranks_of
from test_cuda_agreement import Training

from fastmlp.backend.cuda.backend import CudaBackend
from fastmlp.backend.cuda.nccl import Nccl
from fastmlp.errors import DeviceError

JOB = ROOT / "tests" / "cuda" / "ranks_on_devices.py"


@pytest.fixture
def twins(emulated):
    """A backend that takes itself for one of two ranks; the other is always its twin."""
    ranks = ranks_of(2)[0]
    ranks.total = lambda numbers: 2 * numbers
    backend = CudaBackend(0, ranks=ranks)
    [alone] = ranks_of(1)
    with backend.context.active():
        backend._nccl = Nccl(backend._cupy, backend.stream, alone)
    return backend


def test_a_sum_is_a_node_of_the_graph(twins, dtype):
    array = twins.from_numpy(np.arange(5, dtype=dtype))
    with twins.record() as program:
        twins.ops.clip_by_value(array, 3.0)
        twins.allreduce(array)
    assert program.operations == ["clip_by_value", "allreduce"]
    program.replay(3)
    twins.synchronize()
    assert "a CUDA graph of 2 nodes" in program.execution
    np.testing.assert_array_equal(twins.to_numpy(array), [0, 1, 2, 3, 3])


def test_a_step_adds_up_before_its_update(twins):
    training = Training(twins, np.float32, optimizer="momentum", batch_norm="hidden")
    names = training.training_pass.operations
    assert names.count("allreduce") == 1 + 3 * sum(name == "batch_sums" for name in names)
    assert names.index("momentum") == len(names) - names[::-1].index("allreduce")


def test_a_graph_that_another_rank_lacks_is_not_used(twins):
    array = twins.zeros((3,), np.float32)
    twins.ranks.total = lambda numbers: numbers + 1
    with twins.record() as program:
        twins.ops.clip_by_value(array, 1.0)
    program.replay(2)
    assert "another rank has no graph" in program.execution


def test_what_nccl_refuses_is_told_in_one_line(emulated):
    [alone] = ranks_of(1)
    backend = CudaBackend(0)
    with (
        emulated.failing("nccl"),
        backend.context.active(),
        pytest.raises(DeviceError, match="NCCL cannot connect 1 ranks: NCCL_ERROR_2"),
    ):
        Nccl(backend._cupy, backend.stream, alone)


def test_without_nccl_the_package_is_named(emulated, monkeypatch):
    import cupy

    monkeypatch.setattr(cupy.cuda.nccl, "available", False)
    [alone] = ranks_of(1)
    backend = CudaBackend(0)
    with pytest.raises(DeviceError, match="pip install nvidia-nccl-cu12"):
        Nccl(backend._cupy, backend.stream, alone)


def test_two_ranks_on_two_devices_train_what_one_trains(emulated):
    """Each process has a device of its own, as one of several GPUs."""
    path = f"{PACKAGES}:{environment()['PYTHONPATH']}"
    done = run_job(2, JOB, PYTHONPATH=path, FASTMLP_EMULATION_DEVICES="2")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["devices"] == ["cuda:0", "cuda:1"]
    assert "a CUDA graph" in found["how"]
    assert found["apart"] < 1e-10
