"""L-BFGS against SciPy's L-BFGS-B: the same iterations, the same number of evaluations."""

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from fastmlp.optim.lbfgs.descent import Minimiser


def beale(point):
    x, y = point
    terms = [factor - x + x * y**power for power, factor in enumerate((1.5, 2.25, 2.625), 1)]
    inner = [(y**power - 1, power * x * y ** (power - 1)) for power in (1, 2, 3)]
    slopes = np.array(
        [[2 * term * dx, 2 * term * dy] for term, (dx, dy) in zip(terms, inner, strict=True)]
    )
    return sum(term**2 for term in terms), slopes.sum(axis=0)


def steep(point):
    weights = np.arange(1, point.size + 1) ** 4.0
    return float(weights @ point**2), 2 * weights * point


FUNCTIONS = {
    "rosenbrock": (lambda x: (rosen(x), rosen_der(x)), np.array([-1.2, 1.0])),
    "rosenbrock in 10": (
        lambda x: (rosen(x), rosen_der(x)),
        np.random.default_rng(0).normal(size=10),
    ),
    "beale": (beale, np.array([1.0, 1.0])),
    "beale from a saddle": (beale, np.array([-3.0, 2.0])),
    "exponential": (
        lambda x: (float(np.cosh(3 * x).sum()), 3 * np.sinh(3 * x)),
        np.linspace(-4, 3, 5),
    ),
    "roots": (
        lambda x: (float((np.abs(x) ** 1.5).sum()), 1.5 * np.sign(x) * np.sqrt(np.abs(x))),
        np.linspace(-1, 2, 5),
    ),
    "many scales": (steep, np.random.default_rng(0).normal(size=29)),
    "one number": (lambda x: (float((x[0] - 3) ** 4), 4 * (x - 3) ** 3), np.array([1e3])),
}


def minimised(function, start, iterations=10**6, tolerance=1e-5):
    minimiser, done = Minimiser(function, start, None), 0
    for _ in minimiser.run(tolerance):
        done += 1
        if done == iterations:
            break
    return minimiser, done


@pytest.mark.parametrize(("function", "start"), FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("iterations", [1, 2, 3, 5, 8, 12, 20])
def test_the_iterations_are_scipy_s(function, start, iterations):
    ours, done = minimised(function, start, iterations)
    how = {"maxiter": iterations, "gtol": 1e-5}
    theirs = minimize(function, start, method="L-BFGS-B", jac=True, options=how)
    assert (done, ours.evaluations) == (theirs.nit, theirs.nfev)
    assert ours.converged == (theirs.status == 0) or done == iterations
    np.testing.assert_allclose(ours.point, theirs.x, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("function", "start"), FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("after", [1, 2, 7])
def test_what_was_put_down_is_taken_up_to_the_bit(function, start, after):
    whole, _ = minimised(function, start, 15)
    first, done = minimised(function, start, after)
    second = Minimiser(function, first.point, first.descent)
    for _ in second.run(1e-5):
        done += 1
        if done == 15:
            break
    np.testing.assert_array_equal(second.point, whole.point)


def test_a_minimum_needs_no_iteration():
    minimiser, done = minimised(steep, np.zeros(4))
    assert (done, minimiser.converged, minimiser.evaluations) == (0, True, 1)


def test_no_parameters():
    assert minimised(lambda x: (0.0, x), np.zeros(0))[0].converged


def barrier(point):
    """x − log x, infinite from 0 down: too long a step finds no number."""
    if point[0] <= 0:
        return np.inf, np.array([np.nan])
    return float(point[0] - np.log(point[0])), 1 - 1 / point


@pytest.mark.parametrize("start", [1e-3, 0.5, 40.0])
def test_a_step_to_where_the_loss_is_not_finite_is_halved(start):
    minimiser, _ = minimised(barrier, np.array([start]))
    assert minimiser.converged
    assert minimiser.point == pytest.approx([1], abs=1e-4)


@pytest.mark.parametrize("gradient", [-1.0, np.nan])
def test_a_gradient_that_is_wrong_ends_it(gradient):
    minimiser, done = minimised(lambda x: (float(x @ x), x * gradient), np.ones(3))
    assert (done, minimiser.converged) == (0, False)
    assert "LINE SEARCH" in minimiser.stop_reason
    np.testing.assert_array_equal(minimiser.point, np.ones(3))


def test_the_memory_of_another_loss_is_not_used():
    first, _ = minimised(steep, np.ones(5), 3)
    second = Minimiser(lambda x: tuple(2 * part for part in steep(x)), first.point, first.descent)
    assert second.descent.pairs == []
    assert second.descent.loss_before is None
