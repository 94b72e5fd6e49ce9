"""Files that may be run: what others may have written is not read, what is written is this user's
alone, one at a time.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from fastmlp.kernels.cpu.compiling import private_files
from fastmlp.kernels.cpu.compiling.private_files import (
    is_private,
    make_private,
    read_private,
    turn,
    write_private,
)

needs_owners = pytest.mark.skipif(
    not hasattr(os, "geteuid"), reason="this system's files have no owners of this kind"
)
HOLDER = """
import pathlib, sys
from fastmlp.kernels.cpu.compiling.private_files import turn
with turn(pathlib.Path(sys.argv[1]), 0) as is_held:
    print(is_held, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "folder" / "file"
    write_private(path, b"content")
    return path


@needs_owners
@pytest.mark.parametrize(
    ("user", "owner", "mode", "expected"),
    [
        (1000, 1000, 0o600, True), (1000, 1000, 0o644, True), (1000, 1000, 0o755, True),
        (1000, 0, 0o644, True),
        (1000, 1001, 0o600, False), (1000, 1000, 0o620, False), (1000, 1000, 0o602, False),
        (1000, 0, 0o664, False),
        (1000, 0, 0o1777, False), (0, 0, 0o600, True), (0, 1000, 0o600, False),
        (0, 0, 0o666, False),
    ],
)  # fmt: skip
def test_what_only_this_user_and_root_can_have_written(monkeypatch, user, owner, mode, expected):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert is_private(os.stat_result((mode, 1, 1, 1, owner, 1000, 0, 0, 0, 0))) == expected


def test_where_files_have_no_owners_all_are_taken(monkeypatch, path):
    monkeypatch.delattr(os, "geteuid", raising=False)
    path.chmod(0o666)
    assert read_private(path) == b"content"


@needs_owners
@pytest.mark.parametrize("which", ["file", "folder"])
def test_another_users_file_is_not_read(monkeypatch, path, which):
    other = os.geteuid() + 1
    if os.geteuid() == 0:
        os.chown(path if which == "file" else path.parent, other, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(PermissionError):
        read_private(path)
    if which == "folder":
        with pytest.raises(PermissionError):
            write_private(path.with_name("another"), b"content")
    assert list(path.parent.iterdir()) == [path]


@needs_owners
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_may_write_to_is_not_read(path, mode):
    path.chmod(mode)
    with pytest.raises(PermissionError):
        read_private(path)
    path.chmod(0o600)
    path.parent.chmod(mode | 0o100)
    with pytest.raises(PermissionError):
        read_private(path)
    path.parent.chmod(0o700)
    assert read_private(path) == b"content"


def test_neither_links_nor_pipes_nor_folders_are_read(path):
    link, pipe, folder = (path.with_name(name) for name in ("link", "pipe", "folder"))
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    folder.mkdir(0o700)
    for other in (link, pipe, folder):
        with pytest.raises(OSError, match=str(other)):
            read_private(other)


def test_a_link_is_replaced_and_what_it_leads_to_is_not_written(path):
    link = path.with_name("link")
    link.symlink_to(path)
    write_private(link, b"other")
    assert not link.is_symlink()
    assert (path.read_bytes(), link.read_bytes()) == (b"content", b"other")


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_what_is_made_is_this_users_alone(tmp_path, umask):
    path = tmp_path / "a" / "b" / "file"
    before = os.umask(umask)
    try:
        write_private(path, b"content")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(made.stat().st_mode) for made in (path.parent.parent, path.parent, path)]
    assert modes == [0o700, 0o700, 0o600]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path / "folder").mkdir(0o755)
    (tmp_path / "folder").chmod(0o755)
    make_private(tmp_path / "folder")
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o755


def test_a_full_disk_leaves_nothing(path, monkeypatch):
    class Full:
        def __init__(self, descriptor, mode):
            self.descriptor = descriptor

        def __enter__(self):
            raise OSError(errno.ENOSPC, "No space left on device")

        def __exit__(self, *error):
            raise AssertionError("was not entered")

    monkeypatch.setattr(os, "fdopen", Full)
    with pytest.raises(OSError, match="No space left"):
        write_private(path, b"other")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == b"content"


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "folder" / "name.lock"


@pytest.fixture
def holder(lock):
    """Another process that holds the lock."""
    words = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


def test_one_at_a_time(lock, holder):
    with turn(lock, 0) as is_held:
        assert not is_held
    assert lock.exists()
    holder.communicate()
    assert not lock.exists()
    with turn(lock, 0) as is_held:
        assert is_held
        assert lock.exists()
    assert not lock.exists()


def test_a_process_that_was_killed_keeps_nobody_waiting(lock, holder):
    holder.kill()
    holder.wait()
    assert lock.exists()
    with turn(lock, 0) as is_held:
        assert is_held
    assert not lock.exists()


def test_a_process_that_is_stopped_is_waited_for_no_longer_than_said(lock, holder, monkeypatch):
    holder.send_signal(signal.SIGSTOP)
    clock, pauses = [0.0], []

    def sleep(seconds):
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(private_files.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(private_files.time, "sleep", sleep)
    with turn(lock, 3.0) as is_held:
        assert not is_held
    assert 2.9 < sum(pauses) < 3.1


def test_the_lock_is_given_back_after_an_error(lock):
    with pytest.raises(ZeroDivisionError), turn(lock, 0):
        _ = 1 / 0
    with turn(lock, 0) as is_held:
        assert is_held


def test_where_there_are_no_locks_the_body_runs(lock, tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(private_files.fcntl, "flock", refuse)
    with turn(lock, 60) as is_held:
        assert not is_held
    monkeypatch.setattr(private_files, "fcntl", None)
    with turn(lock, 60) as is_held:
        assert not is_held
    (tmp_path / "file").write_text("no folder")
    with turn(tmp_path / "file" / "name.lock", 60) as is_held:
        assert not is_held
