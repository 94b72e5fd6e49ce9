"""New files for a trained model: every row answered in its order, however the file is written and
divided.
"""

import csv
import datetime
import gzip
import io
from pathlib import Path

import numpy as np
import polars
import pytest
from oracles.workbooks import write_workbook

import fastmlp
from fastmlp.data.features.columns import CategoryColumn
from fastmlp.data.readings.reading import ColumnReading
from fastmlp.errors import DataError, UsageError

ROWS = 60
FEW = {"preset": "plain", "hidden": "4", "epochs": 1, "threads": 1, "device": "cpu"}


def rows_of(count=ROWS, seed=1):
    random = np.random.default_rng(seed)
    columns = {
        "size": np.round(random.normal(size=count), 3).tolist(),
        "count": random.integers(0, 9, count).tolist(),
        "town": random.choice(["Bonn", "Rome", "a, b"], count).tolist(),
    }
    return columns | {"kind": ["tea" if size > 0 else "coffee" for size in columns["size"]]}


def as_csv(columns, separator=",", header=True):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return file.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "cafes.csv").write_text(as_csv(rows_of()))
    return fastmlp.train(dataset=folder / "cafes.csv", out=folder / "run", **FEW)


@pytest.fixture(scope="module")
def expected(trained):
    """The probabilities of the training rows, by the network itself."""
    columns = rows_of()
    columns.pop("kind")
    return trained.model.predict_outputs(columns)


def probabilities(predictions):
    return np.column_stack([predictions.columns["p_coffee"], predictions.columns["p_tea"]])


def without(columns, *names):
    return {name: values for name, values in columns.items() if name not in names}


FORMS = {
    "semicolons.csv": lambda path: path.write_text(as_csv(rows_of(), ";")),
    "tabs.tsv": lambda path: path.write_text(as_csv(rows_of(), "\t")),
    "bars.txt": lambda path: path.write_text(as_csv(rows_of(), "|")),
    "order.csv": lambda path: path.write_text(as_csv(dict(reversed(rows_of().items())))),
    "more.csv": lambda path: path.write_text(
        as_csv({"x": range(ROWS)} | rows_of() | {"z": ["é"] * ROWS})
    ),
    "mark.csv": lambda path: path.write_text(as_csv(rows_of()), encoding="utf-8-sig"),
    "lines.csv": lambda path: path.write_bytes(as_csv(rows_of()).replace("\n", "\r\n").encode()),
    "wide.csv": lambda path: path.write_text(as_csv(rows_of()), encoding="utf-16"),
    "packed.csv.gz": lambda path: path.write_bytes(gzip.compress(as_csv(rows_of()).encode())),
    "no_target.csv": lambda path: path.write_text(as_csv(without(rows_of(), "kind"))),
    "bare.csv": lambda path: path.write_text(as_csv(without(rows_of(), "kind"), header=False)),
    "bare_with_target.csv": lambda path: path.write_text(as_csv(rows_of(), header=False)),
    "new.parquet": lambda path: polars.DataFrame(rows_of()).write_parquet(path),
    "new.arrow": lambda path: polars.DataFrame(rows_of()).write_ipc(path),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file(trained, expected, tmp_path, name):
    FORMS[name](tmp_path / name)
    predictions = fastmlp.predict(trained.model, tmp_path / name)
    assert predictions.columns["row"].tolist() == list(range(1, ROWS + 1))
    assert np.array_equal(probabilities(predictions), expected)
    if name in ("bare.csv", "no_target.csv"):
        with pytest.raises(DataError, match="'kind'"):
            fastmlp.evaluate(trained.model, tmp_path / name)
    else:
        assert fastmlp.evaluate(trained.model, tmp_path / name)["rows"] == ROWS


def test_a_workbook(trained, expected, tmp_path):
    pytest.importorskip("fastexcel")
    columns = rows_of()
    write_workbook(
        tmp_path / "new.xlsx", [list(columns), *map(list, zip(*columns.values(), strict=True))]
    )
    assert np.array_equal(
        probabilities(fastmlp.predict(trained.model, tmp_path / "new.xlsx")), expected
    )


@pytest.mark.parametrize(
    "form", [as_csv, lambda columns: as_csv(columns, header=False)], ids=["header", "bare"]
)
def test_one_row(trained, expected, tmp_path, form):
    (tmp_path / "one.csv").write_text(
        form({name: values[:1] for name, values in rows_of().items()})
    )
    assert np.array_equal(
        probabilities(fastmlp.predict(trained.model, tmp_path / "one.csv")), expected[:1]
    )
    assert fastmlp.evaluate(trained.model, tmp_path / "one.csv")["rows"] == 1


@pytest.mark.parametrize("what", ["parts", "parts/*.csv", "parts/part-?.csv"])
def test_several_files_are_one_table(trained, expected, tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    Path("parts").mkdir()
    for number, (start, stop) in enumerate([(0, 7), (7, 8), (8, ROWS)]):
        part = {name: values[start:stop] for name, values in rows_of().items()}
        Path(f"parts/part-{number}.csv").write_text(as_csv(part))
    predictions = fastmlp.predict(trained.model, what)
    assert np.array_equal(probabilities(predictions), expected)
    assert "3 files are read as one table" in predictions.notes[0]
    assert fastmlp.evaluate(trained.model, what)["rows"] == ROWS
    run = fastmlp.train(dataset=what, target="kind", out="run", **FEW)
    assert run.model.rows["train"] + run.model.rows["test"] == ROWS
    assert fastmlp.evaluate(run.folder)["rows"] == run.model.rows["test"]


def test_a_table_beside_folders_of_pictures_is_not_taken_for_the_data(tmp_path):
    from PIL import Image

    for place, name in enumerate(["cat", "dog", "cat", "dog"]):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("L", (3, 3), 60 * place).save(tmp_path / name / f"{place}.png")
    (tmp_path / "about.csv").write_text("file,who\na,b\n")
    from fastmlp.data.loading import load

    assert load(str(tmp_path)).image_shape == (3, 3)


def test_names_by_position_are_said(trained, tmp_path):
    (tmp_path / "bare.csv").write_text(as_csv(rows_of(), header=False))
    notes = fastmlp.predict(trained.model, tmp_path / "bare.csv").notes
    assert notes == (
        "the table has no header; its columns are taken as 'size', 'count', 'town' and 1 more, "
        "in the order of training.",
    )


def test_a_file_without_a_header_of_another_width_is_refused(trained, tmp_path):
    (tmp_path / "bare.csv").write_text("1.5,2\n2.5,3\n")
    with pytest.raises(DataError, match="no header, and 2 columns where the training table has 4"):
        fastmlp.predict(trained.model, tmp_path / "bare.csv")


def test_a_header_that_names_no_known_column_is_refused_with_the_remedy(
    trained, expected, tmp_path
):
    columns = without(rows_of(), "kind")
    (tmp_path / "new.csv").write_text("width,number,place\n" + as_csv(columns, header=False))
    with pytest.raises(
        DataError, match=r"'width', 'number', 'place', of which the model knows none.*--no-header"
    ):
        fastmlp.predict(trained.model, tmp_path / "new.csv")


def test_what_is_said_of_the_file_counts(trained, expected, tmp_path):
    (tmp_path / "new.csv").write_text(as_csv(rows_of(), "~"))
    assert np.array_equal(
        probabilities(fastmlp.predict(trained.model, tmp_path / "new.csv", separator="~")), expected
    )
    assert (
        fastmlp.evaluate(trained.model, tmp_path / "new.csv", separator="~", header=True)["rows"]
        == ROWS
    )
    (tmp_path / "bare.csv").write_text(as_csv(rows_of(), header=False))
    assert len(fastmlp.predict(trained.model, tmp_path / "bare.csv", header=False)) == ROWS
    with pytest.raises(DataError, match="knows none"):
        fastmlp.predict(trained.model, tmp_path / "bare.csv", header=True)


def test_nothing_can_be_said_of_data_in_memory(trained):
    with pytest.raises(UsageError, match="data in memory have neither"):
        fastmlp.predict(trained.model, rows_of(), header=True)
    with pytest.raises(UsageError, match="data in memory have neither"):
        fastmlp.evaluate(trained.model, rows_of(), separator=";")


@pytest.fixture
def divided_by_tildes(tmp_path):
    (tmp_path / "cafes.csv").write_text(as_csv(rows_of(), "~"))
    return fastmlp.train(
        dataset=tmp_path / "cafes.csv", separator="~", header=True, out=tmp_path / "run", **FEW
    )


@pytest.mark.parametrize("separator", ["~", ",", ";"])
@pytest.mark.parametrize("header", [True, False])
def test_what_was_said_in_training_holds_where_it_fits(
    divided_by_tildes, tmp_path, separator, header
):
    columns = rows_of(seed=2)
    wanted = divided_by_tildes.model.predict_outputs(without(columns, "kind"))
    (tmp_path / "new.csv").write_text(as_csv(columns, separator, header))
    options = {} if header or separator != "~" else {"header": False, "separator": "~"}
    found = fastmlp.predict(divided_by_tildes.folder, tmp_path / "new.csv", **options)
    assert np.array_equal(probabilities(found), wanted)


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """A model of a Parquet file, in which neither decimal signs nor dates are spelt."""
    folder = tmp_path_factory.mktemp("typed")
    random = np.random.default_rng(3)
    days = [polars.date(2000 + int(year), 3, 4) for year in random.integers(0, 20, ROWS)]
    frame = polars.DataFrame({"size": random.normal(size=ROWS), "y": random.normal(size=ROWS)})
    polars.select(day=polars.concat_list(days).explode()).hstack(frame).write_parquet(
        folder / "t.parquet"
    )
    return fastmlp.train(dataset=folder / "t.parquet", out=folder / "run", **FEW)


@pytest.mark.parametrize(
    ("cells", "day", "size", "note"),
    [
        ("2010-02-01;0.125", (2010, 2, 1), 0.125, None),
        ("01.02.2010;0,125", (2010, 2, 1), 0.125, "decimal commas here"),
        ("31/01/2010;12,5", (2010, 1, 31), 12.5, "dates day first here"),
        ("01/31/2010;12.5", (2010, 1, 31), 12.5, "dates month first here"),
        ("02/01/2010;1.5", (2010, 2, 1), 1.5, "leave in doubt"),
        ("26.03.20;1.5", (2020, 3, 26), 1.5, "dates day first here"),
        (
            "26-03-20;1.5",
            (2026, 3, 20),
            1.5,
            "dates such as 26-03-20 in column 'day' are read year first",
        ),
    ],
)
def test_how_a_file_writes_numbers_and_dates_that_training_did_not_spell(
    typed, tmp_path, cells, day, size, note
):
    (tmp_path / "new.csv").write_text(f"day;size\n{cells}\n")
    found = fastmlp.predict(typed.model, tmp_path / "new.csv")
    wanted = typed.model.predict({"day": [datetime.date(*day)], "size": [size]})
    assert found.columns["prediction"].tolist() == wanted.tolist()
    assert note is None or any(note in said for said in found.notes)


def test_three_digits_behind_a_comma_are_told_by_the_other_columns_or_said(tmp_path):
    random = np.random.default_rng(4)
    frame = polars.DataFrame({name: random.normal(size=ROWS) for name in ("a", "b", "y")})
    frame.write_parquet(tmp_path / "t.parquet")
    model = fastmlp.train(dataset=tmp_path / "t.parquet", out=tmp_path / "run", **FEW).model
    for b, a, note in (
        ("0,5", 1.234, "'a' has decimal commas here"),
        ("5", 1234.0, "'a' three digits stand behind"),
    ):
        (tmp_path / "new.csv").write_text(f"a;b\n1,234;{b}\n")
        found = fastmlp.predict(model, tmp_path / "new.csv")
        wanted = model.predict({"a": [a], "b": [float(b.replace(",", "."))]})
        assert found.columns["prediction"].tolist() == wanted.tolist()
        assert any(note in said for said in found.notes)


def test_the_numbers_that_a_level_may_be_spelt_as():
    column = CategoryColumn(
        ColumnReading("code", "text", gaps=("x",)), ("01", "2", "2.0", "0.00001", "A"), True, True
    )
    other, missing = 5, 6
    wanted = {
        "1": 0,
        "1.0": 0,
        "01.0": other,
        "+1": other,
        "1e-05": 3,
        "x": missing,
        "NA": missing,
        "None": missing,
    }
    assert {text: column.position_of(text) for text in wanted} == wanted
    assert column.position_of("2.00") == other  # of two levels


def test_cells_that_are_nearly_numbers_are_gaps_even_if_all_are(trained, tmp_path):
    columns = without(rows_of(), "kind")
    median = trained.model.predict_outputs(
        {"size": [None] * 3, "count": [3] * 3, "town": ["Rome"] * 3}
    )
    (tmp_path / "new.csv").write_text("size,count,town\n<0.5,3,Rome\ninf,3,Rome\n1e999,3,Rome\n")
    found = fastmlp.predict(trained.model, tmp_path / "new.csv")
    assert np.array_equal(probabilities(found), median)
    assert any("'<0.5' (row 1), 'inf' (row 2), '1e999' (row 3)" in note for note in found.notes)
    (tmp_path / "new.csv").write_text(as_csv(columns | {"size": columns["town"]}))
    with pytest.raises(
        DataError, match="column 'size' was read as numbers in training; here 60 of 60"
    ):
        fastmlp.predict(trained.model, tmp_path / "new.csv")


def test_spans_and_intervals_of_pandas_are_the_same_in_a_column_and_in_a_row():
    pandas = pytest.importorskip("pandas")
    sizes = np.random.default_rng(5).normal(size=ROWS)
    frame = pandas.DataFrame(
        {
            "month": pandas.period_range("2010-01", periods=ROWS, freq="M"),
            "band": pandas.cut(sizes, 3),
            "y": sizes > 0,
        }
    )
    frame["wide"] = pandas.arrays.IntervalArray(frame["band"])
    from fastmlp.data.sources.series import to_series

    for name in ("month", "band", "wide"):
        whole = to_series(name, frame[name]).cast(polars.String)
        assert (
            to_series(name, frame[name].tolist()).cast(polars.String).to_list() == whole.to_list()
        )
        assert (
            to_series(name, frame[name].astype(object)).cast(polars.String).to_list()
            == whole.to_list()
        )
