"""Whole jobs, from settings and files to results: train a network, evaluate it, predict with it."""
