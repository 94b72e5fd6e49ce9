"""Where arrays live and operations run: one contract, one module a device."""

from .contract import Backend, Program
from .devices import open_backend

__all__ = ["Backend", "Program", "open_backend"]
