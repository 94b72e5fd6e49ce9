"""The arithmetic of a comparison: geometric means, ratios to the best peer, fitted exponents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .rounds import Measurement


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of positive numbers; NaN for none."""
    return float(np.exp(np.mean(np.log(values)))) if len(values) else float("nan")


def best_peer(measurements: Sequence[Measurement]) -> Measurement | None:
    """Return the peer of the shortest median time, None without peers."""
    peers = [measured for measured in measurements if measured.is_peer]
    return min(peers, key=lambda measured: measured.median, default=None)


def speed_against(measurement: Measurement, other: Measurement | None) -> float | None:
    """Return how many times as fast as another a contender is, by medians, if there is another."""
    return None if other is None else other.median / measurement.median


def fitted_exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return p of time = c·size^p by least squares on logarithms; NaN for fewer than two sizes."""
    if len(set(sizes)) < 2:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def share_of_peak(flops: float, seconds: float, peak: float) -> float:
    """Return the share of a peak (operations a second) that so many operations in a time reach."""
    return flops / seconds / peak
