"""What a person reads: lines, tables and lists on one stream; and the JSON that a program reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from fastmlp.files.atomic import without_nan


class Console:
    """Prints for people: on standard output; on standard error if that is JSON's; or nowhere.

    Parameters
    ----------
    as_json
        Whether standard output belongs to ``json_line``.
    quiet
        Whether only errors are to be seen.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False):
        self.as_json, self.quiet = as_json, quiet

    @property
    def stream(self) -> TextIO:
        """Where lines go."""
        return sys.stderr if self.as_json else sys.stdout

    @property
    def is_live(self) -> bool:
        """Whether a person watches, so that a line may change while it is read."""
        return not self.quiet and self.stream.isatty()

    def line(self, text: str = "") -> None:
        """Print a line at once."""
        if not self.quiet:
            print(text, file=self.stream, flush=True)

    def notice(self, text: str) -> None:
        """Print a line on standard error, to those too who want to see errors only."""
        print(text, file=sys.stderr, flush=True)

    def entries(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Print names and what belongs to them, in two columns."""
        pairs = list(pairs)
        width = max((len(name) for name, _ in pairs), default=0)
        for name, text in pairs:
            self.line(f"{name:<{width}}  {text}".rstrip())

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, indent: int = 0
    ) -> None:
        """Print rows of texts in columns: ``left`` of them flush left, the others flush right."""
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
        for row in (header, *rows):
            cells = [
                f"{text:<{width}}" if column < left else f"{text:>{width}}"
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line((" " * indent + "  ".join(cells)).rstrip())

    def json_line(self, value: Any) -> None:
        """Print one line of JSON on standard output, if JSON was asked for; NaN becomes null."""
        if self.as_json:
            print(json.dumps(without_nan(value), allow_nan=False), flush=True)


def duration(seconds: float) -> str:
    """Return a time for people: ``0.4s``, ``2m05s``, ``3h07m``."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def number(value: float | None) -> str:
    """Return a measured number for people, with four digits that count; a missing one is a dash."""
    if value is None or value != value:
        return "-"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"
