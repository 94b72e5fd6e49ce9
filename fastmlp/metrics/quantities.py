"""Metrics of quantities; several outputs are averaged. A run that diverges has infinite scores."""

from __future__ import annotations

import numpy as np

from fastmlp.errors import UsageError


def mae(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean absolute error of (rows, outputs) values."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.abs(truth - predicted).mean())


def regression_scores(
    targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return rmse and r2 of predictions (rows,) or (rows, outputs); several outputs are averaged.

    R² is 1 − Σw(t − y)²/Σw(t − t̄)²; a constant target that is predicted exactly has 1, else 0 (the
    convention of scikit-learn). Rows count alike without ``weights`` (rows,).
    """
    each = 1.0 if weights is None else weights.reshape(-1, *(1,) * (targets.ndim - 1))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        mean = np.average(targets, axis=0, weights=weights)
        residual = (each * (targets - predicted) ** 2).sum(axis=0)
        spread = (each * (targets - mean) ** 2).sum(axis=0)
        r2 = np.where(spread > 0, 1 - residual / spread, np.where(residual > 0, 0.0, 1.0))
    rmse = np.sqrt(residual / (len(targets) if weights is None else weights.sum()))
    return {"rmse": float(rmse.mean()), "r2": float(r2.mean())}


def poisson_deviance(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean of 2·(t·ln(t/y) − t + y), where 0·ln 0 is 0; infinity if a prediction is
    negative, or is 0 where the truth is not.

    Raises
    ------
    UsageError
        For a negative truth.
    """
    if truth.min(initial=0) < 0:
        raise UsageError(
            f"metric poisson_deviance takes targets of at least 0, and the smallest is "
            f"{truth.min():g}; take another metric."
        )
    if (predicted < 0).any() or (truth[predicted == 0] > 0).any():
        return float("inf")
    is_zero = truth == 0
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.where(is_zero, 1.0, truth) / np.where(is_zero, 1.0, predicted)
        return float(2 * (truth * np.log(ratio) - truth + predicted).mean())


def pinball(
    truth: np.ndarray, predicted: np.ndarray, levels: float | tuple[float, ...] = 0.5
) -> float:
    """Return the mean of τ·(t − y) where the prediction is too low and (1 − τ)·(y − t) where it is
    too high (Koenker and Bassett 1978); of several levels τ, one a column, the mean over them.

    Parameters
    ----------
    truth
        (rows, outputs), or (rows, 1) where there are several levels.
    predicted
        (rows, outputs), or (rows, levels).
    levels
        Between 0 and 1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        short = truth - predicted
        each = np.asarray(levels, np.float64)
        return float(np.maximum(each * short, (each - 1) * short).mean())
