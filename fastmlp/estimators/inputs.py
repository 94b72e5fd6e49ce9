"""What users pass in, checked by scikit-learn and brought to matrices, numbers and weights."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, validate_data

from fastmlp.data.memory import available_memory, in_units
from fastmlp.errors import UsageError, did_you_mean
from fastmlp.ranks.contract import Ranks
from fastmlp.ranks.launcher import RANKS_VARIABLE

# Batches are converted as they are gathered.
STORED_AS_THEY_ARE = np.float64, np.float32, np.uint8
SPARSE_BLOCK = 64 << 20  # bytes of dense rows at a time, in predictions
FEWEST_VALIDATION_ROWS = 2


@dataclass(frozen=True)
class Sample:
    """Rows as the network takes them.

    Attributes
    ----------
    features
        (rows, columns) of float64, float32 or uint8.
    targets
        (rows,) int32 class numbers, or (rows, outputs) numbers.
    truth
        The target in the user's terms, for scores.
    weights
        (rows,) or None.
    """

    features: np.ndarray
    targets: np.ndarray
    truth: np.ndarray
    weights: np.ndarray | None = None

    def take(self, chosen: np.ndarray) -> Sample:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return replace(
            self,
            features=self.features[chosen],
            targets=self.targets[chosen],
            truth=self.truth[chosen],
            weights=weights,
        )

    def __len__(self) -> int:
        return len(self.features)


def validated(
    estimator: BaseEstimator,
    X: Any,
    y: Any = "no_validation",
    *,
    reset: bool,
    numeric: bool = False,
) -> Any:
    """Return features, dense or sparse, and the target as an array, if one is given.

    Names and number of columns are remembered with ``reset``, and checked without.
    """
    options: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": STORED_AS_THEY_ARE}
    if isinstance(y, str):
        return validate_data(estimator, X, **options, reset=reset)
    options |= {"multi_output": True, "y_numeric": numeric}
    X, y = validate_data(estimator, X, y, **options, reset=reset)
    return X, y.toarray() if sparse.issparse(y) else y


def dense(X: Any) -> np.ndarray:
    """Return a sparse matrix as a dense one, and any other as it is.

    Raises
    ------
    UsageError
        If there is no memory for all its zeros.
    """
    if not sparse.issparse(X):
        return X
    wanted, available = X.shape[0] * X.shape[1] * X.dtype.itemsize, available_memory()
    if wanted > available:
        raise UsageError(
            f"X is sparse and {in_units(wanted)} when dense, and {in_units(available)} are "
            "available; call partial_fit with some rows at a time, give it as float32, or reduce "
            "the columns, as by TruncatedSVD."
        )
    return X.toarray()


def row_blocks(X: Any) -> Iterator[np.ndarray]:
    """Yield sparse rows as dense pieces of a bounded size; dense rows as they are."""
    if not sparse.issparse(X):
        yield X
        return
    step = max(SPARSE_BLOCK // (X.shape[1] * X.dtype.itemsize), 1)
    rows = X.tocsr()
    for start in range(0, rows.shape[0], step):
        yield rows[start : start + step].toarray()


def checked_weights(sample_weight: Any, X: Any) -> np.ndarray | None:
    """Return row weights as an array (rows,), or None."""
    return None if sample_weight is None else _check_sample_weight(sample_weight, X)


def split(
    sample: Sample,
    fraction: float,
    random: np.random.RandomState,
    stratify: np.ndarray | None,
    labels: np.ndarray | None = None,
) -> tuple[Sample, Sample]:
    """Return training and validation rows; the rows that scikit-learn would set aside with the same
    ``random``.

    With ``labels``, the class number of each row, a few are exchanged so that no class with two
    rows lacks a validation row.
    """
    from sklearn.model_selection import train_test_split

    chosen = train_test_split(
        np.arange(len(sample)), random_state=random, test_size=fraction, stratify=stratify
    )
    train, validation = map(np.asarray, chosen)
    if len(validation) < FEWEST_VALIDATION_ROWS:
        raise UsageError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: {len(sample)} row(s) leave {len(validation)}."
        )
    if labels is not None:
        spread(train, validation, labels)
    return sample.take(train), sample.take(validation)


def evaluation_parts(eval_set: Any) -> tuple[Any, Any, Any]:
    """Return (X, y, sample_weight or None) of the ``eval_set`` argument."""
    if not isinstance(eval_set, (tuple, list)) or len(eval_set) not in (2, 3):
        raise UsageError("eval_set must be (X, y) or (X, y, sample_weight) of the validation rows.")
    return (*eval_set, None) if len(eval_set) == 2 else tuple(eval_set)


def mean_one(weights: np.ndarray | None) -> tuple[np.ndarray | None, float]:
    """Return weights divided by their mean, and that mean; None and 1 where there are none.

    Raises
    ------
    UsageError
        If no row has a weight above 0.
    """
    if weights is None:
        return None, 1.0
    mean = float(np.mean(weights, dtype=np.float64))
    if not mean > 0:
        raise UsageError(
            "sample_weight and class_weight together give every row the weight 0, or a negative "
            "mean; give some row a weight above 0."
        )
    return np.asarray(weights, np.float64) / mean, mean


def spread(train: np.ndarray, held_out: np.ndarray, labels: np.ndarray) -> None:
    """Exchange rows until each class with two rows at least is among those held out, as far as
    there is room.

    Parameters
    ----------
    train, held_out
        Row numbers, written to; a class that is lacking sends its first training row in place of
        the first row of the class that most rows were held out of.
    labels
        The class number of each row.
    """
    counts = np.bincount(labels[held_out], minlength=labels.max(initial=0) + 1)
    totals = np.bincount(labels, minlength=len(counts))
    for number in np.flatnonzero((counts == 0) & (totals > 1)):
        fullest = counts.argmax()
        if counts[fullest] < 2:
            return
        leaves, comes = np.argmax(labels[held_out] == fullest), np.argmax(labels[train] == number)
        held_out[leaves], train[comes] = train[comes], held_out[leaves]
        counts[fullest], counts[number] = counts[fullest] - 1, 1


def class_numbers(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the int32 position of each label among the sorted classes, which hold all of them."""
    return np.searchsorted(classes, y).astype(np.int32)


def one_hot(numbers: np.ndarray, classes: int) -> np.ndarray:
    """Return rows of 0 with a 1 where the class stands."""
    return np.eye(classes, dtype=np.float32)[numbers]


def class_factors(
    class_weight: Literal["balanced"] | dict | None, y: np.ndarray, classes: np.ndarray
) -> np.ndarray | None:
    """Return the factor of each row's weight, None without ``class_weight``.

    Parameters
    ----------
    class_weight
        ``"balanced"``: rows/(classes · rows of the class); a dict from labels to weights, 1 for
        labels left out; or None.
    y
        (rows,) labels.
    classes
        All of them, sorted.

    Raises
    ------
    UsageError
        For several labels a row, a label that is not there, or a weight that is not a number of at
        least 0.
    """
    if class_weight is None:
        return None
    if y.ndim != 1:
        raise UsageError("class_weight needs one label a row; for several, give sample_weight.")
    numbers = class_numbers(y, classes)
    if class_weight == "balanced":
        counts = np.bincount(numbers, minlength=len(classes))
        return (len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[numbers]
    weights = dict.fromkeys(classes.tolist(), 1.0)
    for label, weight in class_weight.items():
        if label not in weights:
            near = did_you_mean(str(label), map(str, weights))
            raise UsageError(f"class_weight names {label!r}, which is no label of y{near}")
        if not isinstance(weight, (int, float, np.number)) or not 0 <= weight < np.inf:
            raise UsageError(
                f"class_weight of {label!r} must be a number of at least 0; got {weight!r}."
            )
        weights[label] = float(weight)
    return np.array(list(weights.values()))[numbers]


def check_ranks(ranks: Ranks, estimator: Any, sample: Sample) -> None:
    """Check that all ranks are to learn the same, and can do it together.

    Raises
    ------
    UsageError
        If they are given different rows, or a solver that works in one process.
    """
    if ranks.is_alone:
        return
    if estimator.solver == "lbfgs":
        raise UsageError(
            f"solver='lbfgs' trains in one process, and there are {ranks.size} ranks; give another "
            f"solver, or set {RANKS_VARIABLE}=0, and each rank trains on its own."
        )
    data = f"{checksum(sample.features, sample.targets):08x}"
    what = f"what to train (set {RANKS_VARIABLE}=0, and each trains on its own)"
    ranks.check_alike(what, f"{type(estimator).__name__} on {len(sample)} rows of checksum {data}")


def checksum(*arrays: np.ndarray) -> int:
    """Return a CRC-32 of arrays."""
    total = 0
    for array in arrays:
        total = zlib.crc32(np.ascontiguousarray(array).tobytes(), total)
    return total
