"""What ``bench.kernels`` launches: every kernel on arrays of one size, and the bytes it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import starmap
from typing import Any

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.kernels import cpu as _twins  # noqa: F401  enters every operation into the table
from fastmlp.kernels.constants import NORM_BLOCK, RIGHT_ARGMAX, SPLINE_TAPS
from fastmlp.kernels.operation import OPERATIONS, Argument, updates

SEED = 20240229
UPDATES = 1000  # made before the launch that is timed: Adam's corrections are then those of a run
RATES = 1 << 16  # length of the table of learning rates, and so the most updates between two resets
RATE = 0.2  # of dropout
# Products are measured by their operations, not by the bytes they move.
PRODUCTS = ("transpose", *(name for name, operation in OPERATIONS.items() if operation.product))


@dataclass
class Case:
    """A call that is launched again and again.

    Attributes
    ----------
    kernel
        The operation's name, with its scalar function where it has one.
    launch
        Hands it to the backend, or writes it down while the backend records.
    moved
        Bytes that it reads and writes; what it updates counts twice.
    most
        How often it may be launched before ``reset``.
    reset
        Brings back what launches count on.
    """

    kernel: str
    launch: Callable[[], None]
    moved: int
    most: int = 1 << 62
    reset: Callable[[], None] = field(default=lambda: None)


class Arrays:
    """Arrays of one size and type on a device. Cases share the large ones, which would not fit its
    memory many times.

    Parameters
    ----------
    backend
        Where they lie.
    rows, columns
        Of a matrix; vectors of parameters have as many elements as a matrix.
    dtype
        float32 or float64.
    """

    def __init__(self, backend: Backend, rows: int, columns: int, dtype: np.dtype):
        self.backend, self.rows, self.columns, self.dtype = backend, rows, columns, np.dtype(dtype)
        self.counters = backend.zeros((4,), np.int64)
        self._random = np.random.default_rng(SEED)
        self._made: dict[Any, Array] = {}
        self._case, self._taken = "", 0

    def start_case(self, name: str) -> None:
        """Let a case take matrices from the first on; its small vectors are its own."""
        self._case, self._taken = name, 0
        self.reset()

    def reset(self) -> None:
        """Set the counters to where a run may stand."""
        self.backend.assign(self.counters, np.array([UPDATES, 0, 0, 0], np.int64))

    def matrix(self) -> Array:
        """Return a matrix of normal numbers that the case has not yet taken."""
        return self._shared((self.rows, self.columns))

    def elements(self) -> Array:
        """Return a flat vector of as many numbers as a matrix has."""
        return self._shared((self.rows * self.columns,))

    def worn(self) -> Array:
        """Return a matrix for what brings numbers nearer to 0 with every launch."""
        return self._kept("worn", lambda: self._normal((self.rows, self.columns)))

    def probabilities(self) -> Array:
        """Return a matrix whose rows sum to 1."""
        return self._kept(
            "probabilities",
            lambda: np.full((self.rows, self.columns), 1 / self.columns, self.dtype),
        )

    def squares(self) -> Array:
        """Return a flat vector of numbers that are never negative: second moments and the like."""
        return self._kept("squares", lambda: np.square(self._normal((self.rows * self.columns,))))

    def mask(self) -> Array:
        """Return a dropout mask."""
        return self._kept(
            "mask", lambda: self._random.integers(0, 2, (self.rows, self.columns), np.uint8)
        )

    def pixels(self) -> Array:
        """Return a matrix of bytes, as images are stored."""
        return self._kept(
            "pixels", lambda: self._random.integers(0, 256, (self.rows, self.columns), np.uint8)
        )

    def labels(self) -> Array:
        """Return a class for each row."""
        return self._kept(
            "labels", lambda: self._random.integers(0, self.columns, self.rows, np.int32)
        )

    def first_step(self) -> Array:
        """Return the counters of an epoch's first update."""
        return self._kept("first step", lambda: np.array([UPDATES, 1, 0, 0], np.int64))

    def maps(self) -> Array:
        """Return for each row the affine map that leaves a picture as it is."""
        numbers = np.array([1.0, 0, 0, 0, 1, 0])
        return self._kept("maps", lambda: np.tile(numbers, (self.rows, 1)))

    def first_knots(self) -> Array:
        """Return for each column the first of its four knots."""
        return self._kept("first knots", lambda: np.arange(self.columns, dtype=np.int64) // 2)

    def knots(self) -> Array:
        """Return a line of knots for each row."""
        return self._kept("knots", lambda: self._normal((self.rows, self.columns // 2 + 4)))

    def knot_lines(self) -> Array:
        """Return four lines for each row and coordinate, of splines along x."""
        shape = self.rows, 2 * SPLINE_TAPS * self.columns
        return self._kept("lines", lambda: self._normal(shape))

    def taps(self, places: int) -> Array:
        """Return the weights of four knots for each place."""
        return self._kept(
            ("taps", places), lambda: np.full((SPLINE_TAPS, places), 0.25, self.dtype)
        )

    def order(self) -> Array:
        """Return the rows in an order of their own."""
        return self._kept("order", lambda: self._random.permutation(self.rows))

    def by_column(self, value: float, dtype: np.dtype | None = None) -> Array:
        """Return a value for each column."""
        return self.constant(value, self.columns, dtype)

    def by_row(self, value: float, dtype: np.dtype | None = None) -> Array:
        """Return a value for each row."""
        return self.constant(value, self.rows, dtype)

    def constant(self, value: float, size: int = 1, dtype: np.dtype | None = None) -> Array:
        """Return a vector of one value, the case's own."""
        self._taken += 1
        key = self._case, self._taken
        return self._kept(key, lambda: np.full(size, value, self.dtype if dtype is None else dtype))

    def sized(self, rows: int, columns: int) -> Array:
        """Return a matrix of another size."""
        return self._shared((rows, columns))

    def positions(self, *values: int) -> Array:
        """Return whole numbers, the case's own."""
        self._taken += 1
        return self._kept((self._case, self._taken), lambda: np.array(values, np.int64))

    def _shared(self, shape: tuple[int, ...]) -> Array:
        self._taken += 1
        return self._kept((self._taken, shape), lambda: self._normal(shape))

    def _kept(self, key: Any, make: Callable[[], np.ndarray]) -> Array:
        if key not in self._made:
            self._made[key] = self.backend.from_numpy(make())
        return self._made[key]

    def _normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._random.standard_normal(shape, np.float32).astype(self.dtype)


# The arguments of each operation, scalar functions by their names. They are such that a million
# launches over the same arrays leave ordinary numbers: rates and biases are next to nothing, limits
# hardly act.
ARGUMENTS: dict[str, Callable[[Arrays], tuple]] = {
    "add_bias": lambda a: (a.matrix(), a.by_column(0)),
    "bias_activation": lambda a: ("relu", a.matrix(), a.by_column(0), 0.0),
    "activation_forward": lambda a: ("gelu", a.matrix(), a.matrix(), 0.0),
    "activation_backward": lambda a: ("relu_derivative", a.worn(), a.matrix(), 0.0),
    "bias_gradient": lambda a: (a.matrix(), *_bias_gradient(a)),
    "activation_bias_gradient": lambda a: ("relu_derivative", a.worn(), a.matrix(), 0.0,
        *_bias_gradient(a)),
    "softmax_forward": lambda a: (a.matrix(), a.matrix()),
    "softmax_backward": lambda a: (a.worn(), a.probabilities()),
    "dropout_forward": lambda a: (a.matrix(), a.mask(), a.matrix(), a.counters, SEED, 0, RATE,
                                  _share(a), 0, 0),
    "dropout_backward": lambda a: (a.worn(), a.mask(), 0.0, _share(a)),
    "scale_columns": lambda a: (a.matrix(), a.by_column(1), a.matrix()),
    "scale_columns_gradient": lambda a: (a.matrix(), a.matrix(), a.by_column(0)),
    "scale_matrix": lambda a: (a.worn(), 1.0),
    "mix_forward": lambda a: ("gelu", a.matrix(), a.by_column(0.5), a.matrix(), a.matrix(), 0.0),
    "mix_gradient": lambda a: (a.matrix(), a.matrix(), a.matrix(), a.by_column(0)),
    "mix_backward": lambda a: ("relu_derivative", a.worn(), a.matrix(), a.by_column(0.5), 0.0),
    "copy_columns": lambda a: (a.matrix(), a.positions(*range(0, a.columns, 2)), a.matrix()),
    "piecewise_forward": lambda a: (a.matrix(), *_bins(a), a.sized(a.rows, 3 * a.columns)),
    "piecewise_backward": lambda a: (a.sized(a.rows, 3 * a.columns), a.matrix(), *_bins(a),
        a.matrix()),
    "periodic_forward": lambda a: (a.matrix(), a.positions(*range(a.columns)), *_periodic(a),
        a.sized(a.columns, 3), a.sized(a.rows, 4 * a.columns), a.sized(a.rows, 4 * a.columns)),
    "periodic_backward": lambda a: (a.sized(a.rows, 4 * a.columns), a.matrix(),
        a.positions(*range(a.columns)), a.sized(a.rows, 4 * a.columns), *_periodic(a),
        *_periodic(a), a.sized(a.columns, 3)),
    "periodic_input_gradient": lambda a: (a.sized(a.rows, 4 * a.columns), a.matrix(),
        a.positions(*range(a.columns)), *_periodic(a), a.matrix()),
    "embedding_forward": lambda a: (a.matrix(), *_codes(a), a.sized(64, 8),
        a.sized(a.rows, a.columns + 7)),
    "embedding_backward": lambda a: (a.sized(a.rows, a.columns + 7), a.matrix(), a.columns - 1,
        *_codes(a)[1:], a.sized(64, 8)),
    "embedding_input_gradient": lambda a: (a.sized(a.rows, a.columns + 7),
        a.positions(*range(a.columns - 1)), a.matrix()),
    "begin_batch": lambda a: (a.counters, 0),
    "begin_update": lambda a: (a.counters, 0, a.constant(0, RATES, np.float64), _rate(a)),
    "begin_folded_update": lambda a: (
        a.counters, 0, a.constant(0, RATES, np.float64), 0.0, _rate(a), a.constant(0), a.constant(1)
    ),
    "take_of_step": lambda a: (
        a.constant(1, RATES, np.float64), a.constant(1, 4, np.int64),
        a.constant(0, 1, np.float64)),
    "gather_rows": lambda a: (a.matrix(), a.order(), a.counters, a.matrix()),
    "gather_scaled_rows": lambda a: (a.pixels(), a.order(), a.counters, a.by_column(2),
        a.by_column(1), a.matrix()),
    "gather_centred_rows": lambda a: (
        a.matrix(), a.order(), a.counters, a.by_column(0, np.float64), a.by_column(2),
        a.by_column(1), a.matrix()
    ),
    # A picture is a line of pixels. Knots stand two pixels apart.
    "draw_distortions": lambda a: (
        a.order(), a.counters, a.constant(1, dtype=np.int64), a.maps(), a.matrix(), SEED, 1,
        a.columns, 2.0, 0.2, 0.1, 1, 5.0
    ),
    "spread_knots": lambda a: (a.knots(), a.first_knots(), a.taps(a.columns), a.matrix(), 1),
    "distort_pictures": lambda a: (
        a.matrix(), a.maps(), a.knot_lines(), a.constant(0, dtype=np.int64), a.taps(1),
        a.by_column(1), a.by_column(0), 1, a.columns, a.matrix()
    ),
    "gather_elements": lambda a: (a.labels(), a.order(), a.counters, a.by_row(0, np.int32)),
    "scatter_rows": lambda a: (a.matrix(), a.order(), a.counters, a.matrix()),
    "softmax_cross_entropy": lambda a: (a.matrix(), a.labels(), a.by_row(1), 0.0, 1.0, a.matrix(),
        *_row_sums(a)),
    "softmax_cross_entropy_soft": lambda a: (a.matrix(), a.matrix(), a.by_row(1), 0.0, 1.0,
        a.matrix(), *_row_sums(a)),
    "elementwise_loss": lambda a: (
        "squared_error", "squared_error_derivative", a.matrix(), a.matrix(), a.by_row(1), 0.0, 1.0,
        1.0, RIGHT_ARGMAX,
        0.0, a.matrix(), *_row_sums(a),
    ),
    "quantile_loss": lambda a: (
        a.matrix(), a.matrix(), a.by_column(0), a.by_row(1), 1.0, 1.0, a.matrix(), *_row_sums(a),
    ),
    "accumulate_sums": lambda a: (*_row_sums(a), a.constant(0, 3, np.float64)),
    "batch_normalization_forward": lambda a: (
        a.matrix(), a.by_column(1), a.by_column(0), a.by_column(0), a.by_column(1), 0.9, 1e-5,
        a.by_column(0),
        a.by_column(1), a.matrix(), a.matrix(),
    ),
    "batch_normalization_predict": lambda a: (
        a.matrix(), a.by_column(1), a.by_column(0), a.by_column(0), a.by_column(1), 1e-5, a.matrix()
    ),
    "batch_normalization_backward": lambda a: (
        a.matrix(), a.matrix(), a.by_column(1), a.by_column(1), a.by_column(0), a.by_column(0),
        a.matrix()
    ),
    "batch_sums": lambda a: (a.matrix(), a.by_column(0)),
    "batch_squares": lambda a: (a.matrix(), a.by_column(0), a.rows, a.by_column(0), a.by_column(1)),
    "batch_normalization_from_sums": lambda a: (
        a.matrix(), a.by_column(1), a.by_column(0), a.by_column(0), a.by_column(1), 0.9, 1e-5,
        a.rows, a.by_column(0), a.by_column(1), a.by_column(1), a.matrix(), a.matrix(),
    ),
    "batch_gradient_sums": lambda a: (
        a.matrix(), a.matrix(), *(a.by_column(0) for _ in range(4))
    ),
    "batch_input_gradient": lambda a: (
        a.matrix(), a.matrix(), *(a.by_column(1) for _ in range(4)), a.rows, a.matrix()
    ),
    "scale_rate": lambda a: (_rate(a), 0.5, a.constant(0, 1, np.float64)),
    "copy_rows": lambda a: (a.matrix(), a.matrix()),
    "mean_of_members": lambda a: (_blocks(a), _block(a), a.matrix()[:_block(a)]),
    "scale_members": lambda a: (_blocks(a), _by_member(a, 1), _block(a), _blocks(a)),
    "scale_and_shift_members": lambda a: (
        _blocks(a), _by_member(a, 1), _by_member(a, 0), _block(a), _blocks(a)
    ),
    "scale_members_backward": lambda a: (
        a.worn()[:_members(a) * _block(a)], _blocks(a), _by_member(a, 1), _block(a),
        _by_member(a, 0)
    ),
    "shift_members_backward": lambda a: (_blocks(a), _block(a), _by_member(a, 0)),
    "sgd": lambda a: (a.elements(), a.elements(), _rate(a), 0.0),
    "momentum": lambda a: (a.elements(), a.elements(), a.elements(), _rate(a), 0.9, 0.0),
    "nesterov": lambda a: (a.elements(), a.elements(), a.elements(), _rate(a), 0.9, 0.0),
    "rmsprop": lambda a: (a.elements(), a.elements(), a.squares(), _rate(a), 0.9, 1e-8, 0.0),
    "adagrad": lambda a: (a.elements(), a.elements(), a.squares(), _rate(a), 1e-8, 0.0),
    "adam": lambda a: (
        a.elements(), a.elements(), a.elements(), a.squares(), a.counters, _rate(a), 0.9, 0.999,
        1e-8, 0.0
    ),
    "shrink": lambda a: (a.elements(), _rate(a), _share(a), 0.0),
    "momentum_step": lambda a: (a.elements(), a.elements(), _rate(a), 0.0),
    "average_in": lambda a: (a.elements(), a.elements(), a.constant(0.001, 1, np.float64),
        a.first_step()),
    "exchange_vectors": lambda a: (a.elements(), a.elements()),
    "add_penalty": lambda a: (a.elements(), a.elements(), 0.0, 0.0),
    "clear_gradient": lambda a: (a.constant(0, a.rows * a.columns),),
    "clip_by_value": lambda a: (a.elements(), 10.0),
    "squared_norm": lambda a: (a.elements(), _partial_norms(a)),
    # A norm so little above the limit that every element is written, by a factor that rounds to 1.
    "clip_by_norm": lambda a: (a.elements(), _partial_norms(a), _norm(a) * (1 - 1e-12)),
}  # fmt: skip


def measured_operations() -> list[str]:
    """Return the names of the operations that have a case: all but products, and what needs other
    processes (bench.ranks).
    """
    return [name for name in OPERATIONS if name not in (*PRODUCTS, "allreduce")]


def make_cases(arrays: Arrays, names: Iterable[str]) -> list[Case]:
    """Return a case for each of these operations."""
    return [_make_case(arrays, name) for name in names]


def _make_case(arrays: Arrays, name: str) -> Case:
    arrays.start_case(name)
    operation, backend = OPERATIONS[name], arrays.backend
    given = list(zip(ARGUMENTS[name](arrays), operation.passed.values(), strict=True))
    functions = [value for value, kind in given if kind.kind == "function"]
    arguments = [
        backend.scalar_function(value) if kind.kind == "function" else value
        for value, kind in given
    ]
    label = f"{name} ({functions[0].removesuffix('_derivative')})" if functions else name
    case = Case(
        label, partial(getattr(backend.ops, name), *arguments), sum(starmap(bytes_moved, given))
    )
    if "learning_rates" in operation.arguments:  # of which each launch takes the next
        case.moved -= (RATES - 1) * np.dtype(np.float64).itemsize
        case.most, case.reset = RATES, arrays.reset
    return case


def bytes_moved(value: Any, kind: Argument) -> int:
    """Return how many bytes of an argument an operation reads and writes, by its signature."""
    if kind.kind not in ("matrix", "vector"):
        return 0
    return value.nbytes * (2 if kind.access == updates else 1)


def _bias_gradient(a: Arrays) -> tuple[Array, ...]:
    """Return db, alpha, beta and the target: the bias with its update folded in."""
    return a.by_column(0), a.constant(0), a.constant(1), a.by_column(0)


def _bins(a: Arrays) -> tuple[Array, Array, Array]:
    """Return starts, left and right edges of two components a column."""
    starts = a.positions(*range(0, 2 * a.columns + 1, 2))
    return starts, a.constant(-1, 2 * a.columns), a.constant(1, 2 * a.columns)


def _periodic(a: Arrays) -> tuple[Array, Array, Array]:
    """Return frequencies, phases and weights of four frequencies a column."""
    return a.sized(a.columns, 4), a.sized(a.columns, 4), a.sized(a.columns, 12)


def _codes(a: Arrays) -> tuple[Array, Array, Array]:
    """Return plain columns, the last as codes, and where its 64 rows of a table lie."""
    return a.positions(*range(a.columns - 1)), a.positions(a.columns - 1), a.positions(0, 64)


def _row_sums(a: Arrays) -> tuple[Array, Array]:
    return a.by_row(0, np.float64), a.by_row(0, np.float64)


def _share(a: Arrays) -> Array:
    return a.constant(1, dtype=np.float64)


def _block(a: Arrays) -> int:
    """Return the rows of each member of an ensemble: four members, of few rows more."""
    return max(a.rows // 4, 1)


def _members(a: Arrays) -> int:
    return a.rows // _block(a)


def _blocks(a: Arrays) -> Array:
    return a.matrix()[: _members(a) * _block(a)]


def _by_member(a: Arrays, value: float) -> Array:
    return a.constant(value, _members(a) * a.columns).reshape(_members(a), a.columns)


def _rate(a: Arrays) -> Array:
    return a.constant(1e-12, dtype=np.float64)


def _partial_norms(a: Arrays) -> Array:
    return a.constant(1, _norm_blocks(a), np.float64)


def _norm(a: Arrays) -> float:
    return float(np.sqrt(_norm_blocks(a)))


def _norm_blocks(a: Arrays) -> int:
    return -(-a.rows * a.columns // NORM_BLOCK)
