"""The command line: one module a command, in ``commands``."""

from .application import main

__all__ = ["main"]
