"""Sizes as users write them, and how much memory may be taken."""

import pytest

from fastmlp.data import memory
from fastmlp.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("2GB", 2 * 10**9),
        ("2 gb", 2 * 10**9),
        ("512MiB", 512 * 2**20),
        ("1.5k", 1500),
        (".5KiB", 512),
        ("7T", 7 * 10**12),
        ("100 B", 100),
        ("auto", None),
        (" Auto ", None),
    ],
)
def test_sizes(text, size):
    assert memory.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1GB", "2iB", "GB", "2XB", "1e9", "0.1", "9" * 30, "²"])
def test_what_is_no_size(text):
    with pytest.raises(UsageError, match="must be auto, or a size such as 2GB or 512MiB; got"):
        memory.parse_size(text)


def test_the_least_of_machine_container_and_process_counts(monkeypatch):
    for left in ((None, None), (100, None), (None, 200), (300, 200), (200, 300)):
        monkeypatch.setattr(memory, "container_memory", lambda left=left: left[0])
        monkeypatch.setattr(memory, "process_memory", lambda left=left: left[1])
        known = [each for each in left if each is not None]
        if known:
            assert memory.available_memory() == min(known)
        else:
            assert memory.available_memory() > 1000
    monkeypatch.setattr(memory, "available_memory", lambda: 1001)
    assert memory.memory_budget() == 500
    assert memory.memory_budget("3kB") == 3000


def test_too_much_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    memory.require_memory(10_000, "x.npz")
    with pytest.raises(DataError, match=r"x\.npz needs 10 kB of memory and 10 kB are available"):
        memory.require_memory(10_001, "x.npz")
    with pytest.raises(DataError, match=r"available; take less, or features and target as \.npy"):
        memory.require_memory(10_001, "x.npz", "take less")
