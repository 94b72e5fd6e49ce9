"""Finds again which rows were for training, validation and test, wherever they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastmlp.data.row_hashes import row_hashes
from fastmlp.data.source import Source
from fastmlp.errors import DataError
from fastmlp.preparation.given import IN_MEMORY
from fastmlp.preparation.known_rows import HELD_OUT, KnownRows, fingerprint, positions, total
from fastmlp.preparation.prepare import split_numbers, split_source
from fastmlp.settings.settings import Settings

from .model import Model

SPLITS: tuple[str, ...] = ("train", *HELD_OUT)


class ChangedDataError(DataError):
    """Data of which the wanted rows of training are not all there any more.

    Attributes
    ----------
    there
        How many of the held-out rows are.
    """

    def __init__(self, message: str, there: int = 0):
        super().__init__(message)
        self.there = there


@dataclass(frozen=True, eq=False)
class FoundSplits:
    """The rows of each split that was wanted and has rows.

    Attributes
    ----------
    parts
        By the splits' names.
    is_changed
        Whether the source holds other rows beside these than in training; the order alone is no
        change.
    notes
        What to say of how they were found.
    """

    parts: dict[str, Source]
    is_changed: bool = False
    notes: tuple[str, ...] = ()


def find_splits(
    model: Model, source: Source, settings: Settings, wanted: Sequence[str] = SPLITS
) -> FoundSplits:
    """Return the rows of a source that training used as the splits ``wanted``.

    They are where training found them if the source is what it was; else each is looked for by what
    it holds.

    Parameters
    ----------
    model
        Trained on the source, as the user says.
    source
        Read as in training.
    settings
        The model's, from which the splits follow; ``dataset`` is what messages call the source.

    Raises
    ------
    ChangedDataError
        If not all of these rows are there.
    DataError
        If the source has no target.
    """
    if source.target is None:
        raise DataError(
            f"{source.name} has no target to compare with; name its column, or use predict."
        )
    if model.known_rows is None:  # of another program, or written before models knew their rows
        return _by_count(model, source, settings, wanted)
    return _Search(model, model.known_rows, source, settings).found(wanted)


def _by_count(
    model: Model, source: Source, settings: Settings, wanted: Sequence[str]
) -> FoundSplits:
    parts = dict(zip(SPLITS, split_source(source, settings, model.task), strict=True))
    found = {}
    for name in wanted:
        part = parts[name]
        rows, had = 0 if part is None else len(part), model.rows.get(name, 0)
        if rows != had:
            raise ChangedDataError(
                _changed(settings, f"its {name} split has {rows:,} rows and had {had:,}")
            )
        if part is not None and rows:
            found[name] = part
    return FoundSplits(found)


class _Search:
    """The hashes of a source's rows beside those that the model knows."""

    def __init__(self, model: Model, known: KnownRows, source: Source, settings: Settings):
        self.model, self.known, self.source, self.settings = model, known, source, settings
        try:
            self.hashes = self._hashes(source)
            self.of_test = None if source.test is None else self._hashes(source.test)
        except DataError as error:  # another column, an unknown label, …
            raise ChangedDataError(_changed(settings, str(error).rstrip("."))) from None

    def _hashes(self, source: Source) -> np.ndarray:
        matrix = self.model.features.transform(source.features, source.feature_names)
        return row_hashes(matrix, self.model.targets.encode(source.known_target))

    def found(self, wanted: Sequence[str]) -> FoundSplits:
        """Return the splits; see ``find_splits``."""
        rows = self._in_place()
        if rows is not None:
            return FoundSplits(self._parts(rows, wanted))
        rows = self._by_hash()
        for name in wanted:
            self._check_there(name, rows)
        is_changed = not self._is_same_in_another_order(rows)
        return FoundSplits(self._parts(rows, wanted), is_changed, (self._note(is_changed),))

    def _in_place(self) -> dict[str, np.ndarray] | None:
        """Return the row numbers of each split if all rows are where they were, else None."""
        try:
            numbers = split_numbers(self.source, self.settings, self.model.task)
        except DataError:  # too few rows by now
            return None
        rows = {
            name: each
            for name, each in zip(SPLITS, numbers, strict=True)
            if each is not None and len(each)
        }
        hashes = {name: self.hashes[each] for name, each in rows.items()}
        if self.of_test is not None:
            rows["test"], hashes["test"] = np.arange(len(self.of_test)), self.of_test
        return rows if fingerprint(hashes) == self.known.order else None

    def _by_hash(self) -> dict[str, np.ndarray]:
        """Return the row numbers of each held-out split, −1 for rows not there, and the rest's."""
        held_out = dict(self.known.held_out)
        rows = {}
        if self.of_test is not None and "test" in held_out:
            rows["test"] = positions(held_out.pop("test"), self.of_test)
        # Together, so that equal rows of two splits take different places.
        found = positions(np.concatenate([np.empty(0, np.uint64), *held_out.values()]), self.hashes)
        for name, hashes in held_out.items():
            rows[name], found = found[: len(hashes)], found[len(hashes) :]
        is_left = np.ones(len(self.hashes), bool)
        for name in held_out:
            is_left[rows[name][rows[name] >= 0]] = False
        rows["train"] = np.flatnonzero(is_left)
        return rows

    def _check_there(self, name: str, rows: dict[str, np.ndarray]) -> None:
        had = self.model.rows.get(name, 0)
        there = sum(int((rows[split] >= 0).sum()) for split in HELD_OUT if split in rows)
        if not had:
            return
        if name == "train":
            if not self._has_training_rows(rows):
                why = f"its {had:,} training rows are not these any more{self._size()}"
                raise ChangedDataError(_changed(self.settings, why), there)
        elif name not in rows:
            why = f"which of its rows were the {had:,} {name} rows is not kept for so many"
            raise ChangedDataError(_changed(self.settings, why), there)
        elif missing := int((rows[name] < 0).sum()):
            why = f"{missing:,} of its {had:,} {name} rows are not there any more{self._size()}"
            raise ChangedDataError(_changed(self.settings, why), there)

    def _has_training_rows(self, rows: dict[str, np.ndarray]) -> bool:
        left = rows["train"]
        return (
            len(left) == self.model.rows.get("train")
            and total(self.hashes[left]) == self.known.train_sum
        )

    def _parts(self, rows: dict[str, np.ndarray], wanted: Sequence[str]) -> dict[str, Source]:
        parts = {}
        for name in wanted:
            if not self.model.rows.get(name):
                continue
            test = self.source.test if name == "test" else None
            parts[name] = (self.source if test is None else test).take(rows[name])
        return parts

    def _is_same_in_another_order(self, rows: dict[str, np.ndarray]) -> bool:
        has_held_out = all(
            name in rows and (rows[name] >= 0).all()
            for name in HELD_OUT
            if self.model.rows.get(name)
        )
        return has_held_out and self._has_training_rows(rows) and not self._size()

    def _note(self, is_changed: bool) -> str:
        dataset = "the data" if self.settings.dataset == IN_MEMORY else self.settings.dataset
        if not is_changed:
            return (
                f"the rows of {dataset} stand in another order than in training; "
                "each was found by what it holds."
            )
        return (
            f"rows of {dataset} changed since training{self._size()}; "
            "those that are measured are still there, and were found by what they hold."
        )

    def _size(self) -> str:
        """Return in brackets how many rows there are if they were more or fewer, else nothing."""
        has = len(self.hashes) + (0 if self.of_test is None else len(self.of_test))
        had = sum(self.model.rows.values())
        return "" if has == had else f" ({has:,} rows now, {had:,} then)"


def _changed(settings: Settings, difference: str) -> str:
    dataset = settings.dataset
    if dataset == IN_MEMORY:
        return (
            f"the data are not what they were in training: {difference}. "
            "Give those of training, or leave the split out."
        )
    return (
        f"{dataset} is not what it was in training: {difference}. "
        "Restore it, or name data to measure all of their rows: "
        f"fastmlp evaluate RUN {dataset}."
    )
