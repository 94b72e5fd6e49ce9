"""Averages of weights: weighted means computed by hand, exchanged with what they stand for."""

import numpy as np
import pytest

from fastmlp.errors import ModelFileError, UsageError
from fastmlp.optim.averaging import EVERY, Averaging, parse_averaging
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter, ParameterStore

UPDATES, STEPS = 90, 45


class Walk:
    """Weights that move at random, averaged as training does it."""

    def __init__(self, backend, dtype, text, with_statistics=True):
        kept = [Parameter("running_mean", (5,))] if with_statistics else []
        self.store = ParameterStore(backend, dtype, [Parameter("weight", (7, 3))], kept)
        self.counters = Counters(backend)
        self.averaging = parse_averaging(text, UPDATES)
        self.averaging.bind(backend, self.store, self.counters, STEPS)
        self.random, self.seen = np.random.default_rng(3), []

    def start_epoch(self, update, step=0):
        self.counters.start_epoch(update + step, step)
        self.averaging.start_epoch(update)

    def step(self):
        for array in (self.store.values, self.store.statistics):
            array[:] = self.random.standard_normal(array.shape)
        self.counters.values[:2] += 1
        self.averaging.launch()
        self.seen.append([array.astype(np.float64) for array in self.arrays()])

    def arrays(self):
        return self.store.values.copy(), self.store.statistics.copy()

    def run(self, updates=UPDATES):
        for update in range(updates):
            if update % STEPS == 0:
                self.start_epoch(update)
            self.step()
        return self


def weighted(seen, weights):
    weights = np.array(weights) / np.sum(weights)
    return [
        sum(weight * each for weight, each in zip(weights, part, strict=True))
        for part in zip(*seen, strict=True)
    ]


@pytest.mark.parametrize("with_statistics", [True, False])
@pytest.mark.parametrize("updates", [1, EVERY, EVERY + 1, UPDATES])
@pytest.mark.parametrize("text", ["ema(0.9)", "mean(0.5)", "mean(1)", "mean(0.001)"])
def test_weighted_means_by_hand(backend, dtype, text, updates, with_statistics):
    walk = Walk(backend, dtype, text, with_statistics).run(updates)
    first = {"ema(0.9)": 1, "mean(0.5)": 46, "mean(1)": 1, "mean(0.001)": UPDATES}[text]
    taken = list(range(first, updates + 1, EVERY))
    if not taken:
        assert walk.averaging.snapshot() is None
        before = walk.arrays()
        walk.averaging.show(True)
        assert all(map(np.array_equal, walk.arrays(), before))
        return
    weights = [0.9 ** (taken[-1] - each) if "ema" in text else 1.0 for each in taken]
    expected = weighted([walk.seen[each - 1] for each in taken], weights)
    before = walk.arrays()
    walk.averaging.show(True)
    shown = walk.arrays()
    walk.averaging.show(True)  # once more is no other
    assert all(map(np.array_equal, walk.arrays(), shown))
    tolerance = 40 * np.finfo(dtype).eps
    for array, by_hand in zip(shown, expected, strict=True):
        np.testing.assert_allclose(array, by_hand, rtol=0, atol=tolerance)
    walk.averaging.show(False)
    assert all(map(np.array_equal, walk.arrays(), before))
    assert all(map(np.array_equal, walk.averaging.snapshot(), shown))


@pytest.mark.parametrize("text", ["ema(0.9)", "mean(0.5)"])
def test_a_state_goes_on_to_the_same_bits(backend, dtype, text):
    whole, first = Walk(backend, dtype, text).run(), Walk(backend, dtype, text).run(57)
    second = Walk(backend, dtype, text)
    second.random = first.random
    second.averaging.load(first.averaging.state())
    second.start_epoch(STEPS, step=57 - STEPS)
    for _ in range(57, UPDATES):
        second.step()
    pairs = zip(whole.averaging.snapshot(), second.averaging.snapshot(), strict=True)
    assert all(a.tobytes() == b.tobytes() for a, b in pairs)


@pytest.mark.parametrize("how", ["missing", "shape", "dtype", "nan"])
def test_a_state_that_does_not_fit_is_one_line(backend, how):
    walk = Walk(backend, np.float32, "ema(0.9)").run(9)
    state = walk.averaging.state()
    values = state.pop("values")
    given = {"shape": values[:-1], "dtype": values.astype(np.float64), "nan": values * np.nan}
    if how != "missing":
        state["values"] = given[how]
    with pytest.raises(ModelFileError, match=r"averaging\.values should be finite") as error:
        walk.averaging.load(state)
    assert "\n" not in str(error.value)


def test_without_an_average_nothing_happens(backend):
    walk = Walk(backend, np.float32, "none").run(9)
    assert type(walk.averaging) is Averaging
    walk.averaging.show(True)
    np.testing.assert_array_equal(walk.store.values, walk.seen[-1][0])
    assert walk.averaging.snapshot() is None
    assert walk.averaging.state() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("swa", "average_weights 'swa' is not known"),
        ("ema(1)", "the decay must be greater than 0 and less than 1; got 1"),
        ("ema(0)", "the decay must be greater than 0"),
        ("mean(0)", "the share must be greater than 0 and at most 1; got 0"),
        ("mean(0.1,0.2)", r"has 2 argument\(s\); mean takes 0 to 1"),
        ("none(1)", r"has 1 argument\(s\); none takes 0"),
    ],
)
def test_what_cannot_be(text, said):
    with pytest.raises(UsageError, match=said):
        parse_averaging(text, UPDATES)
