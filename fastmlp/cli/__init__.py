"""The command line: ``fastmlp train``, ``evaluate``, ``predict`` and ``info``; one module a
command.
"""

from .application import main

__all__ = ["main"]
