"""``fastmlp predict``: files of predictions as others read them."""

import csv
import io

import numpy as np
import pytest
from cli_support import flowers, write


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def unlabelled(here):
    """The flowers without their species."""
    return write(here / "new.csv", [line.rpartition(",")[0] for line in flowers()])


def test_csv_and_parquet_hold_the_same(fastmlp, flower_run, here, unlabelled):
    import polars

    assert (
        fastmlp("predict", flower_run, unlabelled, "-o", "p.csv").out
        == "60 rows written to p.csv\n"
    )
    assert fastmlp("predict", flower_run, unlabelled, "-o", "p.parquet").code == 0
    rows = read_csv((here / "p.csv").read_text())
    frame = polars.read_parquet(here / "p.parquet")
    assert frame.columns == list(rows[0]) == ["row", "label", "p_x", "p_y", "p_z"]
    assert frame.schema["p_x"] == polars.Float32
    assert frame["row"].to_list() == list(range(1, 61))
    assert frame["label"].to_list() == [row["label"] for row in rows]
    for name in ("p_x", "p_y", "p_z"):
        assert np.array_equal(
            frame[name].to_numpy(), np.array([row[name] for row in rows], np.float32)
        )
    shares = frame.select("p_x", "p_y", "p_z").to_numpy()
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert [list("xyz")[index] for index in shares.argmax(axis=1)] == frame["label"].to_list()


def test_the_target_in_the_data_is_ignored(fastmlp, flower_run, here, unlabelled):
    labelled = write(here / "labelled.csv", flowers())
    for data, name in ((unlabelled, "a.csv"), (labelled, "b.csv")):
        fastmlp("predict", flower_run, data, "-o", name)
    assert (here / "a.csv").read_text() == (here / "b.csv").read_text()


def test_how_the_file_is_divided_can_be_said(fastmlp, flower_run, here, unlabelled):
    fastmlp("predict", flower_run, unlabelled, "-o", "a.csv")
    lines = [line.replace(",", "~") for line in unlabelled.read_text().splitlines()]
    divided = write(here / "divided.csv", lines)
    assert fastmlp("predict", flower_run, divided, "--separator", "~", "-o", "b.csv").code == 0
    bare = write(here / "bare.csv", lines[1:])
    assert (
        fastmlp("predict", flower_run, bare, "--separator", "~", "--no-header", "-o", "c.csv").code
        == 0
    )
    assert (
        (here / "a.csv").read_text() == (here / "b.csv").read_text() == (here / "c.csv").read_text()
    )
    fastmlp("predict", flower_run, bare, "--separator", "~", "--header").is_refused("--no-header")
    fastmlp("evaluate", flower_run, unlabelled, "--separator", "ab").is_refused(
        "separator 'ab' is none"
    )
    labelled = write(here / "labelled.csv", [line.replace(",", "~") for line in flowers()])
    assert "60" in fastmlp("evaluate", flower_run, labelled, "--separator", "~").out


def test_standard_output_is_csv_and_nothing_else(fastmlp, flower_run, here, unlabelled):
    fastmlp("predict", flower_run, unlabelled, "-o", "p.csv")
    assert fastmlp("predict", flower_run, unlabelled, "-o", "-").out == (here / "p.csv").read_text()


def test_without_a_file_ten_rows_are_shown(fastmlp, flower_run, unlabelled):
    text = fastmlp("predict", flower_run, unlabelled).out.splitlines()
    assert text[0].split() == ["row", "label", "p_x", "p_y", "p_z"]
    assert len(text) == 12
    assert text[-1] == "… 50 more rows; -o FILE writes them all."


def test_regression(fastmlp, price_run, here):
    data = write(here / "new.csv", ["a,b", "0,0", "1,0"])
    rows = read_csv(fastmlp("predict", price_run, data, "-o", "-").out)
    assert list(rows[0]) == ["row", "prediction"]
    assert float(rows[0]["prediction"]) == pytest.approx(100, abs=15)
    assert float(rows[1]["prediction"]) - float(rows[0]["prediction"]) == pytest.approx(30, abs=15)


def test_pictures_are_named(fastmlp, here):
    from PIL import Image

    for name, level in (("dark", 20), ("light", 220)):
        (here / "pictures" / name).mkdir(parents=True)
        for number in range(10):
            Image.new("L", (4, 4), level + number).save(here / "pictures" / name / f"{number}.png")
    words = ["--hidden", "8", "--epochs", "60", "--quiet", "--out", "run"]
    assert fastmlp("train", "pictures", *words).code == 0
    (here / "new").mkdir()
    Image.new("L", (9, 9), 10).save(here / "new" / "night.png")
    Image.new("RGB", (4, 4), (240, 240, 240)).save(here / "new" / "day.png")
    rows = read_csv(fastmlp("predict", "run", "new", "-o", "-").out)
    assert {row["file"]: row["label"] for row in rows} == {"night.png": "dark", "day.png": "light"}


def test_odd_labels_survive_csv(fastmlp, here):
    labels = ['a "quoted", one', "two\u00a0wörds"]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerows([["a", "label"], *([number % 2, labels[number % 2]] for number in range(40))])
    (here / "odd.csv").write_text(buffer.getvalue(), encoding="utf-8")
    fastmlp(*"train odd.csv --hidden 8 --epochs 200 --lr 0.02 --quiet --out run".split())
    rows = read_csv(fastmlp("predict", "run", "odd.csv", "-o", "-").out)
    assert [row["label"] for row in rows] == [labels[number % 2] for number in range(40)]
    assert f"p_{labels[0]}" in rows[0]


def test_the_model_alone_is_enough(fastmlp, flower_run, here, unlabelled):
    (here / "moved.safetensors").write_bytes((flower_run / "model.safetensors").read_bytes())
    from_folder = fastmlp("predict", flower_run, unlabelled, "-o", "-").out
    assert fastmlp("predict", "moved.safetensors", unlabelled, "-o", "-").out == from_folder
