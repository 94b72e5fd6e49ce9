"""How much memory is free, asked before a reader takes much of it on the word of a file."""

from __future__ import annotations

from fastmlp.errors import DataError


def available_memory() -> int:
    """Return the bytes of memory that can be taken without swapping, as far as the system says."""
    import psutil  # takes longer to import than most runs take to ask

    return psutil.virtual_memory().available


def require_memory(wanted: int, what: str) -> None:
    """Raise a DataError if ``wanted`` bytes are more than is available.

    Parameters
    ----------
    wanted
        Bytes about to be allocated.
    what
        Subject of the message: ``"digits.npz"``.
    """
    available = available_memory()
    if wanted > available:
        raise DataError(
            f"{what} needs {in_units(wanted)} of memory and {in_units(available)} are available; "
            "give fewer rows, smaller images, or .npy files, which are read in place."
        )


def in_units(size: float) -> str:
    """Return a byte count for people: ``"26.4 MB"``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"
