"""Source: rows that agree, and taking some of them."""

import numpy as np
import polars as pl
import pytest

from fastmlp.data.source import Source
from fastmlp.errors import DataError


@pytest.mark.parametrize("frame", [False, True])
def test_take_keeps_order_and_repeats(frame):
    matrix = np.arange(8.0).reshape(4, 2)
    features = pl.DataFrame(matrix, schema=["a", "b"]) if frame else matrix
    source = Source(
        "s",
        features,
        np.array(list("wxyz")),
        test=Source("t", matrix),
        row_names=("0", "1", "2", "3"),
    )
    taken = source.take(np.array([2, 0, 2]))
    assert len(source) == 4
    assert len(taken) == 3
    assert np.array_equal(np.asarray(taken.features), matrix[[2, 0, 2]])
    assert taken.target.tolist() == ["y", "w", "y"]
    assert taken.row_names == ("2", "0", "2")
    assert taken.test is None
    assert len(source.take(np.array([], np.int64))) == 0


@pytest.mark.parametrize(
    "parts",
    [
        {"target": np.zeros(3)},
        {"row_names": ("only",)},
        {"feature_names": ("a",)},
        {"image_shape": (2, 2)},
    ],
)
def test_parts_that_disagree(parts):
    with pytest.raises(DataError, match=r"2 (rows|columns)"):
        Source("s", np.zeros((2, 2)), **parts)
