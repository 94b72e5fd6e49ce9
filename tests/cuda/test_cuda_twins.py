"""Every CUDA kernel is a Numba kernel's twin: name, arguments, access, file, formula agree."""

import inspect
import re

import pytest
from numba.core.dispatcher import Dispatcher

from fastmlp.kernels import constants
from fastmlp.kernels.cpu import activations, losses
from fastmlp.kernels.cuda import source
from fastmlp.kernels.operation import OPERATIONS, reads
from tools.cuda_emulator.instances import functions_with_derivative, instances

BY_CUBLAS = "matrix products are cuBLAS's on CUDA"
CPU_ONLY = {
    **dict.fromkeys(("blas_gemm_nn", "blas_gemm_nt", "blas_gemm_tn"), BY_CUBLAS),
    **dict.fromkeys(("gemm_nn", "gemm_nn_by_columns", "gemm_tn"), BY_CUBLAS),
    **dict.fromkeys(
        ("bfloat16_gemm_nn", "bfloat16_gemm_nn_by_columns", "bfloat16_gemm_tn"), BY_CUBLAS
    ),
    **dict.fromkeys(("amx_gemm_nn", "amx_gemm_nn_by_columns", "amx_gemm_tn"), BY_CUBLAS),
    **dict.fromkeys(
        ("gemm_tn_momentum", "bfloat16_gemm_tn_momentum", "amx_gemm_tn_momentum"),
        "momentum_step after cuBLAS's product on CUDA: see Backend.moves_weights",
    ),
    "allreduce": "sums over ranks are NCCL's on CUDA: backend/cuda/nccl.py",
    "transpose": "serves gemm_nn; cuBLAS transposes while it multiplies",
}
# The C++ type of each kind of argument; functions are template parameters.
TYPES = {"matrix": "Matrix", "vector": "Vector", "integer": "int64", "real": "double"}
SCALAR_FILES = {activations: "activations.cuh", losses: "losses.cu"}
SCALAR = re.compile(r"__device__ T (\w+)\((T \w+(?:, T \w+)+)\) \{")


def disagreements(kernel, operation):
    """Return in words where a kernel's signature is not its twin's."""
    functions = [name for name, kind in operation.passed.items() if kind.kind == "function"]
    passed = {name: kind for name, kind in operation.passed.items() if name not in functions}
    found = []
    if kernel.functions != functions:
        found.append(f"functions {kernel.functions}, not {functions}")
    if [parameter.name for parameter in kernel.parameters] != list(passed):
        found.append(
            f"arguments {[parameter.name for parameter in kernel.parameters]}, not {list(passed)}"
        )
        return found
    for parameter, argument in zip(kernel.parameters, passed.values(), strict=True):
        if parameter.kind != TYPES[argument.kind]:
            found.append(f"{parameter.name} is a {parameter.kind}, not a {TYPES[argument.kind]}")
        elif parameter.element and parameter.is_read_only != (argument.access == reads):
            found.append(
                f"{parameter.name} is {'' if parameter.is_read_only else 'not '}const, but"
                f" {argument.access}"
            )
    return found


@pytest.mark.parametrize("name", sorted(source.kernels()))
def test_kernel_is_the_twin_of_its_operation(name):
    kernel, operation = source.kernels()[name], OPERATIONS[name]
    assert disagreements(kernel, operation) == []
    assert kernel.stem == operation.body.__module__.rpartition(".")[2]


def test_every_operation_has_a_kernel_or_a_reason():
    assert set(source.kernels()) | set(CPU_ONLY) == set(OPERATIONS)
    assert set(source.kernels()) & set(CPU_ONLY) == set()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Vector<const T> g", "Vector<T> g"),
        ("Vector<T> velocity", "Vector<const T> velocity"),
        ("Vector<T> velocity", "Matrix<T> velocity"),
        ("Vector<T> velocity", "Vector<T> speed"),
        ("Vector<T> w, Vector<const T> g", "Vector<const T> g, Vector<T> w"),
        ("double mu,", "int64 mu,"),
        ("double mu,", ""),
        ("<typename T>", "<typename T, Activation<T> value>"),
    ],
)
def test_a_kernel_that_is_no_twin_is_found(right, wrong):
    text = (source.HERE / "optimizers.cu").read_text(encoding="utf-8")
    match = next(match for match in source.SIGNATURE.finditer(text) if match["name"] == "momentum")
    assert right in match[0]
    broken = source._kernel("optimizers", source.SIGNATURE.match(match[0].replace(right, wrong)))
    assert disagreements(source.kernels()["momentum"], OPERATIONS["momentum"]) == []
    assert disagreements(broken, OPERATIONS["momentum"])


@pytest.mark.parametrize("name", sorted(source.kernels()))
def test_launch_word_is_about_an_array_of_the_kernel(name):
    kernel = source.kernels()[name]
    arrays = [parameter.name for parameter in kernel.parameters if parameter.element]
    assert kernel.over in arrays if kernel.launch.startswith("EACH_") else kernel.over == ""


def plain(text):
    """Return prose without what differs by language: quotes of code and line breaks."""
    return " ".join(text.replace("`", "").split())


@pytest.mark.parametrize(
    "name", sorted(name for name in source.kernels() if not OPERATIONS[name].composite)
)
def test_comment_is_the_formula_of_the_twin(name):
    text = (source.HERE / f"{source.kernels()[name].stem}.cu").read_text(encoding="utf-8")
    before = text[: text.index(f" {name}(") if f" {name}(" in text else text.index(f"\n{name}(")]
    comment = re.findall(r"((?:^//.*\n)+)(?:template|__global__)", before, re.MULTILINE)[
        -1
    ].replace("//", "")
    formula = inspect.getdoc(OPERATIONS[name].body).partition("\n\n")[0]
    assert formula
    assert plain(comment).startswith(plain(formula))


@pytest.mark.parametrize(
    "module", SCALAR_FILES, ids=lambda module: module.__name__.rpartition(".")[2]
)
def test_scalar_functions_are_the_same(module):
    text = (source.HERE / SCALAR_FILES[module]).read_text(encoding="utf-8")
    twins = {
        name: list(inspect.signature(function.py_func).parameters)
        for name, function in vars(module).items()
        if isinstance(function, Dispatcher) and function.__module__ == module.__name__
    }
    assert {
        name: parameters.replace("T ", "").split(", ") for name, parameters in SCALAR.findall(text)
    } == twins
    assert set(twins) <= source.scalar_functions()


@pytest.mark.parametrize("stem", sorted({kernel.stem for kernel in source.kernels().values()}))
def test_numbers_are_pasted(stem):
    first_line = source.text(stem).partition("\n")[0]
    numbers = {name: value for name, value in vars(constants).items() if type(value) is int}
    assert {name: int(value) for name, value in re.findall(r"(\w+) = (\d+)", first_line)} == numbers
    assert numbers


def test_instances_cover_every_type_and_function():
    assert {instance.kernel.name for instance in instances()} == set(source.kernels())
    names = [instance.name for instance in instances()]
    assert len(names) == len(set(names))
    for name in functions_with_derivative(activations):
        assert f"bias_activation<float, {name}<float>>" in names
        assert f"activation_bias_gradient<double, {name}_derivative<double>>" in names
    for name in functions_with_derivative(losses):
        assert f"elementwise_loss<float, {name}<float>, {name}_derivative<float>>" in names
    assert {f"gather_rows<{kind}, float>" for kind in ("uint8", "float", "double")} <= set(names)
    assert {f"gather_elements<{kind}>" for kind in ("int32", "float", "double")} <= set(names)
