"""Words of --backend: kinds, addresses, what is not installed, and nobody who answers."""

import contextlib
import socket
import threading
import time

import pytest
from experiments_support import run

from fastmlp.errors import DeviceError, MissingExtraError, UsageError
from fastmlp.experiments.clusters import words
from fastmlp.experiments.clusters.words import Backend, parse_backend


@pytest.fixture
def _all_installed(monkeypatch):
    monkeypatch.setattr(words, "find_spec", lambda name: object())


@pytest.mark.usefixtures("_all_installed")
@pytest.mark.parametrize(
    ("word", "kind", "address"),
    [
        ("processes", "processes", ""),
        ("loky", "loky", ""),
        ("dask", "dask", ""),
        ("dask:10.0.0.1:8786", "dask", "tcp://10.0.0.1:8786"),
        ("dask:tcp://[::1]:8786", "dask", "tcp://[::1]:8786"),
        ("dask:tls://head:8786", "dask", "tls://head:8786"),
        ("ray", "ray", ""),
        ("ray:auto", "ray", "auto"),
        ("ray:head.example:6379", "ray", "head.example:6379"),
        ("ray:ray://head:10001", "ray", "ray://head:10001"),
    ],
)
def test_words(word, kind, address):
    assert parse_backend(word) == Backend(kind, address)
    assert parse_backend(word).is_cluster == (kind != "processes")


@pytest.mark.usefixtures("_all_installed")
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dusk", "did you mean 'dask'"),
        ("", "Accepted: processes"),
        ("loky:host:1", "takes no address"),
        ("dask:", "is no address; give HOST:PORT"),
        ("dask:host", "is no address"),
        ("dask:host:99999", "is no address"),
        ("ray:nowhere", "is no address; give HOST:PORT, ray://HOST:PORT or auto"),
    ],
)
def test_wrong_words(word, said):
    with pytest.raises(UsageError, match=said):
        parse_backend(word)


def test_the_file_that_a_scheduler_wrote(here, monkeypatch):
    monkeypatch.setattr(words, "find_spec", lambda name: object())
    (here / "scheduler.json").write_text("{}")
    assert parse_backend("dask:scheduler.json").address == "scheduler.json"


def test_an_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(words, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fastmlp\[dask\]'"):
        parse_backend("dask:host:8786")
    assert parse_backend("loky").kind == "loky"


@pytest.mark.usefixtures("_all_installed")
@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_an_address_that_nobody_answers_is_found_before_the_data_are_read(kind, here):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(DeviceError, match=f"no {kind} cluster answers at .*:{port}: ") as caught:
        run(backend=f"{kind}:127.0.0.1:{port}")  # there are no data here either
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < 60
    assert not (here / "experiments").exists()


@pytest.mark.usefixtures("_all_installed")
@pytest.mark.parametrize("kind", ["dask", "ray"])
@pytest.mark.parametrize(
    ("says", "said"),
    [
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", "something else listens there"),
        (b"", "something else listens there"),
        (None, "timed out"),
    ],
    ids=["http", "nothing", "silence"],
)
def test_somebody_else_who_listens(kind, says, said, monkeypatch):
    monkeypatch.setattr(words, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):  # who hangs up at once
                if says is None:
                    hung_up.wait(10)
                else:
                    connection.sendall(says)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(100)

        hung_up = threading.Event()
        listener = threading.Thread(target=answer)
        listener.start()
        try:
            with pytest.raises(DeviceError, match=said):
                Backend(kind, f"127.0.0.1:{server.getsockname()[1]}").check_answers()
        finally:
            hung_up.set()
            listener.join()
