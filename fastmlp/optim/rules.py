"""The update rules by name: their class, defaults and numbers; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp.spec import SHARE, Range


@dataclass(frozen=True)
class Number:
    """A number of an update rule.

    Attributes
    ----------
    default
        None if each rule has its own, an attribute of Rule.
    meaning
        What it is, for help.
    range
        What is accepted.
    sklearn
        scikit-learn's word for it, if it is another.
    """

    default: float | None
    meaning: str
    range: Range
    sklearn: str = ""


@dataclass(frozen=True)
class Rule:
    """An update rule, and what it takes if nothing else is said.

    Attributes
    ----------
    kind
        Its class in ``optimizers``.
    learning_rate
        The default one.
    numbers
        Which of NUMBERS its class takes.
    epsilon, weight_decay
        Defaults.
    """

    kind: str
    learning_rate: float
    numbers: tuple[str, ...] = ()
    epsilon: float = 1e-8
    weight_decay: float = 0.0


# Well inside float32, where a smaller epsilon would become 0 and divide it by 0.
SMALLEST_EPSILON = 1e-30
NUMBERS = {
    "momentum": Number(0.9, "Share of the velocity that is kept at each update", SHARE),
    "beta1": Number(0.9, "Decay of the mean gradient", SHARE, "beta_1"),
    "beta2": Number(0.999, "Decay of the mean squared gradient", SHARE, "beta_2"),
    "rho": Number(0.9, "Decay of the mean squared gradient", SHARE),
    "epsilon": Number(None, "What is added to the divisor", Range(low=SMALLEST_EPSILON)),
}
# The numbers by scikit-learn's names for them.
SKLEARN_NAMES = {name: number.sklearn or name for name, number in NUMBERS.items()}
RULES = {
    "sgd": Rule("SGD", 0.1),
    "momentum": Rule("Momentum", 0.01, ("momentum",)),
    "nesterov": Rule("Nesterov", 0.01, ("momentum",)),
    "rmsprop": Rule("RMSProp", 0.001, ("rho", "epsilon")),
    "adagrad": Rule("Adagrad", 0.01, ("epsilon",), epsilon=1e-10),
    "adam": Rule("Adam", 0.001, ("beta1", "beta2", "epsilon")),
    "adamw": Rule("Adam", 0.001, ("beta1", "beta2", "epsilon"), weight_decay=0.01),
}
OPTIMIZERS = tuple(RULES)


def number_help(name: str) -> str:
    """Return what help says of a number: its meaning, the rules that take it, their defaults."""
    takers = [rule for rule in RULES if name in RULES[rule].numbers]
    own = "" if NUMBERS[name].default is not None else f"; {default_help(name)}"
    return f"{NUMBERS[name].meaning} ({', '.join(takers)}){own}."


def default_help(name: str) -> str:
    """Return what help says of a default that some rules have of their own."""
    own = {rule: getattr(RULES[rule], name) for rule in RULES}
    usual = getattr(Rule, name)
    others = (f", or {own[rule]:g} with {rule}" for rule in RULES if own[rule] != usual)
    return f"default {usual:g}{''.join(others)}"
