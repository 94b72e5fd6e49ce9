"""Downloads of published files: checked by SHA-256, written aside, renamed when whole."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastmlp.data.memory import in_units
from fastmlp.errors import DataError

TIMEOUT_SECONDS = 30
READ_BYTES = 1 << 18
REMEDY = "Fetch the files yourself and give their folder with --data-dir."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishedFile:
    """A file as its publisher has it."""

    name: str  # the file's name, also in the cache
    size: int  # bytes
    sha256: str  # hexadecimal SHA-256 sum


def download(file: PublishedFile, base_urls: Sequence[str], folder: Path) -> Path:
    """Fetch a file into a folder from the first address that has it whole, and return its path.

    Parameters
    ----------
    file
        What to fetch.
    base_urls
        http or https addresses of folders that hold the file, in the order to try.
    folder
        Where to put it; made if need be. A file of this name that is there already is replaced in
        one step.

    Raises
    ------
    DataError
        If no address has the file with its size and sum; the message names the first address and
        its failure.
    """
    failures = []
    for base_url in base_urls:
        url = f"{base_url.rstrip('/')}/{file.name}"
        try:
            return _download_from(url, file, folder)
        except _FailedDownload as failure:
            logger.info("%s: %s", url, failure)
            failures.append(f"{url}: {failure}")
    raise DataError(f"{file.name} cannot be downloaded ({'; '.join(failures)}). {REMEDY}")


class _FailedDownload(Exception):
    """One address that did not deliver."""


def _download_from(url: str, file: PublishedFile, folder: Path) -> Path:
    if not url.startswith(("http://", "https://")):
        raise _FailedDownload("only http and https addresses are accepted")
    logger.info("downloading %s (%s)", url, in_units(file.size))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}. {REMEDY}") from None
    try:
        with os.fdopen(descriptor, "wb") as target:
            _fetch(url, file, target)
        Path(aside).chmod(0o644)
        Path(aside).replace(folder / file.name)
    except OSError as error:
        raise DataError(
            f"{folder / file.name} cannot be written: {error.strerror}. {REMEDY}"
        ) from None
    finally:
        Path(aside).unlink(missing_ok=True)
    return folder / file.name


def _fetch(url: str, file: PublishedFile, target: BinaryIO) -> None:
    """Copy the body at ``url`` to ``target``; a _FailedDownload for any other bytes."""
    import http.client
    import urllib.error
    import urllib.request

    received, digest = 0, hashlib.sha256()
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "fastmlp"})
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        raise _FailedDownload(f"the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _FailedDownload(_reason(error)) from None
    with response:
        while received <= file.size:
            try:
                piece = response.read(READ_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _FailedDownload(_reason(error)) from None
            if not piece:
                break
            received += len(piece)
            digest.update(piece)
            target.write(piece)
    if received != file.size:
        more = "more than " if received > file.size else f"{received:,} of "
        raise _FailedDownload(f"the server sends {more}{file.size:,} bytes")
    if digest.hexdigest() != file.sha256:
        raise _FailedDownload(f"its SHA-256 is {digest.hexdigest()}, not {file.sha256}")


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
