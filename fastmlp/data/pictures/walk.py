"""Walks folders for pictures: by name, each real folder once, without the system's own files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fastmlp.errors import DataError

from .formats import is_image_name

LITTER = ("__macosx", "thumbs.db", "desktop.ini", "@eadir")

Identity = tuple[int, int]  # of a folder: its device and inode


@dataclass
class Found:
    """Pictures, and the other files that lay among them."""

    pictures: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


@dataclass
class Listing(Found):
    """What lies directly in a folder."""

    folders: list[Path] = field(default_factory=list)


def identity(folder: Path) -> Identity:
    """Return what a folder is known by, whatever links lead to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def list_folder(folder: Path) -> Listing:
    """Return what lies in a folder, in order of name and without hidden files.

    Raises
    ------
    DataError
        If the folder cannot be read.
    """
    listing = Listing()
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith(".") or entry.name.strip().lower() in LITTER:
                    continue
                path = folder / entry.name
                # Of a link to itself an entry raises an error.
                what = path if entry.is_symlink() else entry
                if what.is_dir():
                    listing.folders.append(path)
                elif is_image_name(path) and what.is_file():
                    listing.pictures.append(path)
                else:  # a broken link too, and a pipe, which would never end
                    listing.others.append(path)
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read: {error.strerror or error}.") from None
    return listing


def walk(folder: Path, above: frozenset[Identity] = frozenset()) -> Found:
    """Return all pictures in a folder and below it, its own before those of its sub-folders.

    Links to folders are followed. A folder that is met twice, or lies ``above``, is entered once,
    so links in a circle come to an end.
    """
    found, seen, waiting = Found(), set(above), [folder]
    while waiting:
        current = waiting.pop()
        known_as = identity(current)
        if known_as in seen:
            continue
        seen.add(known_as)
        listing = list_folder(current)
        found.pictures += listing.pictures
        found.others += listing.others
        waiting += reversed(listing.folders)
    return found
