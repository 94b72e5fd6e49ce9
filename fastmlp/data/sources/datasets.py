"""The data sets that are known by name, and where their files are looked for."""

from __future__ import annotations

import gzip
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastmlp.data.source import Source
from fastmlp.errors import DataError

from .download import PublishedFile, download
from .idx import read_idx

SYSTEM_FOLDER = Path("/usr/share/datasets")
DATA_DIR_VARIABLE = "FASTMLP_DATA_DIR"
DATA_URL_VARIABLE = "FASTMLP_DATA_URL"
PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip


@dataclass(frozen=True)
class Publication:
    """A data set published in IDX files: addresses to try in order, and its files as in PARTS."""

    base_urls: tuple[str, ...]
    files: tuple[PublishedFile, ...]


def _files(*sizes_and_sums: tuple[int, str]) -> tuple[PublishedFile, ...]:
    pairs = zip(PARTS, sizes_and_sums, strict=True)
    return tuple(PublishedFile(f"{part}.gz", size, sha256) for part, (size, sha256) in pairs)


PUBLICATIONS = {
    "mnist": Publication(
        # The authors' own page no longer serves the files; both of these hold them unchanged.
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist",
            "https://ossci-datasets.s3.amazonaws.com/mnist",
        ),
        _files(
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
    ),
    "fashion-mnist": Publication(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        ),
        _files(
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
    ),
    "kmnist": Publication(
        (
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
        ),
        _files(
            (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
    ),
}
NAMES = ("digits", *PUBLICATIONS, "xor")


def load_dataset(name: str, data_dir: str | Path | None = None) -> Source:
    """Return the data set called ``name``, one of NAMES.

    Parameters
    ----------
    name
        One of NAMES.
    data_dir
        Folder of the IDX files, or of a sub-folder ``name`` that holds them; without it the
        environment's FASTMLP_DATA_DIR, else the system's folder, the cache, and at last a download
        into the cache.

    Raises
    ------
    DataError
        If the files are not where they should be, are damaged, or cannot be downloaded.
    """
    if name == "digits":
        return _digits()
    if name == "xor":
        return _xor()
    files = _find_or_download(name, data_dir or os.environ.get(DATA_DIR_VARIABLE) or None)
    return source_of_idx(name, files)


def files_of(name: str, data_dir: str | Path | None = None) -> list[Path]:
    """Return the files of a data set, found or downloaded as for ``load_dataset``; none of one that
    comes with the packages.

    Raises
    ------
    DataError
        If they are not where they should be, or cannot be downloaded.
    """
    if name not in PUBLICATIONS:
        return []
    folder = data_dir or os.environ.get(DATA_DIR_VARIABLE) or None
    return list(_find_or_download(name, folder).values())


def source_of_idx(name: str, files: dict[str, Path]) -> Source:
    """Return the source in a set of IDX files.

    Parameters
    ----------
    name
        The source's name.
    files
        Paths under the names of PARTS: the training pair, with or without the test pair.
    """
    images, labels, test_images, test_labels = PARTS
    test = None
    if test_images in files:
        test = idx_pair(f"{name} test", files[test_images], files.get(test_labels))
    return idx_pair(name, files[images], files.get(labels), test)


def idx_pair(
    name: str, images_path: Path, labels_path: Path | None, test: Source | None = None
) -> Source:
    """Return the source in a file of images and one of labels; without labels to predict.

    Raises
    ------
    DataError
        If a file is damaged, the images are not one uint8 image or row each, or the files differ in
        length.
    """
    images = read_idx(images_path)
    labels = None if labels_path is None else read_idx(labels_path)
    if images.dtype != np.uint8 or images.ndim < 2 or not images.size:
        raise DataError(
            f"{images_path} holds no images: its values are {images.dtype} of shape {images.shape}."
        )
    if labels is not None and (labels.ndim != 1 or len(labels) != len(images)):
        raise DataError(
            f"{labels_path} holds labels of shape {labels.shape} for the {len(images):,} images of "
            f"{images_path}; there must be one label an image."
        )
    return Source(
        name=name,
        features=images.reshape(len(images), -1),
        target=labels if labels is None or labels.dtype.kind == "f" else labels.astype(np.int64),
        target_name=None if labels is None else "label",
        image_shape=images.shape[1:] if images.ndim > 2 else None,
        test=test,
    )


def find_idx_files(folder: Path) -> dict[str, Path]:
    """Return those of the four IDX files that a folder holds, under the names of PARTS.

    They may be gzipped, and spelt with a dot before "idx". A pair of which one half is lacking is
    left out.
    """
    found = {}
    for part in PARTS:
        stem, _, dimensions = part.partition("-idx")
        names = (part, f"{part}.gz", f"{stem}.idx{dimensions}", f"{stem}.idx{dimensions}.gz")
        paths = [folder / name for name in names if (folder / name).is_file()]
        if paths:
            found[part] = paths[0]
    whole = [pair for pair in (PARTS[:2], PARTS[2:]) if all(part in found for part in pair)]
    return {part: found[part] for pair in whole for part in pair}


def _find_or_download(name: str, data_dir: str | Path | None) -> dict[str, Path]:
    if data_dir is not None:
        given = Path(data_dir).expanduser()
        for folder in (given / name, given):
            if len(files := find_idx_files(folder)) == len(PARTS):
                return files
        raise DataError(
            f"{given} does not hold {name}: {', '.join(PARTS)} (or .gz) are looked for there and "
            f"in its sub-folder {name}. Put them there, or leave the folder out to have them "
            "downloaded."
        )
    cache = cache_folder() / name
    for folder in (SYSTEM_FOLDER / name, cache):
        if len(files := find_idx_files(folder)) == len(PARTS):
            return files
    return _download_all(name, cache)


def cache_folder() -> Path:
    """Return the folder into which data sets are downloaded."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
    return base / "fastmlp" / "datasets"


def _download_all(name: str, cache: Path) -> dict[str, Path]:
    publication = PUBLICATIONS[name]
    mirror = os.environ.get(DATA_URL_VARIABLE)
    base_urls = (f"{mirror.rstrip('/')}/{name}",) if mirror else publication.base_urls
    present = find_idx_files(cache)
    for part, file in zip(PARTS, publication.files, strict=True):
        if part not in present:
            download(file, base_urls, cache)
    return find_idx_files(cache)


def _digits() -> Source:
    """The 8×8 digits of scikit-learn, whose import would take longer than training on them."""
    package = importlib.util.find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise DataError(
            "the digits data come with scikit-learn, which is not installed: pip install "
            "scikit-learn."
        )
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError):
        raise DataError(f"{path} is missing or damaged; install scikit-learn again.") from None
    if table.ndim != 2 or table.shape[1] != 65:
        raise DataError(f"{path} does not hold 65 columns; install scikit-learn again.")
    return Source(
        name="digits",
        features=np.ascontiguousarray(table[:, :64]),
        target=table[:, 64].astype(np.int64),
        target_name="label",
        image_shape=(8, 8),
    )


def _xor() -> Source:
    return Source(
        name="xor",
        features=np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
        target=np.array([0, 1, 1, 0]),
        target_name="xor",
        feature_names=("first", "second"),
    )
