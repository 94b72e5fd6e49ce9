"""The names of a table's columns: stripped, none missing but the first, no two alike."""

from __future__ import annotations

from fastmlp.data.source import numbered_names


def names_of(cells: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return names for the cells of a header, and what there is to tell of them.

    Parameters
    ----------
    cells
        The header's fields. The first may be empty, as over pandas' index, if another is not; any
        other empty one is named by its position, ``column_3``.
    """
    stripped = [cell.strip() for cell in cells]
    numbered = numbered_names(len(cells))
    index = bool(stripped) and not stripped[0] and any(stripped)
    names = [
        name or ("" if index and not place else numbered[place])
        for place, name in enumerate(stripped)
    ]
    doubled = [name for name, count in _counts(names).items() if count > 1]
    if not doubled:
        return names, ()
    taken, counts, unique = set(names), dict.fromkeys(doubled, -1), []
    for name in names:
        if name in counts:
            counts[name] += 1
            if counts[name]:
                name = _free(name, counts, taken)
        unique.append(name)
    others = f", and {len(doubled) - 1:,} other names come again" if len(doubled) > 1 else ""
    note = (
        f"several columns are called {doubled[0]!r}{others}; the later ones are read as "
        f"{doubled[0] + '_duplicated_0'!r} and so on."
    )
    return unique, (note,)


def _counts(names: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _free(name: str, counts: dict[str, int], taken: set[str]) -> str:
    while (new := f"{name}_duplicated_{counts[name] - 1}") in taken:
        counts[name] += 1
    taken.add(new)
    return new
