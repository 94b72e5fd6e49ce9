"""ColumnFiles: columns of a table in a folder, a file or two for each, read back in parts."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.errors import DataError
from fastmlp.files.atomic import WriteError

if TYPE_CHECKING:
    import polars

BATCH_ROWS = 1 << 16  # of a file of texts: as many are read at least where some are wanted
CELLS = "cells"  # what a column is called in its file: its own name may be empty


@dataclass(frozen=True)
class _Kept:
    """A column in its files: values and which are gaps, each a number for a row; or texts."""

    path: Path
    height: int
    values: np.ndarray | None  # mapped; None of texts
    gaps: np.ndarray | None  # mapped; None where there are none

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".gaps").unlink(missing_ok=True)


class ColumnFiles(MutableMapping[str, "polars.Series"]):
    """Columns by name, of which none is in memory.

    Numbers, and what is one inside, are kept as they lie in memory, so that a part of a column is
    read in microseconds. Texts are in Arrow files.

    Parameters
    ----------
    folder
        An empty folder, or one that is still to be made; the files in it are this object's own.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.schema: dict[str, polars.DataType] = {}
        self._kept: dict[str, _Kept] = {}
        self._count = 0

    def __setitem__(self, name: str, series: polars.Series) -> None:
        import polars

        # Never over a file of before: a column may be mapped that was read from it.
        path = self.folder / f"column-{self._count:05d}.values"
        self._count += 1
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            kept = _written(path, series.alias(CELLS))
        except (OSError, polars.exceptions.PolarsError) as error:
            raise WriteError(
                f"cannot write {path}: {_reason(error)}. Free space, or give another --cache-dir."
            ) from None
        if name in self._kept:
            self._kept[name].remove()
        self._kept[name], self.schema[name] = kept, series.dtype

    def __getitem__(self, name: str) -> polars.Series:
        return self.block(name, 0, self._kept[name].height).rechunk()

    def block(self, name: str, start: int, stop: int) -> polars.Series:
        """Return the rows of a column from ``start`` up to, not including, ``stop``."""
        import polars

        kept, dtype = self._kept[name], self.schema[name]
        try:
            if kept.values is None:
                texts = polars.scan_ipc(kept.path, glob=False).slice(start, stop - start)
                return texts.collect().to_series().alias(name)
            series = polars.Series(CELLS, np.array(kept.values[start:stop]))
            if kept.gaps is not None:
                series = series.set(polars.Series(kept.gaps[start:stop] != 0), None)
            return series.cast(dtype).alias(name)
        except (OSError, polars.exceptions.PolarsError) as error:
            raise DataError(f"{kept.path} cannot be read: {_reason(error)}.") from None

    def __delitem__(self, name: str) -> None:
        self._kept.pop(name).remove()
        del self.schema[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _written(path: Path, series: polars.Series) -> _Kept:
    """Write a column."""
    import polars

    height, dtype = len(series), series.dtype
    is_truth = dtype == polars.Boolean
    if not height or not (is_truth or dtype.is_numeric() or dtype.is_temporal()):
        frame = polars.DataFrame([series])
        frame.write_ipc(
            path, compat_level=polars.CompatLevel.newest(), record_batch_size=BATCH_ROWS
        )
        return _Kept(path, height, None, None)
    inside = series.cast(polars.UInt8) if is_truth else series.to_physical()
    gaps = None
    if series.null_count():
        inside, missing = inside.fill_null(0), series.is_null().cast(polars.UInt8).to_numpy()
        gaps = _on_disk(path.with_suffix(".gaps"), missing)
    return _Kept(path, height, _on_disk(path, inside.to_numpy()), gaps)


def _on_disk(path: Path, values: np.ndarray) -> np.ndarray:
    with path.open("wb") as file:
        file.write(np.ascontiguousarray(values).data)
    return np.memmap(path, values.dtype, "r", shape=values.shape)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
