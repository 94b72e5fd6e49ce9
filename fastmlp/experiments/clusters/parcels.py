"""What travels: the files of the data to a worker that does not see them, those of a run back."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import Any

import numpy as np

from fastmlp.data.memory import require_memory
from fastmlp.data.raw.several import PATTERN_SIGNS
from fastmlp.data.sources.datasets import NAMES, files_of
from fastmlp.errors import DataError
from fastmlp.files.atomic import WriteError
from fastmlp.preparation.given import Given
from fastmlp.settings.settings import Settings

ROLES = ("dataset", "test")
Parcel = dict[str, np.ndarray]  # a file's bytes by its name in the parcel


@dataclass(frozen=True)
class Listing:
    """The files that a word for data stands for.

    Attributes
    ----------
    files
        Each file by its name in a parcel.
    parts
        What the word names, one thing or a pair, by their names in a parcel.
    """

    files: dict[str, Path]
    parts: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What tells these files from others: names, sizes and times, not the contents."""
        seen = []
        for name, path in sorted(self.files.items()):
            status = path.stat()
            seen.append([name, status.st_size, status.st_mtime_ns])
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def listing(word: str | None, data_dir: str | None = None) -> Listing:
    """Return the files of a data set: none for what comes with fastmlp and its packages.

    Parameters
    ----------
    word
        As the settings ``dataset`` and ``test`` have it; None for no data.
    data_dir
        Where the files of a named data set are.

    Raises
    ------
    DataError
        If a named data set is not here.
    """
    if word is None:
        return Listing({})
    if word in NAMES:
        return Listing({f"{word}/{path.name}": path for path in files_of(word, data_dir)}, (word,))
    path = Path(word).expanduser()
    if path.exists():
        return _of_path(path, "")
    if any(sign in word for sign in PATTERN_SIGNS):
        return _of_pattern(path)
    pair = [
        _of_path(Path(part.strip()).expanduser(), f"{number}/")
        for number, part in enumerate(word.split(","))
    ]
    files = {name: path for part in pair for name, path in part.files.items()}
    return Listing(files, tuple(name for part in pair for name in part.parts))


def _of_path(path: Path, prefix: str) -> Listing:
    own = f"{prefix}{path.absolute().name}"
    if not path.is_dir():
        return Listing({own: path}, (own,))
    below = sorted(each for each in path.rglob("*") if each.is_file())
    return Listing({f"{own}/{each.relative_to(path).as_posix()}": each for each in below}, (own,))


def _of_pattern(path: Path) -> Listing:
    """Return the files of a pattern, with the folder above it, of which a table has its name."""
    parts = path.absolute().parts
    first = next(i for i, part in enumerate(parts) if any(sign in part for sign in PATTERN_SIGNS))
    root, rest = Path(*parts[:first]), "/".join(parts[first:])
    found = sorted(each for each in root.glob(rest) if each.is_file())
    files = {f"{root.name}/{each.relative_to(root).as_posix()}": each for each in found}
    return Listing(files, (f"{root.name}/{rest}",))


def described(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return for each role of data that a run reads from files their ``digest`` and ``parts``, as
    JSON can hold it.
    """
    found = {role: listing(getattr(settings, role), settings.data_dir) for role in ROLES}
    return {
        role: {"digest": each.digest, "parts": list(each.parts)}
        for role, each in found.items()
        if each.files
    }


def sees(settings: Settings, wanted: dict[str, dict[str, Any]]) -> bool:
    """Return whether the data that are here under the settings' words are the ones wanted."""
    try:
        return described(settings) == wanted
    except (OSError, ValueError, DataError):
        return False


def pack_data(settings: Settings) -> Parcel:
    """Return the bytes of all files of a run's data.

    Raises
    ------
    DataError
        If there is no memory for them, or a file cannot be read.
    """
    files = {
        f"{role}/{name}": path
        for role in ROLES
        for name, path in listing(getattr(settings, role), settings.data_dir).files.items()
    }
    try:
        size = sum(path.stat().st_size for path in files.values())
        require_memory(size, "the data, which a worker asks for,")
        return {name: np.fromfile(path, np.uint8) for name, path in files.items()}
    except OSError as error:
        raise DataError(f"{error.filename} cannot be sent: {error.strerror}.") from None


_unpacked: dict[str, Path] = {}
_unpacking = threading.Lock()


def unpacked(wanted: dict[str, dict[str, Any]], parcel: Parcel | None) -> Given | None:
    """Return the data of a parcel, written into a folder of this process the first time.

    Parameters
    ----------
    wanted
        The run's data, as ``described``.
    parcel
        Their files; None where they may be here already.

    Returns
    -------
    Given or None
        Where they are; None if they are not here.
    """
    key = json.dumps(wanted, sort_keys=True)
    with _unpacking:
        if key not in _unpacked:
            if parcel is None:
                return None
            # For as long as the process lives: other runs want them too.
            folder = Path(mkdtemp(prefix="fastmlp-data-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            write_files(folder, parcel)
            _unpacked[key] = folder
        root = _unpacked[key]
    return Given(
        **{
            role: ",".join(str(root / role / part) for part in each["parts"])
            for role, each in wanted.items()
        }
    )


def pack_run(folder: Path) -> dict[str, bytes]:
    """Return the files of a run's folder; empty if there is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def unpack_run(folder: Path, files: dict[str, bytes]) -> None:
    """Put a run that came back in the place of what was there.

    It is written aside and renamed, so that a folder that is there is whole.

    Raises
    ------
    WriteError
        If the folder cannot be written.
    """
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        write_files(aside, files)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise WriteError(
            f"cannot write {folder}: {error.strerror or error}. Free space, or choose another "
            "--out."
        ) from None


def write_files(folder: Path, files: dict[str, bytes] | Parcel) -> None:
    """Write files below a folder.

    Raises
    ------
    OSError
        If one cannot be written.
    ValueError
        If a name leads out of the folder.
    """
    for name in files:
        _check_name(name)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.data)


def _check_name(name: str) -> None:
    parts: Iterable[str] = PurePosixPath(name).parts
    if (
        name.startswith("/")
        or "\0" in name
        or any(part in ("..", "") for part in parts)
        or not name
    ):
        raise ValueError(f"a file's name leads out of its folder: {name!r:.80}")
