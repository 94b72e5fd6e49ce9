"""ColumnChoices: what the user says of columns; what is not said is decided by looking."""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp.data.readings.kinds.dates import ORDERS
from fastmlp.data.readings.kinds.numbers import DECIMALS
from fastmlp.errors import DataError, UsageError, did_you_mean


@dataclass(frozen=True)
class ColumnChoices:
    """What is known beforehand of a table's columns.

    Parameters
    ----------
    drop, categorical, numeric
        Names of columns to leave out, to read as texts and to read as numbers.
    dates
        Names of columns to read as dates, each maybe with an order: ``day`` or ``day=dmy``.
    decimal
        ``.`` or ``,``; None to find out.
    na_values
        Spellings of a gap. In columns of texts these alone count (besides blanks), in others the
        usual ones too. None to find out.

    Raises
    ------
    UsageError
        If a column is said to be two things, or a decimal sign or order of dates is not known.
    """

    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    decimal: str | None = None
    na_values: tuple[str, ...] | None = None

    def __post_init__(self):
        if self.decimal not in (None, *DECIMALS):
            raise UsageError(
                f"decimal {self.decimal!r} is not known; give one of: {' '.join(DECIMALS)}"
            )
        said: dict[str, str] = {}
        for option in ("drop", "categorical", "numeric", "dates"):
            for name in self.order_of_dates if option == "dates" else getattr(self, option):
                if said.setdefault(name, option) != option:
                    raise UsageError(
                        f"column {name!r} is given to both {said[name]} and {option}; give it to "
                        "one."
                    )

    @property
    def order_of_dates(self) -> dict[str, str | None]:
        """The date columns with the order that was given for each."""
        orders: dict[str, str | None] = {}
        for text in self.dates:
            name, equals, order = text.rpartition("=")
            if equals and order not in ORDERS:
                raise UsageError(
                    f"dates {text!r}: the order {order!r} is not known; give {', '.join(ORDERS)}."
                )
            orders[name if equals else text] = order if equals else None
        return orders

    def kind_of(self, name: str) -> str | None:
        """Return the kind that was given for a column."""
        if name in self.categorical:
            return "text"
        if name in self.numeric:
            return "number"
        return "date" if name in self.order_of_dates else None

    def check_names(self, columns: list[str], where: str) -> None:
        """Raise a DataError if a column that is spoken of is not there."""
        known = set(columns)
        for option in ("drop", "categorical", "numeric", "dates"):
            for name in self.order_of_dates if option == "dates" else getattr(self, option):
                if name not in known:
                    raise DataError(
                        f"{where} has no column {name!r}, which {option} "
                        f"names{did_you_mean(name, columns)}"
                    )
