"""Where arrays live and operations run: one contract, one module a device."""

from .base import Backend, Program
from .select import open_backend

__all__ = ["Backend", "Program", "open_backend"]
