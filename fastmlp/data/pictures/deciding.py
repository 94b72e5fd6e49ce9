"""What training pictures decide: the ground of transparent ones, and the range in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from .decoding import Header, Kind, on_ground, opened, turned, with_alpha
from .reading import BLACK, SIXTEEN_BITS, WHITE, PictureReading

GRAY = 128
GROUNDS = {WHITE: "white", BLACK: "black", GRAY: "mid-gray"}
LARGEST = 64  # pixels a side of what grounds are compared on
HIDDEN = 0.25  # of the contrast on the best ground: below it a drawing does not show
MAY_HIDE = 0.05  # share of the pictures that a ground may hide when another has more for it

Run = Callable[[Callable, Iterable], Iterable]  # map, maybe by several threads


def decide(
    files: list[Path],
    headers: list[Header],
    corners: np.ndarray,
    colour: bool,
    ground: int | None,
    run: Run,
) -> tuple[PictureReading, list[str]]:
    """Return how training pictures, and all later ones, become bytes, and sentences that say so.

    Parameters
    ----------
    files, headers
        The training pictures.
    corners
        uint8 (pictures, 4, channels), of those of them that need no decision.
    colour
        Whether colours are kept.
    ground
        What transparent pictures are to be laid over, if the user said so.
    run
        As ``map``.
    """

    of_kind = {kind: [] for kind in Kind}
    for file, header in zip(files, headers, strict=True):
        of_kind[header.kind].append(file)
    contrast = run(lambda file: contrasts(file, colour), of_kind[Kind.TRANSPARENT])
    contrast = np.array([each for each in contrast if each]).reshape(-1, len(GROUNDS))
    ground, notes = _ground(contrast, corners, ground, len(files))
    integers, of_integers = _range_in_use(of_kind[Kind.INTEGERS], Kind.INTEGERS, run)
    floats, of_floats = _range_in_use(of_kind[Kind.FLOATS], Kind.FLOATS, run)
    return PictureReading(ground, integers, floats), notes + of_integers + of_floats


def notes_on_kept(headers: list[Header], reading: PictureReading) -> list[str]:
    """Return sentences on how pictures are read for which nothing was to be decided."""
    count = {kind: sum(header.kind is kind for header in headers) for kind in Kind}
    notes = []
    if count[Kind.TRANSPARENT]:
        ground = "their alpha is dropped"
        if reading.ground is not None:
            ground = f"they are laid over {_name(reading.ground)}"
        notes.append(
            f"pictures with an alpha channel: {count[Kind.TRANSPARENT]:,}; {ground}, as in "
            "training."
        )
    ranges = {Kind.INTEGERS: reading.integers or SIXTEEN_BITS, Kind.FLOATS: reading.floats}
    for kind, ends in ranges.items():
        if count[kind] and ends:
            notes.append(_note_on_range(count[kind], kind, ends, "as in training"))
    return notes


def contrasts(file: Path, colour: bool) -> list[float] | None:
    """Return a picture's deviation from its mean on each of ``GROUNDS``; None if it is opaque."""
    with opened(file) as image:
        small = with_alpha(turned(image))
        if small.getchannel("A").getextrema()[0] == WHITE:
            return None
        small.thumbnail((LARGEST, LARGEST))
        mode = "RGB" if colour else "L"
        grounded = (on_ground(small, ground).convert(mode) for ground in GROUNDS)
        return [float(np.asarray(each, np.float32).std(axis=(0, 1)).mean()) for each in grounded]


def _ground(
    contrast: np.ndarray, corners: np.ndarray, wanted: int | None, count: int
) -> tuple[int, list[str]]:
    """Return the ground that shows most pictures; of two, that of opaque ones or the stronger."""
    of_opaque = _ground_of(corners)
    if not len(contrast):
        return of_opaque if wanted is None else wanted, []
    best = contrast.max(axis=1, keepdims=True)
    on_white, on_black, on_gray = ((contrast >= HIDDEN * best) & (best > 0)).sum(axis=0).tolist()
    may_hide = MAY_HIDE * np.count_nonzero(best)
    if wanted is not None:
        ground = wanted
    elif abs(on_white - on_black) > may_hide:
        ground = WHITE if on_white > on_black else BLACK
    elif len(corners):
        ground = of_opaque
    else:
        white, black, _ = contrast.sum(axis=0)
        ground = WHITE if white >= black else BLACK
    most = max(on_white, on_black)
    if wanted is None and on_gray > most and most < np.count_nonzero(best) - may_hide:
        ground = GRAY
    shown = f"{on_white:,} on white, {on_black:,} on black"
    shown += f", {on_gray:,} on mid-gray" if ground == GRAY else ""
    return ground, [
        f"pictures that are transparent in places: {len(contrast):,} of {count:,}; they are "
        f"laid over {_name(ground)} (of which show something: {shown})."
    ]


def corners_of(rows: np.ndarray, chosen: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return uint8 (chosen, 4, channels), the corners of some pictures, each a row of bytes."""
    height, width, channels = shape
    ends = np.array([(y * width + x) for y in (0, height - 1) for x in (0, width - 1)])
    places = (ends[:, None] * channels + np.arange(channels)).reshape(-1)
    found = np.empty((len(chosen), len(places)), np.uint8)
    for place, row in enumerate(chosen.tolist()):  # of a mapped file, no more is read
        found[place] = rows[row, places]
    return found.reshape(len(chosen), len(ends), channels)


def _ground_of(corners: np.ndarray) -> int:
    """Return white or black, whichever is nearer to the corners of most pictures."""
    if not len(corners):
        return WHITE
    return WHITE if np.median(corners.mean(axis=2)) >= GRAY else BLACK


def _name(ground: int) -> str:
    return GROUNDS.get(ground, f"gray level {ground}")


def _note_on_range(count: int, kind: Kind, ends: tuple[float, float], why: str) -> str:
    what = "integers of more than 8 bits" if kind is Kind.INTEGERS else "floating-point numbers"
    return f"pictures of {what}: {count:,}; {ends[0]:g} becomes black and {ends[1]:g} white, {why}."


def _range_in_use(
    files: list[Path], kind: Kind, run: Run
) -> tuple[tuple[float, float] | None, list[str]]:
    if not files:
        return None, []
    ends = list(run(_extremes, files))
    odd = [file for file, (_, _, is_finite) in zip(files, ends, strict=True) if not is_finite]
    lowest, highest = min((low for low, _, _ in ends)), max((high for _, high, _ in ends))
    if lowest > highest:  # no value is finite
        lowest = highest = 0.0
    notes = [_note_on_range(len(files), kind, (lowest, highest), "the range in use")]
    if odd:
        notes.append(
            f"pictures with values that are no finite numbers: {len(odd):,}, such as "
            f"{odd[0].name!r}; NaN becomes black, and an infinity the nearer end."
        )
    return (lowest, highest), notes


def _extremes(file: Path) -> tuple[float, float, bool]:
    """Return the lowest and highest finite value of a picture, and whether all are finite."""
    with opened(file) as image:
        values = np.asarray(image)
        if values.dtype.kind != "f":
            return float(values.min()), float(values.max()), True
        finite = np.isfinite(values)
        low = values.min(where=finite, initial=np.inf)
        high = values.max(where=finite, initial=-np.inf)
        return float(low), float(high), bool(finite.all())
