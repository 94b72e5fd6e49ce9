"""Metrics: numbers that tell how good predictions are, computed on the host with NumPy alone."""
