"""The compile check itself: it reads what ptxas and NVRTC write, and what is planted is found."""

import json
import os
import sys
from pathlib import Path

import pytest
from oracles.command_line import captured

from tools.cuda_compile.check_compile import Compilation, Usage, read_log, table, wrong_accesses
from tools.cuda_compile.ptx import Access, accesses
from tools.cuda_emulator.instances import instances

ROOT = Path(__file__).parents[2]
LOG = """\
ptxas info    : 44 bytes gmem, 80 bytes cmem[4]
ptxas info    : Compiling entry function '_Z3sgdIfE' for 'sm_80'
ptxas info    : Function properties for _Z3sgdIfE
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 2048 bytes smem, 432 bytes cmem[0]
ptxas info    : Compile time = 29.871 ms
ptxas info    : Compiling entry function '_Z4adamIfE' for 'sm_80'
ptxas info    : Function properties for _Z4adamIfE
    24 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Function properties for helper
    8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers, 24 bytes cumulative stack size
"""
# data[i] of parameter 0 goes to parameter 1, through a loop's register; shared memory and sizes are
# no accesses.
PTX = """\
.weak .entry copy(
	.param .align 8 .b8 copy_param_0[16],
	.param .align 8 .b8 copy_param_1[16]
)
{
	ld.param.u64 	%rd1, [copy_param_0];
	ld.param.u64 	%rd2, [copy_param_0+8];
	ld.param.u64 	%rd3, [copy_param_1];
	cvta.to.global.u64 	%rd4, %rd1;
	cvta.to.global.u64 	%rd5, %rd3;
	mov.u64 	%rd6, %rd4;
$L__BB0_2:
	ld.global.v4.f32 	{%f1, %f2, %f3, %f4}, [%rd6+16];
	st.shared.f32 	[%r1], %f1;
	@%p1 st.global.v4.f32 	[%rd5], {%f1, %f2, %f3, %f4};
	add.s64 	%rd6, %rd6, %rd2;
	@%p2 bra 	$L__BB0_2;
	ret;
}
"""
PLANTED = {
    "error": "data[threadIdx.x] = no_such_name;",
    "warning": "int unused;",
    "spill": """
        T values[64];
        for (int i = 0; i < 64; ++i) values[i] = data[i * 1024 + threadIdx.x];
        for (int step = 0; step < size; ++step)
            for (int i = 0; i < 64; ++i) values[i] = values[i] * values[(i * 7 + 3) % 64] + T(1);
        for (int i = 0; i < 64; ++i) data[i * 1024 + threadIdx.x] = values[i];""",
    "nothing": "data[threadIdx.x] = T(size);",
}
KERNEL = (
    "template <typename T>\n__global__ void __launch_bounds__(1024, 2) planted(T* data, int size)"
    " {{ {body} }}"
)
COMPILE = """
import json, sys
from tools.cuda_compile import check_compile
if check_compile.missing_packages():
    sys.exit(check_compile.missing_packages())
made = check_compile.compile_text("planted", sys.argv[1], ["planted<float>"], 80)
print(json.dumps(made.problems))
"""


def test_the_log_of_ptxas_is_read():
    usages = read_log(LOG)
    assert usages == {"_Z3sgdIfE": Usage(40, shared=2048), "_Z4adamIfE": Usage(255, 0, 32, 12, 16)}
    assert [usage.spills for usage in usages.values()] == [False, True]


def test_the_table_shows_what_spills():
    made = [
        Compilation(
            "optimizers",
            80,
            {"sgd<float>": Usage(40, 2048), "adam<float>": Usage(255, 0, 32, 12, 16)},
        )
    ]
    lines = table(made, [80, 90]).splitlines()[1:]
    assert [line.split() for line in lines] == [
        ["shared", "sm_80", "sm_90"],
        ["sgd<float>", "2048", "40", "-"],
        ["adam<float>", "0", "255", "(32/12/16)", "-"],
    ]


def test_loads_and_stores_are_followed_to_their_parameters():
    assert accesses(PTX) == {"copy": Access(loads={0}, stores={1})}
    assert accesses(PTX.replace("st.global.v4.f32", "st.local.v4.f32")) == {
        "copy": Access(loads={0}, stores=set())
    }


def test_a_function_between_kernels_is_no_part_of_the_one_before():
    function = ".func  (.param .b64 out) reduce(\n)\n{\n\tst.global.f32 \t[%rd4], %f1;\n}\n"
    other = PTX.replace("copy", "again")
    expected = Access(loads={0}, stores={1})
    assert accesses(PTX + function + other) == {"copy": expected, "again": expected}


@pytest.mark.parametrize(
    ("access", "words"),
    [
        (Access(loads={0, 1, 2}, stores={0}), []),
        (Access(loads={0, 1, 2}, stores=set()), ["the code never writes to w"]),
        (Access(loads={0, 1, 2}, stores={0, 1}), ["the code writes to g"]),
        (Access(loads={0, 2}, stores={0}), ["the code never reads g"]),
    ],
)
def test_code_that_is_not_what_its_signature_says_is_found(access, words):
    sgd = next(instance for instance in instances("optimizers") if instance.name == "sgd<float>")
    assert wrong_accesses(sgd, access) == [f"sgd<float>: {what}" for what in words]


def run(*arguments):
    """Run Python in the root folder, with the installed CuPy rather than the emulated one."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *arguments]
    return captured(command, cwd=ROOT, env=environment, timeout=100)


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ("error", "does not compile"),
        ("warning", "the compiler warns"),
        ("spill", "planted<float> spills"),
        ("nothing", None),
    ],
)
def test_what_is_planted_is_reported(planted, words):
    done = run("-c", COMPILE, KERNEL.format(body=PLANTED[planted]))
    if done.returncode == 1 and "Install" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    problems = json.loads(done.stdout)
    assert (words is None) == (problems == [])
    assert words is None or any(words in problem for problem in problems)
    assert planted != "error" or "no_such_name" in problems[0]


def test_a_missing_package_is_named():
    done = run(
        "-c",
        "import sys; sys.modules['cupy'] = None; from tools.cuda_compile import check_compile;"
        "sys.exit(check_compile.main())",
    )
    assert done.returncode == 2
    assert "CuPy cannot be imported" in done.stderr
    assert "pip install 'fastmlp[cuda12]'" in done.stderr
    assert "Traceback" not in done.stderr
