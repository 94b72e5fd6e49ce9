"""The search for settings: ``fastmlp tune`` and ``fastmlp.tune``, with Optuna."""
