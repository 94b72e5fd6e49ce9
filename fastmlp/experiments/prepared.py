"""Changes data as a recipe asks and writes them once, in a form that every command reads."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data.mapped.rows import MappedRows, whole
from fastmlp.data.memory import require_memory
from fastmlp.data.source import Source
from fastmlp.errors import DataError
from fastmlp.files.atomic import WriteError
from fastmlp.preparation.prepare import read_source
from fastmlp.settings.settings import Settings

from .data_plan import DataPlan

if TYPE_CHECKING:
    import polars

STREAM = 0xDA7A  # keeps these draws apart from others


def prepare_data(plan: DataPlan, settings: Settings, folder: Path) -> dict[str, Any]:
    """Return the settings by which runs find the data.

    Data that the plan leaves as they are stay where they are. Others are written into a folder
    whose name depends on what was done, and taken from there the next time.

    Parameters
    ----------
    plan
        What to do.
    settings
        How to read the data: target, image size, colours.
    folder
        Of the experiment.

    Raises
    ------
    DataError, WriteError
        If the data cannot be read, changed as the plan asks, or written.
    """
    if not plan.is_changed:
        return {"dataset": plan.dataset}
    key = json.dumps([plan.to_dict(), data_stamp(plan.dataset)])
    kept = (folder / f"data-{hashlib.sha256(key.encode()).hexdigest()[:12]}").absolute()
    if not kept.is_dir():
        source = _changed(_in_memory(read_source(replace(settings, dataset=plan.dataset))), plan)
        _write_aside(kept, source, plan)
    return _found(kept)


def _in_memory(source: Source) -> Source:
    """Return a source of which nothing is left in files, to be changed and written."""
    test = None if source.test is None else _in_memory(source.test)
    features = source.features
    if isinstance(features, MappedRows):
        features = whole(features, source.name)
    return replace(source, features=features, test=test)


def data_stamp(dataset: str) -> list[list]:
    """Return size and time of the files that a dataset names, by which a change is noticed."""
    stamps = []
    for part in [dataset, *dataset.split(",")]:
        path = Path(part.strip())
        if path.is_file():
            status = path.stat()
            stamps.append([status.st_size, status.st_mtime_ns])
    return stamps


def _changed(source: Source, plan: DataPlan) -> Source:
    test, source = source.test, replace(source, test=None)
    if plan.pool and test is not None:
        source, test = _joined(source, test), None
    generator = np.random.Generator(np.random.Philox(key=np.array([0, STREAM], np.uint64)))
    if plan.class_sizes is not None:
        source = source.take(_rows_by_class(source, plan.class_sizes, generator))
    source = _some(source, plan.rows, generator)
    test = None if test is None else _some(test, plan.test_rows, generator)
    if plan.resize is not None:
        height, width = (int(side) for side in plan.resize.split("x"))
        size = height, width
        source, test = _resized(source, size), test and _resized(test, size)
    return replace(source, test=test)


def _joined(first: Source, second: Source) -> Source:
    if not isinstance(first.features, np.ndarray):
        raise DataError(
            f"{first.name} is a table with texts; pool puts arrays and images together."
        )
    assert isinstance(second.features, np.ndarray)
    features = np.concatenate([first.features, second.features])
    target = np.concatenate([first.known_target, second.known_target])
    return replace(first, features=features, target=target, row_names=None)


def _rows_by_class(
    source: Source, sizes: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """Return rows of which class k of n has at most largest·(smallest/largest)^(k/(n−1))."""
    labels, numbers = np.unique(source.known_target, return_inverse=True)
    wanted = np.geomspace(*sizes, num=len(labels)).round().astype(np.int64)
    order = generator.permutation(len(source))
    chosen = [order[numbers[order] == number][:count] for number, count in enumerate(wanted)]
    return np.sort(np.concatenate(chosen))


def _some(source: Source, rows: int | None, generator: np.random.Generator) -> Source:
    if rows is None or rows >= len(source):
        return source
    return source.take(np.sort(generator.permutation(len(source))[:rows]))


def _resized(source: Source, size: tuple[int, int]) -> Source:
    features = source.features
    is_array = isinstance(features, np.ndarray)
    if source.image_shape is None or not is_array or features.dtype != np.uint8:
        raise DataError(f"{source.name} holds no images of bytes; resize is for these.")
    from PIL import Image

    shape = (*size, *source.image_shape[2:])
    columns = int(np.prod(shape))
    require_memory(len(source) * columns, f"{source.name} in {size[0]}×{size[1]}")
    resized = np.empty((len(source), columns), np.uint8)
    for row, pixels in enumerate(features):
        image = Image.fromarray(np.asarray(pixels).reshape(source.image_shape))
        resized[row] = np.asarray(
            image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        ).reshape(-1)
    return replace(source, features=resized, image_shape=shape, feature_names=None)


def _write_aside(kept: Path, source: Source, plan: DataPlan) -> None:
    """Fill a folder beside, then rename it, so that a folder that is there is whole."""
    aside = kept.with_name(f".{kept.name}.{os.getpid()}")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _write(aside, source, plan.as_csv)
        aside.rename(kept)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise WriteError(
            f"cannot write {kept}: {error.strerror or error}. Free space, or choose another --out."
        ) from None


def _write(folder: Path, source: Source, as_csv: bool) -> None:
    if isinstance(source.features, np.ndarray) and not as_csv:
        arrays = {"x_train": _shaped(source), "y_train": source.known_target}
        if source.test is not None:
            arrays |= {"x_test": _shaped(source.test), "y_test": source.test.known_target}
        np.savez(folder / "data.npz", allow_pickle=False, **arrays)
        return
    for part, name in ((source, "data"), (source.test, "test")):
        if part is None:
            continue
        frame = _frame(part)
        if as_csv:
            frame.write_csv(folder / f"{name}.csv")
        else:
            frame.write_parquet(folder / f"{name}.parquet")


def _shaped(source: Source) -> np.ndarray:
    features = source.features
    assert isinstance(features, np.ndarray)  # of the test rows too
    return features if source.image_shape is None else features.reshape(-1, *source.image_shape)


def _frame(source: Source) -> polars.DataFrame:
    """Return a source as a table with its target, called label, in the first column."""
    import polars

    features = source.features
    if isinstance(features, np.ndarray):
        names = [f"pixel{number}" for number in range(features.shape[1])]
        features = polars.from_numpy(features, schema=list(source.feature_names or names))
    assert isinstance(features, polars.DataFrame)  # as nothing is left in a file
    if "label" in features.columns:
        raise DataError(
            f"{source.name} has a feature called label, which is the target's name here; rename it."
        )
    return features.insert_column(0, polars.Series("label", source.target))


def _found(folder: Path) -> dict[str, Any]:
    """Return settings that read the written data, without those for the original's layout."""
    read_already = {"target": None, "test": None, "data_dir": None, "image_size": None}
    for suffix, target in (("npz", None), ("csv", "label"), ("parquet", "label")):
        if (folder / f"data.{suffix}").is_file():
            test = folder / f"test.{suffix}"
            found = {"dataset": str(folder / f"data.{suffix}"), "target": target}
            return read_already | found | ({"test": str(test)} if test.is_file() else {})
    raise DataError(f"{folder} holds no data; remove it, and they are made again.")
