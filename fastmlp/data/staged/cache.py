"""The cache of encoded rows: folders named by what they were made of, whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fastmlp.errors import DataError
from fastmlp.files.atomic import WriteError

READ_BYTES = 1 << 20
FOLDER = ".fastmlp-cache"
MAKING = re.compile(r"\.making-(.+)-(\d+)-[0-9a-f]+(-\d+)?")
DIGITS = 32  # of the name of an entry, in hexadecimal


def digest_of(
    files: Iterable[tuple[str, Path]], report: Callable[[int], None] = lambda size: None
) -> str:
    """Return a digest of every byte of files, and of what each is called.

    A file's size and time are not asked: a copy, an archive or a clock may leave them as they were.
    """
    digest = hashlib.blake2b(digest_size=32)
    for name, path in files:
        own = hashlib.blake2b(digest_size=32)
        try:
            with path.open("rb", buffering=0) as file:
                buffer = bytearray(READ_BYTES)
                while count := file.readinto(buffer):
                    own.update(memoryview(buffer)[:count])
                    report(count)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
        digest.update(json.dumps([name, own.hexdigest()]).encode())
    return digest.hexdigest()


def key_of(described: Any) -> str:
    """Return the name of what was made of what JSON can describe."""
    text = json.dumps(described, sort_keys=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=DIGITS // 2).hexdigest()


def root_of(cache_dir: str | None, data: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder of the cache, which is there then, and a note where it is elsewhere.

    Parameters
    ----------
    cache_dir
        What the user said. Without it it lies beside the data, or in the user's cache folder where
        nothing can be written there.
    data
        A file or a folder of the data.

    Raises
    ------
    WriteError
        If nothing can be written there.
    """
    if cache_dir is not None:
        root = Path(cache_dir).expanduser()
        if (reason := _refusal(root)) is not None:
            raise WriteError(
                f"cannot write to the cache {root}: {reason}. Give another --cache-dir."
            )
        return root, ()
    beside = data.absolute().parent / FOLDER
    if (reason := _refusal(beside)) is None:
        return beside, ()
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    users = Path(home) / "fastmlp" / "rows"
    if _refusal(users) is not None:
        raise WriteError(f"cannot write {beside}: {reason}. Give a folder with --cache-dir.")
    return users, (f"{beside} cannot be written ({reason}): the cache is in {users}.",)


def _refusal(folder: Path) -> str | None:
    """Return why nothing can be written to a folder, which is made if need be; None if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


class CacheEntry:
    """A folder of the cache, which is whole if it is there.

    Parameters
    ----------
    root
        Of the cache.
    key
        What ``key_of`` returned.
    """

    def __init__(self, root: Path, key: str):
        self.root, self.key = root, key
        self.folder = root / f"rows-{key}"

    @contextmanager
    def making(self) -> Iterator[Path]:
        """Give a folder of this process's own, which goes if an error comes."""
        self._remove_leftovers()
        host = socket.gethostname()
        aside = self.root / f".making-{host}-{os.getpid()}-{self.key}"
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
        except OSError as error:
            raise WriteError(
                f"cannot write {aside}: {error.strerror or error}. Give another --cache-dir."
            ) from None
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def publish(self, aside: Path) -> None:
        """Let a folder that is whole be the entry; if another process was first, its stays."""
        try:
            aside.rename(self.folder)
        except OSError as error:
            if not self.folder.is_dir():
                raise WriteError(
                    f"cannot write {self.folder}: {error.strerror or error}. Give another "
                    "--cache-dir."
                ) from None

    def discard(self) -> None:
        """Remove the entry, which is damaged; nobody meets half of it."""
        aside = self.root / f".making-{socket.gethostname()}-{os.getpid()}-{self.key}-0"
        with suppress(OSError):
            self.folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def _remove_leftovers(self) -> None:
        """Remove what processes of this machine left that were killed."""
        for path in self.root.glob(".making-*"):
            found = MAKING.fullmatch(path.name)
            if found and found[1] == socket.gethostname() and not _is_alive(int(found[2])):
                shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    import psutil

    return psutil.pid_exists(process)
