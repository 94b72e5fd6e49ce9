"""What users pass in, checked by scikit-learn and brought to matrices: frames, lists, sparse
matrices, row weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import _check_sample_weight, validate_data

from fastmlp.data.memory import available_memory, in_units
from fastmlp.errors import UsageError

from .rare_classes import spread

STORED_AS_THEY_ARE = (
    np.float64,
    np.float32,
    np.uint8,
)  # batches are converted as they are gathered
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
    estimator: Any, X: Any, y: Any, *, reset: bool, numeric: bool
) -> tuple[Any, np.ndarray]:
    """Return features, dense or sparse, and the target as an array; remember or check names and
    number of columns.
    """
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=["csr", "csc"],
        multi_output=True,
        y_numeric=numeric,
        dtype=STORED_AS_THEY_ARE,
        reset=reset,
    )
    return X, y.toarray() if sparse.issparse(y) else y


def validated_features(estimator: Any, X: Any) -> Any:
    """Return the features of rows to predict."""
    return validate_data(
        estimator, X, accept_sparse=["csr", "csc"], dtype=STORED_AS_THEY_ARE, reset=False
    )


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
            f"X is sparse and {in_units(wanted)} when dense, and {in_units(available)} are available; call partial_fit "
            "with some rows at a time, give it as float32, or reduce the columns, as by TruncatedSVD."
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
    if len(chosen[1]) < FEWEST_VALIDATION_ROWS:
        raise UsageError(
            f"The validation set is too small. Increase 'validation_fraction' or the size of your dataset: "
            f"{len(sample)} row(s) leave {len(chosen[1])}."
        )
    if labels is not None:
        spread(*chosen, labels)
    return sample.take(chosen[0]), sample.take(chosen[1])


def evaluation_parts(eval_set: Any) -> tuple[Any, Any, Any]:
    """Return (X, y, sample_weight or None) of the ``eval_set`` argument."""
    if not isinstance(eval_set, (tuple, list)) or len(eval_set) not in (2, 3):
        raise UsageError("eval_set must be (X, y) or (X, y, sample_weight) of the validation rows.")
    return (*eval_set, None) if len(eval_set) == 2 else tuple(eval_set)
