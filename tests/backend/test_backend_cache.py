"""The disk cache of compiled kernels: a second process compiles nothing, and a user's function
never gets another's code.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

TRAINING = """
import json
import numpy as np
from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.step.batches import Batches
from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import make_optimizer
from fastmlp.training.recorded import RecordedStep, bind

announced = []
backend = CpuBackend(threads=1, announce=announced.append)
network = Network(Architecture(3, 2, (4,)), backend, np.float32, 1)
loss, optimizer = parse_loss("auto", task="classification", outputs=2), make_optimizer("adam")
bind(network, loss, 8)
network.initialize()
x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
labels = (x[:, 0] > 0).astype(np.int32)
batches = Batches(backend, x, labels, network.counters, dtype=network.dtype, batch_size=8)
step = RecordedStep(network, loss, optimizer, batches)
step.start_epoch(np.full(3, 0.01), 0)
list(step.training_pass.run())
result = network.store.values.tobytes().hex()
print(json.dumps([backend.compiler.compiled, announced, backend.compile_seconds, result]))
"""

USER_FUNCTION = """
import sys
import numpy as np
from numba import njit
from fastmlp.backend.cpu.backend import CpuBackend

@njit
def mine(z, p):
    return z * {factor}

backend = CpuBackend(threads=1)
z, a = np.ones((2, 2)), np.zeros((2, 2))
backend.ops.activation_forward(mine, z, a, 0.0)
print(a[1, 1])
"""

BIAS = """
import json, os
import numpy as np
from fastmlp.backend.cpu.backend import CpuBackend

os.nice(19)
backend = CpuBackend(threads=1)
z = np.arange(6, dtype=np.float32).reshape(2, 3)
with backend.record() as program:
    backend.ops.add_bias(z, np.array([10, 20, 30], np.float32))
program.replay()
print(json.dumps([backend.compiler.compiled, z.tolist()]))
"""
BIASED = [[10, 21, 32], [13, 24, 35]]
HARMLESS = {  # joblib's workers have the first
    "NUMBA_NUM_THREADS": "1", "NUMBA_THREADING_LAYER": "workqueue",
    "NUMBA_FULL_TRACEBACKS": "1", "NUMBA_DEBUG_CACHE": "0",
}  # fmt: skip


def in_a_process(source, cache, **settings):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), **settings}
    result = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_second_process_compiles_nothing(tmp_path):
    first = json.loads(in_a_process(TRAINING, tmp_path))
    second = json.loads(in_a_process(TRAINING, tmp_path))
    compiled, announced, seconds, result = first
    assert len(compiled) > 5
    assert announced == compiled
    assert len(set(compiled)) == len(compiled)
    assert second[:2] == [[], []]
    assert second[2] < seconds
    assert second[3] == result


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that holds what BIAS needs."""
    cache = tmp_path_factory.mktemp("warm")
    compiled, result = json.loads(in_a_process(BIAS, cache))
    assert len(compiled) == 1
    assert result == BIASED
    return cache


def test_settings_that_do_not_change_the_code_share_it(warm):
    assert json.loads(in_a_process(BIAS, warm, **HARMLESS)) == [[], BIASED]


@pytest.mark.parametrize(
    "setting", ["NUMBA_OPT=0", "NUMBA_OPT=max", "NUMBA_BOUNDSCHECK=1", "NUMBA_CPU_NAME=generic"]
)
def test_settings_that_change_the_code_have_their_own(warm, setting):
    name, value = setting.split("=")
    compiled, result = json.loads(in_a_process(BIAS, warm, **{name: value}))
    assert len(compiled) == 1
    assert result == BIASED
    assert json.loads(in_a_process(BIAS, warm, **{name: value})) == [[], BIASED]


def test_eight_processes_at_once_from_an_empty_cache(tmp_path):
    words, environment = (
        [sys.executable, "-c", BIAS],
        {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
    )
    started = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    outputs = [process.communicate() for process in started]
    assert [
        (process.returncode, error) for process, (_, error) in zip(started, outputs, strict=True)
    ] == [(0, b"")] * 8
    assert [json.loads(output)[1] for output, _ in outputs] == [BIASED] * 8
    kept = {
        path.name.split("-")[0]
        for path in (tmp_path / "fastmlp").iterdir()
        if path.suffix == ".kernel"
    }
    assert kept == {"add_bias_float32_float32", "replay"}
    assert len(list((tmp_path / "fastmlp").iterdir())) == len(kept)  # no locks, no parts
    assert json.loads(in_a_process(BIAS, tmp_path)) == [[], BIASED]


def test_functions_of_one_name_in_two_processes(tmp_path):
    assert [
        float(in_a_process(USER_FUNCTION.format(factor=factor), tmp_path)) for factor in (2, 3)
    ] == [2, 3]


def make_function(factor):
    @njit
    def mine(z, p):
        return z * factor

    return mine


def test_functions_of_one_name_in_one_process(backend):
    z, results = np.ones((2, 3)), []
    for factor in (2.0, 3.0, 2.0):
        a = np.zeros((2, 3))
        backend.ops.activation_forward(make_function(factor), z, a, 0.0)
        results.append(a[1, 2])
    assert results == [2, 3, 2]


def test_a_function_of_the_user_joins_a_program(backend):
    z, a, function = np.full((2, 3), 4.0), np.zeros((2, 3)), make_function(0.5)
    with backend.record() as program:
        backend.ops.activation_forward(function, z, a, 0.0)
    program.replay()
    np.testing.assert_array_equal(a, 2)
