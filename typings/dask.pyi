"""Dask as far as fastmlp uses it, which is not installed everywhere."""

from typing import Any

config: Any
