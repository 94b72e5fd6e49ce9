"""Fixtures: small data, and a PostgreSQL server of the tests' own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

REQUIRED = "FASTMLP_REQUIRE_POSTGRESQL"
SECONDS_TO_START = 30


@pytest.fixture(autouse=True)
def _in_an_empty_folder(here):
    """Studies lie in the current folder."""


def _binary(name):
    found = shutil.which(name)
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found or (str(places[-1]) if places else None)


def _no_server(reason):
    if os.environ.get(REQUIRED, "") not in ("", "0"):
        pytest.fail(f"{REQUIRED} is set, and {reason}")
    pytest.skip(f"{reason}: apt-get install postgresql")


def _somebody():
    """Return who may run the server, which root may not."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return None


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a server with a database of its own, on a free port."""
    initdb, server = _binary("initdb"), _binary("postgres")
    somebody = _somebody()
    if initdb is None or server is None:
        _no_server("there is no PostgreSQL on this machine")
    if somebody is None:
        _no_server("there is no user but root, who may not run PostgreSQL")
    folder = Path(tempfile.mkdtemp(prefix="fastmlp-postgresql-"))
    if somebody:
        os.chown(folder, somebody["user"], somebody["group"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": folder, **somebody}
    data = folder / "data"
    how = ["-A", "trust", "-U", "tuner", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run([initdb, "-D", str(data), *how], check=True, **quiet)
    settings = {"listen_addresses": "127.0.0.1", "port": port, "fsync": "off",
                "unix_socket_directories": folder}  # fmt: skip
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    process = subprocess.Popen([server, "-D", str(data), *options], **quiet)
    try:
        _wait_for(port, process)
        yield f"postgresql://tuner:secret@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # or it would wait until all have gone
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port, process):
    import psycopg

    end = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            with psycopg.connect(host="127.0.0.1", port=port, user="tuner", dbname="postgres"):
                return
        except psycopg.OperationalError:
            assert process.poll() is None, "the server ended at once"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)
