"""A cupyx for tests: pinned host memory."""

from cupy._pinned import empty_pinned, zeros_pinned

__all__ = ["empty_pinned", "zeros_pinned"]
