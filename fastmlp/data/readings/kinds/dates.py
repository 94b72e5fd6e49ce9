"""Dates and times as people write them; the whole column decides the order of day and month."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

ORDERS = ("ymd", "dmy", "mdy")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Months that other languages of Europe spell otherwise, by the letters that tell them.
MORE_MONTHS = {
    "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12, "fév": 2, "fev": 2, "avr": 4, "jui": 6,
    "aoû": 8, "aou": 8, "déc": 12, "ene": 1, "abr": 4, "ago": 8, "dic": 12, "maj": 5, "mag": 5,
    "giu": 6, "lug": 7, "set": 9, "ott": 10, "gen": 1,
}  # fmt: skip
CLOCK = (
    r"(?:(?:[T, ]|,? +)(?<hour>[0-9]{1,2}):(?<minute>[0-9]{2})"
    r"(?::(?<second>[0-9]{2})(?:[.,](?<fraction>[0-9]{1,9}))?)?"
    r" ?(?<half>[AaPp]\.?[Mm]\.?)?(?: ?(?<zone>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
WEEKDAY = r"(?:[A-Za-z]{2,9}\.?,? +)?"
MONTH = r"(?<month>[A-Za-zäéû]{3,9})\.?"
# Parts have names where the layout alone says what they are, numbers where the column has to tell.
NUMERIC = (
    rf"^(?<one>[0-9]{{1,4}})(?<sign>[-/.])(?<two>[0-9]{{1,2}})[-/.](?<three>[0-9]{{1,4}}){CLOCK}$"
)
DAY = r"(?<day>[0-9]{1,2})(?:st|nd|rd|th)?"
DAY_FIRST = rf"^{WEEKDAY}{DAY}[-/. ]+{MONTH},?[-/. ]+(?<year>[0-9]{{4}}|[0-9]{{2}}){CLOCK}$"
MONTH_FIRST = rf"^{WEEKDAY}{MONTH} +{DAY},? +(?<year>[0-9]{{4}}){CLOCK}$"
YEAR_MONTH = r"^(?<year>[0-9]{4})[-/](?<month>[0-9]{1,2})$"
MONTH_IN_DIGITS_YEAR = r"^(?<month>[0-9]{1,2})[-/](?<year>[0-9]{4})$"
QUARTER = r"^(?<year>[0-9]{4})[-/ ]?[Qq](?<quarter>[1-4])$"
QUARTER_FIRST = r"^[Qq](?<quarter>[1-4])[-/ ]?(?<year>[0-9]{4})$"
MONTH_YEAR = rf"^{MONTH},?[-/. ]+(?<year>[0-9]{{4}})$"
COMPACT = (
    r"^(?<year>(?:1[89]|20|21)[0-9]{2})(?<month>[0-9]{2})(?<day>[0-9]{2})"
    r"(?:T(?<hour>[0-9]{2})(?<minute>[0-9]{2})(?<second>[0-9]{2})?(?<zone>Z|[+-][0-9]{4})?)?$"
)
TIME = r"^[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?$"
CLOCK_PARTS = ("hour", "minute", "second", "fraction", "half", "zone")
LAST_YEAR_OF_THIS_CENTURY = 68  # POSIX: 69 to 99 are years of the 1900s


@dataclass(frozen=True)
class DateOrder:
    """In which order a column's dates stand, and whether its cells leave another order open."""

    order: str
    is_doubtful: bool = False


def could_be_dates(texts: polars.Series, looks_so: polars.Series | None = None) -> bool:
    """Return quickly whether some trimmed texts look like dates; ``looks_so`` says so if known."""
    if looks_so is None:
        return bool(date_like(texts.drop_nulls().head(200)).any())
    return bool(looks_so.any()) and bool(looks_so.filter(texts.is_not_null()).head(200).any())


def date_like(texts: polars.Series) -> polars.Series:
    """Return which texts look like a date or a time; it may be an impossible one."""
    patterns = (NUMERIC, DAY_FIRST, MONTH_FIRST, YEAR_MONTH, MONTH_IN_DIGITS_YEAR, MONTH_YEAR)
    patterns += (QUARTER, QUARTER_FIRST, COMPACT, TIME)
    either = "|".join(f"(?:{pattern})" for pattern in patterns)
    return texts.str.contains(re.sub(r"\(\?<[a-z]+>", "(?:", either)).fill_null(False)


def order_of(texts: polars.Series, usual: str | None = None) -> DateOrder:
    """Return the order of day, month and year in a column of dates in digits.

    Parameters
    ----------
    texts
        Trimmed texts.
    usual
        The order of another column of the table, for cells that fit two.
    """
    parts = _parts(texts, NUMERIC)
    years_first = parts["one"].str.len_bytes() == 4
    rest = parts.filter(~years_first.fill_null(True))
    if not rest.height:
        return DateOrder("ymd")
    fits = {order: _dates(rest, order).is_not_null().sum() for order in ORDERS}
    best = [order for order, count in fits.items() if count == max(fits.values())]
    if len(best) == 1:
        return DateOrder(best[0])
    order = usual if usual in best else _order_by_sequence(rest, best)
    if order is None and "ymd" in best and _varies_by_day(rest, texts):
        order = "ymd"
    with_points = bool(texts.str.contains(r"^[0-9]{1,2}\.[0-9]{1,2}\.").any())
    order = order or _order_by_firsts(rest) or ("dmy" if with_points else "mdy")
    return DateOrder(order, is_doubtful=not (with_points and order == "dmy") and usual not in best)


def _varies_by_day(parts: polars.DataFrame, texts: polars.Series) -> bool:
    """Return whether dates such as 24-01-05 vary less in the first part than in the last."""
    with_hyphens = bool(texts.str.contains(r"^[0-9]{2}-").any())
    return with_hyphens and parts["one"].n_unique() < parts["three"].n_unique()


def _order_by_firsts(parts: polars.DataFrame) -> str | None:
    """Return the order by which all dates are firsts of a month, if all twelve months occur."""
    for order, day, month in (("dmy", "one", "two"), ("mdy", "two", "one")):
        are_firsts = (parts[day].str.strip_chars_start("0") == "1").all()
        if are_firsts and parts[month].n_unique() == len(MONTHS):
            return order
    return None


def _order_by_sequence(parts: polars.DataFrame, orders: list[str]) -> str | None:
    """Return the order in which the rows ascend, if there is one: tables are mostly sorted."""
    found = []
    for order in orders:
        dates = _dates(parts, order).drop_nulls()
        steps = dates.diff().drop_nulls().dt.total_days()
        if (steps != 0).any() and ((steps >= 0).all() or (steps <= 0).all()):
            found.append(order)
    return found[0] if len(found) == 1 else None


def parse_dates(texts: polars.Series, order: str) -> polars.Series:
    """Return trimmed texts as datetimes of microseconds, in UTC if they name a zone; else null.

    Parameters
    ----------
    texts
        Trimmed texts: digits (2024-03-31, 20240331, 31.3.24, 3/31/2024), months by name (31 Mar
        2024, March 31, 2024), each with or without a time of day; or month or quarter and year
        alone (2024-03, 3/2024, March 2024, 2024-Q1), which are their first days.
    order
        ``dmy`` or ``mdy`` for digits in which the year stands last; with ``ymd`` these are no
        dates, and 24-03-31 is one. Years of four digits that stand first need no order.
    """
    import polars

    columns = [_dates(_parts(texts, NUMERIC), order)]
    if columns[0].null_count() > texts.null_count():
        columns += [_named_dates(_parts(texts, pattern)) for pattern in (DAY_FIRST, MONTH_FIRST)]
        columns.append(_assemble(_parts(texts, COMPACT)))
        for pattern in (YEAR_MONTH, MONTH_IN_DIGITS_YEAR):
            columns.append(_assemble(_parts(texts, pattern).with_columns(day=polars.lit("1"))))
        for pattern in (QUARTER, QUARTER_FIRST):
            first_month = (polars.col("quarter").cast(polars.Int32) * 3 - 2).cast(polars.String)
            quarters = _parts(texts, pattern)
            columns.append(_assemble(quarters.with_columns(month=first_month, day=polars.lit("1"))))
        columns.append(_named_dates(_parts(texts, MONTH_YEAR).with_columns(day=polars.lit("1"))))
    frame = polars.DataFrame({str(number): column for number, column in enumerate(columns)})
    return frame.select(polars.coalesce(polars.all()).alias(texts.name)).to_series()


def parse_times(texts: polars.Series) -> polars.Series:
    """Return trimmed texts such as 9:30, 23:59:59.5 or 5:15 pm as times; null for others."""
    import polars

    timely = texts.set(~texts.str.contains(TIME).fill_null(True), None)
    parts = _parts("2000-01-01 " + timely, NUMERIC)
    return _dates(parts, "ymd").cast(polars.Time).alias(texts.name)


def _parts(texts: polars.Series, pattern: str) -> polars.DataFrame:
    """Return a pattern's named groups as columns of texts; null in each where it does not match."""
    return texts.str.extract_groups(pattern).struct.unnest()


def _dates(parts: polars.DataFrame, order: str) -> polars.Series:
    """Return the dates in parts that NUMERIC found."""
    import polars

    first, second, third = (polars.col(name) for name in ("one", "two", "three"))
    lengths = [part.str.len_bytes() for part in (first, second, third)]
    year_first = (lengths[0] == 4) & (lengths[2] <= 2)
    if order == "ymd":
        year_first |= (lengths[0] == 2) & (lengths[1] == 2) & (lengths[2] == 2)
        year_last = polars.lit(False)
    else:
        # 1.2.10 is a version, 01.02.10 and 1/2/10 are days: with points a day or a month has two
        # digits if the year has.
        is_full = (lengths[0] == 2) | (lengths[1] == 2) | (polars.col("sign") == "/")
        short = (lengths[2] == 2) & is_full
        year_last = (lengths[0] <= 2) & ((lengths[2] == 4) | short)
    day, month = (first, second) if order == "dmy" else (second, first)
    named = parts.with_columns(
        year=polars.when(year_first).then(first).when(year_last).then(third),
        month=polars.when(year_first).then(second).otherwise(month),
        day=polars.when(year_first).then(third).otherwise(day),
    )
    return _assemble(named)


def _named_dates(parts: polars.DataFrame) -> polars.Series:
    import polars

    numbers = {name: str(number) for number, name in enumerate(MONTHS, 1)}
    numbers |= {name: str(number) for name, number in MORE_MONTHS.items()}
    letters = polars.col("month").str.to_lowercase()
    # French juin and juillet begin alike.
    month = polars.when(letters.str.starts_with("juil")).then(polars.lit("7"))
    begins = letters.str.slice(0, 3)
    others = begins.replace_strict(numbers, default=None, return_dtype=polars.String)
    month = month.otherwise(others)
    return _assemble(parts.with_columns(month=month))


def _assemble(parts: polars.DataFrame) -> polars.Series:
    """Return year, month, day and clock parts, if any, as datetimes; null if impossible."""
    import polars

    # Cells of one pattern may lack a clock, and some patterns have none.
    lacking = [name for name in CLOCK_PARTS if name not in parts.columns]
    absent = dict.fromkeys(lacking, polars.lit(None, polars.String))
    clock = [each.fill_null(0) for each in (_hour(), _number("minute"), _number("second"))]
    pieces = (_number("month"), _number("day"), *clock)
    texts = [piece.cast(polars.String).str.zfill(2) for piece in pieces]
    text = polars.concat_str([_year().cast(polars.String).str.zfill(4), *texts], separator=" ")
    moment = text.str.to_datetime("%Y %m %d %H %M %S", time_unit="us", strict=False)
    fraction = (polars.lit("0.") + polars.col("fraction")).cast(polars.Float64, strict=False)
    microseconds = (fraction.fill_null(0.0) * 1e6).round().cast(polars.Int64)
    moment = moment + polars.duration(microseconds=microseconds) - _offset(polars.col("zone"))
    return parts.with_columns(**absent).select(moment.alias("date")).to_series()


def _number(name: str) -> polars.Expr:
    import polars

    return polars.col(name).cast(polars.Int32, strict=False)


def _year() -> polars.Expr:
    """Return the year, of two digits in the century that POSIX gives it."""
    import polars

    century = polars.when(_number("year") > LAST_YEAR_OF_THIS_CENTURY).then(1900).otherwise(2000)
    is_short = polars.col("year").str.len_bytes() == 2
    return _number("year") + polars.when(is_short).then(century).otherwise(0)


def _hour() -> polars.Expr:
    """Return the hour of the day; 0 pm and 13 am are none, and made one that no day has."""
    import polars

    half = polars.col("half").str.slice(0, 1).str.to_lowercase()
    hour, afternoon = _number("hour"), polars.when(half == "p").then(12).otherwise(0)
    of_half = polars.when(hour.is_between(1, 12)).then(hour % 12 + afternoon).otherwise(99)
    return polars.when(half.is_null()).then(hour).otherwise(of_half)


def _offset(zone: polars.Expr) -> polars.Expr:
    """Return how far a zone such as +02:00 is ahead of UTC."""
    import polars

    hours, minutes = (
        zone.str.extract(r"^[+-]([0-9]{2}):?([0-9]{2})?$", group).cast(polars.Int64).fill_null(0)
        for group in (1, 2)
    )
    ahead = polars.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return polars.duration(minutes=(ahead * (hours * 60 + minutes)).fill_null(0))
