"""Splits into training, validation and test: seeded, stratified by class in classification."""

from __future__ import annotations

import numpy as np

from fastmlp.errors import DataError, UsageError, choose

TASKS = ("classification", "regression", "multilabel")
FOLDS_STREAM = 0xF01D  # keeps the draws of folds apart from others under the same seed


def split_rows(
    target: np.ndarray,
    *,
    test_fraction: float,
    validation_fraction: float,
    task: str,
    seed: int,
    has_test: bool = False,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Divide the rows of a data set at random, the same way for the same seed.

    For classification every class is spread over the parts in proportion (largest remainders), and
    each class keeps at least one training row. scikit-learn has such a split too; importing it
    takes longer than a small training run.

    Parameters
    ----------
    target
        (rows,) or (rows, outputs); only its length matters unless the task is classification.
    test_fraction
        Share of all rows for the test part, 0 for none. Ignored where the source has a test split
        of its own.
    validation_fraction
        Share of all rows for the validation part, 0 for none.
    task
        "classification", "regression" or "multilabel".
    seed
        Any integer from 0 on.
    has_test
        Whether the source has its own test split.

    Returns
    -------
    train, validation, test
        Sorted int64 row numbers; None for a part that was not asked for.

    Raises
    ------
    UsageError
        If a fraction lies outside [0, 1), or both together leave nothing to train on, or the seed
        is negative.
    DataError
        If there are too few rows for the parts.
    """
    choose("task", task, TASKS)
    if has_test:
        test_fraction = 0.0
    _check_fractions(test_fraction, validation_fraction)
    if seed < 0:
        raise UsageError(f"seed {seed} is negative; give an integer from 0 on.")
    rows = len(target)
    classes = _class_numbers(target) if task == "classification" else np.zeros(rows, np.int64)
    test_count = _part_size(rows, test_fraction)
    validation_count = _part_size(rows, validation_fraction)
    sizes = np.bincount(classes, minlength=1)
    _check_room(rows, sizes, test_count + validation_count)

    room = np.maximum(sizes - 1, 0)
    test_sizes = _allocate(test_count, sizes, room)
    validation_sizes = _allocate(validation_count, sizes, room - test_sizes)

    by_class = _shuffled_by_class(classes, np.random.Philox(key=seed))
    own_class = classes[by_class]
    rank = np.arange(rows) - (np.cumsum(sizes) - sizes)[own_class]
    in_test = rank < test_sizes[own_class]
    in_validation = ~in_test & (rank < (test_sizes + validation_sizes)[own_class])
    return (
        np.sort(by_class[~in_test & ~in_validation]),
        np.sort(by_class[in_validation]) if validation_count else None,
        np.sort(by_class[in_test]) if test_count else None,
    )


def fold_numbers(target: np.ndarray, *, folds: int, task: str, seed: int) -> np.ndarray:
    """Divide rows into folds at random, the same way for the same seed.

    For classification every class is spread over the folds; a class with fewer rows than folds is
    missing in some.

    Parameters
    ----------
    target, task, seed
        As in ``split_rows``.
    folds
        How many, from 2 on.

    Returns
    -------
    numpy.ndarray
        (rows,) int64: the fold of each row, from 0. Sizes differ by one at most.

    Raises
    ------
    DataError
        If there are fewer rows than two a fold.
    """
    rows = len(target)
    if rows < 2 * folds:
        raise DataError(
            f"{rows:,} training rows are too few for {folds} folds of two; give fewer folds."
        )
    classes = _class_numbers(target) if task == "classification" else np.zeros(rows, np.int64)
    # Another stream than that of the split, under the same seed.
    by_class = _shuffled_by_class(classes, np.random.Philox(key=[seed, FOLDS_STREAM]))
    fold = np.empty(rows, np.int64)
    fold[by_class] = np.arange(rows) % folds
    return fold


def _shuffled_by_class(classes: np.ndarray, bits: np.random.Philox) -> np.ndarray:
    """Return the rows of one class after those of another, shuffled within each."""
    shuffled = np.random.Generator(bits).permutation(len(classes))
    return shuffled[np.argsort(classes[shuffled], kind="stable")]


def _class_numbers(target: np.ndarray) -> np.ndarray:
    if target.ndim == 2:  # one-hot labels
        return target.argmax(axis=1)
    return np.unique(target, return_inverse=True)[1].reshape(-1)


def _check_fractions(test_fraction: float, validation_fraction: float) -> None:
    for name, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        if not 0 <= fraction < 1:
            raise UsageError(
                f"{name} fraction {fraction:g} is out of range; give a number from 0 up to, not "
                "including, 1."
            )
    if test_fraction + validation_fraction >= 1:
        raise UsageError(
            f"test fraction {test_fraction:g} and validation fraction {validation_fraction:g} "
            "leave no rows to train on; together they must stay below 1."
        )


def _check_room(rows: int, sizes: np.ndarray, held_out: int) -> None:
    room = rows - int(np.count_nonzero(sizes))
    if rows == 0:
        raise DataError("there are no rows to split.")
    if held_out > room:
        kept = "one row"
        if sizes.size > 1:
            kept += f" of each of the {np.count_nonzero(sizes):,} classes"
        raise DataError(
            f"{held_out:,} of {rows:,} rows cannot be held out for validation and test: {kept} "
            "must stay for training. Give smaller fractions or more rows."
        )


def _part_size(rows: int, fraction: float) -> int:
    return max(1, round(rows * fraction)) if fraction > 0 else 0


def _allocate(wanted: int, sizes: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Share ``wanted`` rows among classes by ``sizes`` within ``room``, by largest remainder."""
    quota, remainder = np.divmod(sizes * wanted, max(1, sizes.sum()))
    counts = np.minimum(quota, room)
    lost = remainder + (quota - counts) * sizes.sum()
    while (missing := wanted - int(counts.sum())) > 0:
        candidates = np.flatnonzero(counts < room)
        neediest = candidates[np.argsort(-lost[candidates], kind="stable")][:missing]
        counts[neediest] += 1
        lost[neediest] -= sizes.sum()
    return counts
