"""The emulated device does what CUDA says, and reports what would hang or read nothing there."""

import ctypes
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fastmlp.kernels.cuda import source
from tools.cuda_emulator import builder
from tools.cuda_emulator.instances import instances

pytestmark = pytest.mark.skipif(
    builder.compiler() is None, reason="the emulated device needs g++, which is not installed"
)

KERNELS = """
#line 1 "shim_test.cu"
template <typename T> struct Vector { T* data; long long size; };
template <typename T> struct Matrix { T* data; long long rows, columns; };
enum { ONE = 1 };
#define UP_TO_64_THREADS __launch_bounds__(64, 2)

__global__ void where(int* visits, int* place) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    const int i = (blockIdx.z * gridDim.y * blockDim.y + y) * gridDim.x * blockDim.x + x;
    visits[i] += 1;
    place[i] = 1000 * y + x;
}

__global__ void stride(Vector<float> out) {
    const int step = gridDim.x * blockDim.x;
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < out.size; i += step) {
        out.data[i] += i;
    }
}

__global__ void reverse(int* out) {
    __shared__ int held[1024];
    for (int round = 0; round < 3; ++round) {
        held[threadIdx.x] = threadIdx.x + round;
        __syncthreads();
        out[blockIdx.x * blockDim.x + threadIdx.x] = held[blockDim.x - 1 - threadIdx.x];
        __syncthreads();
    }
}

template <typename T> __global__ void shuffles(T* out) {
    const T own = T(threadIdx.x) + T(threadIdx.x) / 64;
    T* row = out + 5 * threadIdx.x;
    row[0] = __shfl_xor_sync(0xFFFFFFFFu, own, 5);
    row[1] = __shfl_down_sync(0xFFFFFFFFu, own, 3);
    row[2] = __shfl_up_sync(0xFFFFFFFFu, own, 3, 8);
    row[3] = __shfl_sync(0xFFFFFFFFu, own, 7);
    row[4] = __shfl_xor_sync(0xFFFFFFFFu, own, 8, 8);
}

__global__ void count(int* n, unsigned* bits, unsigned long long* many) {
    atomicAdd(n, -1);
    atomicAdd(bits, 2u);
    atomicAdd(many, 1ull << 33);
}

__global__ void leave_early(float* out) {
    if (threadIdx.x % 32 > 20) {
        return;
    }
    __syncwarp();
    out[threadIdx.x] = 1;
}

__device__ float* remembered() {
    __shared__ float numbers[4];
    return numbers;
}

__global__ void read_before_write(float* out) {
    for (int i = 0; i < 4; ++i) {
        out[i] = remembered()[i];
        remembered()[i] = 1;
    }
}

__global__ void different_barriers(int* out) {
    if (threadIdx.x < 32) {
        __syncthreads();  // first barrier
    } else {
        __syncthreads();  // second barrier
    }
}

__global__ void gone(int* out) {
    if (threadIdx.x != 3) __syncthreads();  // all but one
}

__global__ void shuffle_against_barrier(int* out) {
    if (threadIdx.x < 7) __shfl_xor_sync(0xFFFFFFFFu, 1, 1);  // seven
    __syncthreads();  // the rest
}

__global__ void shuffle_with_the_gone(int* out) {
    if (threadIdx.x < 7) return;
    __shfl_xor_sync(0xFFFFFFFFu, 1, 16);  // of the gone
}

__global__ void half_a_mask(int* out) { __syncwarp(0xFFFFu); }  // half

__global__ void device_functions(float* out, double* wide, unsigned* high) {
    static_assert(sizeof(exp(1.0f)) == 4 && sizeof(exp(1.0)) == 8);
    static_assert(sizeof(fabs(1.0f)) == 4 && sizeof(erfc(1.0f)) == 4);
    out[0] = exp(0.5f);
    out[1] = log1p(0.5f);
    wide[0] = expm1(0.5);
    wide[1] = max(1.0, 2.0);
    high[0] = __umulhi(0xD2511F53u, 0xCAFEBABEu);
}

__global__ void UP_TO_64_THREADS bounded(
    Matrix<float> a, Matrix<const unsigned char> b, Vector<const long long> c, int d, long long e,
    unsigned f, double g) {}
"""
NAMES = [
    *"where stride reverse shuffles<float> shuffles<double> shuffles<int>".split(),
    *("shuffles<long long>", "count", "leave_early", "read_before_write", "different_barriers"),
    *"gone shuffle_against_barrier shuffle_with_the_gone half_a_mask".split(),
    *("device_functions", "bounded"),
]


class Library:
    """A built library; arrays are given to kernels that take pointers or a Vector."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.library.fastmlp_parameters.restype = ctypes.c_char_p

    def parameters(self, name):
        found = self.library.fastmlp_parameters(name.encode())
        return found if found is None else found.decode()

    def max_threads(self, name):
        return self.library.fastmlp_max_threads(name.encode())

    def launch(self, name, grid, block, *arrays):
        """Return the status and the text of the error."""
        structs = [(ctypes.c_int64 * 2)(array.ctypes.data, array.size) for array in arrays]
        addresses = (ctypes.c_void_p * len(arrays))(*map(ctypes.addressof, structs))
        shapes = [(ctypes.c_uint * 3)(*shape, *(1,) * (3 - len(shape))) for shape in (grid, block)]
        error = ctypes.create_string_buffer(1000)
        status = self.library.fastmlp_launch(name.encode(), *shapes, addresses, error, len(error))
        return status, error.value.decode()

    def run(self, name, grid, block, *arrays):
        assert self.launch(name, grid, block, *arrays) == (0, "")


@pytest.fixture(scope="module", params=[None, "portable"], ids=["assembly", "ucontext"])
def device(request):
    return Library(builder.build(KERNELS, NAMES, request.param))


def test_each_thread_of_each_block_runs_once_and_knows_where_it_is(device):
    visits, place = (np.zeros((2, 6, 21), np.int32) for _ in range(2))
    device.run("where", (3, 2, 2), (7, 3), visits, place)
    assert (visits == 1).all()
    np.testing.assert_array_equal(place[1], 1000 * np.arange(6)[:, None] + np.arange(21))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000])
def test_a_grid_may_stride_over_more_than_it_has_threads(device, size):
    numbers = np.zeros(size, np.float32)
    device.run("stride", (2,), (32,), numbers)
    np.testing.assert_array_equal(numbers, np.arange(size))


@pytest.mark.parametrize("threads", [1, 31, 33, 512, 1024])
def test_a_barrier_waits_for_every_thread(device, threads):
    found = np.zeros((2, threads), np.int32)
    device.run("reverse", (2,), (threads,), found)
    np.testing.assert_array_equal(found, [np.arange(threads)[::-1] + 2] * 2)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("float", np.float32), ("double", np.float64), ("int", np.int32), ("long long", np.int64)],
)
def test_shuffles_move_values_between_lanes(device, name, dtype):
    found = np.zeros((64, 5), dtype)
    device.run(f"shuffles<{name}>", (1,), (64,), found)
    threads = np.arange(64)
    lanes, warps = threads % 32, threads // 32 * 32
    own = dtype(threads) + (dtype(threads) / 64).astype(dtype)
    np.testing.assert_array_equal(found[:, 0], own[warps + (lanes ^ 5)])
    np.testing.assert_array_equal(
        found[:, 1], own[warps + np.where(lanes + 3 < 32, lanes + 3, lanes)]
    )
    np.testing.assert_array_equal(
        found[:, 2], own[warps + np.where(lanes % 8 >= 3, lanes - 3, lanes)]
    )
    np.testing.assert_array_equal(found[:, 3], own[warps + 7])
    # Across segments an earlier one may be read, a later one not.
    np.testing.assert_array_equal(
        found[:, 4], own[warps + np.where(lanes % 16 >= 8, lanes - 8, lanes)]
    )


def test_atomics_add_up(device):
    counts = np.full(1, 5, np.int32), np.zeros(1, np.uint32), np.zeros(1, np.uint64)
    device.run("count", (3,), (100,), *counts)
    assert [int(count[0]) for count in counts] == [5 - 300, 600, 300 << 33]


def test_a_warp_does_not_wait_for_lanes_that_have_finished(device):
    found = np.zeros(64, np.float32)
    device.run("leave_early", (1,), (64,), found)
    np.testing.assert_array_equal(found, np.arange(64) % 32 <= 20)


def test_shared_memory_begins_as_nan_in_every_block(device):
    for _ in range(2):
        found = np.zeros(4, np.float32)
        device.run("read_before_write", (2,), (1,), found)
        assert np.isnan(found).all()


def test_functions_of_the_device_have_the_precision_of_their_argument(device):
    single, double, high = np.zeros(2, np.float32), np.zeros(2), np.zeros(1, np.uint32)
    device.run("device_functions", (1,), (1,), single, double, high)
    np.testing.assert_allclose(single, [np.exp(0.5), np.log1p(0.5)], rtol=1e-7)
    np.testing.assert_allclose(double, [np.expm1(0.5), 2], rtol=1e-15)
    assert int(high[0]) == 0xD2511F53 * 0xCAFEBABE >> 32


def place(comment):
    """Return where the line of KERNELS is that ends with a comment, as an error names it."""
    lines = KERNELS.partition('.cu"\n')[2].splitlines()
    ends = [number for number, line in enumerate(lines, 1) if line.endswith(f"// {comment}")]
    return f"(shim_test.cu:{ends[0]})"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "different_barriers",
            [
                "threads (0, 0, 0) and (63, 0, 0) are at different barriers: ",
                *(
                    f"__syncthreads {place(comment)}"
                    for comment in ("first barrier", "second barrier")
                ),
            ],
        ),
        (
            "gone",
            [
                "nobody can go on: 1 thread is finished, (3, 0, 0)",
                (
                    f"63 threads are waiting at __syncthreads {place('all but one')}, the first of"
                    " them (0, 0, 0)"
                ),
            ],
        ),
        (
            "shuffle_against_barrier",
            [
                (
                    f"7 threads are waiting at __shfl_xor_sync {place('seven')}, the first of them"
                    " (0, 0, 0)"
                ),
                (
                    f"57 threads are waiting at __syncthreads {place('the rest')}, the first of"
                    " them (7, 0, 0)"
                ),
            ],
        ),
        (
            "shuffle_with_the_gone",
            [
                f"thread (16, 0, 0) reads by __shfl_xor_sync {place('of the gone')} from lane 0,"
                " which has finished"
            ],
        ),
        ("half_a_mask", [f"__syncwarp {place('half')} a mask of part of the warp"]),
    ],
)
def test_who_would_wait_for_ever_is_an_error_that_says_who_and_where(device, name, parts):
    status, error = device.launch(name, (2,), (64,), np.zeros(1, np.int32))
    assert status == 1
    assert error.startswith(f"{name}: block (0, 0, 0): ")
    assert [part for part in parts if part not in error] == [], error
    test_a_barrier_waits_for_every_thread(
        device, 64
    )  # the next launch is as if nothing had happened


def test_a_shuffle_cannot_read_lanes_that_the_block_does_not_have(device):
    status, error = device.launch("shuffles<int>", (1,), (20,), np.zeros((20, 5), np.int32))
    assert status == 1
    assert "which does not exist" in error


@pytest.mark.parametrize(
    ("grid", "block", "part"),
    [
        ((0,), (1,), "a grid of 0 blocks on axis x"),
        ((1, 65536), (1,), "a grid of 65536 blocks on axis y"),
        ((1,), (0,), "a block of 0 threads on axis x"),
        ((1,), (1, 1, 65), "a block of 65 threads on axis z"),
        ((1,), (65,), "__launch_bounds__ allow 64"),
    ],
)
def test_what_a_device_would_refuse_is_refused(device, grid, block, part):
    status, error = device.launch("bounded", grid, block)
    assert status == 2
    assert error.startswith("bounded: ")
    assert part in error


def test_a_library_says_what_its_kernels_take(device):
    assert device.parameters("bounded") == (
        "Matrix<float>;Matrix<const uint8>;Vector<const int64>;int32;int64;uint32;double"
    )
    assert device.parameters("count") == "int32*;uint32*;uint64*"
    assert (device.max_threads("bounded"), device.max_threads("count")) == (64, 1024)
    assert (device.parameters("missing"), device.max_threads("missing")) == (None, 0)
    assert device.launch("missing", (1,), (1,)) == (2, "missing: no such kernel in this library")


def test_launches_from_two_threads_at_once_take_turns(device):
    found = np.zeros((40, 256), np.int32)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: device.run("reverse", (1,), (256,), row), found))
    np.testing.assert_array_equal(found, [np.arange(256)[::-1] + 2] * 40)


def test_libraries_do_not_share_memory_although_templates_have_one_name():
    text = """
    template <typename T> __device__ T* held() { __shared__ T numbers[2]; return numbers; }
    template <typename T> __global__ void swap(T* out) {
        out[0] = held<T>()[0];
        held<T>()[0] = VALUE;
        out[1] = held<T>()[0];
    }
    """
    for value in (1, 2):
        found = np.zeros(2, np.float32)
        Library(builder.build(f"#define VALUE {value}\n{text}", ["swap<float>"])).run(
            "swap<float>", (1,), (1,), found
        )
        assert np.isnan(found[0])
        assert found[1] == value


@pytest.mark.parametrize("stem", sorted({kernel.stem for kernel in source.kernels().values()}))
def test_a_library_of_the_project_has_every_instance_with_the_types_that_source_reads(stem):
    library = Library(builder.library(stem))
    for instance in instances(stem):
        dtypes = iter(instance.element_types)
        expected = []
        for parameter in instance.kernel.parameters:
            if parameter.element:
                const = "const " * parameter.is_read_only
                expected.append(f"{parameter.kind}<{const}{source.ELEMENT_TYPES[next(dtypes)]}>")
            else:
                expected.append(parameter.type)
        assert library.parameters(instance.name) == ";".join(expected)
        assert library.max_threads(instance.name) in (1, 256, 512)


def test_errors_of_the_compiler_name_the_line_of_the_kernel():
    text = source.text("dense")
    before = text.index("template", text.index("// a = f(z)."))
    broken = text[:before] + "no_such_type broken;\n" + text[before:]
    with pytest.raises(builder.BuildError, match="no_such_type") as raised:
        builder.build(broken, ["add_bias<float>"])
    # dense.cu is no longer the file of that name, so its lines are those of the text.
    assert f"kernels.cu:{text[:before].count(chr(10)) + 1}:" in str(raised.value)
    with pytest.raises(builder.BuildError, match=r"kernels/cuda/dense.cu:\d+:"):
        builder.build(text, ["add_bias<struct Nothing>"])


@pytest.mark.parametrize(
    "declaration",
    [
        "__global__ void __launch_bounds__(96) each(int* a, Vector<float> b) {",
        "__global__ __launch_bounds__(96, 2) void each(int* a) {",
        (
            "#define OVER(x) __launch_bounds__(96, 3)\ntemplate <typename T>\n__global__ void"
            " OVER(b)\neach(T* b,\n  int c) {"
        ),
    ],
)
def test_launch_bounds_are_read_from_the_declaration(declaration):
    assert builder.launch_bounds(declaration) == {"each": 96}


def test_a_library_is_built_once_by_however_many_processes(tmp_path):
    text = "__global__ void nothing(int* out) {}"
    code = f"from tools.cuda_emulator.builder import build\nprint(build({text!r}, ['nothing']))"
    builder.build(KERNELS, NAMES)
    for path in builder.cache_folder().glob("*.o"):  # the shim, which need not be compiled anew
        shutil.copy(path, tmp_path)
    environment = {
        **os.environ,
        "FASTMLP_EMULATION_CACHE": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-c", code]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    paths = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(paths) == 1
    assert [path.name for path in tmp_path.glob("*.so")] == [Path(paths.pop()).name]
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []  # nothing is left aside
