"""fastmlp's own errors: one line that says what was given, what is accepted and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

DEBUG_VARIABLE = "FASTMLP_DEBUG"  # 1: an error shows its traceback


class FastMLPError(Exception):
    """Base of fastmlp's errors; the command line prints the message, exits with ``exit_code``."""

    exit_code = 1


class UsageError(FastMLPError, ValueError):
    """An argument, option or configuration key that cannot be accepted."""

    exit_code = 2


class DataError(FastMLPError, ValueError):
    """Input data that is missing, damaged or does not fit what was asked for."""

    exit_code = 2


class ModelFileError(FastMLPError, ValueError):
    """A model file or run folder that is missing, damaged or not fastmlp's."""

    exit_code = 2


class DeviceError(FastMLPError, RuntimeError):
    """A device that cannot be used; the message names cause and remedy."""

    exit_code = 2


class MissingExtraError(FastMLPError, ImportError):
    """An optional package that is not installed; the message names the extra."""

    exit_code = 2

    def __init__(self, purpose: str, package: str, extra: str):
        super().__init__(
            f"{purpose} needs {package}, which is not installed: pip install 'fastmlp[{extra}]'."
        )


class FastMLPWarning(UserWarning):
    """What a caller should know of a call that did its work."""


def choose(what: str, given: str, accepted: Iterable[str]) -> str:
    """Return ``given`` if it is one of ``accepted``; else a UsageError names the nearest.

    Parameters
    ----------
    what
        The name of the thing, as the message should begin: ``"activation"``.
    given
        The user's word.
    accepted
        Every word that would have been right.
    """
    words = list(accepted)
    if given in words:
        return given
    raise UsageError(
        f"{what} {given!r} is not known{did_you_mean(given, words)} Accepted: {', '.join(words)}."
    )


def did_you_mean(given: str, accepted: Iterable[str]) -> str:
    """Return ``"; did you mean 'relu'?"`` for the nearest accepted word, else ``"."``."""
    near = get_close_matches(str(given), list(accepted), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else "."
