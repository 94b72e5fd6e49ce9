"""Initial weights and biases: ``zeros``, ``constant(c)``, ``uniform(low, high)``, ``normal(mean,
std)``, glorot, he, lecun; and biases by what enters a layer, ``he+5``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.spec import numbers, parse_spec

from .activations import Activation

ACCEPTED = {
    "auto": (0, 0),
    "zeros": (0, 0),
    "constant": (1, 1),
    "uniform": (0, 2),
    "normal": (0, 2),
    **{
        f"{rule}_{shape}": (0, 1)
        for rule in ("glorot", "he", "lecun")
        for shape in ("uniform", "normal")
    },
}
DATA_DRIVEN = "he+5"  # of biases alone
SIMPLEX_ROWS = 5
ALIASES = {
    "glorot": "glorot_uniform",
    "xavier": "glorot_uniform",
    "he": "he_normal",
    "lecun": "lecun_normal",
}
ALIASES |= {"xavier_uniform": "glorot_uniform", "xavier_normal": "glorot_normal"}
ALIASES |= {"kaiming": "he_normal", "kaiming_uniform": "he_uniform", "kaiming_normal": "he_normal"}
# Sizes of what may be given beside 0. Float32 holds every draw: NumPy's normal ones reach 13
# deviations (3.65 + √(2·53·ln 2)). And a deviation that is divided by √fan stays above 1e-38, where
# float32's normal numbers end and the kernels see zeros.
SMALLEST, LARGEST = 1e-30, 1e30


def switching_biases(z: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return biases (units,) with which each unit is at 0 somewhere amid the rows.

    −Σᵢ λᵢ·zᵢ, with z = c·x·W at five random rows and λ uniform on the simplex: the unit changes
    sign at a random point between five rows (Steinwart 2019, as Holzmüller et al. 2024 use it).

    Parameters
    ----------
    z
        (rows, units) the pre-activations without bias.
    generator
        Draws rows and weights, others for each unit.
    """
    rows, units = z.shape
    chosen = generator.integers(0, rows, (SIMPLEX_ROWS, units))
    weights = generator.dirichlet(np.ones(SIMPLEX_ROWS), units).T
    return -(weights * np.take_along_axis(z, chosen, axis=0)).sum(axis=0)


class Initializer:
    """A distribution of initial numbers for a layer of given widths.

    The scaled rules draw with the standard deviation gain/√fan: fan is fan_in for he (He et al.
    2015) and lecun (LeCun et al. 1998), (fan_in + fan_out)/2 for glorot (Glorot and Bengio 2010);
    the uniform forms reach from −√3 to +√3 of it. The gain is the activation's own for he and 1 for
    the others; ``glorot_uniform(gain)`` takes the activation's too, and ``glorot_uniform(1.5)`` the
    number given.
    """

    def __init__(self, name: str, arguments: Sequence[float | str]):
        self.name = name
        self.arguments = arguments

    def __str__(self) -> str:
        inside = ", ".join(f"{a:g}" if isinstance(a, float) else str(a) for a in self.arguments)
        return f"{self.name}({inside})" if inside else self.name

    @property
    def looks_at_data(self) -> bool:
        """Whether it needs rows beside the widths; ``draw`` then returns zeros."""
        return self.name == DATA_DRIVEN

    def draw(
        self,
        generator: np.random.Generator,
        shape: tuple[int, ...],
        fans: tuple[int, int],
        activation: Activation,
    ):
        """Return float64 numbers of ``shape`` for a layer with ``fans`` = (fan_in, fan_out) that
        feeds ``activation``.
        """
        if self.name == "auto":
            return Initializer(activation.kind.init, []).draw(generator, shape, fans, activation)
        numbers = [argument for argument in self.arguments if not isinstance(argument, str)]
        if self.name in ("zeros", DATA_DRIVEN):
            return np.zeros(shape)
        if self.name == "constant":
            return np.full(shape, numbers[0])
        if self.name == "uniform":
            return generator.uniform(*numbers, size=shape)
        if self.name == "normal":
            return generator.normal(*numbers, size=shape)
        rule, distribution = self.name.split("_")
        fan = sum(fans) / 2 if rule == "glorot" else fans[0]
        deviation = self._gain(rule, activation) / math.sqrt(fan)
        if distribution == "normal":
            return generator.normal(0.0, deviation, size=shape)
        return generator.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, size=shape)

    def _gain(self, rule: str, activation: Activation) -> float:
        if self.arguments and not isinstance(self.arguments[0], str):
            return self.arguments[0]
        return activation.gain if self.arguments or rule == "he" else 1.0


def parse_initializer(text: str | Initializer) -> Initializer:
    """Return the initial distribution that ``text`` names; ``uniform`` alone is (0, 0.05) and
    ``normal`` alone (0, 1).

    Raises
    ------
    UsageError
        For an unknown name, a wrong number of arguments, a number that float32 cannot be trusted
        with, or bounds or a deviation that make no sense.
    """
    if isinstance(text, Initializer):
        return text
    if text.strip() == DATA_DRIVEN:
        return Initializer(DATA_DRIVEN, [])
    name, arguments = parse_spec("initial weight", text, ACCEPTED, ALIASES)
    _check_sizes(text, arguments)
    if name in ("uniform", "normal"):
        defaults = [0.0, 0.05] if name == "uniform" else [0.0, 1.0]
        if len(arguments) == 1:
            raise UsageError(f"initial weight {text!r}: {name} takes two numbers, or none.")
        arguments = numbers("initial weight", text, arguments) or defaults
        if name == "uniform" and arguments[0] > arguments[1]:
            raise UsageError(f"initial weight {text!r}: the lower bound lies above the upper one.")
        if name == "normal" and arguments[1] < 0:
            raise UsageError(f"initial weight {text!r}: the standard deviation is negative.")
    elif name == "constant":
        numbers("initial weight", text, arguments)
    elif arguments and arguments[0] != "gain" and numbers("initial weight", text, arguments)[0] < 0:
        raise UsageError(f"initial weight {text!r}: the gain is negative.")
    return Initializer(name, arguments)


def chosen_initializers(init: str, bias_init: str, is_ntk: bool) -> tuple[Initializer, Initializer]:
    """Return the initial weights and biases that two words name.

    Parameters
    ----------
    init, bias_init
        See ``parse_initializer``.
    is_ntk
        Whether ``auto`` means weights of deviation 1, which the layers divide by √fan_in.

    Raises
    ------
    UsageError
        For a word that is not known, or weights that would look at data.
    """
    weights = parse_initializer("normal" if is_ntk and init == "auto" else init)
    if weights.looks_at_data:
        raise UsageError(f"init {weights} is for biases; give it as bias_init.")
    return weights, parse_initializer(bias_init)


def _check_sizes(text: str, arguments: list[float | str]) -> None:
    """Refuse numbers whose draws would be infinite, or all zero, in float32."""
    for number in arguments:
        if isinstance(number, float) and number != 0 and not SMALLEST <= abs(number) <= LARGEST:
            remedy = "a smaller number" if abs(number) > LARGEST else "0, or a larger number"
            raise UsageError(
                f"initial weight {text!r}: {number:g} is beyond what float32 weights can be drawn "
                f"with; accepted are 0 and sizes from {SMALLEST:g} to {LARGEST:g}. Write {remedy}."
            )
