"""A run's folder that an earlier version of fastmlp left, stopped inside its third epoch."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import fastmlp
from fastmlp.run.folder import read_metrics
from fastmlp.settings.config import read_config
from fastmlp.settings.settings import settings_from

STOPPED = {"epoch": 3, "step": 4, "changed": {}}  # of 7, over 32 training rows


@pytest.fixture
def data():
    features = np.random.default_rng(54).normal(size=(54, 3)).round(2)
    return features, (features[:, 0] * features[:, 1] > 0).astype(int)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(Path(__file__).parent / "old_run", tmp_path / "run")


def test_it_is_evaluated(folder, data):
    measured = fastmlp.evaluate(folder, *data, split="validation")
    numbers = read_metrics(folder)
    assert measured["loss"] == pytest.approx(numbers["validation_loss"], rel=1e-5)


def test_it_goes_on(folder, data):
    """To where an undisturbed run of this version gets: but for the rounding of another machine."""
    run = fastmlp.train(dataset=data, resume=folder)
    settings = settings_from(read_config(folder / "config.toml"))
    again = fastmlp.train(settings, dataset=data, out=folder / "again")
    assert run.metrics["resumes"] == [STOPPED]
    assert [r["update"] for r in run.history] == [r["update"] for r in again.history]
    np.testing.assert_allclose(
        run.model.predict_proba(data[0]), again.model.predict_proba(data[0]), rtol=1e-4
    )
    for key in ("train_loss", "validation_loss", "learning_rate"):
        ours, theirs = ([r[key] for r in records] for records in (run.history, again.history))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
