"""Order statistics of the columns of a file that memory cannot hold: exact, in a pass or two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from fastmlp.data.mapped.rows import MappedRows
from fastmlp.data.memory import require_memory

SAMPLE = 16_384  # rows at most, which tell about where a value of a certain rank lies
FEWEST = 256
# Of the memory, and bytes: Python's own time counts in pieces that are small.
SHARE_OF_A_PIECE, SMALLEST_PIECE, LARGEST_PIECE = 8, 1 << 20, 64 << 20
SHARE_OF_CANDIDATES = 4
MARGIN = 2  # standard deviations, and more, of a rank in the sample
PIVOTS = 16  # by whose ranks a bracket is narrowed that would hold too much
BYTE_VALUES = 256


@dataclass
class _Bracket:
    """Between which two values one of a certain rank is looked for, in one column.

    ``pivots`` are values of the sample between the two, ascending; ``size`` is about how many
    values of the column lie there.
    """

    low: float
    high: float
    pivots: np.ndarray
    size: float
    below: int = 0  # values less than ``low``
    at_low: int = 0
    at_high: int = 0
    between: list[np.ndarray] = field(default_factory=list)

    def look(self, ascending: np.ndarray) -> int:
        """Count what a piece of the column has; return how many bytes were kept of it."""
        ends = np.array([self.low, self.high], ascending.dtype)
        low, high = ascending.searchsorted(ends).tolist()
        after_low, after_high = ascending.searchsorted(ends, "right").tolist()
        self.below += low
        self.at_low += after_low - low
        if self.high == self.low:
            return 0
        self.at_high += after_high - high
        found = ascending[after_low:high].copy()  # or all of the piece would be kept
        self.between.append(found)
        return found.nbytes

    def narrowed(self, ranks: Sequence[int], under: np.ndarray) -> _Bracket:
        """Return the bracket between two pivots, of each of which it is known how many values are
        less.
        """
        first = int(np.searchsorted(under, ranks[0], "right")) - 1
        last = int(np.searchsorted(under, ranks[-1], "right"))
        low = float(self.pivots[first]) if first >= 0 else self.low
        high = float(self.pivots[last]) if last < len(under) else self.high
        return _Bracket(low, high, self.pivots[:0], 0.0)

    def of_ranks(self, ranks: Sequence[int]) -> list[float] | None:
        """Return the values of ascending ranks, counted from 0; None if one lies elsewhere."""
        inside = np.sort(np.concatenate(self.between)) if self.between else np.empty(0)
        found = []
        for rank in ranks:
            at = rank - self.below
            first = self.at_low
            if not 0 <= at < first + len(inside) + self.at_high:
                return None
            if at < first:
                found.append(self.low)
            else:
                at -= first
                found.append(float(inside[at]) if at < len(inside) else self.high)
        return found


def order_statistics(
    rows: MappedRows,
    shares: Sequence[float] | np.ndarray,
    counts: np.ndarray | None = None,
    channels: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values between which quantiles of each column lie; they may be one.

    Parameters
    ----------
    rows
        Of numbers, finite but for gaps, with a row at least.
    shares
        From 0, the least value, to 1, the largest.
    counts
        (columns,) how many values each column has beside NaN; by default all are values.
    channels
        Of pictures: all pixels of a channel count as one column.

    Returns
    -------
    low, high : numpy.ndarray
        float64 (shares, columns or channels); 0 for columns without a value.

    Raises
    ------
    DataError
        If the memory does not hold a column that has to be looked at as a whole.
    """
    columns = channels or rows.shape[1]
    if not columns:
        return np.empty((len(shares), 0)), np.empty((len(shares), 0))
    if counts is None:
        counts = np.full(columns, len(rows) * (rows.shape[1] // columns))
    places = np.asarray(shares, np.float64)[:, None] * np.maximum(counts - 1, 0)
    ranks = np.stack([np.floor(places), np.ceil(places)]).astype(np.int64)
    if rows.dtype == np.uint8:
        found = _of_bytes(rows, ranks, columns)
    else:
        found = _of_floats(rows, ranks, counts, columns)
    low, high = np.where(counts > 0, found, 0.0)
    return low, high


def _of_bytes(rows: MappedRows, ranks: np.ndarray, columns: int) -> np.ndarray:
    """Return the values of ranks (2, shares, columns), by counting."""
    counts = np.zeros(columns * BYTE_VALUES, np.int64)
    first = np.arange(columns) * BYTE_VALUES
    for _, piece in rows.pieces(_piece_bytes(rows) // 8):  # as places are int64
        places = piece.reshape(-1, columns) + first
        counts += np.bincount(places.ravel(), minlength=len(counts))
    upto = counts.reshape(columns, BYTE_VALUES).cumsum(axis=1)
    found = [np.searchsorted(upto[at], ranks[..., at], "right") for at in range(columns)]
    return np.stack(found, axis=-1).astype(np.float64)


def _of_floats(rows: MappedRows, ranks: np.ndarray, counts: np.ndarray, columns: int) -> np.ndarray:
    """Return the values of ranks (2, shares, columns): a sample says between which they lie."""
    lowest, highest = np.full(columns, np.inf), np.full(columns, -np.inf)
    inner = np.flatnonzero(((ranks[1] > 0) & (ranks[0] < counts - 1)).any(axis=1))
    brackets = _brackets(rows, ranks[:, inner], counts, columns)
    kept, most = 0, rows.memory // SHARE_OF_CANDIDATES
    if rows.itemsize * sum(each.size for own in brackets for each in own) > most:
        brackets = _narrowed(rows, ranks[:, inner], brackets)
    for piece in _by_column(rows, columns):
        np.fmin(lowest, np.fmin.reduce(piece, axis=1), out=lowest)
        np.fmax(highest, np.fmax.reduce(piece, axis=1), out=highest)
        if kept > most:  # as of a sample unlike the rest
            continue
        kept += sum(
            bracket.look(column)
            for column, own in zip(piece, brackets, strict=True)
            for bracket in own
        )
    found = np.where(ranks == 0, lowest, highest)
    missed = []
    for column, own in enumerate(brackets):
        for share, bracket in zip(inner, own, strict=True):
            values = None if kept > most else bracket.of_ranks(ranks[:, share, column].tolist())
            if values is None:
                missed.append(column)
                break
            found[:, share, column] = values
    if missed and counts[missed].any():
        _look_at_all(rows, ranks, np.array(missed), columns, found)
    return found


def _brackets(
    rows: MappedRows, ranks: np.ndarray, counts: np.ndarray, columns: int
) -> list[list[_Bracket]]:
    """Return for each column where its values of ranks (2, shares, columns) are looked for."""
    size = min(max(rows.memory // SHARE_OF_A_PIECE // _row_bytes(rows), FEWEST), SAMPLE)
    chosen = np.unique(np.random.default_rng(0).integers(0, len(rows), size))
    sample = np.sort(rows[chosen].reshape(-1, columns), axis=0)  # NaN stands last
    present = np.count_nonzero(~np.isnan(sample), axis=0)
    result = []
    for column, (values, has) in enumerate(zip(sample.T, present.tolist(), strict=True)):
        own, margin = [], MARGIN * int(has**0.5) + 1
        count = max(int(counts[column]), 1)
        for low, high in ranks[:, :, column].T.tolist():
            first, last = low * has // count - margin, high * has // count + margin
            between = np.unique(values[max(first, 0) : min(last, has)])
            own.append(
                _Bracket(
                    float(values[first]) if first >= 0 else -np.inf,
                    float(values[last]) if last < has else np.inf,
                    between[:: max(len(between) // PIVOTS, 1)],
                    count * (last - first) / max(has, 1),
                )
            )
        result.append(own)
    return result


def _narrowed(
    rows: MappedRows, ranks: np.ndarray, brackets: list[list[_Bracket]]
) -> list[list[_Bracket]]:
    """Return narrower brackets, by a pass that counts what is less than each pivot."""
    under = [[np.zeros(len(each.pivots), np.int64) for each in own] for own in brackets]
    for piece in _by_column(rows, len(brackets)):
        for column, own, counts in zip(piece, brackets, under, strict=True):
            for bracket, count in zip(own, counts, strict=True):
                count += column.searchsorted(bracket.pivots)
    return [
        [
            bracket.narrowed(ranks[:, share, column].tolist(), count)
            for share, (bracket, count) in enumerate(zip(own, counts, strict=True))
        ]
        for column, (own, counts) in enumerate(zip(brackets, under, strict=True))
    ]


def _by_column(rows: MappedRows, columns: int) -> Iterator[np.ndarray]:
    """Yield (columns, values) in pieces, the values of a column side by side and ascending."""
    for _, piece in rows.pieces(_piece_bytes(rows)):
        result = np.array(piece.reshape(-1, columns).T, order="C")  # a copy, which is sorted
        result.sort(axis=1)  # NaN goes to the end
        yield result


def _look_at_all(
    rows: MappedRows, ranks: np.ndarray, wanted: np.ndarray, columns: int, found: np.ndarray
) -> None:
    """Set the values of ranks (2, shares, columns) of some columns, which are brought to memory."""
    length = len(rows) * (rows.shape[1] // columns)
    size = length * rows.itemsize
    require_memory(size, f"a column of {length:,} values")
    step = max(1, rows.memory // SHARE_OF_CANDIDATES // size)
    for start in range(0, len(wanted), step):
        some = wanted[start : start + step]
        block, filled = np.empty((len(some), length), rows.dtype), 0
        for piece in _by_column(rows, columns):
            block[:, filled : filled + piece.shape[1]] = piece[some]
            filled += piece.shape[1]
        for column, values in zip(some, block, strict=True):
            values.sort()  # NaN last
            found[:, :, column] = values[ranks[:, :, column]]


def _row_bytes(rows: MappedRows) -> int:
    return max(rows.shape[1] * rows.itemsize, 1)


def _piece_bytes(rows: MappedRows) -> int:
    return min(max(rows.memory // SHARE_OF_A_PIECE, SMALLEST_PIECE), LARGEST_PIECE)
