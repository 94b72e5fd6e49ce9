"""Writes a matrix whose columns lie together anew, row after row, into a temporary file."""

from __future__ import annotations

import os
import shutil
import tempfile

import numpy as np

from fastmlp.data.memory import in_units
from fastmlp.errors import DataError

from .reader import Stored

SHARE_OF_A_BLOCK = 4


def in_row_order(matrix: np.ndarray, memory: int) -> Stored:
    """Return where the rows of an array lie one after the other, in a file that is made here.

    It is written, not mapped: pages of a map that were changed count as memory. It is in the folder
    for temporary files (``TMPDIR``), and goes when it is read no more.

    Parameters
    ----------
    matrix
        In Fortran's order, of two axes at least, maybe mapped.
    memory
        Bytes that the data may take; a quarter of it is used.

    Raises
    ------
    DataError
        If there is no room.
    """
    folder = tempfile.gettempdir()
    size, free = matrix.nbytes, shutil.disk_usage(folder).free
    remedy = "set TMPDIR to a folder with more room, or save the array in C order"
    if size > free:
        raise DataError(
            f"the rows need {in_units(size)} in {folder}, which has {in_units(free)}; {remedy}."
        )
    step = max(1, memory // SHARE_OF_A_BLOCK // max(matrix[:1].nbytes, 1))
    try:
        file = tempfile.NamedTemporaryFile(prefix="fastmlp-", suffix=".rows")  # noqa: SIM115  kept
        for start in range(0, len(matrix), step):
            file.write(np.ascontiguousarray(matrix[start : start + step]).data)
        file.flush()
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise DataError(f"the rows cannot be written to {folder}: {reason}; {remedy}.") from None
    return Stored(file.name, 0, matrix.shape, matrix.dtype, kept=file)
