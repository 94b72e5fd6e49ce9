"""The precision of float32 products: which device takes which word, what is refused, and that
bfloat16 keeps the promises.
"""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from oracles.bfloat16 import rounded
from oracles.comparison import assert_close

from fastmlp.backend import open_backend
from fastmlp.backend.cpu.backend import CpuBackend, cpu_precisions
from fastmlp.backend.cpu.program import Table, packed
from fastmlp.backend.cpu.sections import sections
from fastmlp.backend.precision import ACCEPTED, FACTORS, check_precision
from fastmlp.errors import UsageError
from fastmlp.kernels.cpu.compiling import processor as processor_module
from fastmlp.kernels.cpu.compiling.processor import has_amx, has_bfloat16, processor

needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(), reason="the processor that Numba compiles for lacks AVX512-BF16"
)


def test_each_word_is_some_device_s():
    assert {word for words in ACCEPTED.values() for word in words} == set(FACTORS)
    assert all("highest" in words for words in ACCEPTED.values())


@pytest.mark.parametrize(
    ("word", "device", "other"), [("high", "CPU", "CUDA"), ("medium", "CUDA", "CPU")]
)
def test_another_device_s_word_is_refused(word, device, other):
    with pytest.raises(UsageError) as caught:
        check_precision(word, device)
    message = str(caught.value)
    assert (
        f"{word!r} ({FACTORS[word]}) is not for {device}, which accepts highest (float32), "
        in message
    )
    assert f"{other} accepts highest (float32), {word} ({FACTORS[word]})." in message
    assert message.endswith(f"Give --matmul-precision highest, or --device {other.lower()}.")
    assert "\n" not in message


def test_an_unknown_word_is_refused():
    with pytest.raises(UsageError, match="Accepted: highest, high, medium"):
        check_precision("low", "CPU")


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_tf32_is_not_for_the_cpu(device):
    with pytest.raises(UsageError, match=r"'high' \(TF32\) is not for CPU"):
        open_backend(device, matmul_precision="high")


@needs_bfloat16
def test_bfloat16_is_for_the_tiles_alone():
    with pytest.raises(UsageError, match="not for gemm 'blas'"):
        CpuBackend(1, gemm="blas", precision="medium")


@needs_bfloat16
def test_bfloat16_is_for_float32_alone():
    ones = np.ones((2, 2))
    with pytest.raises(UsageError, match="for float32, not float64"):
        CpuBackend(1, precision="medium").matmul("nn", ones, ones, ones.copy())


@needs_bfloat16
@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_it_is_said(device):
    backend, _ = open_backend(device, matmul_precision="medium")
    by_amx = " by AMX" if has_amx() else ""
    assert f"factors in bfloat16{by_amx}, sums in float32" in backend.describe()["blas"]
    assert "bfloat16" not in open_backend("cpu")[0].describe()["blas"]


@needs_bfloat16
@pytest.mark.parametrize("kind", ["nn", "nt", "tn"])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 5, 200), (64, 300, 9), (9, 600, 300)], ids=str)
def test_matmul_takes_the_right_operation(random, kind, sizes):
    m, k, n = sizes
    a = random.standard_normal((k, m) if kind == "tn" else (m, k)).astype(np.float32)
    b = random.standard_normal((n, k) if kind == "nt" else (k, n)).astype(np.float32)
    before = random.standard_normal((m, n)).astype(np.float32)
    c, alpha, beta = before.copy(), np.array([-0.25], np.float32), np.array([0.75], np.float32)
    CpuBackend(1, precision="medium").matmul(kind, a, b, c, alpha, beta)
    left, right = (rounded(value).astype(np.float64) for value in (a, b))
    left, right = left.T if kind == "tn" else left, right.T if kind == "nt" else right
    scale = np.abs(left) @ np.abs(right) + np.abs(before)
    assert_close(c, -0.25 * (left @ right) + 0.75 * before, scale=scale)


@needs_bfloat16
def test_the_same_bits_for_any_number_of_threads(random):
    x, w, dz = (
        random.standard_normal(shape).astype(np.float32)
        for shape in ((70, 301), (301, 200), (70, 200))
    )
    results = []
    for threads in (1, 2, 3, 7):
        backend = CpuBackend(threads, precision="medium")
        z, dx, dw = (np.zeros(shape, np.float32) for shape in ((70, 200), (70, 301), (301, 200)))
        with backend.record() as program:
            backend.matmul("nn", x, w, z)
            backend.matmul("nt", dz, w, dx)
            backend.matmul("tn", x, dz, dw)
        for section in sections(program.calls, threads):
            for call, thread in itertools.product(section, range(threads)):
                span = call.spans(threads)[thread]
                if span is not None:
                    Table([packed(call, span, backend.compiler)]).run(1)
        results.append([array.tobytes() for array in (z, dx, dw)])
    assert all(result == results[0] for result in results)


@needs_bfloat16
def test_a_row_has_the_same_bits_in_every_batch(random):
    x, w, dz = (
        random.standard_normal(shape).astype(np.float32)
        for shape in ((70, 301), (301, 200), (70, 200))
    )
    backend = CpuBackend(1, precision="medium")
    z, dx = np.empty((70, 200), np.float32), np.empty((70, 301), np.float32)
    backend.matmul("nn", x, w, z)
    backend.matmul("nt", dz, w, dx)
    for rows in (1, 2, 33, 69):  # among them such for which the weights are the larger factor
        z_part, dx_part = np.empty((rows, 200), np.float32), np.empty((rows, 301), np.float32)
        backend.matmul("nn", x[:rows], w, z_part)
        backend.matmul("nt", dz[:rows], w, dx_part)
        assert z_part.tobytes() == z[:rows].tobytes()
        assert dx_part.tobytes() == dx[:rows].tobytes()


@needs_bfloat16
def test_without_the_tiles_of_amx_vectors_multiply(monkeypatch):
    monkeypatch.setattr("fastmlp.backend.cpu.backend.has_amx", lambda: False)
    backend = CpuBackend(1, precision="medium")
    ones = np.ones((2, 2), np.float32)
    with backend.record() as program:
        backend.matmul("nn", ones, ones, ones.copy())
    assert program.operations == ["bfloat16_gemm_nn"]
    assert "AMX" not in backend.describe()["blas"]


@needs_bfloat16
@pytest.mark.parametrize("missing", ["feature", "grant"])
def test_amx_takes_the_feature_and_the_grant(monkeypatch, missing):
    features = "+avx512bf16" if missing == "feature" else "+amx-tile,+amx-bf16,+avx512bf16"
    granting = missing == "feature"
    monkeypatch.setattr(
        processor_module, "processor", lambda: replace(processor(), features=features)
    )
    monkeypatch.setattr(processor_module, "_are_tiles_granted", lambda: granting)
    assert not processor_module.has_amx.__wrapped__()


# Of name and features that Numba may be told, whether products of bfloat16 are among them.
TARGETS = {
    ("znver4", ""): True,
    ("cooperlake", ""): True,
    ("sapphirerapids", ""): True,
    ("skylake-avx512", "+avx512bf16"): True,
    ("znver4", "-avx512bf16"): False,
    ("znver3", ""): False,
    ("skylake-avx512", ""): False,
    ("sierraforest", ""): False,  # converts, but multiplies nothing so
    ("nehalem", ""): False,
}
PROBE = """
import json
from fastmlp.backend import open_backend
from fastmlp.errors import UsageError
from fastmlp.kernels.cpu.compiling.processor import has_bfloat16
try:
    refusal = ""
    open_backend("cpu", threads=1, matmul_precision="medium")
except UsageError as error:
    refusal = str(error)
print(json.dumps([has_bfloat16(), refusal]))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="names of x86 processors"
)
@pytest.mark.parametrize("target", TARGETS, ids=" ".join)
def test_a_processor_without_it_is_refused(target, tmp_path):
    name, features = target
    narrowed = {
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=os.environ | narrowed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found, refusal = json.loads(done.stdout)
    assert found == TARGETS[target]
    if found:
        assert refusal == ""
    else:
        assert "needs the instructions AVX512-BF16 (Zen 4, Cooper Lake or later)" in refusal
        assert (
            f"({name}). Accepted here: highest (float32); give --matmul-precision highest."
            in refusal
        )
        assert "\n" not in refusal


def test_what_this_processor_accepts():
    assert cpu_precisions() == (("highest", "medium") if has_bfloat16() else ("highest",))
