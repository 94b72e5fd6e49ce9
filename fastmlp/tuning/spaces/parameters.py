"""What is searched for one setting: a range of numbers, or words to choose from."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastmlp.spec import split_outside_brackets

DIGITS = 4  # of a number in a wide range: a learning rate of 0.003172
PLACE = "{}"  # where the number stands in a word


class Suggests(Protocol):
    """What a trial of Optuna does for a search: it picks the values."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Return a whole number."""
        ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None, log: bool
    ) -> float:
        """Return a number."""
        ...

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of several values."""
        ...


@dataclass(frozen=True)
class Numbers:
    """The numbers from ``low`` to ``high``.

    Attributes
    ----------
    low, high
        The ends, both of them in the range.
    step
        The distance of neighbours; None for any number between.
    log
        Whether each factor counts alike rather than each difference.
    is_whole
        Whether only whole numbers are meant.
    word
        What a setting of text has: ``piecewise({})``; None for the number itself.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    is_whole: bool = False
    word: str | None = None

    def suggest(self, trial: Suggests, name: str) -> float:
        """Return the number that a trial picks."""
        if self.is_whole:
            step, ends = int(self.step or 1), (int(self.low), int(self.high))
            return trial.suggest_int(name, *ends, step=step, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def setting(self, value: float) -> Any:
        """Return what the setting becomes."""
        if self.step is not None and not self.is_whole:
            value = float(f"{value:.12g}")  # 0.1 + 2 · 0.05 is 0.2
        elif not self.is_whole:
            value = float(f"{value:.{DIGITS}g}")
        return value if self.word is None else self.word.replace(PLACE, f"{value:g}")

    def value_of(self, setting: Any) -> float | None:
        """Return the number that gives a setting, None where none in the range does."""
        if isinstance(setting, str):
            before, _, after = (self.word or PLACE).partition(PLACE)
            match = re.fullmatch(f"{re.escape(before)}(.*){re.escape(after)}", setting.strip())
            setting = match[1] if match else setting
        try:
            number = float(setting)
        except (TypeError, ValueError):
            return None
        if not self.low <= number <= self.high or (self.is_whole and number != int(number)):
            return None
        if self.step is not None:
            steps = (number - self.low) / self.step
            if not math.isclose(steps, round(steps), abs_tol=1e-9):
                return None
        return int(number) if self.is_whole else number

    @property
    def ends(self) -> tuple[Any, Any]:
        """What the setting becomes at both ends, which tells whether it accepts the range."""
        return self.setting(self.low), self.setting(self.high)


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    values: tuple[Any, ...]

    def suggest(self, trial: Suggests, name: str) -> Any:
        """Return the value that a trial picks."""
        return trial.suggest_categorical(name, list(self.values))

    def setting(self, value: Any) -> Any:
        """Return what the setting becomes."""
        return value

    def value_of(self, setting: Any) -> Any:
        """Return the value that gives a setting, None where none does."""
        found = [each for each in self.values if _plain(each) == _plain(setting)]
        return found[0] if found else None

    @property
    def ends(self) -> tuple[Any, ...]:
        """What the setting may become."""
        return self.values


def _plain(value: Any) -> Any:
    """Return texts without their blanks, and others with their type: True is not 1."""
    return (str, value.replace(" ", "")) if isinstance(value, str) else (type(value), value)


@dataclass(frozen=True)
class Parameter:
    """One number or word that trials pick.

    Attributes
    ----------
    name
        Under which the study knows it: that of the setting, or ``hidden.depth``.
    domain
        What may be picked.
    when
        The parameter counts only where each of these, a parameter, a setting or a fact, has one of
        the values.
    """

    name: str
    domain: Numbers | Choices
    when: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def is_active(self, known: dict[str, Any]) -> bool:
        """Return whether the parameter counts beside what is known already."""
        return all(
            any(_plain(known.get(name)) == _plain(value) for value in values)
            for name, values in self.when.items()
        )


def in_layers(text: str, layers: int) -> str:
    """Return words with commas between, one for each layer, where there are several.

    The last word serves the layers behind it, and of too many words the last ones stay, so that the
    layer before the output has the same whatever the depth.
    """
    words = split_outside_brackets(text)
    if len(words) < 2:
        return text
    words = words[-layers:] if layers else words[-1:]
    words += [words[-1]] * (layers - len(words))
    return ",".join(words)
