"""Kernels on the emulated device: arguments are checked, and a launch keeps those of its time."""

from functools import partial

import cupy
import numpy as np
import pytest
from cupy import _emulation as emulation
from cupy._errors import MisuseError
from cupy.cuda import Device, Stream
from cupy.cuda.compiler import CompileException
from cupy.cuda.driver import CUDADriverError
from emulator_support import SIZE, refused

from fastmlp.kernels.cuda import source

TEXT = (
    source.shared()
    + r"""
template <typename T>
__global__ void EACH_ELEMENT_OF(x) add_scaled(
    Matrix<T> x, Vector<const T> y, double scale, int64 times) {
    for (int64 i = threadIdx.x; i < x.columns; i += blockDim.x) {
        x(0, i) += T(scale) * T(times) * y[i];
    }
}

template <typename T>
__global__ void EACH_ELEMENT_OF(x) write_past(Vector<T> x) {
    if (threadIdx.x == 0) {
        x[x.size] = T(0);
    }
}

template <typename T>
__global__ void EACH_ELEMENT_OF(x) leave_others_waiting(Vector<T> x) {
    if (threadIdx.x > 0) {
        __syncthreads();
    }
}
"""
)
NAMES = (
    "add_scaled<float>",
    "add_scaled<double>",
    "write_past<float>",
    "leave_others_waiting<float>",
)
MATRIX = np.dtype([("data", "<u8"), ("rows", "<i8"), ("columns", "<i8")])
VECTOR = np.dtype([("data", "<u8"), ("size", "<i8")])
ONE_BLOCK = (1,), (32,)


def function(name="add_scaled<float>"):
    return cupy.RawModule(code=TEXT, options=source.OPTIONS, name_expressions=NAMES).get_function(
        name
    )


def matrix(array):
    return np.array((array.data.ptr, *array.shape), MATRIX)


def vector(array):
    return np.array((array.data.ptr, *array.shape), VECTOR)


@pytest.fixture
def x(stream):
    return cupy.zeros((1, SIZE), np.float32)


@pytest.fixture
def y(stream):
    return cupy.asarray(np.arange(SIZE, dtype=np.float32))


@pytest.fixture
def arguments(x, y):
    return [matrix(x), vector(y), np.float64(0.5), np.int64(4)]


def test_a_launch_runs_when_the_stream_comes_to_it_with_the_arguments_of_its_time(x, arguments):
    function()(*ONE_BLOCK, arguments)
    arguments[0]["rows"] = -1
    np.testing.assert_array_equal(x.get()[0], 2 * np.arange(SIZE))


def test_a_graph_keeps_numbers_and_reads_memory(stream, x, y, arguments):
    kernel = function()
    stream.begin_capture()
    kernel(*ONE_BLOCK, arguments)
    graph = stream.end_capture()
    assert "add_scaled<float>" in graph.debug_dot_str()
    y.fill(1)
    graph.launch()
    graph.launch()
    np.testing.assert_array_equal(x.get()[0], np.full(SIZE, 4))


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, lambda x: x),
        (0, lambda x: x.data.ptr),
        (0, lambda x: vector(x.reshape(-1))),
        (0, lambda x: matrix(x)[()]),
        (0, lambda x: matrix(x).reshape(1)),
        (1, lambda x: matrix(x)),
        (1, lambda x: np.array((x.data.ptr, SIZE), [("data", "<u8"), ("length", "<i8")])),
        (1, lambda x: np.array((x.data.ptr, SIZE), [("data", "<u8"), ("size", "<i4")])),
        (2, lambda x: 0.5),
        (2, lambda x: np.float32(0.5)),
        (2, lambda x: np.int64(1)),
        (3, lambda x: 4),
        (3, lambda x: True),
        (3, lambda x: np.int32(4)),
    ],
)
def test_each_argument_has_exactly_its_type(x, arguments, position, value):
    arguments[position] = value(x)
    with pytest.raises(TypeError, match=f"argument {position} must be"):
        function()(*ONE_BLOCK, arguments)


def test_the_number_of_arguments(arguments):
    for wrong in (arguments[:-1], [*arguments, np.int64(0)]):
        with pytest.raises(TypeError, match="takes 4 arguments"):
            function()(*ONE_BLOCK, wrong)


def test_memory_must_be_alive_the_devices_own_and_long_enough(x, y, arguments):
    launch = partial(function(), *ONE_BLOCK)
    host = np.zeros(SIZE, np.float32)
    for wrong, message in (
        ((y.data.ptr, SIZE + 1), "only 400 are left"),
        ((y.data.ptr + 4, SIZE), "only 396 are left"),
        ((y.data.ptr + 1, 3), "no address of a float"),
        ((host.ctypes.data, SIZE), "no memory of a device"),
        ((0, SIZE), "no memory of a device"),
    ):
        with pytest.raises(MisuseError, match=message):
            launch([arguments[0], np.array(wrong, VECTOR), *arguments[2:]])
    with pytest.raises(ValueError, match="negative"):
        launch([arguments[0], np.array((y.data.ptr, -1), VECTOR), *arguments[2:]])
    with Device(1):
        foreign = cupy.zeros(SIZE, np.float32)
    with pytest.raises(MisuseError, match="memory of device 1, used on device 0"):
        launch([arguments[0], vector(foreign), *arguments[2:]])


def test_memory_freed_before_the_launch_is_found_and_after_it_is_not_needed(stream, x, arguments):
    kernel = function()
    y = cupy.zeros(SIZE, np.float32)
    arguments[1] = vector(y)
    kernel(*ONE_BLOCK, arguments)
    del y  # the pool gives it to later work of this stream
    stream.synchronize()
    with pytest.raises(MisuseError, match="memory that has been freed"):
        kernel(*ONE_BLOCK, arguments)


def test_an_empty_array_may_point_anywhere(x, arguments):
    arguments[0] = np.array((0, 1, 0), MATRIX)
    function()(*ONE_BLOCK, arguments)
    x.get()


@pytest.mark.parametrize(
    ("grid", "block"),
    [((0,), (32,)), ((1,), (0,)), ((1,), (257,)), ((1,), (32, 16)), ((1, 65536), (32,)),
        ((2**31,), (32,)),
     ((1, 1, 65536), (1,)), ((1,), (1, 1, 65))],
)  # fmt: skip
def test_grids_and_blocks_that_cuda_refuses(arguments, grid, block):
    with refused(1, CUDADriverError):
        function()(grid, block, arguments)


@pytest.mark.parametrize(("grid", "block"), [([1], (32,)), ((1,), 32), ((1.0,), (32,))])
def test_grids_and_blocks_are_tuples_of_whole_numbers(arguments, grid, block):
    with pytest.raises(TypeError):
        function()(grid, block, arguments)


def test_streams_keep_their_order(x, arguments):
    """x is written in the fixture's stream; another stream, which does not wait, comes first."""
    with Stream(non_blocking=True) as other:
        function()(*ONE_BLOCK, arguments)
        other.synchronize()
    assert (x.get() == 0).all()  # the zeros came last


def test_a_write_past_the_end_is_found(stream, x):
    function("write_past<float>")(*ONE_BLOCK, [vector(x.reshape(-1))])
    with pytest.raises(MisuseError, match="outside an allocation of 400 bytes"):
        stream.synchronize()


def test_a_barrier_that_some_do_not_reach_ends_the_context(stream, x):
    function("leave_others_waiting<float>")(*ONE_BLOCK, [vector(x.reshape(-1))])
    for use in (stream.synchronize, lambda: cupy.empty(3), stream.begin_capture):
        with pytest.raises(MisuseError, match="leave_others_waiting"):
            use()


def test_a_launch_in_a_spoilt_capture(stream, x, arguments):
    kernel = function()
    stream.begin_capture()
    with refused(900):
        stream.synchronize()
    with refused(901, CUDADriverError):
        kernel(*ONE_BLOCK, arguments)
    with refused(901):
        stream.end_capture()


def test_a_failure_that_was_asked_for_lasts_until_the_end_of_its_block(stream, x, arguments):
    with emulation.failing("launch", status=700):
        function()(*ONE_BLOCK, arguments)
        for _ in range(2):
            with refused(700):
                stream.synchronize()
    stream.synchronize()


class TestModules:
    def test_the_projects_own_file(self, stream):
        name = "add_bias<float>"
        module = cupy.RawModule(
            code=source.text("dense"), options=source.OPTIONS, name_expressions=(name,)
        )
        z, bias = cupy.zeros((2, 3), np.float32), cupy.asarray(np.arange(3, dtype=np.float32))
        module.get_function(name)((1,), (1, 1), (matrix(z), vector(bias)))
        np.testing.assert_array_equal(z.get(), [[0, 1, 2]] * 2)

    def test_a_name_that_was_not_asked_for(self):
        module = cupy.RawModule(
            code=source.text("dense"), options=source.OPTIONS, name_expressions=("add_bias<float>",)
        )
        with refused(500, CUDADriverError):
            module.get_function("add_bias<double>")

    def test_text_that_does_not_compile(self):
        module = cupy.RawModule(
            code="__global__ void wrong() { nonsense(); }", name_expressions=("wrong",)
        )
        with pytest.raises(CompileException, match="nonsense"):
            module.get_function("wrong")
        with emulation.failing("compile"), pytest.raises(CompileException):
            function()

    def test_options(self):
        with pytest.raises(TypeError, match="expected tuple, got list"):
            cupy.RawModule(code=TEXT, options=["-std=c++17"])
        with pytest.raises(CompileException, match="unrecognized option --nonsense"):
            cupy.RawModule(code=TEXT, options=("--nonsense",), name_expressions=NAMES).compile()
        with pytest.raises(TypeError, match="Exactly one"):
            cupy.RawModule(name_expressions=NAMES)
        with pytest.raises(TypeError):
            cupy.RawModule(TEXT)
