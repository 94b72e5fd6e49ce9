"""The table of activations: each row says all that initial weights, exports and the gradient check
ask of it.
"""

import pickle

import pytest

from fastmlp.errors import UsageError
from fastmlp.export.activations import BY_TORCH_CLASS, ELSEWHERE
from fastmlp.nn.activations import ACTIVATIONS, parse_activation
from fastmlp.nn.initializers import ACCEPTED as INITIALIZERS

WITH_ARGUMENT = sorted(name for name, kind in ACTIVATIONS.items() if kind.argument)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_row_is_complete(name):
    activation = parse_activation(name)
    assert activation.kind.init in INITIALIZERS
    assert 0.5 < activation.gain < 2
    assert activation.formula.startswith("dz = ")
    assert not activation.formula.endswith("= "), "a row without a derivative for people"
    assert bool(ELSEWHERE[name].argument) == bool(activation.kind.argument)
    assert BY_TORCH_CLASS[ELSEWHERE[name].torch] == name


def test_exports_know_no_other():
    assert ELSEWHERE.keys() == ACTIVATIONS.keys()


def test_those_with_arguments():
    assert WITH_ARGUMENT == ["elu", "leaky_relu", "smooth_clip"]


@pytest.mark.parametrize("name", WITH_ARGUMENT)
def test_an_argument_is_read_and_written(name):
    assert parse_activation(name).parameter == ACTIVATIONS[name].argument.default
    activation = parse_activation(f" {name.upper()}( 0.30000000000000004 ) ")
    assert str(activation) == f"{name}(0.3)"
    assert parse_activation(activation.word).parameter == activation.parameter
    assert pickle.loads(pickle.dumps(activation)).gain == activation.gain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("leaky_relu(1)", "the slope must be at least 0 and less than 1"),
        ("leaky_relu(-0.1)", "the slope must be at least 0"),
        ("elu(0)", "alpha must be greater than 0"),
        ("smooth_clip(0)", "the limit must be greater than 0"),
        ("tanh(1)", "takes 0"),
        ("elu(word)", "not a number"),
    ],
)
def test_what_is_out_of_range_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        parse_activation(text)
