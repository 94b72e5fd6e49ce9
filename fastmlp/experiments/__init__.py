"""Experiments: recipes of many runs, the runner, and what came of them beside the figures that were
reported.
"""
