"""Fixtures: a small recipe on small data, and the command line in this process."""

import numpy as np
import pytest
from experiments_support import Outcome

from fastmlp.cli import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def data_npz(here):
    """Three classes that one of four features tells apart."""
    features = np.random.default_rng(1).normal(size=(90, 4)).astype(np.float32)
    np.savez(here / "classes.npz", X=features, y=np.argsort(np.argsort(features[:, 0])) * 3 // 90)
    return here / "classes.npz"


@pytest.fixture
def fastmlp(here, capsys):
    """Run a command line in this process."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
