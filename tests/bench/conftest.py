"""Fixtures: a machine without peers, and a command of bench/ in this process."""

import pytest


@pytest.fixture
def without_peers(monkeypatch):
    """A machine on which PyTorch, JAX and ONNX Runtime are not installed."""
    from bench import contenders

    monkeypatch.setattr(contenders, "_is_installed", lambda package: package == "sklearn")


@pytest.fixture
def invoke():
    """Run a command of bench/ in this process; return what click's runner saw."""
    from click.testing import CliRunner

    def call(command, *words):
        return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)

    return call
