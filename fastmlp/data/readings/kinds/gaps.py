"""Gaps: how tables spell that a value is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

# In a column of numbers or dates each of these can only be a gap. In a column of texts it may be a
# text of its own.
GAP_WORDS = frozenset(
    ["na", "n/a", "n.a.", "n.a", "n. a.", "n\\a", "n/d", "n.d.", "n.d", "n. d.", "nd", "k.a.",
     "k. a.", "nan", "-nan", "null", "(null)", "nil", "none", "nat", "void",
     "?", "??", "-", "--", "---", "–", "—", "−", ".", "..", "...", "…", "*", "#",
     "\\n", "<na>", "<null>",
     "#n/a", "#na", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!",
     "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan",
     "missing", "unknown", "undefined", "not available", "not applicable", "not determined",
     "no data",
     "0000-00-00", "0000-00-00 00:00:00"]  # what MySQL writes for no date
)  # fmt: skip
# The same as people and programs write them.
WAYS = (str.lower, str.upper, str.capitalize, str.title)
GAP_SPELLINGS = frozenset({spelt(word) for word in GAP_WORDS for spelt in WAYS})
GAP_SPELLINGS |= {"NaN", "-NaN", "NaT", "N/a"}


def trimmed(texts: polars.Series) -> polars.Series:
    """Return texts without the blanks around them; empty ones are null."""
    bare = texts.str.strip_chars()
    return bare.set(bare == "", None) if (bare == "").any() else bare


def gap_cells(texts: polars.Series, more: tuple[str, ...] = ()) -> polars.Series:
    """Return which trimmed texts must be gaps among numbers: a known word, or one of ``more``."""
    return (
        texts.str.to_lowercase()
        .is_in([*GAP_WORDS, *(word.lower() for word in more)])
        .fill_null(False)
    )


def label(cell: polars.Expr, words: tuple[str, ...]) -> polars.Expr:
    """Return texts without blanks around them; null where empty or exactly one of the words."""
    import polars

    bare = cell.str.strip_chars()
    return polars.when((bare != "") & ~bare.is_in(list(words)) if words else bare != "").then(bare)


def without_gaps(texts: polars.Series, words: tuple[str, ...]) -> polars.Series:
    """Return trimmed texts in which the given words, spelt exactly so, are null."""
    if not words:
        return texts
    return texts.set(texts.is_in(list(words)).fill_null(False), None)
