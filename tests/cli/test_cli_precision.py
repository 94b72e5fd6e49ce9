"""``--matmul-precision`` on the CPU: what training and info say, and where it is refused."""

import json
import os
import sys

import pytest
from oracles.command_line import captured

from fastmlp.kernels.cpu.compiling.processor import has_amx, has_bfloat16

MEDIUM = "train", "digits", "--epochs", "1", "--device", "cpu", "--matmul-precision", "medium"


def test_info_says_what_is_accepted(fastmlp):
    accepted = {"highest": "float32"} | ({"medium": "bfloat16"} if has_bfloat16() else {})
    assert fastmlp("info", "--json").json["matmul_precisions"] == accepted
    words = ", ".join(f"{word} ({factors})" for word, factors in accepted.items())
    assert any(
        line.split(maxsplit=1) == ["products", words] for line in fastmlp("info").out.splitlines()
    )


@pytest.mark.skipif(
    not has_bfloat16(), reason="the processor that Numba compiles for lacks AVX512-BF16"
)
def test_training_says_it(fastmlp):
    by_amx = " by AMX" if has_amx() else ""
    words = f"register tiles of 512 bits, factors in bfloat16{by_amx}, sums in float32\n"
    assert words in fastmlp(*MEDIUM).out


def test_what_is_refused(fastmlp):
    fastmlp(*MEDIUM, "--dtype", "float64").is_refused("is for dtype float32, not float64")
    fastmlp(*MEDIUM[:-1], "high").is_refused(
        "'high' (TF32) is not for CPU", "--matmul-precision highest"
    )
    fastmlp(*MEDIUM[:-1], "low").is_refused("Accepted: highest, high, medium")


@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="the name of an x86 processor"
)
def test_a_processor_without_it_is_refused(tmp_path):
    narrowed = {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    words = [sys.executable, "-m", "fastmlp"]
    done = captured([*words, *MEDIUM], env=os.environ | narrowed, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: matmul_precision 'medium' (bfloat16) needs the instructions AVX512-BF16"
    )
    assert done.stderr.count("\n") == 1
    done = captured([*words, "info", "--json"], env=os.environ | narrowed)
    assert json.loads(done.stdout.splitlines()[-1])["matmul_precisions"] == {"highest": "float32"}
