"""How much memory may be taken: what is free, and the part of it that a run allows itself."""

from __future__ import annotations

import re

from fastmlp.errors import DataError, UsageError

from .limits import container_memory, process_memory

AUTO = "auto"
AUTO_SHARE = 0.5  # of what is available: a network, its batches and other programs want some too
SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
MOST_BYTES = 1 << 62


def available_memory() -> int:
    """Return the bytes that can be taken: the least that machine, container and process leave.

    The machine's are those that are free or can be freed without swapping.
    """
    import psutil  # takes longer to import than most runs take to ask

    limits = (psutil.virtual_memory().available, container_memory(), process_memory())
    return min(limit for limit in limits if limit is not None)


def memory_budget(setting: str = AUTO) -> int:
    """Return the bytes that the data of a run may take: the setting's, else half of what there is.

    Raises
    ------
    UsageError
        If the setting is neither ``auto`` nor a size.
    """
    size = parse_size(setting)
    return int(AUTO_SHARE * available_memory()) if size is None else size


def parse_size(text: str, name: str = "memory") -> int | None:
    """Return the bytes that a size says, ``2GB``, ``512MiB`` or ``1e9``-like digits; None for auto.

    kB, MB, GB and TB are powers of 1,000, KiB, MiB, GiB and TiB powers of 1,024.

    Raises
    ------
    UsageError
        If it is no size, or less than a byte.
    """
    if text.strip().lower() == AUTO:
        return None
    found = SIZE.fullmatch(text.strip())
    size = 0.0
    if found is not None:
        base = 1024 if found[3] else 1000
        size = float(found[1]) * base ** " kmgt".index(found[2].lower() or " ")
    if found is None or not 1 <= size <= MOST_BYTES or (found[3] and not found[2]):
        raise UsageError(f"{name} must be auto, or a size such as 2GB or 512MiB; got {text!r}.")
    return int(size)


def require_memory(
    wanted: int, what: str, remedy: str = "give fewer rows or smaller images"
) -> None:
    """Raise a DataError if ``wanted`` bytes are more than is available.

    Parameters
    ----------
    wanted
        Bytes about to be allocated.
    what
        Subject of the message: ``"digits.npz"``.
    remedy
        What the user may do: ``"give fewer rows"``.
    """
    available = available_memory()
    if wanted > available:
        raise DataError(
            f"{what} needs {in_units(wanted)} of memory and {in_units(available)} are available; "
            f"{remedy}, or features and target as .npy files, which are read in place."
        )


def in_units(size: float) -> str:
    """Return a byte count for people: ``"26.4 MB"``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"
