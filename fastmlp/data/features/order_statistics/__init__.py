"""Medians and quantiles of columns, exact, without sorting a long column whole."""
