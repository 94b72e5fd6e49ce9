"""Initial weights: moments and bounds of large draws against theory, gains, words, errors."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles.networks import build

from fastmlp.errors import UsageError
from fastmlp.nn.activations import ACTIVATIONS, parse_activation
from fastmlp.nn.initializers import ACCEPTED, ALIASES, parse_initializer

FANS = 300, 500
RELU = parse_activation("relu")
GAINS = {"relu": math.sqrt(2), "tanh": 5 / 3, "selu": 0.75, "sigmoid": 1.0, "identity": 1.0}
# Those that many layers are made of: all with a distribution of their own, and tanh.
DEEP = [name for name, kind in ACTIVATIONS.items() if kind.init != "glorot_uniform"] + ["tanh"]


def draw(text, activation="relu", seed=0):
    generator = np.random.default_rng(seed)
    return parse_initializer(text).draw(generator, FANS, FANS, parse_activation(activation))


def check_distribution(values, mean, deviation, bound=None):
    """Compare sample mean and deviation with theory, within five of their own standard errors."""
    n = values.size
    assert abs(values.mean() - mean) < 5 * deviation / math.sqrt(n)
    # Var(s²) ≤ 2σ⁴/n for the normal distribution, less for the uniform one.
    assert abs(values.var() / deviation**2 - 1) < 5 * math.sqrt(2 / n)
    if bound is not None:
        assert np.abs(values - mean).max() <= bound
        assert np.abs(values - mean).max() > 0.999 * bound
        kurtosis = 1.8
    else:
        assert np.abs(values - mean).max() > 3.5 * deviation
        kurtosis = 3.0
    assert abs((((values - mean) / deviation) ** 4).mean() - kurtosis) < 0.1


SCALED = {
    "glorot": math.sqrt(2 / (FANS[0] + FANS[1])),
    "he": math.sqrt(2 / FANS[0]),  # with ReLU's gain √2
    "lecun": math.sqrt(1 / FANS[0]),
}


@pytest.mark.parametrize("rule", sorted(SCALED))
@pytest.mark.parametrize("shape", ["uniform", "normal"])
@pytest.mark.parametrize("gain", ["", "(1.5)", "(gain)", "( gain )"])
def test_scaled_rules(rule, shape, gain):
    base = 1 / math.sqrt(FANS[0]) if rule == "he" else SCALED[rule]
    factor = {"": math.sqrt(2) if rule == "he" else 1.0, "(1.5)": 1.5}.get(gain, math.sqrt(2))
    deviation = base * factor
    bound = math.sqrt(3) * deviation if shape == "uniform" else None
    check_distribution(draw(f"{rule}_{shape}{gain}"), 0.0, deviation, bound)


@pytest.mark.parametrize("activation", sorted(GAINS))
def test_he_takes_the_gain_of_its_activation(activation):
    check_distribution(draw("he_normal", activation), 0.0, GAINS[activation] / math.sqrt(FANS[0]))


def test_gain_of_leaky_relu_depends_on_its_slope():
    check_distribution(draw("he_normal", "leaky_relu(0.5)"), 0.0, math.sqrt(2 / 1.25 / FANS[0]))


@pytest.mark.parametrize("name", DEEP)
def test_signal_neither_dies_nor_explodes(name):
    """Ten wide layers keep the mean square of the signal within a factor of 100."""
    from oracles.activations import VALUES

    random = np.random.default_rng(1)
    value = VALUES["hyperbolic_tangent" if name == "tanh" else name]
    x = random.standard_normal((200, 300))
    for _ in range(10):
        x = value(
            x
            @ parse_initializer("auto").draw(random, (300, 300), (300, 300), parse_activation(name))
        )
    assert 1 / 100 < (x**2).mean() < 100


def test_uniform_and_normal():
    check_distribution(draw("uniform(-0.5, 1.5)"), 0.5, 2 / math.sqrt(12), bound=1.0)
    check_distribution(draw("uniform"), 0.025, 0.05 / math.sqrt(12), bound=0.025)
    check_distribution(draw("normal(2, 0.5)"), 2.0, 0.5)
    check_distribution(draw("normal"), 0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("zeros", 0.0),
        ("zeros()", 0.0),
        ("constant(-1.5)", -1.5),
        ("normal(3, 0)", 3.0),
        ("uniform(2, 2)", 2.0),
    ],
)
def test_constants(text, value):
    np.testing.assert_array_equal(draw(text), np.full(FANS, value))


@pytest.mark.parametrize(
    ("activation", "rule"),
    [("relu", "he_normal"), ("selu", "lecun_normal"), ("tanh", "glorot_uniform")],
)
def test_auto_takes_the_rule_of_the_paper(activation, rule):
    np.testing.assert_array_equal(draw("auto", activation), draw(rule, activation))


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_other_names(alias):
    np.testing.assert_array_equal(draw(alias), draw(ALIASES[alias]))
    np.testing.assert_array_equal(
        draw(f" {alias.upper().replace('_', '-')} (1.5)"), draw(f"{ALIASES[alias]}(1.5)")
    )


@pytest.mark.parametrize("text", sorted(set(ACCEPTED) - {"constant", "zeros"}))
def test_draws_depend_on_the_seed_alone(text):
    np.testing.assert_array_equal(draw(text, seed=5), draw(text, seed=5))
    assert (draw(text, seed=5) != draw(text, seed=6)).any()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "glorot_normall",
        "constant",
        "constant()",
        "constant(gain)",
        "constant(1, 2)",
        "constant(nan)",
        "constant(inf)",
        "zeros(1)",
        "auto(1)",
        "uniform(1)",
        "uniform(2, 1)",
        "uniform(gain, 1)",
        "uniform(-1e308, 1e308)",
        "uniform(-1e39, 0)",
        "uniform(0, 1e-45)",
        "normal(1e39, 1)",
        "normal(0, 1e38)",
        "normal(0, 1e-45)",
        "constant(1e39)",
        "constant(-1e39)",
        "constant(5e-324)",
        "glorot_uniform(8.2e307)",
        "lecun_normal(1e38)",
        "he_uniform(1e-40)",
        "normal(1)",
        "normal(0, -1)",
        "normal(0, x)",
        "he_normal(-1)",
        "glorot_uniform(-0.5)",
        "lecun(word)",
        "he(gain, gain)",
        "he(1",
        "he)1(",
        "he 1",
    ],
)
def test_what_makes_no_sense_is_a_usage_error(text):
    with pytest.raises(UsageError, match="initial weight"):
        parse_initializer(text)


@given(
    st.sampled_from([*ACCEPTED, *ALIASES]),
    st.lists(st.one_of(st.floats().map(repr), st.just("gain"), st.text(max_size=4)), max_size=3),
)
@example("glorot_uniform", ["8.2e307"])
@example("normal", ["1e30", "1e30"])
@example("uniform", ["-1e30", "1e30"])
def test_whatever_is_accepted_can_be_drawn(name, arguments):
    try:
        initializer = parse_initializer(f"{name}({','.join(arguments)})")
    except UsageError:
        return
    values = initializer.draw(np.random.default_rng(0), (2, 3), (2, 3), RELU)
    assert values.shape == (2, 3)
    assert values.dtype == np.float64
    with np.errstate(over="raise"):
        assert np.isfinite(values.astype(np.float32)).all()


@pytest.mark.parametrize("name", ["constant", "uniform", "normal", "he_uniform", "glorot_normal"])
@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_float32_holds_draws_with_the_largest_and_the_smallest_number(name, size):
    """Neither infinite with one input nor subnormal with a million."""
    text = {"uniform": f"uniform(-{size}, {size})", "normal": f"normal({size}, {size})"}.get(
        name, f"{name}({size})"
    )
    for fan in (1, 1_000_000):
        drawn = parse_initializer(text).draw(np.random.default_rng(0), (10_000,), (fan, fan), RELU)
        narrowed = drawn.astype(np.float32)
        assert np.isfinite(narrowed).all()
        assert np.median(np.abs(narrowed)) > np.finfo(np.float32).tiny


@pytest.mark.parametrize(
    "text", ["constant(1e39)", "constant(1e-45)", "he_normal(2e30)", "uniform(-1, 1e31)"]
)
def test_a_number_out_of_range_is_told_with_what_is_accepted(text):
    with pytest.raises(UsageError) as refused:
        parse_initializer(text)
    message = str(refused.value)
    assert repr(text) in message
    assert "1e-30 to 1e+30" in message
    assert "\n" not in message


def test_a_parsed_initializer_is_returned_as_it_is():
    initializer = parse_initializer("he(gain)")
    assert parse_initializer(initializer) is initializer
    assert str(initializer) == "he_normal(gain)"


@pytest.mark.parametrize(
    "text", ["zeros", "auto", "uniform(-0.125, 0.25)", "constant(1e-07)", "he_normal(gain)"]
)
def test_its_text_means_the_same(text):
    initializer = parse_initializer(text)
    assert parse_initializer(str(initializer)).arguments == initializer.arguments
    assert parse_initializer(str(initializer)).name == initializer.name


class TestNetwork:
    def test_the_seed_decides(self, backend, dtype):
        first, same, other = (build(backend, dtype, seed=seed).store.values for seed in (7, 7, 8))
        np.testing.assert_array_equal(first, same)
        assert (first != other).any()

    def test_both_precisions_start_alike(self, backend):
        narrow, wide = build(backend, np.float32), build(backend, np.float64)
        wide = {name: p.values.astype(np.float32) for name, p in wide.named_parameters().items()}
        for name, parameter in narrow.named_parameters().items():
            np.testing.assert_array_equal(parameter.values, wide[name])

    @pytest.mark.parametrize("seeds", [(0, 1), (2**53, 2**53 + 1), (2**63 - 2, 2**63 - 1)], ids=str)
    def test_no_two_seeds_meet(self, backend, seeds):
        first, second = (build(backend, seed=seed, dropout=(0.5,)).store.values for seed in seeds)
        assert (first != second).any()

    @pytest.mark.parametrize("seed", [-1, 2**63, 2**64])
    def test_seeds_out_of_range_are_refused(self, backend, seed):
        with pytest.raises(UsageError, match="seed"):
            build(backend, seed=seed)
