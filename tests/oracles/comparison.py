"""How far a result may lie from its oracle, in units of the result's own precision."""

import numpy as np


def assert_close(actual, expected, *, units=8.0, scale=None):
    """Compare with an oracle in float64: |actual − expected| ≤ units·ε·max(|expected|, scale).

    ``scale`` is the size of what was added up on the way (an array or a number): the terms of a sum
    may be much larger than the sum. NaN and infinity must stand in the same places.
    """
    actual = np.asarray(actual)
    expected = np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite].astype(np.float64), expected[~finite])
    size = np.maximum(np.abs(expected), 0.0 if scale is None else scale)
    bound = units * np.finfo(actual.dtype).eps * size + np.finfo(actual.dtype).tiny
    error = np.abs(actual.astype(np.float64) - expected)
    worst = np.argmax(np.where(finite, error - bound, -np.inf)) if actual.size else None
    if worst is not None and finite.any():
        assert error.flat[worst] <= bound.flat[worst], (
            f"element {worst}: {actual.flat[worst]!r} is not {expected.flat[worst]!r}, "
            f"off by {error.flat[worst] / bound.flat[worst]:.3g} times the bound"
        )


def units_in_the_last_place(actual, expected):
    """Return the error of float32 numbers in units of the exact result's last place."""
    expected = np.asarray(expected, np.float64)
    spacing = np.spacing(
        np.maximum(np.abs(expected), np.finfo(np.float32).tiny).astype(np.float32)
    ).astype(np.float64)
    return np.abs(actual.astype(np.float64) - expected) / spacing
