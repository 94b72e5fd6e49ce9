"""Gaps with a column of their own, in tables and arrays, in the model's file too."""

import json
from dataclasses import replace

import numpy as np
import polars
import pytest

from fastmlp.data.features.encoding import Encoding
from fastmlp.data.features.frame import FramePlan
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.readings.schema import ColumnFacts
from fastmlp.data.readings.table import schema_of
from fastmlp.errors import ModelFileError

INDICATORS = Encoding("indicator")
FRAME = polars.DataFrame(
    {
        "full": [1.0, 2.0, 3.0, 6.0],
        "gappy": [None, 5.0, 7.0, 9.0],
        "text": ["a", "b", None, "a"],
        "late": [1, None, None, 2],
    }
)


def fitted(features, encoding=INDICATORS, normalize="robust"):
    return FeaturePreprocessor().fit(features, normalize, np.float64, encoding=encoding)


def again(preprocessor):
    return FeaturePreprocessor.from_dict(json.loads(json.dumps(preprocessor.to_dict())))


def test_columns_of_a_table_that_had_gaps():
    preprocessor = fitted(FRAME)
    assert preprocessor.output_names == (
        *("full", "gappy", "gappy=(missing)"),
        *("text=a", "text=b", "text=(missing)", "late", "late=(missing)"),
    )
    new = polars.DataFrame(
        {"full": [None, 4.0], "gappy": [None, 6.0], "late": [3, None], "text": ["b", None]}
    )
    expected = [[2.5, 7, 1, 0, 1, 0, 3, 0], [4, 6, 0, 0, 0, 1, 1.5, 1]]
    for each in (preprocessor, again(preprocessor)):
        np.testing.assert_array_equal(each.transform(new), expected)
    scaled = np.array([True, True, False, False, False, False, True, False])
    np.testing.assert_array_equal(preprocessor.scale[~scaled], 1)
    np.testing.assert_array_equal(preprocessor.shift[~scaled], 0)


def test_the_table_of_columns_says_so():
    facts = [ColumnFacts(name, "feature", "number", "", 0, "odd") for name in ("full", "gappy")]
    schema = replace(schema_of(FRAME), columns=tuple(facts))
    notes = [fact.note for fact in FramePlan.fit(FRAME, schema, INDICATORS).facts]
    assert notes == ["odd", "odd; indicator of gaps beside it"]


def test_columns_of_an_array_that_had_gaps(random):
    features = random.standard_normal((9, 4))
    features[2, 1] = features[3, 3] = np.nan
    preprocessor = fitted(features)
    assert preprocessor.input_columns == 4
    assert preprocessor.output_columns == 6
    for each in (preprocessor, again(preprocessor)):
        matrix = each.transform(features)
        np.testing.assert_array_equal(matrix[:, 4:], np.isnan(features[:, [1, 3]]))
        plain = fitted(features, Encoding()).transform(features)
        np.testing.assert_array_equal(matrix[:, :4], plain)
        whole = np.arange(8).reshape(2, 4)
        np.testing.assert_array_equal(each.transform(whole), np.hstack([whole, np.zeros((2, 2))]))


def test_without_gaps_nothing_changes():
    frame = FRAME.select("full")
    assert fitted(frame).to_dict() == fitted(frame, Encoding()).to_dict()


@pytest.mark.parametrize("indicators", [[4], [-1], [1, 0], [1, 1], ["a"], 3])
def test_a_damaged_file(indicators):
    kept = fitted(np.array([[1.0, np.nan, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]])).to_dict()
    kept["features"]["indicators"] = indicators
    with pytest.raises(ModelFileError, match="indicators"):
        FeaturePreprocessor.from_dict(kept)
