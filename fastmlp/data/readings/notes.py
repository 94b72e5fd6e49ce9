"""Notes on readings that a user might not expect, in sentences that name the remedy."""

from __future__ import annotations

from shlex import quote

from .choices import ColumnChoices
from .decided import Decided, Nearly
from .reading import A_KIND, PLURALS, ColumnReading
from .words import columns_named, listed

ORDERS_IN_WORDS = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}


def notes_on(found: Decided, choices: ColumnChoices) -> list[str]:
    """Return what is to be said of the columns; like columns share a sentence."""
    notes = [_on_odd_cells(name, found.readings.get(name), *odd) for name, odd in found.odd.items()]
    notes += [_on_nearly(name, nearly) for name, nearly in found.nearly.items()]
    notes += _on_decimal_commas(found, choices)
    notes += _on_doubtful_numbers(found)
    notes += [_on_doubtful_dates(name, found.readings[name]) for name in found.doubtful_dates]
    notes += _on_units(found)
    notes += [_on_mixed_marks(name, marks) for name, marks in found.mixed_marks.items()]
    return notes + _on_codes(found)


def _on_odd_cells(name: str, reading: ColumnReading | None, count: int, cells: str) -> str:
    if reading is None:
        return f"column {name!r} holds nothing that can be read and is left out: {cells}."
    return (
        f"column {name!r} is read as {PLURALS[reading.kind]}; "
        f"{odd_cells_are_gaps(reading.kind, count)}: {cells}."
    )


def odd_cells_are_gaps(kind: str, count: int) -> str:
    """Say that so many cells are not of a column's kind, and what becomes of them."""
    if count == 1:
        return f"1 cell is not {A_KIND[kind]} and counts as a gap"
    return f"{count:,} cells are not {PLURALS[kind]} and count as gaps"


def _on_nearly(name: str, nearly: Nearly) -> str:
    kind = PLURALS[nearly.kind]
    if nearly.share >= 0.005:
        option = "--numeric" if nearly.kind == "number" else "--dates"
        return (
            f"column {name!r} is read as texts, though {nearly.share:.0%} of its cells are {kind}; "
            f"others are not: {nearly.cells}; {option} {quote(name)} reads it as {kind} with gaps, "
            "--na-values says what spells a gap."
        )
    return (
        f"column {name!r} is read as texts, though its cells look like {kind}: {nearly.cells}; "
        "clear what stands around the numbers to learn from them as numbers."
    )


def _on_decimal_commas(found: Decided, choices: ColumnChoices) -> list[str]:
    names = [name for name, reading in found.readings.items() if reading.decimal == ","]
    if not names or choices.decimal is not None:
        return []
    return [
        f"{columns_named(names)}: the comma is read as the decimal sign (--decimal . reads it "
        "as thousands)."
    ]


def _on_doubtful_numbers(found: Decided) -> list[str]:
    alike: dict[tuple[str, str], list[str]] = {}
    for name, sign in found.doubtful_numbers.items():
        if name in found.readings:
            alike.setdefault((sign, found.readings[name].decimal), []).append(name)
    notes = []
    for (sign, decimal), names in alike.items():
        word = "comma" if sign == "," else "point"
        words = ("decimals", "thousands")
        read, instead = words if sign == decimal else words[::-1]
        other = "." if decimal == "," else ","
        notes.append(
            f"{columns_named(names)}: three digits follow each {word}, which is read as {read} "
            f"(--decimal {other} reads {instead})."
        )
    return notes


def _on_doubtful_dates(name: str, reading: ColumnReading) -> str:
    other = {"mdy": "dmy", "dmy": "mdy", "ymd": "dmy"}[reading.order]
    read, instead = ORDERS_IN_WORDS[reading.order], ORDERS_IN_WORDS[other]
    return (
        f"the dates in column {name!r} could be {read} or {instead}; they are read {read} "
        f"(--dates {quote(f'{name}={other}')} reads them {instead})."
    )


def _on_units(found: Decided) -> list[str]:
    units: dict[str, list[str]] = {}
    for name, reading in found.readings.items():
        if reading.unit:
            units.setdefault(reading.unit, []).append(name)
    return [
        (
            f"{columns_named(names)}: the unit {unit!r} behind the numbers is left off; "
            "--categorical reads texts."
        )
        for unit, names in units.items()
    ]


def _on_mixed_marks(name: str, marks: list[str]) -> str:
    have = f"the numbers have {listed(marks)}"
    if len(marks) == 1:
        have = f"some numbers have {marks[0]!r}, others do not"
    return (
        f"column {name!r}: {have}, and all are read as if they had nothing (--drop {quote(name)} "
        "leaves the column out)."
    )


def _on_codes(found: Decided) -> list[str]:
    if not found.codes:
        return []
    return [
        f"{columns_named(sorted(found.codes))}: digits written as codes are (with leading "
        "zeros, a plus, or more than 18 of them) are read as texts; --numeric reads numbers."
    ]


def on_left_out(names: list[str], reason: str) -> str:
    """Return why columns have no part in learning: "identifier", "constant" or "empty"."""
    if len(names) == 1:
        return f"column {names[0]!r} {LEFT_OUT[reason][0]}."
    return f"{len(names):,} columns {LEFT_OUT[reason][1]}: {listed(names)}."


LEFT_OUT = {
    "identifier": (
        "is left out as an identifier of the rows; --numeric or --categorical takes it in",
        "are left out as identifiers of the rows; --numeric or --categorical takes them in",
    ),
    "constant": ("has one value only and is left out", "have one value only and are left out"),
    "empty": ("has no value and is left out", "have no value and are left out"),
}
