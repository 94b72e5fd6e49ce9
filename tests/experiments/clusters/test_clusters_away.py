"""A worker's side: a run that nobody wants ends, and leaves nothing behind."""

import tempfile

import pytest
from experiments_support import RECIPE, recipe

from fastmlp.experiments.clusters import away
from fastmlp.experiments.runner import Options, Runner


@pytest.fixture
def task(data_npz):
    text = RECIPE.replace("epochs = 2", "epochs = 1_000_000")
    return Runner(recipe(text), Options(backend="loky")).waiting[0].task


def test_a_run_that_nobody_wants_ends(task, here, monkeypatch):
    place = here / "scratch"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    asked = []

    def is_unwanted():
        asked.append(True)
        return len(asked) > 3

    assert away.run_away(task, {}, is_unwanted) == {"cut_off": True}
    assert len(asked) > 3
    assert list(place.iterdir()) == []


def test_data_that_are_not_here_are_asked_for(task):
    other = {"dataset": {"digest": "of other files", "parts": ["classes.npz"]}}
    assert away.run_away(task, other, None) == {"lacks_data": True}


def test_versions_are_of_what_computes():
    found = away.versions()
    assert {"fastmlp", "numpy", "numba", "processor"} <= found.keys()
    assert all(found.values())
