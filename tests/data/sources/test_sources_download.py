"""Downloads against a server on this machine, and where named data sets are looked for."""

import contextlib
import gzip
import hashlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from fastmlp.data.loading import load
from fastmlp.data.sources import datasets, download
from fastmlp.data.sources.datasets import PARTS, PUBLICATIONS, Publication, load_dataset
from fastmlp.data.sources.download import PublishedFile
from fastmlp.errors import DataError

BODY = bytes(range(256)) * 40


def published(body, name="file.gz"):
    return PublishedFile(name, len(body), hashlib.sha256(body).hexdigest())


@pytest.fixture
def server():
    """A server that answers from ``answers``: path to (status, body, Content-Length)."""
    answers, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body, length = answers.get(self.path, (404, b"", 0))
            self.send_response(status)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    running.url, running.answers, running.asked = (
        f"http://127.0.0.1:{running.server_port}",
        answers,
        asked,
    )
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTMLP_DATA_DIR", raising=False)
    monkeypatch.delenv("FASTMLP_DATA_URL", raising=False)
    monkeypatch.setattr(datasets, "SYSTEM_FOLDER", tmp_path / "system")


@pytest.fixture
def tiny(monkeypatch):
    """A tiny kmnist: its four files as bytes, published with their true sums."""
    random = np.random.default_rng(3)
    bodies = {}
    for part, count in zip(PARTS, (6, 6, 2, 2), strict=True):
        shape = (count, 28, 28) if "images" in part else (count,)
        values = random.integers(0, 10, shape, dtype=np.uint8)
        header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *shape)
        bodies[f"{part}.gz"] = gzip.compress(header + values.tobytes(), mtime=0)
    files = tuple(published(body, name) for name, body in bodies.items())
    monkeypatch.setitem(PUBLICATIONS, "kmnist", Publication(("http://127.0.0.1:1",), files))
    return bodies


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_good(server, tmp_path):
    server.answers["/file.gz"] = (200, BODY, len(BODY))
    path = download.download(published(BODY), [server.url + "/"], tmp_path / "deep" / "folder")
    assert path.read_bytes() == BODY
    assert leftovers(path.parent) == ["file.gz"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, BODY[:-1] + b"!", len(BODY)), "SHA-256 is"),
        ((404, b"gone", 4), "404 Not Found"),
        ((503, b"", 0), "503"),
        ((200, BODY[:100], len(BODY)), "100 of 10,240 bytes"),
        ((200, BODY[:100], None), "100 of 10,240 bytes"),
        ((200, BODY * 100, len(BODY) * 100), "more than 10,240 bytes"),
        ((200, b"", 0), "0 of 10,240 bytes"),
    ],
)
def test_bad_answers_leave_nothing(server, tmp_path, answer, reason):
    server.answers["/file.gz"] = answer
    with pytest.raises(DataError, match=reason) as caught:
        download.download(published(BODY), [server.url], tmp_path / "cache")
    assert f"{server.url}/file.gz" in str(caught.value)
    assert "--data-dir" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path / "cache") == []


def test_connection_refused_then_the_mirror(server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(DataError, match="Connection refused"):
            download.download(published(BODY), [refused], tmp_path)
        server.answers["/file.gz"] = (200, BODY, len(BODY))
        assert (
            download.download(published(BODY), [refused, server.url], tmp_path).read_bytes() == BODY
        )


def test_a_server_that_hangs(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DataError, match="timed out"):
            download.download(published(BODY), [url], tmp_path)


@pytest.mark.parametrize("url", ["file:///etc", "ftp://127.0.0.1", "http://[bad"])
def test_other_addresses_are_refused(url, tmp_path):
    with pytest.raises(DataError, match="cannot be downloaded"):
        download.download(published(BODY), [url], tmp_path)


def test_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        download.download(published(BODY), [server.url], tmp_path / "file" / "folder")


def test_data_set_from_a_mirror_then_from_the_cache(server, tiny, monkeypatch, tmp_path):
    for name, body in tiny.items():
        server.answers[f"/kmnist/{name}"] = (200, body, len(body))
    monkeypatch.setenv("FASTMLP_DATA_URL", server.url + "/")
    source = load("kmnist")
    assert source.features.shape == (6, 784)
    assert source.features.dtype == np.uint8
    assert source.image_shape == (28, 28)
    assert source.target.dtype == np.int64
    assert source.test.features.shape == (2, 784)
    assert len(server.asked) == 4
    assert leftovers(tmp_path / "cache" / "fastmlp" / "datasets" / "kmnist") == sorted(tiny)
    again = load("kmnist")
    assert len(server.asked) == 4
    assert np.array_equal(again.features, source.features)
    assert np.array_equal(again.target, source.target)


@pytest.mark.parametrize("sub_folder", ["", "kmnist"])
@pytest.mark.parametrize(
    "spelling", ["{}-idx{}-ubyte.gz", "{}.idx{}-ubyte", "{}-idx{}-ubyte", "{}.idx{}-ubyte.gz"]
)
@pytest.mark.parametrize("way", ["argument", "variable", "path"])
def test_data_dir(tiny, tmp_path, monkeypatch, sub_folder, spelling, way):
    folder = tmp_path / "mine" / sub_folder
    folder.mkdir(parents=True)
    for name, body in tiny.items():
        stem, _, dimensions = name.removesuffix("-ubyte.gz").partition("-idx")
        given = spelling.format(stem, dimensions)
        (folder / given).write_bytes(body if given.endswith(".gz") else gzip.decompress(body))
    if way == "variable":
        monkeypatch.setenv("FASTMLP_DATA_DIR", str(tmp_path / "mine"))
        source = load("kmnist")
    else:
        source = load(str(folder)) if way == "path" else load("kmnist", data_dir=tmp_path / "mine")
    assert (len(source), len(source.test)) == (6, 2)


def test_system_folder_comes_before_the_cache(tiny, tmp_path):
    for root in (
        tmp_path / "system" / "kmnist",
        tmp_path / "cache" / "fastmlp" / "datasets" / "kmnist",
    ):
        root.mkdir(parents=True)
        for name, body in tiny.items():
            (root / name).write_bytes(body if "system" in str(root) else b"never read")
    assert len(load_dataset("kmnist")) == 6


def test_data_dir_without_the_files_does_not_download(server, tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("FASTMLP_DATA_URL", server.url)
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load("kmnist", data_dir=tmp_path)
    assert server.asked == []


def test_published_sums_are_of_the_right_form():
    names = [f"{part}.gz" for part in PARTS]
    sums = [file.sha256 for each in PUBLICATIONS.values() for file in each.files]
    assert len(set(sums)) == len(sums) == 12
    for publication in PUBLICATIONS.values():
        assert [file.name for file in publication.files] == names
        assert all(len(bytes.fromhex(file.sha256)) == 32 for file in publication.files)


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    expected, source = load_digits(), load("digits")
    assert np.array_equal(source.features, expected.data)
    assert np.array_equal(source.target, expected.target)
    assert source.features.dtype == np.uint8
    assert source.features.flags.c_contiguous
    assert source.image_shape == (8, 8)


def test_xor():
    source = load("xor")
    assert source.features.dtype == np.float32
    assert source.target.tolist() == [int(a) ^ int(b) for a, b in source.features]
