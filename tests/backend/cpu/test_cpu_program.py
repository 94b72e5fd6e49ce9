"""The CPU backend's arrays, what it refuses, and Programs: recorded calls that do what eager ones
do.
"""

import numpy as np
import pytest

from fastmlp.backend import open_backend
from fastmlp.backend.cpu.backend import ALIGNMENT, CpuBackend
from fastmlp.errors import DeviceError, UsageError
from fastmlp.step.counters import Counters


@pytest.mark.parametrize("shape", [(0,), (1,), (17,), (0, 3), (3, 0), (5, 7), (1000, 33)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8, np.int64])
def test_arrays_start_on_a_cache_line(backend, shape, kind):
    for array in (backend.empty(shape, kind), backend.zeros(shape, kind)):
        assert array.shape == shape
        assert array.dtype == kind
        assert array.flags.c_contiguous
        assert array.ctypes.data % ALIGNMENT == 0 or array.size == 0
    assert not backend.zeros(shape, kind).any()


def test_from_numpy_shares_memory_where_it_can(backend):
    values = np.arange(12.0).reshape(3, 4)
    assert np.shares_memory(backend.from_numpy(values), values)
    turned = backend.from_numpy(values.T)
    assert turned.flags.c_contiguous
    np.testing.assert_array_equal(turned, values.T)


def test_to_numpy_copies(backend):
    array = backend.zeros((3,), np.float64)
    copy = backend.to_numpy(array)
    array[0] = 1
    assert copy[0] == 0


@pytest.mark.parametrize(
    "values", [np.zeros(4), np.zeros((3, 1)), np.zeros(()), np.zeros((1, 3))], ids=np.shape
)
def test_assign_wants_the_same_shape(backend, values):
    with pytest.raises(ValueError, match="shape"):
        backend.assign(backend.zeros((3,), np.float64), values)


def test_foreign_byte_order_is_converted_or_refused(backend):
    values = np.arange(6.0).reshape(2, 3).astype(np.float64).astype(">f8")
    native = backend.from_numpy(values)
    assert native.dtype.isnative
    np.testing.assert_array_equal(native, values)
    with pytest.raises(TypeError, match="byte order"):
        backend.ops.add_bias(values, np.zeros(3))


@pytest.mark.parametrize(
    ("z", "bias"),
    [
        (np.zeros((3, 4))[:, ::2], np.zeros(2)),
        (np.zeros((4, 3)).T, np.zeros(4)),
        (np.zeros(3), np.zeros(3)),
        (np.zeros((1, 3)), np.zeros((1, 3))),
        ([[0.0]], np.zeros(1)),
    ],
    ids=["strided", "turned", "vector for matrix", "matrix for vector", "list"],
)
def test_arrays_that_a_kernel_would_misread_are_refused(backend, z, bias):
    with pytest.raises(TypeError, match="must be a C-contiguous"):
        backend.ops.add_bias(z, bias)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_number_of_arguments_is_refused(backend, count):
    with pytest.raises(TypeError, match="add_bias takes 2 arguments"):
        backend.ops.add_bias(*[np.zeros((1, 1))] * count)


def test_an_unknown_function_is_a_key_error(backend):
    with pytest.raises(KeyError, match="no_such"):
        backend.scalar_function("no_such")


class TestProgram:
    def test_recording_runs_nothing_and_replay_runs_all(self, backend):
        z, bias = np.zeros((2, 3)), np.arange(3.0)
        with backend.record() as program:
            backend.ops.add_bias(z, bias)
            backend.ops.add_bias(z, bias)
        assert not z.any()
        assert len(program) == 2
        program.replay()
        np.testing.assert_array_equal(z, [2 * bias] * 2)
        program.replay(3)
        np.testing.assert_array_equal(z, [8 * bias] * 2)
        program.replay(0)
        np.testing.assert_array_equal(z, [8 * bias] * 2)

    def test_an_empty_program_does_nothing(self, backend):
        with backend.record() as program:
            pass
        program.replay(5)
        assert len(program) == 0

    def test_operations_without_work_are_left_out(self, backend):
        with backend.record() as program:
            backend.ops.add_bias(np.zeros((0, 3)), np.zeros(3))
        assert len(program) == 0

    def test_a_program_may_grow_after_a_replay(self, backend):
        z, bias = np.zeros((1, 2)), np.ones(2)
        with backend.record() as program:
            backend.ops.add_bias(z, bias)
        program.replay()
        with backend.record() as other:
            backend.ops.add_bias(z, bias)
            backend.ops.add_bias(z, bias)
        other.replay()
        program.replay()
        np.testing.assert_array_equal(z, [[4, 4]])

    def test_recordings_do_not_nest(self, backend):
        with backend.record(), pytest.raises(RuntimeError, match="do not nest"), backend.record():
            pass

    def test_an_error_ends_the_recording(self, backend):
        z = np.zeros((1, 1))
        with pytest.raises(TypeError), backend.record():
            backend.ops.add_bias(z)
        backend.ops.add_bias(z, np.ones(1))  # works at once again
        assert z[0, 0] == 1

    def test_a_program_keeps_its_arrays_alive(self, backend):
        z = np.zeros((1, 1000))
        with backend.record() as program:
            backend.ops.add_bias(z, np.full(1000, 3.0))  # nobody else holds this one
        scratch = [np.full(1000, 99.0) for _ in range(50)]
        program.replay()
        np.testing.assert_array_equal(z, 3.0)
        assert len(scratch) == 50

    def test_numbers_are_read_when_recorded_and_arrays_when_replayed(self, backend):
        g, partial = np.array([3.0, 4.0]), np.zeros(1)
        with backend.record() as program:
            backend.ops.squared_norm(g, partial)
        g[:] = 6.0, 8.0
        program.replay()
        assert partial[0] == 100


class TestCompiler:
    def test_an_entry_is_made_once(self, backend):
        z = np.zeros((1, 1))
        backend.ops.add_bias(z, np.zeros(1))
        before = backend.compile_seconds
        backend.ops.add_bias(z, np.zeros(1))
        assert backend.compile_seconds == before


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_must_be_positive(threads):
    with pytest.raises(UsageError, match="at least 1"):
        CpuBackend(threads=threads)


def test_describe_names_blas_and_threads(backend):
    described = backend.describe()
    assert described["device"] == "cpu"
    assert described["threads"] == "1"
    assert described["blas"]
    with_blas = CpuBackend(threads=1, gemm="blas").describe()["blas"]
    assert "openblas" in with_blas.lower()


class TestOpenBackend:
    @pytest.mark.parametrize("device", ["cpu", "auto"])
    def test_cpu(self, device):
        opened, reason = open_backend(device, threads=1)
        assert opened.name == "cpu"
        assert reason

    @pytest.mark.parametrize(
        "device", ["", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:0 ", "cpu\n", "cpu:0"]
    )
    def test_unknown_devices_are_named(self, device):
        with pytest.raises(UsageError, match="Accepted: auto, cpu, cuda"):
            open_backend(device, threads=1)

    @pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:17"])
    def test_cuda_never_falls_back(self, device):
        with pytest.raises(DeviceError, match="--device cpu"):
            open_backend(device, threads=1)


def test_counters_start_an_epoch(backend):
    counters = Counters(backend)
    assert counters.update == 0
    backend.ops.begin_batch(counters.values, 8)
    counters.start_epoch(41)
    assert counters.update == 41
    np.testing.assert_array_equal(counters.values, [41, 0, 0, 0])


def test_a_program_says_how_many_threads_it_took():
    """A small step takes one, a large one may take two: what was tried last decides."""
    backend = CpuBackend(threads=2)
    for rows, expected in ((4, {1}), (2048, {1, 2})):
        a, b = np.ones((rows, 256), np.float32), np.ones((256, 256), np.float32)
        c = np.empty((rows, 256), np.float32)
        with backend.record() as program:
            backend.matmul("nn", a, b, c)
        assert program.threads == 1
        program.replay()
        assert program.threads in expected
        np.testing.assert_array_equal(c, 256)
