"""Numbers as people write them: signs, decimal commas, thousands, percent and currency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars

DECIMALS = (".", ",")
BLANKS = " \u00a0\u2007\u2009\u202f"
MONEY = (
    r"(?:(?:US|CA|AU|A|C|R|HK|NZ|S)?\$|[€£¥₹₽₩₺₴₪฿₫¢]|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD"
    r"|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR"
    r"|Rs\.?|kr\.?|zł|Kč|Ft|Fr\.|Euro|euros?)"
)
SHARE = r"[%‰]"
MARK = rf"({SHARE}|{MONEY})"
# A sign may stand before or behind the currency: -$5, $-5. Groups: sign, sign, body.
AFFIXED = (
    rf"^([+-]?)[{BLANKS}]*{MONEY}?[{BLANKS}]*([+-]?)[{BLANKS}]*"
    rf"([0-9.,'’{BLANKS}]*[0-9][.,]?(?:[eE][+-]?[0-9]+)?)[{BLANKS}]*(?:{SHARE}|{MONEY})?$"
)
GROUPS = {".": rf"[,'’{BLANKS}]", ",": rf"[.'’{BLANKS}]"}
# What may stand behind every number of a column: 5 kg, 7.5°C, 120 km/h, 10,000+.
UNIT = r"(?:[\p{L}°µ][\p{L}°µ²³/·^.%]{0,11}|\+)"
WITH_UNIT = rf"^[+-]?[.,]?[0-9](?:[0-9.,'’{BLANKS}]*[0-9][.,]?)?[{BLANKS}]*({UNIT})$"
INFINITE = r"^[+-]?(?:(?i)inf(?:inity)?|∞)$"
# A number with signs around it that keep it from being one: <1.0, ≥5, ~7, 3.2*.
NUMBER_WITHIN = (
    rf"^[<>≤≥=≈~±(]*[{BLANKS}]*[+-]?[.,]?[0-9][0-9.,]*[{BLANKS}]*[\p{{L}}%*†‡+)°µ]{{0,10}}$"
)


@dataclass(frozen=True)
class Signs:
    """How often a column's cells speak for a decimal point, for a decimal comma, for neither."""

    # point, comma: cells such as ``1.25`` or ``1,000.5``, and ``1,25`` or ``1.000,5``, which can be
    # read in one way alone
    point: int
    comma: int
    # either_point, either_comma: cells such as ``1.234`` and ``1,234``: three digits behind one
    # sign, which may stand for thousands
    either_point: int
    either_comma: int

    def decimal(self, usual: str) -> str:
        """Return the column's decimal sign; ``usual`` decides where the cells do not."""
        if self.point != self.comma:
            return "." if self.point > self.comma else ","
        return usual if self.point or self.either_point or self.either_comma else "."

    @property
    def is_doubtful(self) -> bool:
        """Whether no cell tells thousands from decimals, although some could be either."""
        return not (self.point or self.comma) and bool(self.either_point or self.either_comma)


def signs_of(texts: polars.Series, counts: np.ndarray | None = None) -> Signs:
    """Count what trimmed texts, each ``counts`` times in its column, say of the decimal sign."""
    marks = sign_marks(texts)
    if counts is None:
        return Signs(*(int(mark.sum()) for mark in marks))
    return Signs(*(int(counts[mark.to_numpy()].sum()) for mark in marks))


def sign_marks(texts: polars.Series) -> tuple[polars.Series, ...]:
    """Return which trimmed texts speak for a point, a comma, either; in the order of Signs."""
    body = _bodies(texts)

    def holds(pattern: str) -> polars.Series:
        return body.str.contains(pattern).fill_null(False)

    def only(sign: str, other: str) -> polars.Series:
        sign, other = re.escape(sign), re.escape(other)
        behind = rf"^[^{sign}]*{sign}(?:[0-9]{{0,2}}|[0-9]{{4,}})(?:[eE][+-]?[0-9]+)?$"
        # Nobody writes a thousand as 0,001 nor groups four digits before a group.
        before = rf"^(?:0?|[0-9]{{4,}}){sign}[0-9]{{3}}(?:[eE][+-]?[0-9]+)?$"
        grouped = rf"{other}[0-9]{{3}}{sign}[0-9]+$|{other}[0-9]{{3}}{other}[0-9]{{3}}$"
        exponent = rf"^[0-9]*{sign}[0-9]{{3}}[eE]"
        return holds(f"(?:{behind})|(?:{before})|(?:{grouped})|(?:{exponent})")

    def either(sign: str) -> polars.Series:
        return holds(rf"^[1-9][0-9]{{0,2}}{re.escape(sign)}[0-9]{{3}}$")

    return only(".", ","), only(",", "."), either("."), either(",")


def parse_numbers(texts: polars.Series, decimal: str) -> polars.Series:
    """Return trimmed texts as float64; what is no finite number is null.

    Parameters
    ----------
    texts
        Trimmed texts.
    decimal
        ``.`` or ``,``; the other one, blanks and apostrophes may part groups of three digits. Signs
        of currency and of percent are left off: 12 % is 12.
    """
    import polars

    if decimal == ".":
        numbers = texts.cast(polars.Float64, strict=False)
        numbers = numbers.set(~numbers.is_finite().fill_null(True), None)
        rest = numbers.is_null() & texts.is_not_null()
        if not rest.any():
            return numbers
        numbers = numbers.to_frame("plain").with_columns(_written(texts, decimal).alias("written"))
        return numbers.select(polars.coalesce("plain", "written").alias(texts.name)).to_series()
    return _written(texts, decimal)


def parse_integers(texts: polars.Series) -> polars.Series | None:
    """Return trimmed texts as int64 if each is a whole number of at most 18 digits, else None."""
    import polars

    whole = texts.cast(polars.Int64, strict=False)
    return whole if whole.null_count() == texts.null_count() else None


def infinite_cells(texts: polars.Series) -> polars.Series:
    """Return which of trimmed texts spell an infinity: inf, -Infinity, ∞."""
    return _plain_signs(texts).str.contains(INFINITE).fill_null(False)


def cells_like_numbers(texts: polars.Series) -> polars.Series:
    """Return which trimmed texts are numbers but for a few signs: <1.0, 19M, 3.2*; not 1.2.3."""
    plain = _plain_signs(texts)
    is_version = plain.str.contains(r"\.[0-9]{0,2}\.")
    return (plain.str.contains(NUMBER_WITHIN) & ~is_version).fill_null(False)


def units_in(texts: polars.Series) -> polars.Series:
    """Return what stands behind the number in trimmed texts; null if nothing or no number."""
    return _plain_signs(texts).str.extract(WITH_UNIT)


def unit_of(units: polars.Series, count: int) -> str:
    """Return the unit of more than half of ``count`` texts, whose ``units`` are given, or ""."""
    found = units.drop_nulls()
    if 2 * len(found) <= count:
        return ""
    unit, times = found.alias("unit").value_counts(sort=True).row(0)
    return unit if 2 * times > count else ""


def without_unit(texts: polars.Series, unit: str) -> polars.Series:
    """Return trimmed texts without the unit behind them; those that have none stay as they are."""
    return texts.str.strip_suffix(unit).str.strip_chars_end() if unit else texts


def marks_of(texts: polars.Series) -> list[str]:
    """Return the signs of currency and percent in trimmed texts, sorted."""
    return texts.str.extract(MARK).drop_nulls().unique().sort().to_list()


def _bodies(texts: polars.Series) -> polars.Series:
    """Return the digits of each text with what stands between them; null where it is no number."""
    return _plain_signs(texts).str.extract(AFFIXED, 3).str.strip_chars()


def _written(texts: polars.Series, decimal: str) -> polars.Series:
    import polars

    plain = _plain_signs(texts)
    before, behind = (plain.str.extract(AFFIXED, group) for group in (1, 2))  # of the currency
    negative, has_two = (before == "-") | (behind == "-"), (before != "") & (behind != "")
    group, sign = GROUPS[decimal], re.escape(decimal)
    thousands = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+"
    lakhs = rf"[0-9]{{1,2}}(?:{group}[0-9]{{2}})+{group}[0-9]{{3}}"  # as in India: 12,34,567
    number = rf"^(?:[0-9]+|{thousands}|{lakhs})?(?:{sign}[0-9]*)?(?:[eE][+-]?[0-9]+)?$"
    body = plain.str.extract(AFFIXED, 3).str.strip_chars()
    body = body.set(~body.str.contains(number).fill_null(True) | has_two.fill_null(False), None)
    body = body.str.replace_all(group, "").str.replace(sign, ".")
    values = body.cast(polars.Float64, strict=False)
    values = values.set(~values.is_finite().fill_null(True), None)
    signed = polars.when(negative.fill_null(False)).then(-values).otherwise(values)
    return polars.select(signed).to_series()


def _plain_signs(texts: polars.Series) -> polars.Series:
    """Return texts with the typesetter's minus as a hyphen and the accountant's (12) as -12."""
    return texts.str.replace_all("[−–﹣－]", "-").str.replace(r"^\((.*)\)$", "-$1")
