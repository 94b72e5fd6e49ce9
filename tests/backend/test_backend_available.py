"""How many threads there are: those that the system lets this process run on, all of them where it
does not say.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from fastmlp.backend.available import available_threads
from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.estimators.engine import LIMITS, thread_count


@pytest.fixture
def _on_macos(monkeypatch):
    """A system that binds no process to some of its processors, and says nothing of it."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


def test_what_the_system_allows(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5}, raising=False)
    assert available_threads() == CpuBackend().threads == 2


@pytest.mark.usefixtures("_on_macos")
def test_all_where_the_system_does_not_say(monkeypatch):
    assert available_threads() == CpuBackend().threads == 3
    for name in LIMITS:
        monkeypatch.setenv(name, "12")
    assert thread_count("auto") == 3


@pytest.mark.usefixtures("_on_macos")
def test_one_where_nothing_is_known(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_threads() == 1


@pytest.mark.usefixtures("_on_macos")
def test_a_program_runs_without_affinity():
    backend = CpuBackend()
    a = np.ones((200, 300), np.float32)
    c = np.empty((200, 200), np.float32)
    with backend.record() as program:
        backend.matmul("nt", a, a, c)
    program.replay(3)
    assert (c == 300).all()
