"""Files that nobody but this user and root can have written, so that what is in them may be run;
and a lock beside them.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
PART_PREFIX, PART_SUFFIX = "fastmlp-", ".part"
ABANDONED = 3600.0  # seconds after which no process is still writing a part
PAUSE = 0.02  # seconds between two looks at a lock


def is_private(status: os.stat_result) -> bool:
    """Return whether only this user and root can write to a file or folder.

    The group counts as others, even the group of one that a umask of 002 goes with: its members are
    not to be known from a file, and an access list shows in the group's bits. Files and folders
    made here never have them set. To root only root's own are private.
    """
    if not hasattr(os, "geteuid"):  # Windows, where the mode says nothing of others
        return True
    return status.st_uid in {0, os.geteuid()} and not status.st_mode & OTHERS_MAY_WRITE


def make_private(folder: Path) -> None:
    """Create a folder, and those above it, for this user alone; raise an OSError where it is
    somebody else's.
    """
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _require_private(folder, folder.stat())


def read_private(path: Path) -> bytes:
    """Return what is in a file; raise an OSError where somebody else may have put it there."""
    _require_private(path.parent, path.parent.stat())
    with open(path, "rb", opener=_open_itself) as file:
        status = os.fstat(file.fileno())  # of what is open, whatever lies at the path by now
        _require_private(path, status)
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError(f"{path} is not a plain file")
        return file.read()


def write_private(path: Path, content: bytes) -> None:
    """Put a file in its place as a whole: another process sees all of it or nothing."""
    make_private(path.parent)
    descriptor, part = tempfile.mkstemp(
        dir=path.parent, prefix=PART_PREFIX, suffix=PART_SUFFIX
    )  # mode 600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(part).replace(path)
    except BaseException:  # a full disk, Ctrl-C
        Path(part).unlink(missing_ok=True)
        raise


def remove_abandoned(folder: Path) -> None:
    """Remove the parts that a process left which was killed while it wrote them."""
    for part in folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
        with suppress(OSError):  # another process may have removed it
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink()


@contextmanager
def turn(path: Path, patience: float) -> Iterator[bool]:
    """Let one process at a time into the body, as long as that takes no longer than ``patience``
    seconds.

    This spares work and guards nothing: where the wait is too long, or no lock is to be had (a
    folder that cannot be written to, a file system without locks), the body runs all the same.

    Parameters
    ----------
    path
        The lock, a file that is gone afterwards. A process that was killed may leave it; its lock
        ended with it.
    patience
        How long to wait for a process that is inside, and perhaps stopped.

    Yields
    ------
    bool
        Whether the lock is held.
    """
    with ExitStack() as stack:
        is_held = False
        with suppress(OSError):
            make_private(path.parent)
            is_held = _lock(stack.enter_context(open(path, "wb", opener=_open_itself)), patience)
        if is_held:
            stack.callback(_remove, path)  # while it is still held
        yield is_held


def _lock(file, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
    return False


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _open_itself(path: str, flags: int) -> int:
    """Open a file for ``open``: not what a link leads to, and without waiting for a pipe's other
    end.
    """
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not is_private(status):
        raise PermissionError(f"others may have written to {path}")
