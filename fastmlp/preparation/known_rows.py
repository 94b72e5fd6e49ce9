"""How a model knows its data again: a fingerprint of all rows, a hash of each held-out row."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmlp.data import stored
from fastmlp.files.tensors import ROW_HASHES

HELD_OUT = ("validation", "test")
MOST_ROWS = 4_000_000  # whose hashes are kept: 32 MB
HASH_BITS = 64


@dataclass(frozen=True, eq=False)
class KnownRows:
    """The rows of training, known by their hashes (see ``row_hashes``)."""

    order: str  # SHA-256 of the hashes of all splits in their order, in hexadecimal digits
    train_sum: int  # sum of the training rows' hashes modulo 2⁶⁴: the same in any order
    # uint64 (rows,) of each split of HELD_OUT that has rows; empty where there were too many to
    # keep
    held_out: dict[str, np.ndarray]

    @classmethod
    def of(cls, hashes: Mapping[str, np.ndarray]) -> KnownRows:
        """Return what is kept of the hashes of each split that has rows."""
        held_out = {name: hashes[name] for name in HELD_OUT if name in hashes}
        if sum(map(len, held_out.values())) > MOST_ROWS:
            held_out = {}
        return cls(fingerprint(hashes), total(hashes["train"]), held_out)

    def to_dict(self) -> dict[str, str]:
        """Return all but the arrays as JSON can hold it."""
        return {"order": self.order, "train_sum": f"{self.train_sum:016x}"}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the hashes under the names that they have in a model file."""
        return {ROW_HASHES + name: array for name, array in self.held_out.items()}

    @classmethod
    def from_dict(
        cls, kept: Any, arrays: Mapping[str, np.ndarray], rows: Mapping[str, int]
    ) -> KnownRows:
        """Return what ``to_dict`` and ``arrays`` described of splits with so many rows.

        Raises
        ------
        ModelFileError
            If an entry or array is missing, of the wrong type or length.
        """
        held_out = {}
        for name in HELD_OUT:
            array = arrays.get(ROW_HASHES + name)
            if array is None:
                continue
            if array.dtype != np.uint64 or array.shape != (rows.get(name),):
                found = f"{array.dtype} {array.shape}"
                raise stored.damaged(ROW_HASHES + name, "a hash for each row", found)
            held_out[name] = array
        train_sum = int(_digits(kept, "train_sum", HASH_BITS // 4), 16)
        return cls(_digits(kept, "order", 64), train_sum, held_out)


def fingerprint(hashes: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of all splits' hashes in their order."""
    digest = hashlib.sha256()
    for name in ("train", *HELD_OUT, "stacked"):
        if name in hashes:
            digest.update(f"{name} {len(hashes[name])}\n".encode())
            digest.update(np.ascontiguousarray(hashes[name], "<u8").data)
    return digest.hexdigest()


def total(hashes: np.ndarray) -> int:
    """Return the sum of hashes modulo 2⁶⁴."""
    return int(hashes.sum(dtype=np.uint64))


def positions(wanted: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where each hash of ``wanted`` stands, −1 if nowhere; equal ones differ in place.

    Parameters
    ----------
    wanted, among
        uint64 (rows,).

    Returns
    -------
    numpy.ndarray
        int64 (wanted rows,).
    """
    order = np.argsort(among, kind="stable")
    ascending = among[order]
    by_hash = np.argsort(wanted, kind="stable")
    asked = wanted[by_hash]
    # The rank of each among the wanted rows that are equal to it.
    rank = np.arange(len(asked)) - np.searchsorted(asked, asked)
    place = np.searchsorted(ascending, asked) + rank
    is_there = place < np.searchsorted(ascending, asked, side="right")
    found = np.full(len(wanted), -1, np.int64)
    found[by_hash[is_there]] = order[place[is_there]]
    return found


def _digits(kept: Any, key: str, count: int) -> str:
    text = stored.entry(kept, key, str)
    if len(text) != count or not set(text) <= set(string.hexdigits):
        raise stored.damaged(key, f"{count} hexadecimal digits", text)
    return text
