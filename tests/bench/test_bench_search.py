"""``python -m bench.search``: both search the same grid; what is printed was measured."""

import json

import pytest
from click.testing import CliRunner

from bench import search
from fastmlp.errors import FastMLPError, UsageError

ONE = {"hidden_layer_sizes": [(3,)], "max_iter": [2]}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(search, "GRIDS", {"plain": ONE, "scaled": ONE})
    monkeypatch.setattr(search, "FOLDS", 2)


@pytest.mark.parametrize("grid", ["plain", "scaled"])
@pytest.mark.filterwarnings("ignore")
def test_both_find_the_same_score(small, grid):
    results = [search.search(grid, contender, jobs=1) for contender in search.CONTENDERS]
    assert all(result["seconds"] > 0 for result in results)
    assert results[0]["score"] == pytest.approx(results[1]["score"], abs=0.01)


@pytest.mark.parametrize("grid", search.GRIDS.values())
def test_a_grid_has_24_candidates(grid):
    from sklearn.model_selection import ParameterGrid

    assert len(ParameterGrid(grid)) == 24


def test_the_table_tells_medians(monkeypatch, tmp_path):
    seconds = iter([99, 2, 8, 1, 9, 3, 7])  # the first is not counted
    taken = []

    def in_a_process(grid, contender, jobs):
        taken.append(contender)
        return {"seconds": next(seconds), "score": 0.5}

    monkeypatch.setattr(search, "in_a_process", in_a_process)
    words = ["--grids", "plain", "--json", str(tmp_path / "out.json")]
    done = CliRunner().invoke(search.command, words, catch_exceptions=False)
    assert "plain         2.0             8.0   4.00  0.5000 and 0.5000" in done.output
    assert taken == ["fastmlp", *search.CONTENDERS * 3]
    [result] = json.loads((tmp_path / "out.json").read_text())["results"]
    assert result["ratio"] == 4
    assert result["seconds"] == {"fastmlp": [2, 1, 3], "scikit-learn": [8, 9, 7]}


def test_an_unknown_grid_is_refused():
    with pytest.raises(UsageError, match="grid"):
        CliRunner().invoke(search.command, ["--grids", "planes"], catch_exceptions=False)


def test_a_contender_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(search.sys, "executable", "false")
    with pytest.raises(FastMLPError, match="scikit-learn failed on plain"):
        search.in_a_process("plain", "scikit-learn", 1)
