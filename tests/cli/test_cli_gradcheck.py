"""``fastmlp gradcheck``: what it prints, its exit code, and what it refuses."""

import pytest

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.cli.commands.gradcheck import ACCEPTED


@pytest.fixture
def wrong_tanh(monkeypatch):
    right = CpuBackend.scalar_function
    names = {"hyperbolic_tangent_derivative": "sigmoid_derivative"}
    monkeypatch.setattr(
        CpuBackend, "scalar_function", lambda self, name: right(self, names.get(name, name))
    )


def test_it_prints_every_layer_from_the_output_to_the_input(fastmlp):
    outcome = fastmlp(
        *"gradcheck --inputs 4 --hidden 5,3 --outputs 3 --activation tanh --seed 0".split()
    )
    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    headings = [line for line in lines if line.startswith(("loss: ", "dense_"))]
    assert headings == [
        "loss: softmax_cross_entropy", "dense_2: 3 → 3, identity", "dense_1: 5 → 3, tanh",
        "dense_0: 4 → 5, tanh",
    ]  # fmt: skip
    assert sum(line.endswith("  ok") for line in lines) == 10
    assert lines[-1].startswith("All 175 derivatives agree")
    assert max(map(len, lines)) <= 120


def test_explaining_adds_the_formulas(fastmlp):
    words = (
        *"gradcheck --batch-norm hidden --dropout 0.2 --activation tanh,gelu --l2 0.1".split(),
    )
    fastmlp(*words)  # whoever comes first may be told of compiled kernels
    short, explained = fastmlp(*words).out, fastmlp(*words, "--explain").out
    for formula in (
        "dW = xᵀ·dz",
        "f′ = 1 − a²",
        "mask/keep",
        "dy − dβ/m − x̂·dγ/m",
        "p − t",
        "l2·W",
        "ε^⅓",
    ):
        assert formula in explained
        assert formula not in short
    assert set(short.splitlines()) <= set(explained.splitlines())


def test_json_is_one_line_and_holds_the_numbers(fastmlp):
    outcome = fastmlp("gradcheck", "--json", "--loss", "mse", "--dropout", "0.2")
    assert outcome.code == 0
    assert outcome.out.count("\n") == 1
    report = outcome.json
    assert report["passed"] is True
    assert report["culprit"] is None
    assert [layer["name"] for layer in report["layers"]] == [
        "loss", "dense_2", "dropout_1", "dense_1", "dropout_0", "dense_0",
    ]  # fmt: skip
    for layer in report["layers"]:
        for each in layer["comparisons"]:
            assert each["backward"] == pytest.approx(each["differences"], rel=1e-4, abs=1e-7)
            assert each["error"] <= report["tolerance"]


def test_a_wrong_derivative_ends_with_exit_code_1_and_the_layer(fastmlp, wrong_tanh):
    outcome = fastmlp("gradcheck")
    assert outcome.code == 1
    last = outcome.out.splitlines()[-2:]
    assert last[0].startswith("WRONG: dense_1 (5 → 3, tanh): dW, db, dx")
    assert "dense_0" in last[1]
    report = fastmlp("gradcheck", "--json").json
    assert report["passed"] is False
    assert report["culprit"] == "dense_1"


def test_kinks_are_told(fastmlp):
    words = ("--hidden", "2,2", "--activation", "relu", "--bias-init", "zeros", "--dropout", 0.5)
    outcome = fastmlp("gradcheck", *words)
    assert outcome.code == 0
    assert "at kinks" in outcome.out
    assert "were left out" in outcome.out
    assert fastmlp("gradcheck", *words, "--json").json["passed"] is True


def test_help_shows_the_settings_that_count(fastmlp):
    text = fastmlp("gradcheck", "--help").out
    for name in ACCEPTED:
        assert f"--{name.replace('_', '-')}" in text
    assert "--epochs" not in text
    assert "[default: 5,3]" in " ".join(text.split())
    assert "[default: 256,128]" in " ".join(
        fastmlp("train", "--help").out.split()
    )  # the table itself is untouched


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--hidden", "0"), "hidden"),
        (("--activation", "rellu"), "relu"),
        (("--rows", "0"), "rows"),
        (("--lr", "1"), "--lr"),
        (("--device", "cuda:99"), "cuda"),
        (("--inputs", "1000000000"), "too large"),
    ],
)
def test_mistakes_get_one_line(fastmlp, words, named):
    fastmlp("gradcheck", *words).is_refused(named)
