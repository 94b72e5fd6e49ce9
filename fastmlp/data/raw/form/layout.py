"""What the user says of a table's layout; what is not said is found out."""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp.errors import UsageError

BLANKS = " "  # as a separator: a run of blanks and tabs
WORDS = {"tab": "\t", "\\t": "\t", "space": BLANKS, "blank": BLANKS, "comma": ",",
         "semicolon": ";", "bar": "|", "pipe": "|"}  # fmt: skip
IN_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", BLANKS: "blanks"}
NO_SEPARATORS = '"\r\n\0'


@dataclass(frozen=True)
class Layout:
    """What the user says of a file of text; None is found out.

    Parameters
    ----------
    header
        Whether the first row holds the names of the columns.
    separator
        One character, or a word of ``WORDS``; a blank, or ``"space"``, stands for runs of blanks.
    expected
        Names of the columns that a model was trained on: a first row that holds them is a header,
        and if they are numbers given to columns without names, it is none.

    Raises
    ------
    UsageError
        If the separator is neither.
    """

    header: bool | None = None
    separator: str | None = None
    expected: tuple[str, ...] = ()

    def __post_init__(self):
        if self.separator is None:
            return
        separator = WORDS.get(self.separator.lower(), self.separator)
        if len(separator) != 1 or separator in NO_SEPARATORS or separator.isalnum():
            raise UsageError(
                f"separator {self.separator!r} is none; give , ; | tab, space or another single "
                "sign that is no letter."
            )
        object.__setattr__(self, "separator", separator)
