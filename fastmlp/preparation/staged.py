"""Staging: whether a run's data are read in parts, and where their encoded rows are kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastmlp import __version__
from fastmlp.data.loading import is_pictures, is_tables
from fastmlp.data.memory import in_units, memory_budget
from fastmlp.data.pictures.walk import walk
from fastmlp.data.raw.several import find_tables
from fastmlp.data.raw.suffixes import EXCEL, format_of
from fastmlp.data.sources import datasets
from fastmlp.data.sources.images import parse_size
from fastmlp.data.sources.in_memory import is_place, place
from fastmlp.data.staged.cache import CacheEntry, digest_of, key_of, root_of
from fastmlp.data.staged.sizes import memory_of, memory_of_pictures
from fastmlp.data.staged.workspace import Report, Workspace, silent
from fastmlp.errors import ModelFileError
from fastmlp.settings.settings import Settings

from .kept import KEPT_VERSION, keep, kept
from .prepared import PreparedData

# The settings on which the encoded rows depend: how tables are read, split and encoded, and what
# makes a preset do that otherwise. All others leave the rows as they are.
ENCODING = (
    *("preset", "target", "task", "test_fraction", "validation_fraction", "normalize", "missing"),
    *("max_levels", "level_rows", "target_statistics", "standardize_target", "clamp_outputs"),
    *("header", "separator", "decimal", "na_values", "drop", "categorical", "numeric", "dates"),
    *("embed_above", "members", "loss", "quantiles", "class_weight", "folds", "seed", "dtype"),
    *("calibrate", "optimizer", "image_size", "colour", "ground"),
)
# Of these it counts only whether they were given.
GIVEN = ("early_stopping", "clip_norm")


@dataclass(frozen=True)
class Staging:
    """Tables, or folders of pictures, that are read in parts.

    Attributes
    ----------
    paths, tests
        The files of the training and the test data.
    name
        What the user calls the former.
    why
        In a sentence.
    report
        Told how far the work is.
    """

    paths: list[Path]
    tests: list[Path]
    name: str
    why: str
    report: Report = silent

    @classmethod
    def of(
        cls, settings: Settings, dataset: Any, test: Any, report: Report = silent
    ) -> Staging | None:
        """Return how tables are read in parts; None where data are no tables, or fit the memory."""
        if not is_place(dataset) or not (test is None or is_place(test)):
            return None
        names = [str(place(each)) for each in (dataset, test) if each is not None]
        try:
            found = [_files(name, settings) for name in names]
        except OSError:
            return None  # which is told when it is read
        if any(each is None for each in found):
            return None
        (paths, size), (tests, more) = found[0] or ([], 0), (found[1:] or [None])[0] or ([], 0)
        size += more
        budget, name = memory_budget(settings.memory), names[0]
        about = f"{name} would take about {in_units(size)} of memory"
        if settings.cache_dir is not None:
            why = f"{about}; it is read in parts, as --cache-dir is given."
        elif size > budget:
            why = (
                f"{about}, and the data may take {in_units(budget)} ({settings.memory}): it is "
                "read in parts."
            )
        else:
            return None
        return cls(paths, tests, name, why, report)

    def prepared(
        self, settings: Settings, make: Callable[[Workspace], PreparedData]
    ) -> PreparedData:
        """Return the encoded rows from the cache, where ``make`` puts them if they are not there.

        Raises
        ------
        DataError, UsageError, WriteError
            As ``make`` does, or if the cache cannot be written.
        """
        began = time.perf_counter()
        root, notes = root_of(settings.cache_dir, self.paths[0])
        entry = CacheEntry(root, key_of(self._described(settings)))
        data, damage = self._found(entry, settings)
        notes, how = (self.why, *notes, *damage), "were there from before"
        if data is None:
            with entry.making() as aside:
                space = Workspace(aside, memory_budget(settings.memory), self.report)
                keep(make(space), space)
                entry.publish(aside)
            data = kept(entry.folder, settings)
            words = (f"{what} {seconds:.1f} s" for what, seconds in space.seconds.items())
            how = f"took {time.perf_counter() - began:.1f} s to make ({', '.join(words)})"
        size = in_units(entry.size)
        note = (
            f"the encoded rows {how}; they are kept in {entry.folder} ({size}), where the next run "
            "finds them, until that folder is deleted."
        )
        return replace(data, notes=[*data.notes, *notes, note])

    def _found(
        self, entry: CacheEntry, settings: Settings
    ) -> tuple[PreparedData | None, tuple[str, ...]]:
        """Return what the cache has, None if nothing or if it is damaged; then a note says so."""
        if not entry.folder.is_dir():
            return None, ()
        try:
            return kept(entry.folder, settings), ()
        except ModelFileError as error:
            entry.discard()
            return None, (
                f"what was kept in {entry.folder} was damaged and is made anew ({error})",
            )

    @staticmethod
    def _named(paths: list[Path]) -> list[tuple[str, Path]]:
        """Return files with their places below the folder that holds all of them."""
        if not paths:
            return []
        root = Path(os.path.commonpath([path.absolute().parent for path in paths]))
        return [(path.absolute().relative_to(root).as_posix(), path) for path in paths]

    def _described(self, settings: Settings) -> dict[str, Any]:
        """Return all on which the encoded rows depend."""
        import polars

        total = sum(path.stat().st_size for path in (*self.paths, *self.tests))
        done = [0]

        def report(size: int) -> None:
            done[0] += size
            self.report("comparing bytes", done[0], total)

        said = {name: getattr(settings, name) for name in ENCODING if name in settings.given}
        return {
            "version": [KEPT_VERSION, __version__, polars.__version__],
            "name": Path(self.name).name,
            "train": digest_of(self._named(self.paths), report),
            "test": digest_of(self._named(self.tests), report),
            "settings": said,
            "given": [name for name in GIVEN if getattr(settings, name)],
        }


def _files(name: str, settings: Settings) -> tuple[list[Path], int] | None:
    """Return the files of tables or pictures, and about what memory they take; None of others."""
    if name in datasets.NAMES:
        return None
    if is_tables(name):
        paths = find_tables(name)
        # Tables of pictures are read whole, and so are workbooks, of a million rows at most.
        if settings.image_size is not None or any(format_of(path) in EXCEL for path in paths):
            return None
        return paths, memory_of(paths)
    if not is_pictures(name):
        return None
    paths = walk(Path(name).expanduser()).pictures
    return paths, memory_of_pictures(paths, parse_size(settings.image_size), settings.colour)
