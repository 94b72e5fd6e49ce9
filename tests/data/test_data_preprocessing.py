"""FeaturePreprocessor against small oracles: imputation, one-hot, scaling, new data."""

import datetime
import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.data.features.scaling import column_statistics
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.errors import DataError, ModelFileError, UsageError

RANDOM = np.random.default_rng(11)


def fitted(features, normalize="standard", dtype=np.float64, **options):
    return FeaturePreprocessor().fit(features, normalize, dtype, **options)


def scaled(preprocessor, features):
    return (
        preprocessor.transform(features).astype(np.float64) * preprocessor.scale
        + preprocessor.shift
    )


# Scaling of arrays


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.uint8])
@pytest.mark.parametrize("rows", [1, 2, 7, 3001])
def test_standard_by_column(kind, rows):
    features = RANDOM.integers(0, 100, (rows, 5)).astype(kind)
    features[:, 3] = 7
    result = scaled(fitted(features), features)
    deviation = features.std(axis=0, dtype=np.float64)
    expected = (features - features.mean(axis=0, dtype=np.float64)) / np.where(
        deviation == 0, 1, deviation
    )
    assert np.allclose(result, expected, atol=1e-9)
    assert (result[:, 3] == 0).all()


def test_unit_by_column():
    features = RANDOM.normal(size=(50, 4))
    features[:, 2] = -3.5
    result = scaled(fitted(features, "unit"), features)
    assert np.allclose(result.min(axis=0), 0)
    assert np.allclose(result.max(axis=0), [1, 1, 0, 1])


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.uint8])
@pytest.mark.parametrize("rows", [2, 7, 5001])
def test_robust_by_column(kind, rows):
    features = RANDOM.integers(0, 100, (rows, 5)).astype(kind)
    features[:, 2] = 0
    features[0, 2] = 90  # three quarters are alike: half of the range stands in, where rows allow
    features[:, 3] = 7
    result = scaled(fitted(features, "robust"), features)
    low, median, high = np.percentile(features.astype(np.float64), (25, 50, 75), axis=0)
    half = (features.max(axis=0) - features.min(axis=0).astype(np.float64)) / 2
    spread = np.where(high > low, high - low, half)
    assert np.allclose(result, (features - median) / np.where(spread == 0, 1, spread), atol=1e-9)
    assert (result[:, 3] == 0).all()


def test_robust_images_have_quartiles_a_channel():
    pixels = RANDOM.integers(0, 256, (40, 2 * 3 * 3), dtype=np.uint8)
    pixels[:, 1::3] //= 4
    pictures = pixels.reshape(40, 2, 3, 3)
    low, median, high = np.percentile(pictures.astype(np.float64), (25, 50, 75), axis=(0, 1, 2))
    result = scaled(fitted(pixels, "robust", image_shape=(2, 3, 3)), pixels)
    assert np.allclose(result.reshape(pictures.shape), (pictures - median) / (high - low))


def test_none_is_the_identity():
    preprocessor = fitted(RANDOM.normal(size=(5, 2)), "none")
    assert preprocessor.scale is None
    assert preprocessor.shift is None


@pytest.mark.parametrize("top", [16, 255])
def test_images_of_bytes_have_one_scale(top):
    pixels = RANDOM.integers(1, top + 1, (40, 6), dtype=np.uint8)
    pixels[0, 0] = top
    unit = fitted(pixels, "unit", image_shape=(2, 3))
    assert np.allclose(unit.scale, 1 / top)
    assert (unit.shift == 0).all()
    standard = fitted(pixels, "standard", image_shape=(2, 3))
    assert np.allclose(scaled(standard, pixels), (pixels - pixels.mean()) / pixels.std())


def test_colour_images_have_a_mean_a_channel():
    pixels = RANDOM.integers(0, 256, (40, 2 * 3 * 3), dtype=np.uint8)
    pixels[:, 1::3] //= 4
    pictures = pixels.reshape(40, 2, 3, 3)
    expected = (pictures - pictures.mean(axis=(0, 1, 2))) / pictures.std(axis=(0, 1, 2))
    result = scaled(fitted(pixels, "standard", image_shape=(2, 3, 3)), pixels)
    assert np.allclose(result.reshape(pictures.shape), expected)
    unit = fitted(pixels, "unit", image_shape=(2, 3, 3))
    assert np.allclose(unit.scale, 1 / pixels.max())


def test_float_images_have_one_range():
    pixels = RANDOM.normal(size=(30, 4))
    result = scaled(fitted(pixels, "unit", image_shape=(2, 2)), pixels)
    assert np.allclose(result, (pixels - pixels.min()) / (pixels.max() - pixels.min()))


def test_black_images():
    pixels = np.zeros((3, 4), np.uint8)
    for normalize in ("unit", "standard", "robust"):
        assert (scaled(fitted(pixels, normalize, image_shape=(2, 2)), pixels) == 0).all()


def test_statistics_far_from_zero_and_in_chunks():
    features = 1e9 + RANDOM.normal(size=(200_001, 4))
    statistics = column_statistics(features)
    assert np.allclose(statistics.deviation, features.std(axis=0), rtol=1e-9)
    assert np.allclose(
        statistics.mean, [math.fsum(column) / len(column) for column in features.T], rtol=1e-12
    )
    assert np.array_equal(statistics.minimum, features.min(axis=0))


def test_deviations_below_the_type_do_not_explode():
    features = np.array([[0.0], [1e-42]], np.float32)
    preprocessor = fitted(features, dtype=np.float32)
    assert np.isfinite(preprocessor.scale.astype(np.float32)).all()


def test_values_too_large_to_normalise():
    with pytest.raises(DataError, match="column 'column_1' holds values too large"):
        fitted(np.array([[1e200], [-1e200]]))
    with pytest.raises(DataError, match="too large for float32"):
        fitted(np.array([[1.0], [1e200]]), dtype=np.float32)


# Arrays as they are


def test_right_arrays_are_not_copied(tmp_path):
    pixels = RANDOM.integers(0, 256, (5, 4), dtype=np.uint8)
    numbers = RANDOM.normal(size=(5, 4)).astype(np.float32)
    assert fitted(pixels).transform(pixels) is pixels
    assert fitted(numbers, dtype=np.float32).transform(numbers) is numbers
    np.save(tmp_path / "x.npy", numbers)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(fitted(mapped, dtype=np.float32).transform(mapped), mapped)


@pytest.mark.parametrize("kind", ["u1", "i4", "f2", "f4", "f8", "?"])
def test_types_and_order(kind):
    features = np.asfortranarray(RANDOM.integers(0, 2, (6, 3)).astype(kind))
    result = fitted(features, dtype="float32").transform(features)
    assert result.dtype == (np.uint8 if kind == "u1" else np.float32)
    assert result.flags.c_contiguous
    assert np.array_equal(result, features)


def test_nan_becomes_the_training_median():
    features = np.array(
        [[1, np.nan, 3], [np.nan, np.nan, 5], [4, np.nan, 100], [7, np.nan, 7]], np.float64
    )
    preprocessor = fitted(features)
    assert preprocessor.transform(features).tolist() == [
        [1, 0, 3],
        [4, 0, 5],
        [4, 0, 100],
        [7, 0, 7],
    ]
    assert len(preprocessor.notes) == 2
    later = np.array([[np.nan, 2, np.nan]], np.float64)
    assert preprocessor.transform(later).tolist() == [[4, 2, 6]]
    assert np.isnan(later[0, 0])


def test_infinities_and_gaps_are_named():
    features = np.zeros((3, 2))
    features[2, 1] = np.inf
    with pytest.raises(DataError, match="column 'column_2', row 3 holds inf"):
        fitted(features)
    preprocessor = fitted(np.zeros((3, 2)), feature_names=("a", "b"))
    with pytest.raises(DataError, match="column 'b', row 3 holds inf"):
        preprocessor.transform(features)
    pixels = fitted(np.zeros((3, 2), np.uint8))
    with pytest.raises(DataError, match="row 1 is missing"):
        pixels.transform(np.full((1, 2), np.nan))


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (np.zeros((2, 3)), "3 columns; the model was trained on 2"),
        (np.zeros(2), "shape"),
        (np.zeros((2, 2), "U1"), "type"),
    ],
)
def test_other_arrays_are_refused(features, reason):
    with pytest.raises(DataError, match=reason):
        fitted(np.zeros((2, 2))).transform(features)


@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_nothing_to_learn_from(shape):
    with pytest.raises(DataError, match="nothing to learn"):
        fitted(np.zeros(shape))


def test_usage():
    with pytest.raises(UsageError, match="did you mean 'standard'"):
        fitted(np.zeros((2, 2)), "standart")
    with pytest.raises(UsageError, match="dtype"):
        fitted(np.zeros((2, 2)), dtype="float16")
    with pytest.raises(UsageError, match="call fit"):
        FeaturePreprocessor().transform(np.zeros((2, 2)))


# Tables


def test_table_by_hand():
    frame = pl.DataFrame(
        {
            "size": [1, None, 4, 5],
            "colour": ["red", None, "blue", "red"],
            "ready": [True, False, None, True],
            "empty": pl.Series([None] * 4, dtype=pl.Float64),
            "price": [0.5, float("nan"), 2.5, 1.5],
        }
    )
    preprocessor = fitted(frame)
    names = ("size", "colour=blue", "colour=red", "colour=(missing)", "ready", "price")
    assert preprocessor.output_names == names
    assert preprocessor.output_columns == 6
    expected = [
        [1, 0, 1, 0, 1, 0.5],
        [4, 0, 0, 1, 0, 1.5],
        [4, 1, 0, 0, 1, 2.5],
        [5, 0, 1, 0, 1, 1.5],
    ]
    result = preprocessor.transform(frame)
    assert result.tolist() == expected
    assert result.flags.c_contiguous
    assert preprocessor.scale[1:4].tolist() == [1, 1, 1]
    assert preprocessor.shift[1:4].tolist() == [0, 0, 0]
    normal = scaled(preprocessor, frame)[:, [0, 4, 5]]
    assert np.allclose(normal.mean(axis=0), 0)
    assert np.allclose(normal.std(axis=0), 1)
    assert any("'empty' has no value" in note for note in preprocessor.notes)
    assert [reading.kind for reading in preprocessor.schema().features] == [
        "number",
        "text",
        "truth",
        "number",
    ]


def test_prediction_finds_columns_by_name():
    train = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    preprocessor = fitted(train)
    later = pl.DataFrame({"more": [0, 0, 0], "b": ["y", "unseen", None], "a": ["3", None, " 4.5 "]})
    assert preprocessor.transform(later).tolist() == [[3, 0, 1], [1.5, 0, 0], [4.5, 0, 0]]
    with pytest.raises(DataError, match="no column 'a'"):
        preprocessor.transform(later.drop("a"))
    with pytest.raises(DataError, match=r"1 of 1 cells hold something else: 'four' \(row 1\)"):
        preprocessor.transform(pl.DataFrame({"a": ["four"], "b": ["x"]}))
    notes = []
    infinite = pl.DataFrame({"a": [float("inf")], "b": ["x"]})
    assert preprocessor.transform(infinite, notes=notes).tolist() == [
        [1.5, 1, 0]
    ]  # every row has an answer
    assert len(notes) == 1
    assert "'inf' (row 1)" in notes[0]


def test_what_prediction_could_not_read_is_said():
    preprocessor = fitted(pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    later, notes = pl.DataFrame({"a": ["1", "four", "3"], "b": ["x", "z", None]}), []
    assert preprocessor.transform(later, notes=notes).tolist() == [
        [1, 1, 0],
        [1.5, 0, 0],
        [3, 0, 0],
    ]
    assert len(notes) == 3
    assert "'four' (row 2)" in notes[0]
    assert "'b' lacks 1 value, though none was missing" in notes[1]
    assert "training did not: 'z'" in notes[2]


def test_texts_that_look_like_numbers_later():
    preprocessor = fitted(pl.DataFrame({"code": ["1", "2", "x"]}))
    assert preprocessor.transform(pl.DataFrame({"code": [2, 1]})).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_rare_categories_share_a_level():
    counts = {f"word{index:03}": 100 - index for index in range(100)}
    texts = [word for word, count in counts.items() for _ in range(count)]
    preprocessor = fitted(pl.DataFrame({"w": texts}))
    assert preprocessor.output_columns == 64
    assert preprocessor.output_names[-1] == "w=(other)"
    assert preprocessor.output_names[:63] == tuple(f"w={word}" for word in sorted(counts)[:63])
    result = preprocessor.transform(pl.DataFrame({"w": ["word000", "word099", "unseen"]}))
    assert result.argmax(axis=1).tolist() == [0, 63, 63]
    assert any("the rarest share" in note for note in preprocessor.notes)
    with_gap = fitted(pl.DataFrame({"w": [*texts, None]}))
    assert with_gap.output_columns == 64
    assert with_gap.output_names[-2:] == ("w=(other)", "w=(missing)")
    assert with_gap.transform(pl.DataFrame({"w": [None, "unseen"]})).argmax(axis=1).tolist() == [
        63,
        62,
    ]


def test_sixty_four_levels_need_no_grouping():
    texts = [f"w{index:02}" for index in range(64)]
    preprocessor = fitted(pl.DataFrame({"w": texts}))
    assert np.array_equal(preprocessor.transform(pl.DataFrame({"w": texts})), np.eye(64))


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["x", "y"])])
def test_categorical_types(dtype):
    frame = pl.DataFrame({"c": pl.Series(["x", "y", None], dtype=dtype)})
    assert fitted(frame).transform(frame).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_dates_and_times():
    day = datetime.date(2020, 2, 28)
    moment = datetime.datetime(2020, 2, 28, 12)
    frame = pl.DataFrame(
        {
            "day": [day, day + datetime.timedelta(2), None],
            "moment": [
                moment,
                moment + datetime.timedelta(seconds=1),
                moment + datetime.timedelta(1),
            ],
            "hour": [datetime.time(1), datetime.time(0, 0, 2), datetime.time(0)],
            "wait": [
                datetime.timedelta(minutes=1),
                datetime.timedelta(0),
                datetime.timedelta(milliseconds=500),
            ],
        }
    )
    preprocessor = fitted(frame, dtype=np.float32)
    result = preprocessor.transform(frame)
    expected = [[0, 0, 3600, 60], [2, 1 / 86_400, 2, 0], [1, 1, 0, 0.5]]
    assert np.allclose(result, expected, rtol=1e-4, atol=0)
    assert len(preprocessor.notes) >= 4
    with pytest.raises(
        DataError, match=r"column 'day' was read as dates.*3 of 3 cells.*'Monday' \(row 1\)"
    ):
        preprocessor.transform(frame.with_columns(day=pl.lit("Monday")))
    with pytest.raises(
        DataError, match=r"column 'day' was read as dates.*3 of 3 cells.*'5' \(row 1\)"
    ):
        preprocessor.transform(frame.with_columns(day=5))


def test_columns_far_from_zero_keep_their_differences():
    values = [1_600_000_000 + second for second in range(100)]
    frame = pl.DataFrame({"epoch": values})
    result = fitted(frame, dtype=np.float32).transform(frame)
    assert np.array_equal(np.diff(result[:, 0]), np.ones(99))


def test_nested_columns_are_refused():
    with pytest.raises(DataError, match="column 'a' holds List"):
        fitted(pl.DataFrame({"a": [[1], [2]]}))


def test_table_model_reads_arrays_and_array_model_reads_tables():
    frame = pl.DataFrame({"a": [1, 2], "b": [300, 4]})
    by_table, by_array = (
        fitted(frame),
        fitted(frame.to_numpy().astype(np.float64), feature_names=("a", "b")),
    )
    assert by_table.transform(np.array([[7, 8]], np.uint8)).tolist() == [[7, 8]]
    assert by_table.transform(np.array([[8, 7]]), feature_names=("b", "a")).tolist() == [[7, 8]]
    assert by_array.transform(pl.DataFrame({"b": [8], "x": ["?"], "a": [None]})).tolist() == [
        [1.5, 8]
    ]
    assert by_array.transform(np.array([[8.0, 7.0]]), feature_names=("b", "a")).tolist() == [[7, 8]]
    with pytest.raises(DataError, match="no column 'a'"):
        by_array.transform(pl.DataFrame({"b": [8]}))
    with pytest.raises(DataError, match="no column"):
        by_table.transform(np.zeros((1, 3)))


values = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32))
levels = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "ü"]))
tables = st.lists(st.tuples(values, levels), min_size=1, max_size=20)


@settings(max_examples=150, deadline=None)
@given(train=tables, later=tables)
def test_imputation_and_one_hot_against_an_oracle(train, later):
    numbers = [row[0] for row in train if row[0] is not None]
    seen = sorted({row[1] for row in train if row[1] is not None})
    schema = {"n": pl.Float64, "t": pl.String}
    frame = pl.DataFrame(train, schema=schema, orient="row")
    if not numbers and not seen:
        with pytest.raises(DataError, match="no column holds a value"):
            fitted(frame)
        return
    expected = []
    for number, text in later:
        row = [float(np.median(numbers)) if number is None else number] if numbers else []
        row += [float(text == level) for level in seen]
        if seen and any(each[1] is None for each in train):
            row.append(float(text is None))
        expected.append(row)
    preprocessor = fitted(frame, "none")
    result = preprocessor.transform(pl.DataFrame(later, schema=schema, orient="row"))
    assert np.allclose(result, expected, rtol=1e-6, atol=1e-6)


# Kept in a model file


def kept_ones():
    frame = pl.DataFrame(
        {
            "n": [1.5, None, 2**40],
            "t": ["x", None, "y"],
            "d": [datetime.date(2020, 1, day) for day in (1, 2, 9)],
        }
    )
    array = np.array([[1, np.nan], [0.1, 3], [2, 1 / 3]])
    pixels = RANDOM.integers(0, 256, (4, 12), dtype=np.uint8)
    return [
        (frame, fitted(frame, dtype=np.float32)),
        (array, fitted(array, "unit", feature_names=("a", "b"))),
        (pixels, fitted(pixels, image_shape=(2, 2, 3))),
        (pixels, fitted(pixels, "none")),
    ]


@pytest.mark.parametrize("index", range(4))
def test_kept_and_restored(index):
    features, preprocessor = kept_ones()[index]
    text = json.dumps(preprocessor.to_dict(), allow_nan=False)
    restored = FeaturePreprocessor.from_dict(json.loads(text))
    assert np.array_equal(restored.transform(features), preprocessor.transform(features))
    for name in ("scale", "shift"):
        before, after = getattr(preprocessor, name), getattr(restored, name)
        assert (before is None and after is None) or np.array_equal(before, after)
    assert restored.output_names == preprocessor.output_names
    assert restored.image_shape == preprocessor.image_shape
    assert restored.to_dict() == preprocessor.to_dict()


def places(kept, path=()):
    """Yield the path of every entry in nested dictionaries and lists."""
    entries = (
        kept.items()
        if isinstance(kept, dict)
        else enumerate(kept)
        if isinstance(kept, list)
        else ()
    )
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


@pytest.mark.parametrize(
    "wrong", [None, -1, 10**400, 1e308, float("nan"), "x", [], {}, [[]], True, ["x", "x"]]
)
def test_hostile_descriptions_raise_one_error(wrong):
    for _, preprocessor in kept_ones():
        for path in places(preprocessor.to_dict()):
            kept = json.loads(json.dumps(preprocessor.to_dict()))
            holder = kept
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = wrong
            message = ""
            try:
                FeaturePreprocessor.from_dict(kept)
            except ModelFileError as error:
                message = str(error)
            assert "\n" not in message
            assert len(message) < 300


@pytest.mark.parametrize(
    "wrong", [None, [], "x", 3, {"features": None}, {"features": {"kind": "table", "columns": []}}]
)
def test_no_description_at_all(wrong):
    with pytest.raises(ModelFileError, match="damaged"):
        FeaturePreprocessor.from_dict(wrong)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", None),
        ("scale", [1.0]),
        ("scale", [0.0, 1.0]),
        ("shift", [1.0, float("inf")]),
        ("image_shape", [3, 3]),
        ("dtype", "O"),
    ],
)
def test_contradictions_are_refused(key, value):
    kept = fitted(RANDOM.normal(size=(5, 2))).to_dict() | {key: value}
    with pytest.raises(ModelFileError, match=key):
        FeaturePreprocessor.from_dict(kept)
