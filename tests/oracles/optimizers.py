"""Update rules for one array at a time, in float64, written from the papers' formulas with biases
kept apart.

A rule is a class whose ``direction(gradient)`` is called once an update and returns what lr
multiplies.
"""

import numpy as np


class SGD:
    def direction(self, g):
        return g


class Momentum:
    def __init__(self, mu=0.9, nesterov=False):
        self.mu, self.nesterov, self.v = mu, nesterov, 0.0

    def direction(self, g):
        self.v = self.mu * self.v + g
        return g + self.mu * self.v if self.nesterov else self.v


class RMSProp:
    def __init__(self, rho=0.9, epsilon=1e-8):
        self.rho, self.epsilon, self.s = rho, epsilon, 0.0

    def direction(self, g):
        self.s = self.rho * self.s + (1 - self.rho) * g**2
        return g / (np.sqrt(self.s) + self.epsilon)


class Adagrad:
    def __init__(self, epsilon=1e-10):
        self.epsilon, self.s = epsilon, 0.0

    def direction(self, g):
        self.s = self.s + g**2
        return g / (np.sqrt(self.s) + self.epsilon)


class Adam:
    def __init__(self, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.m, self.s, self.t = 0.0, 0.0, 0

    def direction(self, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.s = self.beta2 * self.s + (1 - self.beta2) * g**2
        m_hat, s_hat = self.m / (1 - self.beta1**self.t), self.s / (1 - self.beta2**self.t)
        return m_hat / (np.sqrt(s_hat) + self.epsilon)


RULES = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": lambda: Momentum(nesterov=True),
    "rmsprop": RMSProp,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": Adam,
}


def train(
    rule,
    values,
    gradients,
    rates,
    decays,
    *,
    l1=0.0,
    l2=0.0,
    weight_decay=0.0,
    clip_norm=None,
    clip_value=None,
    factors=None,
):
    """Return the arrays after ``len(rates)`` updates.

    Parameters
    ----------
    rule
        Makes the rule of one array.
    values
        Arrays by name.
    gradients
        For each update the gradient of each array by name.
    rates
        Learning rate of each update.
    decays
        Names of the arrays on which penalties and weight decay act.
    factors
        What multiplies the learning rate, by the array's name; 1 for the others.
    """
    values = {name: np.array(v, np.float64) for name, v in values.items()}
    rules = {name: rule() for name in values}
    for rate, given in zip(rates, gradients, strict=True):
        how = {"l1": l1, "l2": l2, "weight_decay": weight_decay}
        limits = {"clip_norm": clip_norm, "clip_value": clip_value}
        values = step(rules, values, given, rate, decays, **how, **limits, factors=factors)
    return values


def step(
    rules,
    values,
    gradients,
    rate,
    decays,
    *,
    l1=0.0,
    l2=0.0,
    weight_decay=0.0,
    clip_norm=None,
    clip_value=None,
    factors=None,
):
    """Return the arrays after one update, by the rule that each array has."""
    moved = {name: np.array(g, np.float64) for name, g in gradients.items()}
    for name in decays:
        moved[name] = moved[name] + l2 * values[name] + l1 * np.sign(values[name])
    if clip_value is not None:
        moved = {name: np.clip(g, -clip_value, clip_value) for name, g in moved.items()}
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in moved.values()]))
    if clip_norm is not None and norm > clip_norm:
        moved = {name: g * clip_norm / norm for name, g in moved.items()}
    after = {}
    for name, g in moved.items():
        shrink = weight_decay * values[name] if name in decays else 0.0
        own = rate * (factors or {}).get(name, 1.0)
        after[name] = values[name] - own * (rules[name].direction(g) + shrink)
    return after
