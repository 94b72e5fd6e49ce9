"""``--device cuda``: who takes part on a GPU, who says why not, what is written of the machine."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from bench import agreement, gpu, train, workers
from bench.contenders import (
    STEPS_AT_A_TIME,
    WHOLE_LOOPS,
    Contender,
    Variant,
    find_gpu_peers,
    own_on_gpu,
)
from bench.gpu import describe_gpus, line_up_on_gpu
from bench.machine import machine_lines
from bench.place import Place, parse_place
from bench.workers import Worker, WorkerError
from fastmlp.errors import DeviceError, UsageError
from fastmlp.machine.throughput import Shape

HERE = Place("cuda:0")
QUICK = ("--rounds", 1, "--seconds", 0.001, "--threads", 1)


@pytest.mark.parametrize(
    ("word", "device", "index"), [("cpu", "cpu", 0), ("cuda", "cuda:0", 0), ("cuda:3", "cuda:3", 3)]
)
def test_places(word, device, index):
    place = parse_place(word, "highest")
    assert (place.device, place.index, place.is_gpu) == (device, index, word != "cpu")
    assert place.options == ({"device": device, "precision": "highest"} if place.is_gpu else {})


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--device", "gpu"], "Accepted: cpu, cuda, cuda:N"),
        (["--matmul-precision", "high"], "for --device cuda"),
        (["--device", "cuda", "--matmul-precision", "tf32"], "Accepted: highest, high"),
        (["--device", "cuda", "--gemm", "blas"], "--gemm"),
        (["--device", "cuda", "--peers", "sklearn"], "Accepted: torch, jax"),
    ],
)
def test_wrong_usage_is_told_first(invoke, words, named):
    result = invoke(train.command, *words)
    assert isinstance(result.exception, UsageError)
    assert named in str(result.exception)


def test_without_a_gpu_the_command_says_why(invoke, monkeypatch):
    def refuse(index):
        raise DeviceError(f"there is no driver for number {index}. Install one.")

    monkeypatch.setattr(gpu, "open_device", refuse)
    result = invoke(train.command, "--device", "cuda:2", "--peers", "none")
    assert isinstance(result.exception, DeviceError)
    assert "'cuda:2' cannot be measured: there is no driver for number 2" in str(result.exception)


@pytest.fixture
def installed(monkeypatch):
    """A machine on which every peer is installed."""
    from bench import contenders

    monkeypatch.setattr(contenders, "_is_installed", lambda package: True)


def test_who_takes_part_and_how(installed):
    found, missing = find_gpu_peers(["torch", "jax"], Place("cuda:1", "high"), threads=4)
    assert missing == {}
    names = [contender.name for contenders in found.values() for contender in contenders]
    assert names == ["torch eager", "torch graphs", "jax"]
    kinds = [
        name
        for contenders in found.values()
        for contender in contenders
        for name, _ in contender.kinds
    ]
    several = f"{STEPS_AT_A_TIME} steps at a time"
    assert kinds == [
        "torch eager",
        "torch graphs",
        f"torch graphs ({several})",
        f"torch graphs ({several}, compiled)",
        "jax",
        f"jax ({several})",
        "jax (loop as a graph)",
    ]
    for contenders in found.values():
        for variant in (variant for contender in contenders for variant in contender.variants):
            assert str(variant).startswith("cuda:1")
            assert (variant.options["device"], variant.options["precision"]) == ("cuda:1", "high")


def test_who_is_not_installed_is_named(without_peers):
    found, missing = find_gpu_peers(["torch", "jax"], HERE, threads=1)
    assert found == {}
    assert all("'fastmlp[bench]'" in line for line in missing.values())


def test_a_library_without_a_gpu_is_left_out_and_says_why(installed, monkeypatch):
    def asked(contender):
        if contender.name == "jax":
            raise WorkerError("jax (cuda:0) cannot be measured: it finds no GPU.")
        return {"device": "a device", "libraries": contender.name}

    monkeypatch.setattr(gpu, "open_device", lambda index: None)
    monkeypatch.setattr(gpu, "_asked", asked)
    present = line_up_on_gpu(["torch", "jax"], HERE, threads=1)
    assert [each.name for each in present.own + present.peers] == [
        "fastmlp",
        "torch eager",
        "torch graphs",
    ]
    assert present.missing == {"jax": "jax (cuda:0) cannot be measured: it finds no GPU."}
    assert set(present.devices) == {"fastmlp", "torch"}


def test_the_real_peers_say_why_there_is_no_gpu(monkeypatch):
    """In processes of their own, as they are installed here."""
    found, _ = find_gpu_peers(["torch", "jax"], HERE, threads=1)
    if not found:
        pytest.skip("neither PyTorch nor JAX is installed (the extra bench)")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for contenders in found.values():
        with pytest.raises(WorkerError, match=r"was built without CUDA|finds no GPU"):
            gpu._asked(contenders[0])


def test_variables_of_a_process():
    environment = workers._environment(Variant(1, {}, WHOLE_LOOPS))
    assert (
        environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    )  # or JAX would leave the others no memory
    assert WHOLE_LOOPS["XLA_FLAGS"] in environment["XLA_FLAGS"]
    assert "--xla_cpu_multi_thread_eigen=false" in environment["XLA_FLAGS"]
    assert WHOLE_LOOPS["XLA_FLAGS"] not in workers._environment(Variant(2)).get("XLA_FLAGS", "")


def test_an_error_made_for_people_is_told_as_it_is(tiny):
    impossible = Contender("own", "with_fastmlp", (Variant(1, {"device": "tpu"}),))
    with pytest.raises(
        WorkerError, match=r"own \(tpu\) cannot be measured: device 'tpu' is not known"
    ):
        Worker(impossible, impossible.variants[0], "Training", tiny, shuffle=False)


def test_losses_are_compared_over_graphs_of_several_steps(monkeypatch):
    seen = []
    monkeypatch.setattr(
        agreement,
        "_run_each",
        lambda contenders, work, count: (seen.append(work.shape.rows), ({}, []))[1],
    )
    shape = Shape("any", (3, 2, 3), 4, "sgd", 0.1, rows=10_000)
    plain = Contender("plain", "with_fastmlp", (Variant(1),))
    several = Contender("several", "with_jax", (Variant(1), Variant(1, {"steps": 16})))
    for contenders in ([plain], [plain, several]):
        agreement.check_training(contenders, shape, whole_epochs=False)
    assert seen == [4 * agreement.FEW_BATCHES, 4 * (agreement.FEW_BATCHES + 32)]


def test_every_kind_is_compared(tiny, monkeypatch):
    ran = []

    class Work:
        def __init__(self, *words):
            pass

        def start(self, contender, variant):
            ran.append(str(variant))
            raise WorkerError("no")

    monkeypatch.setattr(agreement, "Work", Work)
    threads = Contender("threads", "with_sklearn", (Variant(4), Variant(1)))
    compiled = Contender("compiled", "with_torch", (Variant(2), Variant(2, {"compiled": True})))
    agreement.check_training([threads, compiled], tiny, whole_epochs=False)
    assert ran == ["4 threads", "2 threads", "2 threads, compiled"]


class TestDriver:
    def test_what_its_tool_says(self, monkeypatch):
        line = "NVIDIA Some, 570.1, 81559 MiB, 700.00 W, 1980 MHz\n"
        monkeypatch.setattr(gpu.shutil, "which", lambda name: name)
        monkeypatch.setattr(
            gpu.subprocess, "run", lambda *words, **named: SimpleNamespace(stdout=2 * line)
        )
        assert describe_gpus() == [
            "GPU 0: NVIDIA Some, driver 570.1, 81559 MiB, 700.00 W, at most 1980 MHz",
            "GPU 1: NVIDIA Some, driver 570.1, 81559 MiB, 700.00 W, at most 1980 MHz",
        ]

    def test_no_tool(self, monkeypatch):
        monkeypatch.setattr(gpu.shutil, "which", lambda name: None)
        assert describe_gpus() == ["nvidia-smi is not installed: driver and clocks are not known"]

    def test_a_tool_that_fails(self, monkeypatch):
        def fail(*words, **named):
            raise subprocess.CalledProcessError(9, "nvidia-smi")

        monkeypatch.setattr(gpu.shutil, "which", lambda name: name)
        monkeypatch.setattr(gpu.subprocess, "run", fail)
        [line] = describe_gpus()
        assert line.startswith("nvidia-smi fails, driver and clocks are not known")


def test_the_report_names_the_gpu():
    machine = {"processor": "one", "cores": 2, "flags": [], "isa": "native", "load": 0.0,
        "python": "3", "versions": {},
               "blas": "b", "openblas_coretype": None, "gpus": ["GPU 0: x"],
               "found": {"torch": {"device": "x",
                       "libraries": "PyTorch 9 for CUDA 1"}}}  # fmt: skip
    assert machine_lines(machine)[-2:] == ["GPU 0: x", "torch on x: PyTorch 9 for CUDA 1"]


def test_memory_and_notices_come_from_the_contender(tiny, invoke, tmp_path, monkeypatch):
    """The whole command where the GPU is only pretended: the device is the CPU, renamed."""
    on_cpu = Contender("fastmlp", "with_fastmlp", (Variant(1, {"device": "cpu"}),))
    monkeypatch.setattr(
        train,
        "line_up_on_gpu",
        lambda *words: train.LineUp([on_cpu], [], {"jax": "no"}, OWN_DEVICE),
    )
    monkeypatch.setattr(train, "_peak", lambda *words: {"any": 1.0})
    files = tmp_path / "gpu.json", tmp_path / "gpu.svg"
    words = ("--device", "cuda", "--shapes", "tiny", *QUICK, "--json", files[0], "--plot", files[1])
    result = invoke(train.command, *words)
    assert result.return_value == 0, (result.output, result.exception)
    report = json.loads(files[0].read_text())
    assert (report["machine"]["device"], report["machine"]["precision"]) == ("cuda:0", "highest")
    [measured] = report["shapes"]["tiny"]["results"]
    assert (measured["device_bytes"], measured["notices"]) == (0, [])
    assert "GPU memory" in result.stdout
    assert "missing: no" in result.stdout
    assert "fastmlp on nothing: none" in result.stdout
    assert "A training step on nothing" in files[1].read_text()


OWN_DEVICE = {"fastmlp": {"device": "nothing", "libraries": "none"}}


def test_fastmlp_on_a_gpu_is_one_contender():
    own = own_on_gpu(Place("cuda:1", "high"), threads=3)
    assert (own.name, own.is_peer, str(own.variants[0])) == ("fastmlp", False, "cuda:1")
