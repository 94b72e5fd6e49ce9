"""Data that are new to a model, read as those were that it was trained on."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from fastmlp.data.loading import load as load_source
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.suffixes import format_of
from fastmlp.data.source import Source
from fastmlp.data.sources.in_memory import is_place, place
from fastmlp.errors import DataError, UsageError

from .model import Model


def layout_of(data: Any, header: bool | None, separator: str | None) -> Layout | None:
    """Return what the user says of the file of ``data``, None for nothing.

    Raises
    ------
    UsageError
        If something is said of data in memory, or the separator is none.
    """
    if header is None and separator is None:
        return None
    if data is not None and not is_place(data):
        raise UsageError(
            "header and separator tell how a file is divided; "
            "data in memory have neither, leave them out."
        )
    return Layout(header, separator)


def read_new(
    model: Model,
    data: Any,
    *,
    target: str | None = None,
    data_dir: str | Path | None = None,
    need_target: bool = True,
    layout: Layout | None = None,
) -> Source:
    """Read data that have a name.

    Parameters
    ----------
    model
        Whose schema, sides of pictures and manner of reading them hold.
    data, target, data_dir, need_target
        As for ``load``.
    layout
        What the user says of a table's file. Without it what was said of the training file, as long
        as the model's columns are found so in a file of the same format; else it is found out.
    """
    shape = model.features.image_shape
    options = {
        "target": target,
        "data_dir": data_dir,
        "image_size": None if shape is None else shape[:2],
        "colour": shape is not None and len(shape) == 3,
        "need_target": need_target,
        "schema": model.schema,
        "pictures": model.features.pictures,
    }
    said = _said_in_training(model, place(data)) if layout is None else None
    if said is not None:
        with contextlib.suppress(DataError):  # told below, by what is found out
            source = load_source(data, layout=said, **options)
            if set(model.schema.names) <= set(source.feature_names or ()):
                return source
    return load_source(data, layout=layout, **options)


def _said_in_training(model: Model, data: str) -> Layout | None:
    header, separator, trained_on = (
        model.settings.get(name) for name in ("header", "separator", "dataset")
    )
    if (
        (header is None and separator is None)
        or format_of(str(trained_on)) != "text"
        or format_of(data) != "text"
    ):
        return None
    return Layout(header, separator)
