"""Mini-batches on the device: rows in the epoch's order, converted and scaled while copied."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.data.mapped.rows import MappedRows, Matrix, within
from fastmlp.ranks.contract import ALONE, Ranks

from .counters import Counters
from .distortions import Distortions
from .part import Part, by_rank, own_positions, part_of
from .shuffles import permuted
from .window import Window

RESIDENT_SHARE = (
    0.5  # of a device's free memory: the rest is for parameters, buffers and other splits
)
SHUFFLE_STREAM = (
    1 << 63
)  # set in the key's second word: keeps shuffles apart from other draws under the same seed


class InputScaling(TypedDict, total=False):
    """What the features' columns are scaled by: (x − origin)·scale + shift; None for nothing."""

    origin: np.ndarray | None
    scale: np.ndarray | None
    shift: np.ndarray | None


class Batches:
    """A data set on a device, and the buffers of the batch at hand.

    Parameters
    ----------
    backend
        The device.
    features
        (rows, columns) of uint8, float32 or float64; it stays as it is, and only the batch is
        converted. Those of a file that is larger than ``memory`` stay there, and come through a
        window.
    targets
        (rows,) int32 labels, (rows, outputs) numbers, or None for prediction.
    counters
        Where the batch's place in the order is kept.
    dtype
        float32 or float64, of the batch.
    batch_size
        Rows in a full batch.
    scale, shift
        (columns,) numbers: the batch is features·scale + shift. None for identity.
    origin
        (columns,) numbers that are subtracted before that, in float64: (features − origin)·scale +
        shift. None for zeros.
    weights
        (rows,) factor of each row's loss; None for ones.
    shared
        Other batches; if they are made of the very same ``features``, these lie on the device once
        for both.
    visits
        Length of an epoch's order, in which rows may come several times or not at all; default each
        row once.
    distortions
        What changes the pictures of each epoch at random, for training; ``origin`` is then None.
    window_bytes
        How much of the features the device is to hold at a time. By default all, if they fit its
        free memory, and else Window's own size.
    ranks
        Among whom each batch is divided: this process loads its part alone. By default it has all.
    blocks
        How many blocks of rows a batch has, one for each member of an ensemble; each is divided.
    memory
        What a mapped file may take of the host's memory, a setting: ``auto`` or ``2GB``.

    Attributes
    ----------
    rows
        Number of rows.
    visits
        Length of an epoch's order.
    order
        (visits,) int64 on the device: the order of this epoch.
    targets
        The targets as they were given, on the host.
    rows_on_host
        The features as they are brought from: as given, or of a large mapped file MappedRows.
    window
        What brings features to the device that it cannot hold at once, else None.
    ranks
        Among whom each batch is divided.
    """

    def __init__(
        self,
        backend: Backend,
        features: Matrix,
        targets: np.ndarray | None,
        counters: Counters,
        *,
        dtype: np.dtype,
        batch_size: int,
        scale: np.ndarray | None = None,
        shift: np.ndarray | None = None,
        origin: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        shared: Batches | None = None,
        visits: int | None = None,
        distortions: Distortions | None = None,
        window_bytes: int | None = None,
        ranks: Ranks = ALONE,
        blocks: int = 1,
        memory: str = "auto",
    ):
        self.backend, self.counters, self.batch_size = backend, counters, batch_size
        self.ranks, self._blocks = ranks, blocks
        self.rows: int = len(features)
        self.visits = self.rows if visits is None else visits
        columns = features.shape[1]
        if targets is not None and (
            len(targets) != self.rows or (targets.ndim == 1 and targets.dtype != np.int32)
        ):
            raise ValueError(
                f"targets must be {self.rows} int32 labels or rows of numbers; "
                f"got {targets.dtype} {targets.shape}"
            )
        self.targets = targets
        self._given, self._host_scaling = features, (origin, scale, shift)
        self.rows_on_host = within(features, memory)
        in_turn = np.arange(self.visits, dtype=np.int64) % max(self.rows, 1)
        self.order = backend.from_numpy(in_turn)
        self._own: np.ndarray | None = None  # positions of the order that this rank reads, if few
        self.window = self._window(window_bytes)
        self._feature_order = self.order if self.window is None else self._slots(self.window)
        if self.window is not None:
            self._features = self.window.array
        elif shared is not None and shared.window is None and shared._given is features:
            self._features = shared._features
        else:
            self._features = self._on_device()
        if distortions is not None and origin is not None:
            raise ValueError("pictures whose origin is subtracted cannot be distorted")
        self._distortions = distortions
        self._scaling, self._origin = None, None
        is_plain = origin is None and scale is None and shift is None
        if distortions is not None or not is_plain:
            scale = np.ones(columns) if scale is None else scale
            shift = np.zeros(columns) if shift is None else shift
            self._scaling = (
                backend.from_numpy(scale.astype(dtype)),
                backend.from_numpy(shift.astype(dtype)),
            )
        if origin is not None:
            self._origin = backend.from_numpy(origin.astype(np.float64))
        own_rows = blocks * -(-batch_size // (blocks * ranks.size))
        self._x = backend.empty((own_rows, columns), dtype)
        self._targets, self._t = None, None
        if targets is not None:
            self._targets = backend.from_numpy(targets)
            kind = np.int32 if targets.ndim == 1 else dtype
            self._t = backend.empty((own_rows, *targets.shape[1:]), kind)
        self._weights = None if weights is None else backend.from_numpy(weights.astype(dtype))
        self._w = backend.from_numpy(np.ones(own_rows, dtype))

    def shuffle(self, seed: int, epoch: int, block: int = 0) -> None:
        """Set the order of an epoch: the permutation of (seed, epoch), the same on every device.

        With a ``block``, so many rows stay near each other; see ``permuted``.
        """
        key = np.array(
            [seed, SHUFFLE_STREAM | epoch], np.uint64
        )  # a list would pass through float64 and lose the epoch
        generator = np.random.Generator(np.random.Philox(key=key))
        self.set_order(permuted(np.arange(self.rows), generator, block))

    def start_epoch(self, epoch: int) -> None:
        """Let what is drawn anew in each epoch be that of this one."""
        if self._distortions is not None:
            self._distortions.start_epoch(epoch)

    def set_order(self, order: np.ndarray) -> None:
        """Visit the rows in this order from the next epoch on."""
        order = self.by_rank(order)
        self.backend.assign(self.order, order)
        if self.window is not None:
            self.window.set_order(order if self._own is None else order[self._own.ravel()])

    def replace(
        self,
        features: np.ndarray,
        targets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        """Write other rows, alike in shape and dtype, where recorded operations read them."""
        self._given = self.rows_on_host = features
        self.backend.assign(self._features, features)
        for there, given in ((self._targets, targets), (self._weights, weights)):
            if given is not None:
                self.backend.assign(there, given)

    def largest_input(self, rows: int = 1000) -> float:
        """Return the largest scaled feature of the first rows: a likely cause of divergence."""
        origin, scale, shift = self._host_scaling
        sample = self.rows_on_host[:rows].astype(np.float64) - (0.0 if origin is None else origin)
        sample = sample * (1.0 if scale is None else scale) + (0.0 if shift is None else shift)
        return float(np.abs(sample).max(initial=0.0))

    def begin(self, rows: int) -> None:
        """Launch the move to the next batch of ``rows`` rows; in training ``begin_update`` does."""
        self.backend.ops.begin_batch(self.counters.values, rows)

    def load(self, rows: int) -> tuple[Array, Array | None, Array]:
        """Launch what fills the batch at hand with its ``rows`` rows, or with this rank's part of
        them; return its features, targets and weights.

        Returns
        -------
        x : (own rows, columns) of ``dtype``
        t : (own rows,) int32 or (own rows, outputs) of ``dtype``, None without targets
        w : (own rows,) of ``dtype``
        """
        part = self.counters.part = self.part(rows)
        first, rows = self.own_start(rows), self._blocks * part.rows
        ops, where = self.backend.ops, (self.order[first:], self.counters.values)
        x, w = self._x[:rows], self._w[:rows]
        features = self._features, self._feature_order[first:], self.counters.values
        if self._scaling is None:
            ops.gather_rows(*features, x)
        elif self._distortions is not None:
            ops.gather_rows(*features, self._distortions.pictures(rows))
            self._distortions.apply(*where, *self._scaling, x)
        elif self._origin is None:
            ops.gather_scaled_rows(*features, *self._scaling, x)
        else:
            ops.gather_centred_rows(*features, self._origin, *self._scaling, x)
        if self._weights is not None:
            ops.gather_elements(self._weights, *where, w)
        if self._targets is None or self._t is None:
            return x, None, w
        t = self._t[:rows]
        gather = ops.gather_elements if t.ndim == 1 else ops.gather_rows
        gather(self._targets, *where, t)
        return x, t, w

    def by_rank(self, order: np.ndarray) -> np.ndarray:
        """Return an order (visits,) as ``load`` takes it: each rank's rows of a batch together."""
        return by_rank(order, self.batch_size, self._blocks, self.ranks)

    def own_start(self, rows: int) -> int:
        """Return where in a batch of ``rows`` rows, in that order, this rank's begin."""
        return self._blocks * self.part(rows).first

    def part(self, rows: int) -> Part:
        """Return which rows of a batch of ``rows`` rows are this rank's."""
        return part_of(rows, self._blocks, self.ranks)

    def _window(self, size: int | None) -> Window | None:
        features, free = self.rows_on_host, self.backend.free_memory()
        fits = not isinstance(features, MappedRows)  # the host's memory is the device's
        if free is not None:
            fits = features.nbytes <= RESIDENT_SHARE * free
        if size is None and fits:
            return None
        if self.ranks.is_alone:
            return Window(self.backend, features, self.batch_size, size, self.visits)
        # Each rank reads its own rows alone.
        self._own = own_positions(self.visits, self.batch_size, self._blocks, self.ranks)
        return Window(self.backend, features, self._own.shape[1], size, self._own.size)

    def _slots(self, window: Window) -> Array:
        """Return where in a window each position of the whole order stands that is this rank's."""
        if self._own is None:
            return window.slots
        slots = np.zeros(self.visits, np.int64)
        slots[self._own.ravel()] = self.backend.to_numpy(window.slots)
        return self.backend.from_numpy(slots)

    def _on_device(self) -> Array:
        """Return all features on the device; rows of a file get there piece by piece."""
        features = self.rows_on_host
        if not isinstance(features, MappedRows):
            return self.backend.from_numpy(features)
        result = self.backend.empty(features.shape, features.dtype)
        for first, piece in features.pieces():
            self.backend.assign(result[first : first + len(piece)], piece)
        return result

    def store(self, batch: Array, destination: Array) -> None:
        """Launch what writes the rows of ``batch`` to where their rows stand in the data."""
        self.backend.ops.scatter_rows(batch, self.order, self.counters.values, destination)


def count_steps(rows: int, batch_size: int, drop_last: bool = False) -> int:
    """Return how many steps a pass over so many rows has; an only batch is never dropped."""
    full, ragged = divmod(rows, batch_size)
    return full + bool(ragged and not (drop_last and full))
