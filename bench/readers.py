"""How a table becomes a matrix of float32 and a target: by fastmlp, and by hand with polars or
pandas.

All three do the same: gaps become the column's median, texts one column a level, dates days from
the earliest; and mean and deviation of every column are found. What is learnt from then is told by
``matrix.shape``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

LABEL = "label"


def by_fastmlp(path: Path) -> np.ndarray:
    """Read a table, or an .npz, as a training run does."""
    from fastmlp.data.loading import load
    from fastmlp.data.preprocessing import FeaturePreprocessor

    source = load(path, target=None if path.suffix == ".npz" else LABEL)
    names, schema = source.feature_names, source.schema
    return FeaturePreprocessor().fit_transform(source.features, feature_names=names, schema=schema)


def by_polars(path: Path) -> np.ndarray:
    """Read a CSV as its author would, who knows its columns, in expressions over all of them."""
    import polars
    import polars.selectors as kinds

    frame = polars.read_csv(path, try_parse_dates=True)
    np.unique(frame[LABEL].to_numpy())
    frame = frame.drop(LABEL).with_columns(
        (kinds.temporal() - kinds.temporal().min()).dt.total_days()
    )
    numbers = frame.select(kinds.numeric().fill_null(kinds.numeric().median()).cast(polars.Float32))
    texts = frame.select(kinds.string())
    columns = [*numbers, *(texts.to_dummies() if texts.width else ())]
    matrix = np.empty((frame.height, len(columns)), np.float32)
    for place, column in enumerate(columns):
        matrix[:, place] = column.to_numpy()
    matrix.mean(axis=0, dtype=np.float64), matrix.std(axis=0, dtype=np.float64)
    return matrix


def by_pandas(path: Path) -> np.ndarray:
    """Read a CSV with pandas."""
    import pandas

    frame = pandas.read_csv(path)
    np.unique(frame.pop(LABEL).to_numpy())
    for name in frame.columns:
        if name == "day":
            days = pandas.to_datetime(frame[name], format="%Y-%m-%d")
            frame[name] = (days - days.min()).dt.days
    numbers = frame.select_dtypes("number")
    texts = frame.drop(columns=numbers.columns)
    parts = [numbers.fillna(numbers.median()).to_numpy(np.float32)]
    if texts.shape[1]:
        parts.append(pandas.get_dummies(texts).to_numpy(np.float32))
    matrix = np.ascontiguousarray(np.hstack(parts))
    matrix.mean(axis=0, dtype=np.float64), matrix.std(axis=0, dtype=np.float64)
    return matrix


def parse_alone(path: Path) -> np.ndarray:
    """Have polars parse a CSV, and do nothing with it."""
    import polars

    return np.empty(polars.read_csv(path).shape)


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "fastmlp": by_fastmlp,
    "polars": by_polars,
    "pandas": by_pandas,
    "parse": parse_alone,
}
