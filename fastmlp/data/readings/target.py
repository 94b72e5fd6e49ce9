"""The target column: labels or quantities, and its gaps, whose rows are not learnt."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.features.targets import FEW_CLASSES, infer_task
from fastmlp.data.readings.kinds.gaps import gap_cells, trimmed
from fastmlp.errors import DataError

from .choices import ColumnChoices
from .decided import Decided
from .reading import CELLS, PLURALS, ColumnReading, as_texts, extremes, is_text
from .words import counted, listed

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table

LONGEST_LABEL = 1000
FEW_ROWS_A_CLASS = 10


def decide_target(
    raw: Table, name: str, decided: Decided, choices: ColumnChoices
) -> tuple[ColumnReading, polars.Series, list[str]]:
    """Return the target's reading, the target read, and notes on it.

    Parameters
    ----------
    raw
        The whole table as it came.
    name
        The target column.
    decided
        What was decided of all columns as features.
    choices
        What the user said.

    Raises
    ------
    DataError
        If the target has no value, or looks like numbers in part, so that nobody can tell
        quantities from labels.
    """
    reading, wanted = decided.readings.get(name), choices.kind_of(name)
    if reading is None and name in decided.odd:
        raise DataError(
            f"the target {name!r} must be numbers, and none of its cells is: "
            f"{decided.odd[name][1]}; give task classification, or another target."
        )
    if reading is None:
        raise DataError(f"the target {name!r} has no value; name another column as target.")
    cells = raw[name]
    if not is_text(cells):
        return reading, decided.columns[name], []
    texts = trimmed(as_texts(cells.alias(CELLS)))
    if reading.kind in ("date", "time", "duration") and wanted is None:
        raise DataError(
            f"the target {name!r} holds {PLURALS[reading.kind]}, which cannot be predicted; name "
            "another column as target, or give it as categorical to learn each as a label."
        )
    if reading.kind != "text" and (wanted is not None or _are_quantities(name, reading, decided)):
        return reading, decided.columns[name], _note_gaps(name, texts, reading)
    if reading.kind == "text" and wanted is None:
        _refuse_nearly_numbers(name, texts, decided)
    # Of labels, numbers such as 1 to 9 beside X too, there is nothing to say.
    for said in (decided.odd, decided.mixed_marks, decided.doubtful_numbers):
        said.pop(name, None)
    reading, labels, notes = _labels(raw, name, texts, decided, choices)
    return reading, labels, notes + _note_many(labels)


def _note_many(labels: polars.Series) -> list[str]:
    """Say of a target with few rows a label that it may be none."""
    rows = len(labels) - labels.null_count()
    count = labels.alias(CELLS).drop_nulls().n_unique()
    if count <= FEW_CLASSES or rows >= FEW_ROWS_A_CLASS * count:
        return []
    return [
        f"the target {labels.name!r} has {count:,} different texts in {rows:,} rows, each of "
        "which is a class; --target names another column."
    ]


def _are_quantities(name: str, reading: ColumnReading, decided: Decided) -> bool:
    """Return whether to learn a target as numbers or truth values; odd cells or units forbid it.

    Codes such as 1 to 9 and X are labels, all of them, and so are 5 kg and 10 kg, if there are few.
    """
    if name not in decided.odd and not reading.unit:
        return True
    return infer_task(decided.columns[name].alias(CELLS).drop_nulls().to_numpy()) == "regression"


def _refuse_nearly_numbers(name: str, texts: polars.Series, decided: Decided) -> None:
    """Raise a DataError if nobody can tell whether a target is quantities or labels."""
    nearly = decided.nearly.pop(name, None)
    if nearly is None or nearly.kind != "number" or texts.drop_nulls().n_unique() <= FEW_CLASSES:
        return
    raise DataError(
        f"the target {name!r} holds numbers in {nearly.share:.0%} of its cells and others besides: "
        f"{nearly.cells}; give it as numeric to leave those rows out, as categorical to learn all "
        "as labels, or say what spells a gap."
    )


def _labels(
    raw: Table, name: str, texts: polars.Series, decided: Decided, choices: ColumnChoices
) -> tuple[ColumnReading, polars.Series, list[str]]:
    """Read labels: a word for gaps is a label unless the target's gaps are spelt no other way."""
    present = texts.filter(gap_cells(texts)).unique().sort().to_list()
    spelt = set(decided.gap_words)
    # Only where a word is in doubt does it matter how the rest of the table spells its gaps.
    if present and any(_has_blanks(series) for series in raw):
        spelt.add("")
    if choices.na_values is not None:
        gaps = choices.na_values
    else:
        gaps = tuple(present) if len(spelt) == 1 and set(present) == spelt else ()
    reading = ColumnReading(name, "text", gaps=gaps)
    said = choices.na_values is None and bool(present)
    notes = _note_words(name, present, int(texts.is_in(present).sum()), bool(gaps)) if said else []
    return reading, reading.read(texts), notes


def _note_words(name: str, words: list[str], count: int, are_gaps: bool) -> list[str]:
    """Say what words of the target that could spell a gap are taken for."""
    says = (
        f"{counted(count, 'row')} of the target {name!r} {'says' if count == 1 else 'say'} "
        f"{listed(words)}"
    )
    are, gaps, labels = ("is", "a gap", "a label") if len(words) == 1 else ("are", "gaps", "labels")
    if are_gaps:
        return [
            f"{says}, which {are} taken as {gaps}, as in the rest of the table (--na-values "
            f"with another spelling takes {'it' if len(words) == 1 else 'them'} as {labels})."
        ]
    return [
        f"{says}, which {are} taken as {labels} (--na-values {quote(words[0])} takes "
        f"{words[0]!r} as a gap)."
    ]


def _has_blanks(series: polars.Series) -> bool:
    return bool(series.null_count()) or (
        is_text(series) and trimmed(as_texts(series.alias(CELLS))).null_count() > 0
    )


def _note_gaps(name: str, texts: polars.Series, reading: ColumnReading) -> list[str]:
    words = texts.filter(gap_cells(texts, reading.gaps)).unique().sort().to_list()
    are = "is taken as a gap" if len(words) == 1 else "are taken as gaps"
    return [f"in the target {name!r} {listed(words)} {are}."] if words else []


def target_values(series: polars.Series) -> np.ndarray:
    """Return a target that was read, without gaps, as int64, float64, bool or str values (rows,).

    Raises
    ------
    DataError
        If it holds dates, or texts too long to be labels.
    """
    import polars

    from fastmlp.data.memory import require_memory

    name, series = series.name, series.alias(CELLS)
    series = as_texts(series) if is_text(series) else series
    dtype = series.dtype
    if dtype == polars.Boolean:
        return series.to_numpy()
    if dtype.is_integer():
        low, high = extremes(series)
        fits = low >= -(2**63) and high < 2**63
        return series.cast(polars.Int64 if fits else polars.Float64).to_numpy()
    if dtype.is_numeric():
        return series.cast(polars.Float64).to_numpy()
    if dtype == polars.String:
        _, longest = extremes(series.str.len_chars())
        longest = longest or 0  # of no texts
        if longest > LONGEST_LABEL:
            raise DataError(
                f"the target {name!r} holds texts of up to {longest:,} characters; labels or "
                "numbers are needed."
            )
        require_memory(4 * longest * len(series), f"the target {name!r}")
        return np.array(series.to_list(), dtype=str)
    raise DataError(
        f"the target {name!r} holds {dtype} values; labels, numbers or truth values are needed."
    )
