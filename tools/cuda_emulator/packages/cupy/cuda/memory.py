"""Device memory under its public names."""

from .._memory import MemoryPointer, MemoryPool, OutOfMemoryError

__all__ = ["MemoryPointer", "MemoryPool", "OutOfMemoryError"]
