"""``--isa``: what libraries are told, say and are seen to do; what becomes of the disobedient."""

import json
import platform
import sys
from collections import Counter

import pytest

from bench import isa, obedience, predict, scaling, train, workers
from bench.contenders import OWN, Contender, Variant
from bench.isa import ISAS, find_isa
from bench.machine import processor_flags
from bench.obedience import TRAINING, Obedience, check_obedience, told
from bench.vectors import Report, bits_in, feature_bits
from bench.watch import Seen, vector_bits, watch
from bench.workers import Worker
from fastmlp.errors import FastMLPError, UsageError

QUICK = ("--rounds", 1, "--seconds", 0.001, "--threads", 1)
NARROW = [name for name in ("avx2", "sse") if set(ISAS[name].flags) <= processor_flags()]
SKLEARN = Contender("sklearn", "with_sklearn", (Variant(1),))
UNSEEN = Seen(problem="not now")

has_avx2 = pytest.mark.skipif("avx2" not in NARROW, reason="needs a processor with AVX2")
can_be_watched = pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64"),
    reason="only Linux on x86-64 lets it be watched",
)


@pytest.mark.parametrize(
    ("code", "bits"),
    [  # as GNU as translates them
        ("c5 f4 58 c2", 256),  # vaddps %ymm2,%ymm1,%ymm0
        ("c5 f0 58 c2", 128),  # vaddps %xmm2,%xmm1,%xmm0
        ("c4 e2 75 b8 c2", 256),  # vfmadd231ps %ymm2,%ymm1,%ymm0
        ("c4 e2 71 b8 c2", 128),  # vfmadd231ps %xmm2,%xmm1,%xmm0
        ("62 f1 74 48 58 c2", 512),  # vaddps %zmm2,%zmm1,%zmm0
        ("62 a1 74 20 58 c2", 256),  # vaddps %ymm18,%ymm17,%ymm16
        ("62 a1 74 00 58 c2", 128),  # vaddps %xmm18,%xmm17,%xmm16
        ("62 f1 74 18 58 c2", 512),  # vaddps {rn-sae},%zmm2,%zmm1,%zmm0
        ("62 f1 74 58 58 00", 512),  # vaddps (%rax){1to16},%zmm1,%zmm0
        ("0f 58 c1", 0),  # addps %xmm1,%xmm0
        ("44 0f 29 00", 0),  # movaps %xmm8,(%rax)
        ("48 89 c8", 0),  # mov %rcx,%rax
    ],
)
def test_an_instruction_tells_the_width_of_its_vectors(code, bits):
    assert vector_bits(bytes.fromhex(code).ljust(15, b"\x90")) == bits


def test_an_isa_that_this_machine_lacks_is_one_line(monkeypatch):
    monkeypatch.setattr(isa, "processor_flags", lambda: {"sse4_2", "avx2", "fma"})
    assert find_isa("avx2").bits == 256
    with pytest.raises(
        UsageError, match="--isa avx512 cannot be measured here: this processor has no avx512f"
    ):
        find_isa("avx512")


@pytest.mark.parametrize("module", [train, predict, scaling])
def test_an_unknown_isa_is_refused_before_the_work(module, invoke):
    result = invoke(module.command, "--isa", "avx3")
    assert isinstance(result.exception, UsageError)
    assert "native, avx512, avx2, sse" in str(result.exception)


@has_avx2
def test_a_gpu_has_no_isa(invoke):
    result = invoke(train.command, "--isa", "avx2", "--device", "cuda")
    assert "--isa is for the CPU" in str(result.exception)


def test_native_tells_nobody_anything():
    assert ISAS["native"].environment == {}
    assert told([SKLEARN], ISAS["native"]) == [SKLEARN]


@pytest.mark.parametrize(("is_intel", "expected"), [(True, None), (False, "COMPATIBLE")])
def test_mkl_is_told_in_the_way_it_hears(is_intel, expected, monkeypatch):
    monkeypatch.setattr(isa, "is_intel", lambda: is_intel)
    assert ISAS["sse"].environment.get("MKL_CBWR") == expected
    assert "MKL_CBWR" not in ISAS["avx2"].environment  # not Intel's: it has nothing wider anyway


def test_numpy_is_told_to_do_without_what_is_wider(monkeypatch):
    monkeypatch.setattr(
        isa, "numpy_features", lambda: ["SSE42", "AVX2", "FMA3", "X86_V3", "AVX512_SKX", "X86_V4"]
    )
    assert ISAS["avx2"].environment["NPY_DISABLE_CPU_FEATURES"] == "AVX512_SKX X86_V4"
    assert (
        ISAS["sse"].environment["NPY_DISABLE_CPU_FEATURES"] == "AVX2 FMA3 X86_V3 AVX512_SKX X86_V4"
    )
    assert "NPY_DISABLE_CPU_FEATURES" not in ISAS["avx512"].environment
    assert feature_bits("SSE42") == 128


def test_what_a_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.mine=1")
    loops = Variant(1, environment={"XLA_FLAGS": "--loops"})
    [contender] = told([Contender("jax", "with_jax", (loops,))], ISAS["sse"])
    environment = workers._environment(contender.variants[0])
    flags = environment["XLA_FLAGS"].split()
    assert flags[:3] == ["--mine", "--loops", "--xla_cpu_max_isa=SSE4_2"]
    assert flags[-1] == "--xla_cpu_multi_thread_eigen=false"
    assert environment["GLIBC_TUNABLES"].startswith("glibc.mine=1:glibc.cpu.hwcaps=-AVX512F")
    assert environment["NUMBA_CPU_FEATURES"] == ""


@pytest.mark.parametrize(
    ("words", "bits"),
    [
        ("Intel AVX-512 with Intel DL Boost", 512),
        ("Intel(R) Advanced Vector Extensions 512 (Intel(R) AVX-512) enabled processors", 512),
        ("Intel AVX10.1/512", 512),
        ("Intel AVX2 with Intel DL Boost", 256),
        ("Intel SSE4.1", 128),
        ("Intel(R) Architecture processors", None),
    ],
)
def test_what_intels_libraries_say(words, bits):
    assert bits_in(words) == bits


@pytest.mark.parametrize(
    ("says", "seen", "verdict"),
    [
        ([Report("A", "AVX2", 256)], UNSEEN, "obeys"),
        (
            [Report("A", "AVX2", 256), Report("B", "does not say", None)],
            UNSEEN,
            "cannot be shown to obey",
        ),
        ([], UNSEEN, "cannot be shown to obey"),
        ([Report("B", "does not say", None)], Seen(Counter({0: 400, 256: 100})), "obeys"),
        (
            [Report("B", "does not say", None)],
            Seen(Counter({0: 4, 256: 1})),
            "cannot be shown to obey",
        ),
        (
            [Report("A", "AVX2", 256)],
            Seen(Counter({0: 999, 512: 1})),
            "does not obey: vectors of 512 bits",
        ),
        ([Report("A", "AVX-512", 512)], Seen(Counter({256: 9})), "does not obey: A AVX-512"),
    ],
)
def test_verdicts(says, seen, verdict):
    assert Obedience("any", ISAS["avx2"], says, seen).verdict == verdict


@can_be_watched
@pytest.mark.parametrize("name", NARROW)
def test_sklearn_obeys(name):
    [contender], [found] = check_obedience([SKLEARN], ISAS[name], TRAINING)
    assert (
        contender.variants[0].environment["OPENBLAS_CORETYPE"]
        == {"avx2": "Haswell", "sse": "Nehalem"}[name]
    )
    assert found.verdict == "obeys", str(found)
    assert max(report.bits for report in found.says) == ISAS[name].bits
    if not found.seen.problem:
        assert found.seen.samples > 100


@can_be_watched
@has_avx2
def test_fastmlp_obeys():
    own = Contender(OWN, "with_fastmlp", (Variant(1, {"gemm": "tiles"}),))
    _, [found] = check_obedience([own], ISAS["avx2"], TRAINING)
    assert found.verdict == "obeys", str(found)
    assert found.says[0] == Report("kernels", "AVX2 and FMA (haswell)", 256)


@can_be_watched
@has_avx2
def test_one_that_was_not_told_is_found_out(monkeypatch):
    """Both by what it says and by what it is seen to do."""
    monkeypatch.setattr(obedience, "told", lambda contenders, isa: contenders)
    with pytest.raises(FastMLPError, match="no contender keeps to --isa sse") as caught:
        check_obedience([SKLEARN], ISAS["sse"], TRAINING)
    assert "OpenBLAS" in str(caught.value)
    if "could not be watched" not in str(caught.value):
        assert "vectors of " in str(caught.value)


@can_be_watched
def test_a_process_that_may_not_be_stopped_is_told(monkeypatch):
    from bench import watch as module

    def refuse(request, thread, data=None):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module, "_ptrace", refuse)
    with Worker(SKLEARN, SKLEARN.variants[0], "Product", None, size=256) as worker:
        seen = watch(worker.process, lambda: worker.run(100))
    assert (seen.samples, seen.problem) == (
        0,
        "the system does not let it be stopped: Operation not permitted",
    )


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_peers_say_what_they_were_told(library, name):
    pytest.importorskip(library, reason=f"{library} is not installed (the extra bench)")
    [contender] = told([Contender(library, f"with_{library}", (Variant(1),))], ISAS[name])
    with Worker(contender, contender.variants[0], "Prediction", obedience.SHAPE, batch=8) as worker:
        worker.run(1)
        says = {report.library: report.bits for report in worker.vectors()}
    expected = {
        "torch": {"ATen": ISAS[name].bits, "oneDNN": ISAS[name].bits},
        "jax": {"XLA": ISAS[name].bits},
    }[library]
    assert expected.items() <= says.items()
    assert "YNNPACK" not in says


@has_avx2
@pytest.mark.usefixtures("without_peers")
def test_training_says_which_isa_was_in_force_and_leaves_out_who_disobeys(
    tiny, invoke, tmp_path, monkeypatch
):
    def watched(name, contender, variant, isa, work):
        bits = 512 if contender.name == "sklearn" else 256
        return Obedience(name, isa, [Report("its library", "says", bits)], UNSEEN)

    monkeypatch.setattr(obedience, "_watched", watched)
    monkeypatch.setattr(train, "peak_size", lambda place: 32)
    titles = []
    monkeypatch.setattr(train, "draw_bars", lambda groups, title, label: titles.append(title))
    monkeypatch.setattr(
        train, "write_results", lambda report, json_file, plot_file, draw: draw(report)
    )
    reports = []
    monkeypatch.setattr(train, "_is_complete", lambda entry, own: reports.append(entry) or True)
    result = invoke(train.command, "--isa", "avx2", "--shapes", "tiny", *QUICK)
    assert result.exception is None, result.output
    assert ", isa avx2, load" in result.stdout
    assert "--isa avx2: fastmlp obeys; its library says" in result.stdout
    assert "--isa avx2: sklearn does not obey: its library says" in result.stdout
    assert "tiny: 5-7-3, batch 4, adam, AVX2 at most" in result.stdout
    assert [each["contender"] for each in reports[0]["results"]] == ["fastmlp"]
    [title] = titles
    assert title.endswith(", AVX2 at most")


@pytest.mark.usefixtures("without_peers")
def test_native_is_the_default_and_watches_nobody(tiny, invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(obedience, "check_obedience", None)  # or it would be called
    file = tmp_path / "predict.json"
    words = ("--shapes", "tiny", "--batches", 1, "--peers", "none", *QUICK, "--json", file)
    result = invoke(predict.command, *words)
    assert result.return_value == 0, (result.output, result.exception)
    report = json.loads(file.read_text())
    assert report["isa"] == {"name": "native", "contenders": []}
    assert report["machine"]["isa"] == "native"
    assert "at most" not in result.stdout
