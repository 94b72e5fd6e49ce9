"""Inputs: each column of the user's is found in the matrix, whatever its kind."""

import datetime

import numpy as np
import polars
import pytest

from fastmlp.data.preprocessing import FeaturePreprocessor


def test_the_columns_of_a_table_stand_where_the_matrix_has_their_names():
    frame = polars.DataFrame(
        {
            "a": [1.5, None, 2.5, 4.0],
            "b": ["x", "y", None, "x"],
            "c": [True, False, True, True],
            "d": [datetime.date(2024, 1, day) for day in (1, 2, 5, 9)],
            "e": ["p", "q", "p", "q"],
        }
    )
    features = FeaturePreprocessor().fit(frame, normalize="none")
    matrix = features.transform(frame)
    assert [each.name for each in features.inputs] == frame.columns
    assert [each.kind for each in features.inputs] == ["number", "text", "truth", "date", "text"]
    assert [each.places.tolist() for each in features.inputs] == [[0], [1, 2, 3], [4], [5], [6, 7]]
    assert sum(each.width for each in features.inputs) == matrix.shape[1]
    texts = features.inputs[1]
    assert texts.levels == ("x", "y", "(missing)")
    assert features.output_names[1:4] == ("b=x", "b=y", "b=(missing)")
    date = features.inputs[3]
    days = [(day - datetime.date(1970, 1, 1)).days for day in frame["d"]]
    np.testing.assert_array_equal(matrix[:, 5] + date.origin, days)


@pytest.mark.parametrize("names", [None, ("u", "v")])
def test_the_columns_of_an_array_stand_in_their_own_places(names):
    rows = np.array([[1.0, 1e9], [2.0, 1e9 + 1], [3.0, 1e9 + 5]])
    features = FeaturePreprocessor().fit(rows, normalize="none", feature_names=names)
    assert [each.name for each in features.inputs] == list(names or ("column_1", "column_2"))
    assert [each.places.tolist() for each in features.inputs] == [[0], [1]]
    matrix = features.transform(rows)
    np.testing.assert_array_equal(matrix + [each.origin for each in features.inputs], rows)


def test_bytes_have_no_origin():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    features = FeaturePreprocessor().fit(pixels, image_shape=(2, 2))
    assert [each.origin for each in features.inputs] == [0] * 4
