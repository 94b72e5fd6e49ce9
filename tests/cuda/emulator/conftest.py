"""Fixtures of the tests of the emulated device itself."""

import pytest


@pytest.fixture(autouse=True)
def _own_devices():
    """Give each test two devices of its own, which do nothing before they must."""
    from cupy import _emulation

    with _emulation.fresh(order="lazy", devices=2):
        yield


@pytest.fixture
def stream():
    """The current stream."""
    from cupy.cuda import Stream

    with Stream(non_blocking=True) as made:
        yield made
