"""``python -m bench.kernels``: a case for every kernel, its bytes, the whole command on the CPU."""

import json

import numpy as np
import pytest

from bench import kernels
from bench.copies import Copies
from bench.kernel_cases import (
    ARGUMENTS,
    PRODUCTS,
    RATES,
    UPDATES,
    Arrays,
    make_cases,
    measured_operations,
)
from bench.launches import FIRST_COUNT, Piece, measure_in_turn
from bench.rounds import Protocol
from fastmlp.backend import open_backend
from fastmlp.errors import DataError, DeviceError, UsageError
from fastmlp.kernels.cuda.source import kernels as cuda_kernels
from fastmlp.kernels.operation import OPERATIONS

ROWS, COLUMNS = 6, 5
QUICK = ("--rounds", 2, "--seconds", 0.0005)


@pytest.fixture(scope="module")
def backend():
    return open_backend("cpu", threads=1)[0]


@pytest.fixture
def arrays(backend):
    return Arrays(backend, ROWS, COLUMNS, np.float32)


def test_every_cuda_kernel_and_every_operation_has_a_case():
    assert set(cuda_kernels()) <= set(ARGUMENTS)
    assert set(ARGUMENTS) == set(measured_operations())
    assert set(PRODUCTS) <= set(OPERATIONS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_case_can_be_launched(arrays, name):
    [case] = make_cases(arrays, [name])
    for _ in range(3):
        case.launch()
    assert case.kernel.partition(" ")[0] == name
    assert case.moved > 0


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("sgd", 4 * 30 * (2 + 1) + 8),  # w is updated, g read; the rate is a float64
        ("adam", 4 * 30 * (2 + 1 + 2 + 2) + 32 + 8),
        ("add_bias", 4 * (2 * 30 + 5)),
        ("activation_forward", 4 * (30 + 30)),
        ("dropout_forward", 4 * 30 + 30 + 4 * 30 + 32 + 8),  # x, mask of bytes, y, counters, share
        ("gather_scaled_rows", 30 + 8 * 6 + 32 + 4 * 2 * 5 + 4 * 30),  # pixels are bytes
        ("begin_update", 2 * 32 + 8 + 8),  # of the table of rates a launch reads one
    ],
)
def test_bytes_by_hand(arrays, name, moved):
    assert make_cases(arrays, [name])[0].moved == moved


def test_cases_leave_ordinary_numbers(arrays):
    """What is launched ten thousand times still computes: nothing is NaN, infinite or all 0."""
    names = [name for name in measured_operations() if not name.startswith("begin")]
    for case in make_cases(arrays, names):
        with arrays.backend.record() as program:
            case.launch()
        program.replay(10_000)
    for key, values in arrays._made.items():
        assert np.isfinite(values).all(), key
    for taken in (1, 2, 3):
        assert np.abs(arrays._made[taken, (ROWS * COLUMNS,)]).max() > 0.1


def test_updates_stay_within_the_table_of_rates(arrays):
    [case] = make_cases(arrays, ["begin_update"])
    piece = Piece(lambda count: [case.launch() for _ in range(count)], 5, case.reset)
    measure_in_turn([piece], lambda: None, Protocol(3, 1.0))
    assert arrays.counters.tolist() == [UPDATES + 5, 5, 0, 0]
    assert case.most == RATES


def test_a_copy_copies_its_bytes_and_no_more(backend):
    copies = Copies(backend, 1000)
    copies.source[:] = np.arange(1000) % 250 + 1
    copies.repeated(600)(2)
    assert (copies.target[:600] == copies.source[:600]).all()
    assert not copies.target[600:].any()


def test_pieces_take_turns_of_the_time_asked_for(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr("bench.launches.time.perf_counter", lambda: now[0])

    def piece(name, unit):
        def repeat(count):
            calls.append((name, count))
            now[0] += unit * count

        return Piece(repeat)

    quick, slow = piece("quick", 2**-10), piece("slow", 0.5)
    measure_in_turn([quick, slow], lambda: None, Protocol(rounds=3, seconds=1.0))
    assert calls[-6:] == 3 * [("quick", 1024), ("slow", 2)]
    assert (quick.median, slow.median) == (2**-10, 0.5)
    assert calls[:3] == [("quick", 1), ("quick", FIRST_COUNT), ("quick", FIRST_COUNT)]
    assert len(quick.seconds) == 3


def test_the_command(invoke, tmp_path):
    file = tmp_path / "kernels.json"
    words = (
        *"--size 8x16,3x5 --kernels sgd,add_bias,begin_batch,activation_forward".split(),
        *QUICK,
        "--json",
        file,
    )
    result = invoke(kernels.command, *words)
    assert result.return_value == 0, (result.output, result.exception)
    report = json.loads(file.read_text())
    assert len(report["kernels"]) == 2 * 2 * 4
    assert len(report["products"]) == 2 * 2 * 3
    first = report["kernels"][0]
    assert (first["kernel"], first["dtype"], first["rows"], first["columns"]) == (
        "sgd",
        "float32",
        8,
        16,
    )
    assert first["bytes"] == 4 * 128 * 3 + 8
    assert first["gigabytes_per_second"] == pytest.approx(first["bytes"] / first["median"] / 1e9)
    assert first["share_of_copy"] == pytest.approx(
        np.median(first["copy_seconds"]) / first["median"]
    )
    for each in report["kernels"]:
        assert len(each["seconds"]) == 2
        assert (each["share_of_copy"] is None) == (each["bytes"] < kernels.TOO_FEW_BYTES)
    for each in report["products"]:
        assert each["teraflops"] == pytest.approx(
            2 * each["rows"] * each["columns"] ** 2 / each["median"] / 1e12
        )
    assert "activation_forward (gelu)" in result.stdout
    assert "fastmlp on cpu" in result.stdout


def test_products_may_be_left_out(invoke):
    result = invoke(
        kernels.command, *"--size 2x2 --types float64 --kernels none --no-products".split(), *QUICK
    )
    assert result.return_value == 0
    assert "product" not in result.stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--size", "64"], "'64' is no size"),
        (["--size", "0x5"], "ROWSxCOLUMNS"),
        (["--types", "float16"], "Accepted: float32, float64"),
        (["--kernels", "sgdd"], "did you mean 'sgd'"),
        (["--kernels", "gemm_nn"], "gemm_nn"),
        (["--device", "tpu"], "Accepted: cpu, cuda, cuda:N"),
        (["--device", "auto"], "Accepted: cpu, cuda, cuda:N"),
        (["--matmul-precision", "low"], "Accepted: highest, high"),
        (["--matmul-precision", "high"], "--device cuda"),
        (["--seconds", "0"], "--seconds"),
        (["--json", "no/such/folder/file.json"], "folder"),
    ],
)
def test_what_is_wrong_is_told_before_the_work(words, named, invoke):
    result = invoke(kernels.command, *words)
    assert isinstance(result.exception, UsageError)
    assert named in str(result.exception)


def test_too_large_a_size_is_told(invoke):
    result = invoke(kernels.command, "--size", "90000000x90000000", *QUICK)
    assert isinstance(result.exception, DataError)


def test_without_a_gpu_the_cause_is_told(invoke, monkeypatch):
    from fastmlp.backend.cuda import device as cuda_device

    monkeypatch.setattr(cuda_device, "find_spec", lambda name: None)
    result = invoke(kernels.command, "--device", "cuda")
    assert isinstance(result.exception, DeviceError)
    assert "CuPy, which is not installed: pip install" in str(result.exception)
