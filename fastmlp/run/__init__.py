"""A training run from settings to a run's folder; resumed, in phases, as one call from Python."""
