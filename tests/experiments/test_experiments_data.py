"""The changes that recipes make to data, and the files that runs then read."""

import numpy as np
import polars
import pytest
from experiments_support import RECIPE, recipe

from fastmlp.data.loading import load
from fastmlp.errors import DataError
from fastmlp.experiments.data_plan import DataPlan, choose_plan
from fastmlp.experiments.prepared import prepare_data
from fastmlp.settings.settings import Settings, settings_from


@pytest.fixture
def pictures_npz(here):
    """200 pictures of 4×6 in ten classes, and 50 to test."""
    random = np.random.default_rng(3)
    arrays = {}
    for part, rows in (("train", 200), ("test", 50)):
        arrays[f"x_{part}"] = random.integers(0, 256, size=(rows, 4, 6), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(rows) % 10
    np.savez(here / "pictures.npz", **arrays)
    return arrays


def prepared(folder, settings=None, **plan):
    """Return the source that a run reads."""
    how = settings or Settings()
    changed = settings_from(
        how.to_dict(), prepare_data(DataPlan("pictures.npz", **plan), how, folder)
    )
    return load(changed.dataset, target=changed.target, test=changed.test)


def test_data_that_stay_as_they_are_are_not_copied(here, pictures_npz):
    assert prepare_data(DataPlan("pictures.npz"), Settings(), here / "out") == {
        "dataset": "pictures.npz"
    }
    assert not (here / "out").exists()


def test_rows(here, pictures_npz):
    source = prepared(here / "out", rows=30, test_rows=7)
    assert (len(source), len(source.test)) == (30, 7)
    assert source.image_shape == (4, 6)
    originals = {row.tobytes() for row in pictures_npz["x_train"].reshape(200, -1)}
    assert {row.tobytes() for row in source.features} <= originals
    assert len({row.tobytes() for row in source.features}) == 30
    assert len(prepared(here / "all", rows=1000, test_rows=1000)) == 200


def test_labels_stay_with_their_rows(here, pictures_npz):
    rows, labels = pictures_npz["x_train"].reshape(200, -1), pictures_npz["y_train"]
    label_of = {row.tobytes(): label for row, label in zip(rows, labels, strict=True)}
    source = prepared(here / "out", rows=30, class_sizes=(15, 3))
    assert [label_of[row.tobytes()] for row in source.features] == source.target.tolist()


def test_pool_puts_the_test_rows_to_the_others(here, pictures_npz):
    source = prepared(here / "out", pool=True)
    assert len(source) == 250
    assert source.test is None
    together = np.concatenate([pictures_npz["x_train"], pictures_npz["x_test"]]).reshape(250, -1)
    np.testing.assert_array_equal(source.features, together)


def test_class_sizes_fall_by_one_factor(here, pictures_npz):
    source = prepared(here / "out", class_sizes=(20, 2))
    sizes = np.bincount(source.target)
    np.testing.assert_array_equal(sizes, np.round(20 * 0.1 ** (np.arange(10) / 9)))
    # A class that has too few rows gives all that it has.
    assert np.bincount(prepared(here / "more", class_sizes=(100, 10)).target).tolist()[:3] == [
        20,
        20,
        20,
    ]


def test_resize(here, pictures_npz):
    source = prepared(here / "out", resize="8x3")
    assert source.image_shape == (8, 3)
    assert source.test.image_shape == (8, 3)
    # A plain picture stays plain, and the mean hardly moves.
    means = source.features.mean(axis=1), pictures_npz["x_train"].reshape(200, -1).mean(axis=1)
    assert np.abs(means[0] - means[1]).mean() < 15
    np.savez(here / "plain.npz", X=np.full((5, 4, 6), 77, np.uint8), y=np.arange(5) % 2)
    found = prepare_data(DataPlan("plain.npz", resize="60x80"), Settings(), here / "plain")
    assert set(np.unique(load(found["dataset"]).features)) == {77}


def test_as_csv(here, pictures_npz):
    found = prepare_data(DataPlan("pictures.npz", as_csv=True, rows=12), Settings(), here / "out")
    frame = polars.read_csv(found["dataset"])
    assert frame.columns[:2] == ["label", "pixel0"]
    assert frame.shape == (12, 25)
    assert polars.read_csv(found["test"]).height == 50


def test_tables_with_texts(here):
    lines = [
        f"{'red' if row % 2 else 'blue'},{row},{'yes' if row % 3 else 'no'}" for row in range(40)
    ]
    (here / "table.csv").write_text("\n".join(["colour,size,verdict", *lines]))
    how = Settings(target="verdict")
    found = prepare_data(DataPlan("table.csv", rows=10), how, here / "out")
    settings = settings_from(how.to_dict(), found)
    source = load(settings.dataset, target=settings.target)
    assert len(source) == 10
    assert source.feature_names == ("colour", "size")
    assert set(source.target) <= {"yes", "no"}
    with pytest.raises(DataError, match="no images"):
        prepare_data(DataPlan("table.csv", resize="3x3"), how, here / "out")


def test_prepared_data_are_taken_as_they_are(here, pictures_npz):
    first = prepare_data(DataPlan("pictures.npz", rows=30), Settings(), here / "out")
    time = (here / "out").stat().st_mtime_ns
    assert prepare_data(DataPlan("pictures.npz", rows=30), Settings(), here / "out") == first
    assert (here / "out").stat().st_mtime_ns == time
    other = prepare_data(DataPlan("pictures.npz", rows=31), Settings(), here / "out")
    assert other != first
    assert not [path for path in (here / "out").iterdir() if path.name.startswith(".")]


TEXT = """
[data]
dataset = "digits"
about = "the original"
stand_in = "not the original"
rows = 100
[data.original]
settings = { image_size = "6x6" }
[data.quick]
rows = 20
"""


def test_which_plan_is_followed():
    plan = recipe(RECIPE.replace('[data]\ndataset = "classes.npz"', "") + TEXT).data
    own = choose_plan(plan, None, quick=False)
    assert (own.rows, own.stand_in) == (100, "not the original")
    quick = choose_plan(plan, None, quick=True)
    assert (quick.dataset, quick.rows, quick.stand_in) == ("digits", 20, "not the original")
    given = choose_plan(plan, "xor", quick=False)
    assert (given.dataset, given.rows, given.stand_in) == ("xor", None, "")
    assert given.settings == {"image_size": "6x6"}
    assert "--data" in given.about
    assert choose_plan(plan, "xor", quick=True).rows == 500
