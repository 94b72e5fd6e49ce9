"""The emulated libcublas: its conventions and checks, and that its work goes into streams."""

import ctypes
from ctypes import byref, c_double, c_float, c_int, c_size_t, c_void_p

import cupy
import numpy as np
import pytest
from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib
from cupy import _emulation as emulation
from cupy._errors import MisuseError
from cupy.cuda import Stream
from emulator_support import on_host

SUCCESS, NOT_INITIALIZED, INVALID_VALUE, EXECUTION_FAILED, INTERNAL_ERROR, NOT_SUPPORTED = (
    0,
    1,
    7,
    13,
    14,
    15,
)
N, T = 0, 1
HOST, DEVICE = 0, 1
TYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}
COMPUTE_32F, COMPUTE_64F, COMPUTE_TF32 = 68, 70, 77
WORKSPACE = 4 << 20


class Handle:
    """A handle on a stream with a workspace, in device pointer mode."""

    def __init__(self, stream):
        self.library = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
        self.handle = c_void_p()
        self.call("cublasCreate_v2", byref(self.handle), bare=True)
        self.workspace = cupy.empty(WORKSPACE, np.uint8)
        self.use(stream)
        self.call("cublasSetPointerMode_v2", DEVICE)

    def use(self, stream, workspace=True):
        self.call("cublasSetStream_v2", c_void_p(stream.ptr))
        if workspace:
            self.call(
                "cublasSetWorkspace_v2", c_void_p(self.workspace.data.ptr), c_size_t(WORKSPACE)
            )

    def status(self, name, *arguments):
        return getattr(self.library, name)(self.handle, *arguments)

    def call(self, name, *arguments, bare=False):
        status = getattr(self.library, name)(*arguments) if bare else self.status(name, *arguments)
        assert status == SUCCESS, (name, status)

    def gemm(self, a, b, c, alpha, beta, /, transa=N, transb=N, compute=None, **changes):
        """Multiply Fortran-ordered arrays that lie transposed in a, b and c; return the status."""
        rows, columns = c.shape[::-1]
        inner = a.shape[1] if transa else a.shape[0]
        data = TYPES[c.dtype]
        given = {
            "transa": transa, "transb": transb, "m": rows, "n": columns, "k": inner,
            "alpha": pointer(alpha),
            "a": pointer(a), "a_type": data, "lda": a.shape[1], "b": pointer(b), "b_type": data,
            "ldb": b.shape[1],
            "beta": pointer(beta), "c": pointer(c), "c_type": data, "ldc": c.shape[1],
            "compute": compute or (COMPUTE_64F if data else COMPUTE_32F), "algorithm": -1,
        }  # fmt: skip
        assert set(changes) <= set(given)
        return self.status("cublasGemmEx", *{**given, **changes}.values())


def pointer(value):
    return c_void_p(value.data.ptr) if isinstance(value, cupy.ndarray) else value


@pytest.fixture
def handle(stream):
    return Handle(stream)


@pytest.fixture
def operands(random):
    """a (3 × 4), b (4 × 5) and c (3 × 5) in Fortran order, with alpha and beta."""
    a, b, c = (
        cupy.asarray(random.standard_normal(shape[::-1])) for shape in ((3, 4), (4, 5), (3, 5))
    )
    return a, b, c, cupy.asarray(np.array([2.0])), cupy.asarray(np.array([0.5]))


@pytest.mark.parametrize("transb", [N, T])
@pytest.mark.parametrize("transa", [N, T])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 4, 5), (33, 1, 65), (40, 70, 5), (2, 3, 0)], ids=str
)
def test_products(handle, dtype, random, shape, transa, transb):
    m, n, k = shape
    a, b, c = (random.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    stored = [
        cupy.asarray(np.ascontiguousarray(x.T if flag == N else x))
        for x, flag in ((a, transa), (b, transb), (c, N))
    ]
    scalars = [cupy.asarray(np.array([value], dtype)) for value in (2, 0.5)]
    leading = {} if k else {"lda": m if transa == N else 1, "ldb": 1 if transb == N else n}
    assert handle.gemm(*stored, *scalars, transa, transb, m=m, n=n, k=k, **leading) == SUCCESS
    expected = 2.0 * (a.astype(float) @ b) + 0.5 * c
    np.testing.assert_allclose(
        stored[2].get().T, expected, rtol=0, atol=1e-4 if dtype == np.float32 else 1e-13
    )


def test_a_part_of_a_larger_matrix(handle):
    whole, c = (cupy.asarray(np.arange(8.0).reshape(2, 4)) for _ in range(2))
    b = cupy.asarray(np.arange(4.0).reshape(2, 2))
    one, zero = cupy.asarray(np.ones(1)), cupy.zeros(1)
    assert handle.gemm(whole, b, c, one, zero, m=3) == SUCCESS
    expected = whole.get().T[:3] @ b.get().T
    np.testing.assert_array_equal(c.get().T[:3], expected)
    np.testing.assert_array_equal(c.get().T[3], [3, 7])  # ldc is 4, m is 3: the last row is not c's


def test_beta_zero_does_not_read_c(handle, operands):
    a, b, c, alpha, _ = operands
    c.fill(np.nan)
    assert handle.gemm(a, b, c, alpha, cupy.zeros(1)) == SUCCESS
    assert np.isfinite(c.get()).all()


def test_tf32_keeps_ten_bits_of_the_factors(handle):
    ones, c = (
        cupy.asarray(np.full((1, 1), 1 + 2.0**-11 + 2.0**-20, np.float32)),
        cupy.empty((1, 1), np.float32),
    )
    one, zero = cupy.asarray(np.ones(1, np.float32)), cupy.zeros(1, np.float32)
    results = []
    for compute in (COMPUTE_32F, COMPUTE_TF32):
        assert handle.gemm(ones, ones, c, one, zero, compute=compute) == SUCCESS
        results.append(float(c.get()[0, 0]))
    assert results[0] == pytest.approx((1 + 2.0**-11 + 2.0**-20) ** 2, rel=1e-7)
    assert results[1] == (1 + 2.0**-10) ** 2
    handle.call("cublasSetMathMode", 3)
    assert handle.gemm(ones, ones, c, one, zero) == SUCCESS
    assert c.get()[0, 0] == results[1]


def test_it_runs_when_the_stream_comes_to_it(handle, operands):
    c = operands[2]
    before = c.get()
    assert handle.gemm(*operands) == SUCCESS
    np.testing.assert_array_equal(on_host(c), before.reshape(-1))
    assert (c.get() != before).all()


def test_scalars_of_the_device_are_read_at_replay_and_those_of_the_host_are_frozen(
    handle, stream, operands
):
    a, b, c, alpha, _ = operands
    zero, product = cupy.zeros(1), a.get().T @ b.get().T
    for mode, scalars in (
        (DEVICE, (alpha, zero)),
        (HOST, (byref(c_double(2)), byref(c_double(0)))),
    ):
        handle.call("cublasSetPointerMode_v2", mode)
        alpha.set(np.array([2.0]))
        stream.begin_capture()
        assert handle.gemm(a, b, c, *scalars) == SUCCESS
        graph = stream.end_capture()
        alpha.set(np.array([3.0]))
        graph.launch()
        np.testing.assert_allclose(c.get().T, (3 if mode == DEVICE else 2) * product)
    assert "gemm" in graph.debug_dot_str()


def test_host_scalars_are_of_the_products_type(handle):
    handle.call("cublasSetPointerMode_v2", HOST)
    a, c = cupy.asarray(np.full((1, 1), 3, np.float32)), cupy.empty((1, 1), np.float32)
    assert handle.gemm(a, a, c, byref(c_float(2)), byref(c_float(0))) == SUCCESS
    assert c.get()[0, 0] == 18


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"transa": 3}, INVALID_VALUE), ({"m": -1}, INVALID_VALUE), ({"lda": 2}, INVALID_VALUE),
        ({"ldb": 3}, INVALID_VALUE),
     ({"ldc": 2}, INVALID_VALUE), ({"transa": T, "k": 4}, INVALID_VALUE),
     ({"alpha": None}, INVALID_VALUE),
     ({"algorithm": 50}, INVALID_VALUE), ({"compute": COMPUTE_32F}, NOT_SUPPORTED),
     ({"compute": 64}, NOT_SUPPORTED),
     ({"c_type": 0}, NOT_SUPPORTED), ({"m": 0, "a": None}, SUCCESS)],
)  # fmt: skip
def test_arguments_are_checked(handle, operands, changes, status):
    assert handle.gemm(*operands, **changes) == status


def test_a_workspace_is_needed_in_a_capture_and_a_new_stream_forgets_it(handle, stream, operands):
    handle.use(stream, workspace=False)
    assert handle.gemm(*operands) == SUCCESS
    stream.begin_capture()
    assert handle.gemm(*operands) == INTERNAL_ERROR
    handle.use(stream)
    assert handle.gemm(*operands) == SUCCESS
    assert "gemm" in stream.end_capture().debug_dot_str()


def test_a_workspace_lies_on_256_bytes_of_live_memory(handle):
    assert (
        handle.status(
            "cublasSetWorkspace_v2", c_void_p(handle.workspace.data.ptr + 8), c_size_t(64)
        )
        == INVALID_VALUE
    )
    handle.status(
        "cublasSetWorkspace_v2", c_void_p(handle.workspace.data.ptr), c_size_t(WORKSPACE + 1)
    )
    with pytest.raises(MisuseError, match="cublasSetWorkspace_v2"):
        cupy.empty(1)


@pytest.mark.parametrize("name", ["a", "b", "c", "alpha", "beta"])
def test_memory_of_the_host_is_found(handle, operands, name):
    host = np.zeros(100)
    handle.gemm(*operands, **{name: c_void_p(host.ctypes.data)})
    with pytest.raises(MisuseError, match="no memory of a device"):
        operands[2].get()


def test_matrices_end_within_their_memory(handle, operands):
    handle.gemm(*operands, n=6)
    with pytest.raises(MisuseError, match="cublasGemmEx: B"):
        operands[2].get()


def test_a_graph_needs_the_workspace_alive(handle, stream, operands):
    stream.begin_capture()
    assert handle.gemm(*operands) == SUCCESS
    graph = stream.end_capture()
    handle.workspace = None
    with pytest.raises(MisuseError, match="freed"):
        graph.launch()


def test_streams_that_are_not_there(handle, operands):
    handle.call("cublasSetStream_v2", c_void_p(12345))
    assert handle.gemm(*operands) == EXECUTION_FAILED


def test_streams_keep_no_order_among_each_other(handle, stream, operands):
    """The operands are written in the fixture's stream; the other stream is first and finds NaN."""
    with Stream(non_blocking=True) as other:
        handle.use(other)
        assert handle.gemm(*operands) == SUCCESS
        assert np.isnan(operands[2].get()).all()


def test_handles(handle):
    version = c_int()
    handle.call("cublasGetVersion_v2", byref(version))
    assert version.value == 120901
    assert handle.status("cublasSetPointerMode_v2", 2) == INVALID_VALUE
    handle.call("cublasDestroy_v2")
    assert handle.status("cublasSetPointerMode_v2", DEVICE) == NOT_INITIALIZED
    assert handle.library.cublasSetStream_v2(None, None) == NOT_INITIALIZED
    name = handle.library.cublasGetStatusName
    name.restype = ctypes.c_char_p
    assert name(INVALID_VALUE) == b"CUBLAS_STATUS_INVALID_VALUE"


def test_failures_on_demand(handle, operands):
    with emulation.failing("gemm"):
        assert handle.gemm(*operands) == EXECUTION_FAILED
    with emulation.failing("cublas-create"):
        assert handle.library.cublasCreate_v2(byref(c_void_p())) == 3
    with emulation.failing("cublas"), pytest.raises(DynamicLibNotFoundError):
        load_nvidia_dynamic_lib("cublas")
    with pytest.raises(DynamicLibNotFoundError):
        load_nvidia_dynamic_lib("cudnn")
