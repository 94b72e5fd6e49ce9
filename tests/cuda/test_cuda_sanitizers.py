"""The search for races and overruns finds them, also in our kernels with a barrier taken out."""

import numpy as np
import pytest

from fastmlp.kernels.cuda import source
from tools.cuda_emulator import builder, check_sanitizers, sanitizer_inputs
from tools.cuda_emulator.check_sanitizers import PLANTED, Job, Planted, chosen
from tools.cuda_emulator.instances import instances
from tools.cuda_emulator.launches import Array, Launch, run

pytestmark = pytest.mark.skipif(
    builder.compiler() is None, reason="the emulated device needs g++, which is not installed"
)
STEMS = sorted({kernel.stem for kernel in source.kernels().values()})


# All of them are run by check_sanitizers.py; here one for each kind of finding.
@pytest.mark.parametrize(
    "name",
    ["missing_syncwarp_global", "uninitialised_shared", "overrun_of_a_pack", "overrun_of_shared"],
)
def test_a_planted_fault_is_found_at_its_line_and_its_twin_passes(name, capsys):
    assert Planted.read(PLANTED / f"{name}.cu").problem() == ""
    assert f"planted/{name}.cu:" in capsys.readouterr().out


def test_a_planted_fault_that_is_not_found_is_a_problem(tmp_path):
    path = tmp_path / "missing_syncwarp_global.cu"
    faultless = (PLANTED / path.name).read_text().replace("void faulty", "void other")
    twin = faultless[faultless.index("__global__ void correct") :]
    path.write_text(faultless.replace("void correct", "void faulty") + twin)
    problem = Planted.read(path).problem()
    assert problem.startswith("planted/missing_syncwarp_global.cu: not found by the thread build")


def test_a_fault_in_the_twin_is_a_problem(tmp_path):
    path = tmp_path / "add_across_blocks.cu"
    path.write_text(
        (PLANTED / path.name)
        .read_text()
        .replace("atomicAdd(reinterpret_cast<int*>(out.data), 1)", "out[0] = 1")
    )
    problem = Planted.read(path).problem()
    assert problem.startswith("planted/add_across_blocks.cu: a fault in the twin")
    assert "data race" in problem


@pytest.mark.parametrize("word", ["Found by: nobody", "Found by: thread"])
def test_a_planted_file_must_say_who_finds_it_and_where(tmp_path, word):
    path = tmp_path / "vague.cu"
    path.write_text(f"// Fault: none.\n// {word}\n")
    with pytest.raises(ValueError, match="must say"):
        Planted.read(path)


def test_every_planted_file_names_its_fault():
    planted = [Planted.read(path) for path in PLANTED.glob("*.cu")]
    assert len({each.fault for each in planted}) == len(planted) >= 13
    assert {each.sanitizer for each in planted} == {"thread", "address"}


@pytest.mark.parametrize(
    ("which", "found"),
    [(0, "Shared memory is read before it is written"), (1, "data race")],
    ids=["before the parts are read", "before the next sum"],
)
def test_a_barrier_taken_out_of_the_library_is_found(monkeypatch, capsys, which, found):
    before, block_sum, after = source.text("losses").partition("T block_sum(T own)")
    pieces = after.split("__syncthreads();", 2)
    after = (
        pieces[0]
        + ("__syncthreads();" + pieces[1] if which else pieces[1] + "__syncthreads();")
        + pieces[2]
    )
    monkeypatch.setattr(source, "text", lambda stem: before + block_sum + after)
    sums = tuple(each for each in chosen("losses", True) if each.kernel.name == "accumulate_sums")
    faults = Job("losses", "thread", sums).faults()
    assert len(faults) == 1
    assert faults[0].startswith("losses.cu, ThreadSanitizer: accumulate_sums")
    assert found in faults[0]
    assert "block_sum" in faults[0]
    assert "1 FAULTS" in capsys.readouterr().out


def test_a_row_too_short_is_found():
    program = builder.build(source.text("dense"), ["add_bias<float>"], "address")
    for size, is_faulty in ((8, False), (7, True)):
        arrays = Array(np.ones((3, 8), np.float32)), Array(np.ones(size, np.float32))
        outcome = run(program, [Launch("add_bias<float>", (1, 1, 1), (2, 3, 1), arrays)], 20)
        assert ("heap-buffer-overflow" in outcome.report) is is_faulty
        assert any(file == "kernels/cuda/dense.cu" for file, _ in outcome.places) is is_faulty


def test_a_launch_that_does_not_end_is_stopped():
    text = (
        "struct V { volatile int* data; long long size; }; __global__ void endless(V v) { while"
        " (v.data[0]) {} }"
    )
    launch = Launch("endless", (1, 1, 1), (1, 1, 1), (Array(np.ones(1, np.int32)),), "for ever")
    outcome = run(builder.build(text, ["endless"], "address"), [launch], 1)
    assert outcome.headline == "no end after 1 seconds"
    assert outcome.label == "for ever"


def test_what_a_launch_refuses_is_a_fault():
    program = builder.build("__global__ void nothing(long long n) {}", ["nothing"], "address")
    assert run(program, [Launch("nothing", (1, 1, 1), (32, 1, 1), (1,))], 20).report == ""
    assert (
        "a grid of 0 blocks"
        in run(program, [Launch("nothing", (0, 1, 1), (32, 1, 1), (1,))], 20).headline
    )


@pytest.mark.parametrize("stem", STEMS)
def test_every_kernel_has_inputs_at_every_size(stem):
    assert {each.kernel.name for each in chosen(stem, True)} == {
        each.kernel.name for each in instances(stem)
    }
    for instance in chosen(stem, False):
        launches = list(sanitizer_inputs.launches(instance))
        assert len({launch.label for launch in launches}) == len(launches)
        for launch in launches:
            assert len(launch.arguments) == len(instance.kernel.parameters)
        if instance.kernel.launch != "ONE_THREAD":
            arrays = [
                each for launch in launches for each in launch.arguments if isinstance(each, Array)
            ]
            sizes = {array.content.size for array in arrays}
            assert {0, 1} < sizes
            assert max(sizes) > 1024
            assert any(array.offset for array in arrays)


def test_an_argument_without_an_input_is_an_error(monkeypatch, capsys):
    numbers = {
        name: values for name, values in sanitizer_inputs.NUMBERS.items() if name != "epsilon"
    }
    monkeypatch.setattr(sanitizer_inputs, "NUMBERS", numbers)
    monkeypatch.setattr(check_sanitizers, "check_planted", list)
    monkeypatch.setattr(
        check_sanitizers, "check", lambda stems, quick: [list(map(launches_of, stems)), []][1]
    )
    assert check_sanitizers.main([]) == 1
    assert "no value for the number 'epsilon'" in capsys.readouterr().err


def launches_of(stem):
    return [list(sanitizer_inputs.launches(instance)) for instance in chosen(stem, True)]


@pytest.mark.parametrize(("faults", "status"), [([], 0), (["a race"], 1)])
def test_the_check_ends_with_what_it_found(monkeypatch, capsys, faults, status):
    monkeypatch.setattr(check_sanitizers, "check_planted", list)
    monkeypatch.setattr(check_sanitizers, "check", lambda stems, quick: faults)
    assert check_sanitizers.main(["--quick"]) == status
    assert ("FAULT: a race" in capsys.readouterr().err) is bool(faults)


def test_without_a_compiler_the_check_fails(monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert check_sanitizers.main([]) == 1
    assert "need g++" in capsys.readouterr().err
