"""The layout of a folder of pictures: which sub-folders are classes, which are test pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fastmlp.errors import DataError

from .formats import COMMON
from .walk import Found, Identity, identity, list_folder, walk

TRAIN_NAMES = ("train", "training")
# The first that holds classes is taken.
TEST_NAMES = ("test", "testing", "val", "validation", "valid")
SHOWN = 4  # names in a note
DEEPEST = 8  # folders, one in another, that are looked through for the classes


@dataclass(frozen=True)
class Pictures:
    """Pictures to read: their files below ``root``, and the class of each if there are classes."""

    root: Path
    files: list[Path]
    labels: list[str] | None = None


@dataclass(frozen=True)
class Layout:
    """A folder's pictures, perhaps test pictures, and notes on what was decided and left out."""

    train: Pictures
    test: Pictures | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Level:
    """A folder whose sub-folders may be classes."""

    root: Path
    beside: Found
    classes: dict[str, Found]
    empty: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        return [file for found in self.classes.values() for file in found.pictures]

    def others(self) -> list[Path]:
        below = [file for found in self.classes.values() for file in found.others]
        return self.beside.others + below

    def only(self, names: set[str]) -> _Level:
        """Return the level with the sub-folders of these names alone."""
        kept = {name: found for name, found in self.classes.items() if name in names}
        return _Level(self.root, self.beside, kept, self.empty)

    def pictures(self) -> Pictures:
        labels = [name for name, found in self.classes.items() for _ in found.pictures]
        return Pictures(self.root, self.files, labels)


def unlabelled(path: Path) -> Layout:
    """Return every picture of a folder and those below it, or the one picture that ``path`` is.

    Where all lie in sub-folders, the names of these are the labels.

    Raises
    ------
    DataError
        If there is none.
    """
    if path.is_file():
        return Layout(Pictures(path.parent, [path]))
    found = walk(path)
    if not found.pictures:
        raise DataError(
            f"{path} holds no images: a file of a format that Pillow reads was wanted, such as "
            f"{COMMON}."
        )
    below = [file.relative_to(path).parts for file in found.pictures]
    labels = [parts[0] for parts in below] if all(len(parts) > 1 for parts in below) else None
    return Layout(Pictures(path, found.pictures, labels), notes=_note_on_others(path, found.others))


def labelled(path: Path) -> Layout:
    """Return the pictures of a folder of class folders, perhaps under ``train`` and ``test``.

    Pictures belong to the class in whose folder they lie, however deep. A single sub-folder around
    all classes is looked through.

    Raises
    ------
    DataError
        If no sub-folder holds pictures, or those of the training folder lie in no folder of a
        class.
    """
    level = _class_level(path) if path.is_dir() else _Level(path, Found(), {})
    notes = []
    if level.root != path:
        notes.append(f"the classes lie in the folder {str(level.root.relative_to(path))!r}.")
    train, held_out, unused = _divided(level)
    if not train.classes:
        raise DataError(
            f"{path} holds no images as wanted: one sub-folder of pictures a class, in a format "
            f"that Pillow reads such as {COMMON}."
        )
    test, of_test = _test_of(train, held_out)
    notes += of_test + [f"the folder {name!r} is not used." for name in unused]
    used = [level] if train.root == level.root else [level.only(set()), train]
    used += [test] if test else []
    for part in used:
        notes += _note_on_strays(part)
    notes += _note_on_empty(train)
    others = [file for part in used for file in part.others()]
    notes += _note_on_others(path, others)
    return Layout(train.pictures(), test.pictures() if test else None, tuple(notes))


def _class_level(folder: Path, above: frozenset[Identity] = frozenset()) -> _Level:
    """Return the folder, or the only one in it that holds several folders of pictures."""
    listing, classes, empty = list_folder(folder), {}, []
    above |= {identity(folder)}
    for each in listing.folders:
        found = walk(each, above)
        if found.pictures:
            classes[each.name] = found
        else:
            empty.append(each.name)
            listing.others += found.others
    if len(classes) == 1 and not listing.pictures and len(above) <= DEEPEST:
        inner = _class_level(folder / next(iter(classes)), above)
        if len(inner.classes) > 1:
            inner.beside.others += listing.others
            return inner
    return _Level(folder, Found(listing.pictures, listing.others), classes, empty)


def _divided(level: _Level) -> tuple[_Level, list[_Level], list[str]]:
    """Return the folder of class folders, the folders of test pictures, and the unused names."""
    of_training = [name for name in level.classes if name.lower() in TRAIN_NAMES]
    of_test = [name for word in TEST_NAMES for name in level.classes if name.lower() == word]
    rest = [name for name in level.classes if name not in of_training and name not in of_test]
    if not of_test:  # then a folder called train is a class like the others, beside cars and planes
        return level, [], []
    above = frozenset({identity(level.root)})
    held_out = [_class_level(level.root / name, above) for name in of_test]
    if of_training:
        train = _class_level(level.root / of_training[0], above)
        if train.classes:
            return train, held_out, of_training[1:] + rest
        if not rest:
            raise DataError(
                f"the pictures in {train.root} lie in no folder of a class; make one sub-folder a "
                f"class, such as {train.root / 'cat'} and {train.root / 'dog'}."
            )
    elif not rest:
        raise DataError(
            f"{level.root} holds {' and '.join(map(repr, of_test))} without a folder 'train'; "
            "name the folder in which the classes lie."
        )
    return level.only({*rest, *of_training}), held_out, []


def _test_of(train: _Level, held_out: list[_Level]) -> tuple[_Level | None, list[str]]:
    """Return the first held-out folder that has the training's classes, and notes on the others."""
    test, notes = None, []
    for level in held_out:
        shared = train.classes.keys() & level.classes.keys()
        if not shared:
            count = len(level.files) + len(level.beside.pictures)
            notes.append(
                f"pictures left out, as the folder {level.root.name!r} has no training class: "
                f"{count:,}; fastmlp predict takes such pictures."
            )
        elif test is None:
            test = level
        else:
            notes.append(f"the folder {level.root.name!r} is not used.")
    if held_out and test is None:
        notes.append(
            "no folder holds test pictures with classes: test rows are held out from the training "
            "pictures."
        )
    return test, notes


def _note_on_empty(train: _Level) -> list[str]:
    empty = [name for name in train.empty if name.lower() not in TRAIN_NAMES + TEST_NAMES]
    if not empty:
        return []
    return [f"folders without pictures, which make no class: {_some(empty)}."]


def _note_on_strays(level: _Level) -> list[str]:
    strays = level.beside.pictures
    if not strays:
        return []
    return [
        f"pictures left out, as they lie in {level.root.name!r} and in no folder of a class: "
        f"{len(strays):,}, such as {strays[0].name!r}."
    ]


def _note_on_others(root: Path, others: list[Path]) -> tuple[str, ...]:
    if not others:
        return ()
    kinds = Counter(file.suffix.lower() or "without a suffix" for file in others).most_common(SHOWN)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in kinds)
    example = str(others[0].relative_to(root))
    return (
        f"files left out, as they are not read as pictures: {len(others):,} ({kinds}), such as "
        f"{example!r}.",
    )


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:SHOWN])) + (", …" if len(names) > SHOWN else "")
