"""Ctrl-C while training: the first waits until a batch is done, the second does not."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fastmlp.training.interrupts import Interrupts


@pytest.fixture(autouse=True)
def as_at_a_terminal():
    """Give Ctrl-C its usual meaning, also in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_waits_for_the_check():
    with Interrupts() as interrupts:
        interrupts.check()
        press_ctrl_c()
        assert interrupts.requested  # and nothing was raised on the way
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_the_second_is_raised_at_once():
    with Interrupts():
        press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c()


def test_the_former_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_somebody_elses_handler_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with Interrupts() as interrupts:
            press_ctrl_c()
            assert seen == [signal.SIGINT]
            assert not interrupts.requested
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_train_without_it():
    failures = []

    def work():
        try:
            with Interrupts() as interrupts:
                interrupts.check()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failures == []
