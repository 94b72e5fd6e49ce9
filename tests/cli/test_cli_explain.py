"""``fastmlp explain``: a table for people, JSON for programs, tables and pictures as files."""

import csv

import numpy as np
import pytest
from cli_support import PLAIN, flowers, write

import fastmlp as library


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_and_files_in_the_run_folder(fastmlp, flower_run):
    done = fastmlp("explain", flower_run)
    assert done.code == 0
    folder = flower_run / "explain"
    lines = done.out.splitlines()
    assert lines[0].split() == ["data", "flowers,", "test", "rows", "(12)"]
    assert lines[1].startswith("accuracy    ")
    assert lines[2] == "importance  what accuracy loses where a column is shuffled, 5 times"
    assert lines[4].split() == ["column", "importance", "±", "deviation"]
    assert sorted(line.split()[0] for line in lines[5:8]) == list("abc")
    assert lines[5].split()[0] == "a"  # which tells the class
    assert str(folder) in lines[-1]
    names = {path.name for path in folder.iterdir()}
    pictures = {"importance.png", *(f"dependence-{number}.png" for number in (1, 2, 3))}
    assert names == pictures | {"importance.csv", "dependence.csv"}
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_files_json_and_python_agree(fastmlp, flower_run, here):
    told = fastmlp(
        "explain", flower_run, "--metric", "log_loss", "--repeats", 3, "--out", here / "why",
        "--json",
    ).json  # fmt: skip
    again = library.explain(flower_run, metric="log_loss", repeats=3)
    assert told["baseline"] == pytest.approx(again.baseline)
    assert (told["metric"], told["rows"], told["split"]) == ("log_loss", 12, "test")
    for one, other in zip(told["importance"], again.importances, strict=True):
        assert one["column"] == other.column
        assert one["repeats"] == pytest.approx(other.losses.tolist())
    table = read(here / "why" / "importance.csv")
    assert [row["column"] for row in table] == [each.column for each in again.importances]
    for row, each in zip(table, again.importances, strict=True):
        losses = [float(row[f"repeat_{number}"]) for number in (1, 2, 3)]
        assert losses == pytest.approx(each.losses.tolist())
        assert float(row["importance"]) == pytest.approx(np.mean(losses))
        assert float(row["deviation"]) == pytest.approx(np.std(losses))
    rows = read(here / "why" / "dependence.csv")
    assert list(rows[0]) == ["column", "value", "class", "probability"]
    expected = [
        (each.column, value, curve, mean)
        for each in again.dependences
        for value, means in zip(each.values, each.means, strict=True)
        for curve, mean in zip(each.curves, means, strict=True)
    ]
    assert [tuple(row.values())[:3] for row in rows] == [each[:3] for each in expected]
    assert [float(row["probability"]) for row in rows] == pytest.approx(
        [each[3] for each in expected]
    )
    assert told["files"] == [
        str(here / "why" / name)
        for name in (
            "importance.csv",
            "importance.png",
            "dependence.csv",
            *(f"dependence-{number}.png" for number in (1, 2, 3)),
        )
    ]
    shown = told["dependence"][0]
    assert shown["values"] == list(again.dependences[0].values)
    assert set(shown["probability"]) == set("xyz")


def test_other_data_and_chosen_columns(fastmlp, flower_run, here):
    data = write(here / "other.csv", flowers(rows=30, seed=9))
    told = fastmlp(
        "explain", flower_run, "--data", data, "--columns", "c,a", "--dependence", 0, "--json",
        "--out", here / "why",
    ).json  # fmt: skip
    assert (told["data"], told["split"], told["rows"]) == ("other", "all", 30)
    assert [each["column"] for each in told["importance"]] == ["a", "c"]
    assert told["dependence"] == []
    assert not (here / "why" / "dependence.csv").exists()
    text = fastmlp("explain", flower_run, "--data", data, "--repeats", 1, "--out", here / "why").out
    assert "other, all rows (30)" in text
    assert "is shuffled, once" in text


def test_validation_rows(fastmlp, flower_run, here):
    out = fastmlp("explain", flower_run, "--rows", "validation", "--out", here / "why").out
    assert "flowers, validation rows" in out


def test_a_model_file_has_the_folder_beside_it(fastmlp, price_run):
    done = fastmlp("explain", price_run / "model.safetensors", "--columns", "a")
    assert done.code == 0
    assert "what rmse grows by" in done.out
    assert (price_run / "explain" / "importance.csv").is_file()


def test_pictures_have_a_map(fastmlp, here):
    assert fastmlp("train", "digits", "--epochs", 1, "--quiet", "--out", "run").code == 0
    done = fastmlp("explain", "run", "--block", 4, "--repeats", 1, "--out", "why")
    assert "lines 1-4, columns 5-8" in done.out
    assert done.out.splitlines()[4].split()[0] == "pixels"
    assert {path.name for path in (here / "why").iterdir()} == {"importance.csv", "importance.png"}
    assert len(read(here / "why" / "importance.csv")) == 4


HOSTILE = ("\x1b[31mred\x1b]0;title\x07", "<b>&", "../../up", "=1+1", "\u202eabc", "n" * 200)


def test_names_are_shown_and_never_obeyed(fastmlp, here):
    draw = np.random.default_rng(1)
    with (here / "hostile.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*HOSTILE, "kind"])
        for _ in range(60):
            numbers = draw.normal(size=len(HOSTILE)).round(3)
            table.writerow([*numbers, "\x1b[2Jup" if numbers[0] > 0 else "<script>"])
    assert (
        fastmlp("train", "hostile.csv", *PLAIN, "--epochs", 2, "--quiet", "--out", "run").code == 0
    )
    done = fastmlp("explain", "run", "--out", "why")
    assert done.code == 0, done.err
    assert all(sign.isprintable() or sign == "\n" for sign in done.out + done.err)
    assert "[31mred" in done.out
    assert "<b>&" in done.out
    names = {path.name for path in (here / "why").iterdir()}
    assert names == {"importance.csv", "importance.png", "dependence.csv"} | {
        f"dependence-{number}.png" for number in range(1, 7)
    }
    assert {path.name for path in here.iterdir()} == {"hostile.csv", "run", "why"}
    assert {row["column"] for row in read(here / "why" / "importance.csv")} == set(HOSTILE)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--columns", "a,bb"], "the model has no column 'bb'"),
        (["--columns", ""], "columns names none"),
        (["--metric", "rmse"], "metric of a classification 'rmse' is not known"),
        (["--rows", "all"], "rows 'all' is not known"),
        (["--repeats", "0"], "repeats must be a whole number from 1 on; got 0"),
        (["--repeats", "x"], "'x' is not a valid integer"),
        (["--seed", "-1"], "seed must be"),
        (["--block", "2"], "block divides pictures"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["--columns", "\x1b[31m"], "the model has no column '\\x1b[31m'"),
    ],
)
def test_mistakes_get_one_line(fastmlp, flower_run, here, words, message):
    done = fastmlp("explain", flower_run, *words)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_a_folder_that_cannot_be_made(fastmlp, flower_run, here):
    (here / "file").write_text("")
    done = fastmlp("explain", flower_run, "--out", "file/why")
    assert done.code == 2
    assert "cannot make the folder file/why" in done.err
