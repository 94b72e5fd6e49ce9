"""Columns in memory, of pandas, NumPy or plain Python, as polars series with nulls for gaps."""

from __future__ import annotations

import datetime
import decimal
import numbers
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import DataError

if TYPE_CHECKING:
    import pandas
    import polars

INT64 = np.iinfo(np.int64)
NEVER_MISSING = {str, int, bool, datetime.date}
OF_PANDAS = ("Period", "Interval")
MAYBE_MISSING = (float, np.floating, decimal.Decimal)
MAYBE_MISSING += (np.datetime64, np.timedelta64, datetime.datetime)


def to_series(name: str, values: Any) -> polars.Series:
    """Return one column under a name.

    Parameters
    ----------
    name
        Of the column.
    values
        A polars or pandas series, a 1-D array or (rows, 1) array, or any sequence of plain values.
        Values of several kinds, such as numbers among texts, become texts.

    Raises
    ------
    DataError
        If it holds what is neither number, text, truth value, date nor time.
    """
    import polars

    if isinstance(values, polars.Series):
        return values.rename(name)
    if is_of("pandas", values, "Series", "Index", "api.extensions.ExtensionArray"):
        return _from_pandas(name, sys.modules["pandas"].Series(values))
    if isinstance(values, (list, tuple)):
        return _from_values(name, _with_none(values))
    return _from_array(name, plain_array(values, f"column {name!r}"))


def is_of(package: str, given: Any, *classes: str) -> bool:
    """Return whether an object is of a package's classes, without importing that package."""
    module = sys.modules.get(package)
    if module is None:
        return False
    for name in classes:
        found: Any = module
        for word in name.split("."):
            found = getattr(found, word, None)
        if isinstance(found, type) and isinstance(given, found):
            return True
    return False


def is_missing(value: Any) -> bool:
    """Return whether a plain value stands for a gap: None, NaN, NaT, pandas.NA."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, MAYBE_MISSING) and value != value


def plain_array(given: Any, what: str) -> np.ndarray:
    """Return what NumPy takes, tensors from their device too, in the machine's byte order.

    Raises
    ------
    DataError
        If NumPy does not take it.
    """
    if hasattr(given, "detach"):  # a tensor that knows its gradient, maybe on a GPU
        given = given.detach().cpu()
    elif hasattr(given, "__cuda_array_interface__") and hasattr(given, "get"):
        given = given.get()
    if isinstance(given, np.ma.MaskedArray):
        is_float = given.dtype.kind == "f"
        given = (
            given.filled(np.nan) if is_float else np.where(given.mask, np.array(None), given.data)
        )
    try:
        array = np.asarray(given)
    except Exception as error:  # whatever a foreign class raises while it is converted
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{what} cannot be read as an array: {reason}.") from None
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        return array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    if array.dtype.kind == "S":
        return array.astype(object)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _with_none(values: Sequence[Any]) -> Sequence[Any]:
    """Return plain values with None for each gap."""
    if set(map(type, values)) <= NEVER_MISSING | {type(None)}:
        return values
    return [None if is_missing(value) else value for value in values]


def _from_array(name: str, array: np.ndarray) -> polars.Series:
    import polars

    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"column {name!r} has shape {array.shape}; a column is one value a row.")
    if array.dtype.kind in "buif":
        return polars.Series(name, np.ascontiguousarray(array), nan_to_null=True)
    if array.dtype.kind in "Mm":
        return _with_gaps(
            polars.Series(name, array.astype(f"{array.dtype.kind}8[us]")), np.isnat(array)
        )
    if array.dtype.kind not in "UO":
        raise _unusable(name, str(array.dtype))
    return _from_values(name, _with_none(array.tolist()))


def _from_pandas(name: str, column: pandas.Series) -> polars.Series:
    import pandas
    import polars

    dtype = column.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        return _from_categories(name, column)
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return _from_array(name, column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(dtype, pandas.PeriodDtype):
        return _from_array(name, column.dt.to_timestamp().to_numpy())
    if isinstance(dtype, pandas.SparseDtype):
        return _from_array(name, np.asarray(column.sparse.to_dense()))
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return _from_array(name, plain_array(column, f"column {name!r}"))
    gaps = column.isna().to_numpy(dtype=bool)
    plain = getattr(dtype, "numpy_dtype", None)  # of one of pandas' own types
    if plain is not None and getattr(dtype, "kind", "O") in "buif":
        filled = column.to_numpy(dtype=plain, na_value=plain.type(0))
        return _with_gaps(polars.Series(name, np.ascontiguousarray(filled), nan_to_null=True), gaps)
    pairs = zip(column.tolist(), gaps, strict=True)
    return _from_values(name, [None if gap else value for value, gap in pairs])


def _from_categories(name: str, column: pandas.Series) -> polars.Series:
    """Return a categorical column as texts that only its categories can be."""
    import polars

    categories = column.cat.categories
    if categories.dtype.kind in "buif":
        levels = to_series(name, categories).cast(polars.String).to_list()
    else:
        levels = [str(level) for level in categories.tolist()]
    codes = column.cat.codes.to_numpy()
    texts = [None if code < 0 else levels[code] for code in codes.tolist()]
    kind = polars.Enum(levels) if len(set(levels)) == len(levels) else polars.String
    return polars.Series(name, texts, dtype=kind)


def _from_values(name: str, values: Sequence[Any]) -> polars.Series:
    """Return plain values, of which None is missing, in the narrowest kind that holds them all."""
    import polars

    kinds = {type(value) for value in values} - {type(None)}
    others = (kind for kind in kinds if kind.__name__ in OF_PANDAS)
    if any(kind.__module__.split(".")[0] == "pandas" for kind in others):
        values = [_without_pandas(value) for value in values]
        kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return polars.Series(name, values, dtype=polars.Null)
    if all(issubclass(kind, str) for kind in kinds):
        texts = [None if value is None else str(value) for value in values]
        return polars.Series(name, texts, dtype=polars.String)
    if all(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        truths = [None if value is None else bool(value) for value in values]
        return polars.Series(name, truths, dtype=polars.Boolean)
    if all(issubclass(kind, (numbers.Real, decimal.Decimal, np.bool_)) for kind in kinds):
        return _from_numbers(name, values, kinds)
    if all(issubclass(kind, (datetime.date, np.datetime64)) for kind in kinds):
        return _from_dates(name, values, kinds)
    if all(issubclass(kind, (datetime.timedelta, np.timedelta64)) for kind in kinds):
        return _from_array(
            name, np.array(["NaT" if value is None else value for value in values], "m8[us]")
        )
    if kinds == {datetime.time}:
        return polars.Series(name, values, dtype=polars.Time)
    return polars.Series(name, [_as_text(name, value) for value in values], dtype=polars.String)


def _without_pandas(value: Any) -> Any:
    """Return a period as its first moment and an interval as its text, as whole columns become."""
    if type(value).__name__ == "Period":
        return value.to_timestamp().to_pydatetime()
    return str(value) if type(value).__name__ == "Interval" else value


def _from_numbers(name: str, values: Sequence[Any], kinds: set[type]) -> polars.Series:
    import polars

    present = [value for value in values if value is not None]
    if all(issubclass(kind, (numbers.Integral, np.bool_)) for kind in kinds):
        present = [int(value) for value in present]
        if INT64.min <= min(present) and max(present) <= INT64.max:
            whole = [None if value is None else int(value) for value in values]
            return polars.Series(name, whole, dtype=polars.Int64)
    try:
        converted = [None if value is None else float(value) for value in values]
    except OverflowError:
        raise DataError(
            f"column {name!r} holds a number too large for float64; divide the column."
        ) from None
    return polars.Series(name, converted, dtype=polars.Float64)


def _from_dates(name: str, values: Sequence[Any], kinds: set[type]) -> polars.Series:
    import polars

    if kinds == {datetime.date}:
        return polars.Series(name, values, dtype=polars.Date)
    return polars.Series(name, [_as_moment(value) for value in values], dtype=polars.Datetime("us"))


def _as_moment(value: Any) -> datetime.datetime | None:
    """Return a date or time without a zone, in UTC if it had one."""
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]").item()
    if isinstance(value, datetime.datetime):
        return (
            value if value.tzinfo is None else value.astimezone(datetime.UTC).replace(tzinfo=None)
        )
    return None if value is None else datetime.datetime(value.year, value.month, value.day)


def _as_text(name: str, value: Any) -> str | None:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise DataError(f"column {name!r} holds bytes that are not UTF-8 texts.") from None
    plain = (str, numbers.Real, decimal.Decimal, np.bool_)
    plain += (datetime.date, datetime.time, datetime.timedelta)
    if value is None or isinstance(value, plain):
        return None if value is None else str(value)
    raise _unusable(name, type(value).__name__)


def _with_gaps(series: polars.Series, gaps: np.ndarray) -> polars.Series:
    return series.scatter(np.flatnonzero(gaps), None) if gaps.any() else series


def _unusable(name: str, kind: str) -> DataError:
    return DataError(
        f"column {name!r} holds {kind} values; numbers, texts, truth values, dates and times can "
        "be used."
    )
