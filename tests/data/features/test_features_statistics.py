"""Target statistics beside plain Python loops; no row's own target, or fold's, is among its own."""

import json

import numpy as np
import polars as pl
import pytest

from fastmlp.data.features.columns import CategoryColumn, column_from_dict
from fastmlp.data.features.encoding import Encoding
from fastmlp.data.features.statistics import TargetRows, TargetStatistics
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.readings.reading import ColumnReading
from fastmlp.data.splits import fold_numbers
from fastmlp.errors import DataError, ModelFileError

A = 10
ENCODING = Encoding(target_statistics=1)


def mean(numbers):
    return sum(numbers) / len(numbers)


def statistic(text, rows):
    """Return t of a text from rows (text, y), by the formula."""
    prior = mean([y for _, y in rows])
    own = [y for each, y in rows if each == text]
    return (sum(own) + A * prior) / (len(own) + A)


def oracle(texts, y, folds, left_out=()):
    """Return what the network reads of each training row, and a function for rows that come later.

    One statistic, in Python's own numbers.
    """
    y, rows = [float(each) for each in y], range(len(texts))
    fitted = [
        statistic(texts[i], [(texts[j], y[j]) for j in rows if folds[j] != folds[i]]) for i in rows
    ]
    centre, middle = mean(fitted), mean(y)
    deviation = mean([(each - middle) ** 2 for each in y]) ** 0.5 or 1.0

    def scaled(t):
        return 2 * (t - centre) / deviation

    everyone = list(zip(texts, y, strict=True))
    if left_out:
        rest = [j for j in rows if j not in left_out]
        fitted = [
            statistic(
                texts[i], [(texts[j], y[j]) for j in rest if i in left_out or folds[j] != folds[i]]
            )
            for i in rows
        ]
    return [scaled(t) for t in fitted], lambda text: scaled(statistic(text, everyone))


def series(texts):
    return pl.Series("c", texts, dtype=pl.String)


def targets(y, folds, task="auto"):
    encoder = TargetEncoder().fit(y, task, dtype=np.float64)
    return TargetRows.of(encoder, encoder.encode(y), np.asarray(folds))


def draws(seed, rows=40, levels=6, gaps=True):
    random = np.random.default_rng(seed)
    names = [None] * gaps + [f"l{number}" for number in range(levels)]
    texts = [names[place] for place in random.integers(0, len(names), rows)]
    return random, texts, random.integers(0, 4, rows)


@pytest.mark.parametrize("seed", range(5))
def test_values_against_loops(seed):
    random, texts, folds = draws(seed, gaps=seed % 2 == 0)
    y = random.normal(size=len(texts))
    y = (y - y.mean()) / y.std()
    target = targets(y, folds, "regression")
    column = CategoryColumn.fit(ColumnReading("c", "text"), series(texts), ENCODING, target)
    training, later = oracle(texts, y, folds)
    assert column.output_names[-1] == "c:target"
    np.testing.assert_allclose(
        column.statistics.cross_fitted(series(texts), target)[:, 0], training, atol=1e-12
    )
    asked = ["l5", None, "new", "l0"]
    output = np.full((4, len(column.output_names)), 7.0)
    column.write(series(asked), output)
    # An unseen text has no rows of its own, and so the prior; so has a gap if training had none.
    np.testing.assert_allclose(output[:, -1], [later(text) for text in asked], atol=1e-12)
    again = column_from_dict(json.loads(json.dumps(column.to_dict())))
    assert again == column
    left_out = set(np.flatnonzero(folds == 2))
    expected, _ = oracle(texts, y, folds, left_out)
    found = column.statistics.cross_fitted(series(texts), target, folds == 2)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 15])
def test_classes_against_loops(classes):
    random, texts, folds = draws(classes, rows=90)
    labels = np.array([f"k{number:02}" for number in range(classes)])
    y = labels[np.arange(90) % classes][random.permutation(90)]
    column = CategoryColumn.fit(
        ColumnReading("c", "text"), series(texts), ENCODING, targets(y, folds)
    )
    shown = labels[1:] if classes == 2 else labels
    endings = [":target"] if classes == 2 else [f":target={label}" for label in labels]
    assert column.output_names[-len(shown) :] == tuple(f"c{ending}" for ending in endings)
    found = column.statistics.cross_fitted(series(texts), targets(y, folds))
    for place, label in enumerate(shown):
        training, later = oracle(texts, y == label, folds)
        np.testing.assert_allclose(found[:, place], training, atol=1e-12)
        assert column.statistics.table[0, place] == pytest.approx(later("l0"), abs=1e-12)


def test_several_outputs_have_a_statistic_each():
    random, texts, folds = draws(1)
    y = random.integers(0, 2, (40, 3))
    target = targets(y, folds, "multilabel")
    assert target.endings == (":target=1", ":target=2", ":target=3")
    found = TargetStatistics.fit(series(texts), target).cross_fitted(series(texts), target)
    for place in range(3):
        np.testing.assert_allclose(
            found[:, place], oracle(texts, y[:, place], folds)[0], atol=1e-12
        )


@pytest.mark.parametrize("left_out", [None, 3])
def test_no_row_depends_on_its_own_fold(left_out):
    random, texts, folds = draws(7)
    y = random.normal(size=40)
    statistics = TargetStatistics.fit(series(texts), targets(y, folds, "regression"))
    aside = None if left_out is None else folds == left_out

    def read(values):
        target = TargetRows(values[:, None], folds, (":target",))
        return statistics.cross_fitted(series(texts), target, aside)

    before = read(y)
    for fold in range(4):
        # Values of another size altogether: no trace of them may be left by rounding either.
        after = read(np.where(folds == fold, random.normal(size=40) * 1e9, y))
        same = folds == fold if left_out != fold else np.full(40, True)
        np.testing.assert_array_equal(after[same], before[same])
        assert left_out == fold or not np.array_equal(after, before)


def test_edges():
    folds = np.arange(8) % 4
    y = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    # All texts are different: what the others say is the mean of all, and no text tells anything.
    unique = [f"t{row}" for row in range(8)]
    target = targets(y, folds, "regression")
    found = TargetStatistics.fit(series(unique), target).cross_fitted(series(unique), target)
    np.testing.assert_allclose(found[:, 0], oracle(unique, target.values[:, 0], folds)[0])
    # A text that one fold alone holds.
    one_fold = ["a", "b", "c", "d", "a", "b", "d", "d"]
    found = TargetStatistics.fit(series(one_fold), target).cross_fitted(series(one_fold), target)
    np.testing.assert_allclose(found[:, 0], oracle(one_fold, target.values[:, 0], folds)[0])
    # A target that is constant tells nothing.
    constant = targets(np.full(8, 0.1), folds, "regression")
    statistics = TargetStatistics.fit(series(one_fold), constant)
    np.testing.assert_allclose(statistics.table, 0, atol=1e-12)
    np.testing.assert_allclose(statistics.cross_fitted(series(one_fold), constant), 0, atol=1e-12)
    # One level has no statistics, as it has not more than one.
    one = CategoryColumn.fit(ColumnReading("c", "text"), series(["a"] * 8), ENCODING, target)
    assert one.statistics is None
    assert one.output_names == ("c=a",)


def test_values_too_large_are_refused():
    target = TargetRows(np.full((4, 1), 1e308), np.arange(4), (":target",))
    with pytest.raises(DataError, match="too large for target statistics"):
        TargetStatistics.fit(series(["a", "b", "a", "b"]), target)


def test_other_spellings_are_the_same_text():
    y = np.arange(6.0)
    target = targets(y, np.arange(6) % 3, "regression")
    texts = ["01", "02", "01", "02", "03", "None"]
    column = CategoryColumn.fit(
        ColumnReading("c", "text"),
        series(texts),
        Encoding("median", 2, 1, target_statistics=1),
        target,
    )
    assert column.output_names == ("c=01", "c=(other)", "c:target")
    output = np.empty((4, 3))
    column.write(series(["2.0", "3", None, "4"]), output)
    table = dict(zip(column.statistics.texts, column.statistics.table[:, 0], strict=False))
    prior = column.statistics.table[-1, 0]
    assert output[:, 2].tolist() == [table["02"], table["03"], table["None"], prior]
    others = [table[text] for text in ("02", "03", "None")]
    np.testing.assert_allclose(column.beside_levels[:, 0], [table["01"], np.mean(others)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_preprocessor_gives_training_rows_what_is_cross_fitted(dtype):
    random, texts, _ = draws(3, rows=30_000, levels=50)
    frame = pl.DataFrame({"x": random.normal(size=30_000), "c": texts})
    y = random.normal(size=30_000)
    folds = fold_numbers(y, folds=5, task="regression", seed=0)
    target = targets(y, folds, "regression")
    features = FeaturePreprocessor()
    how = {"encoding": Encoding(target_statistics=8), "target": target}
    matrix = features.fit_transform(frame, "standard", dtype, **how)
    later = features.transform(frame)
    assert matrix.dtype == later.dtype == dtype
    assert features.output_names[-1] == "c:target"
    assert (features.scale[-1], features.shift[-1]) == (1, 0)
    np.testing.assert_array_equal(matrix[:, :-1], later[:, :-1])
    texts_read = series(texts)
    statistics = TargetStatistics.fit(texts_read, target)
    np.testing.assert_array_equal(
        matrix[:, -1], statistics.cross_fitted(texts_read, target)[:, 0].astype(dtype)
    )
    numbers = [50 if text is None else statistics.texts.index(text) for text in texts]
    np.testing.assert_array_equal(later[:, -1], statistics.table[numbers, 0].astype(dtype))
    assert features.inputs[1].beside == (52,)
    assert np.allclose(np.array(features.inputs[1].beside_levels), statistics.table[:51])
    again = FeaturePreprocessor.from_dict(json.loads(json.dumps(features.to_dict())))
    np.testing.assert_array_equal(again.transform(frame), later)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("endings", []),
        ("texts", ["a", "a"]),
        ("texts", []),
        ("has_missing", 1),
        ("values", [[0.0]]),
        ("values", [[0.0], [0.0], [float("nan")], [0.0]]),
        ("values", [[0.0], [0.0, 1.0], [0.0], [0.0]]),
        ("centre", [None]),
        ("deviation", [0.0]),
    ],
)
def test_a_damaged_file(key, value):
    target = targets(np.arange(4.0), np.arange(4), "regression")
    kept = TargetStatistics.fit(series(["a", "b", None, "a"]), target).to_dict()
    assert TargetStatistics.from_dict(json.loads(json.dumps(kept))).to_dict() == kept
    with pytest.raises(ModelFileError, match="damaged"):
        TargetStatistics.from_dict(kept | {key: value})
