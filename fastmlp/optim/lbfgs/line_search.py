"""The line search of Moré and Thuente (1994): the loss falls enough and becomes flat enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

SUFFICIENT, FLAT = (
    1e-3,
    0.9,
)  # the shares of the first slope that the loss must fall by, and that may be left of it
NARROW = 0.1  # an interval so narrow, relative to its upper end, is searched no more
LONGEST_STEP, MOST_TRIALS = 1e10, 20


class Trial(NamedTuple):
    """A step, the loss there and its slope along the line."""

    step: float
    loss: float
    slope: float

    def tilted(self, slope: float) -> Trial:
        """Return the same of the loss less step·slope."""
        return Trial(self.step, self.loss - self.step * slope, self.slope - slope)


class Bracket(NamedTuple):
    """The best trial, the interval's other end, and whether it is known to hold a minimum."""

    best: Trial
    other: Trial
    is_closed: bool = False


def search(
    evaluate: Callable[[float], tuple[float, float]], start: Trial, step: float
) -> Trial | None:
    """Return an acceptable trial, or None after MOST_TRIALS.

    Parameters
    ----------
    evaluate
        Returns (loss, slope) at a step.
    start
        The trial of step 0; its slope is negative.
    step
        The first to try.

    Notes
    -----
    Steps are those that SciPy's L-BFGS-B takes, but for a loss that is not finite, which halves the
    step.
    """
    demanded = SUFFICIENT * start.slope
    bracket, in_first_stage = Bracket(start, start), True
    shortest, longest = 0.0, step + 4 * step
    limit, width, widest = LONGEST_STEP, math.inf, math.inf
    for _ in range(MOST_TRIALS):
        trial = Trial(step, *evaluate(step))
        if not math.isfinite(trial.loss + trial.slope):
            limit, step = step, (bracket.best.step + step) / 2
            shortest, longest = bracket.best.step, limit
            continue
        falls = trial.loss <= start.loss + step * demanded
        in_first_stage = in_first_stage and not (falls and trial.slope >= 0)
        is_spent = bracket.is_closed and _is_used_up(step, shortest, longest)
        is_longest = step == LONGEST_STEP and falls and trial.slope <= demanded
        if is_spent or is_longest or (falls and abs(trial.slope) <= -FLAT * start.slope):
            return trial
        tilt = demanded if in_first_stage and trial.loss <= bracket.best.loss and not falls else 0.0
        try:
            bracket, step = _narrowed(bracket, trial, tilt, shortest, longest)
        except ZeroDivisionError:  # losses and slopes so alike that no curve goes through them
            return None
        if bracket.is_closed:
            ends = bracket.best.step, bracket.other.step
            if abs(ends[1] - ends[0]) >= 0.66 * widest:
                step = ends[0] + 0.5 * (ends[1] - ends[0])
            widest, width = width, abs(ends[1] - ends[0])
            shortest, longest = min(ends), max(ends)
        else:
            shortest, longest = (step + factor * (step - bracket.best.step) for factor in (1.1, 4))
        step = min(max(step, 0.0), limit)
        if bracket.is_closed and _is_used_up(step, shortest, longest):
            step = bracket.best.step
    return None


def _is_used_up(step: float, shortest: float, longest: float) -> bool:
    """Tell whether rounding, or NARROW, leaves nothing to search in an interval."""
    return not shortest < step < longest or longest - shortest <= NARROW * longest


def _narrowed(
    bracket: Bracket, trial: Trial, tilt: float, shortest: float, longest: float
) -> tuple[Bracket, float]:
    """Return the interval that a trial leaves and the next step, of the loss less step·tilt."""
    best, other, here = (each.tilted(tilt) for each in (bracket.best, bracket.other, trial))
    turns = here.slope * math.copysign(1.0, best.slope) < 0
    is_closed = bracket.is_closed or here.loss > best.loss or turns
    if here.loss > best.loss:
        step = _after_a_rise(best, here)
    elif turns:
        step = _after_a_turn(best, here)
    elif abs(here.slope) < abs(best.slope):
        step = _after_flattening(best, other, here, is_closed, shortest, longest)
    elif is_closed:
        step = _cubic(here, other)
    else:
        step = longest if here.step > best.step else shortest
    if here.loss > best.loss:
        return Bracket(bracket.best, trial, is_closed), step
    return Bracket(trial, bracket.best if turns else bracket.other, is_closed), step


def _after_a_rise(best: Trial, here: Trial) -> float:
    """Return the cubic's minimum, or what lies farther from the best, up to the parabola's."""
    cubic = _cubic(best, here)
    chord = (best.loss - here.loss) / (here.step - best.step)
    parabola = best.step + best.slope / (chord + best.slope) / 2 * (here.step - best.step)
    if abs(cubic - best.step) < abs(parabola - best.step):
        return cubic
    return cubic + (parabola - cubic) / 2


def _after_a_turn(best: Trial, here: Trial) -> float:
    """Return the cubic's minimum or the secant's zero, whichever is farther from here."""
    return max(_cubic(here, best), _secant(best, here), key=lambda step: abs(step - here.step))


def _after_flattening(
    best: Trial, other: Trial, here: Trial, is_closed: bool, shortest: float, longest: float
) -> float:
    """Return the cubic's minimum beyond here, or the secant's zero: the nearer if closed."""
    theta, gamma = _cubic_terms(here, best)
    ratio = ((gamma - here.slope) + theta) / ((gamma + (best.slope - here.slope)) + gamma)
    if ratio < 0 and gamma != 0:
        cubic = here.step + ratio * (best.step - here.step)
    else:
        cubic = longest if here.step > best.step else shortest
    steps = _secant(best, here), cubic
    if not is_closed:
        return min(max(max(steps, key=lambda step: abs(step - here.step)), shortest), longest)
    step, limit = (
        min(steps, key=lambda step: abs(step - here.step)),
        here.step + 0.66 * (other.step - here.step),
    )
    return min(limit, step) if here.step > best.step else max(limit, step)


def _cubic(first: Trial, second: Trial) -> float:
    """Return the minimum of the cubic with the losses and slopes of two trials."""
    theta, gamma = _cubic_terms(first, second)
    ratio = ((gamma - first.slope) + theta) / (((gamma - first.slope) + gamma) + second.slope)
    return first.step + ratio * (second.step - first.step)


def _cubic_terms(first: Trial, second: Trial) -> tuple[float, float]:
    theta = 3 * (first.loss - second.loss) / (second.step - first.step) + first.slope + second.slope
    size = max(abs(theta), abs(first.slope), abs(second.slope))
    gamma = size * math.sqrt(
        max(0.0, (theta / size) ** 2 - first.slope / size * (second.slope / size))
    )
    return theta, -gamma if second.step < first.step else gamma


def _secant(first: Trial, second: Trial) -> float:
    return second.step + second.slope / (second.slope - first.slope) * (first.step - second.step)
