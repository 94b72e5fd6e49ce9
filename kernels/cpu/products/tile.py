"""A matrix product held in registers; what it is fed with, and a transposed block.

``product_tile`` multiplies a few rows of a by a few vectors of columns of b and keeps all of the
sums in registers: one load of b serves every row, one load of a every column. It reads both
matrices where they lie; a general BLAS copies both first, and spends much of its time on that when
a batch has 64 rows.
"""

from __future__ import annotations

from functools import cache

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils

from fastmlp.kernels.cpu.compiling.numba_words import intrinsic
from fastmlp.kernels.cpu.compiling.processor import processor
from fastmlp.kernels.cpu.compiling.vector_code import (
    WORD,
    VectorCode,
    exchanged,
    splat,
    vector_bytes,
)

VECTOR_BYTES = vector_bytes()
LINE = 64  # bytes of a cache line
# Inner indices for each line that is fetched of what is upcoming: all at once would hold up the
# loads that a tile waits for.
STEPS_A_FETCH = 2 if processor().registers == 32 else 4


@cache
def product_tile(rows: int, vectors: int, moves: bool = False):
    """Return an intrinsic that computes one tile: c = alpha·a·b + beta·c for up to ``rows`` rows.

    The intrinsic takes addresses and strides in bytes: (a, a_row, a_step, b, b_step, last,
    last_step, c, c_row, steps, valid_rows, valid_lanes, upcoming, upcoming_row, upcoming_bytes,
    moved, alpha, beta, rate, decay). Row r of the tile at inner index p reads a at a + r·a_row +
    p·a_step, and b at b + p·b_step onwards, but its last vector at last + p·last_step, which may be
    a copy. Rows past ``valid_rows`` repeat the last one and store the same numbers again; of the
    last vector only ``valid_lanes`` lanes belong to c. So one code serves every edge. c is not read
    where beta is 0. Meanwhile rows of ``upcoming_bytes`` bytes are fetched into the cache, as many
    as there is time for: what the next tiles need.

    If the tile ``moves``, c is a velocity, and the weights w that lie ``moved`` bytes behind it
    move at once: w = w − rate·(c + decay·w). Otherwise the last two numbers and ``moved`` are not
    used.
    """

    @intrinsic
    def tile(
        typing_context, a, a_row, a_step, b, b_step, last, last_step, c, c_row, steps, valid_rows,
        valid_lanes, upcoming, upcoming_row, upcoming_bytes, moved, alpha, beta, rate, decay,
    ):  # fmt: skip
        def generate(context, builder, signature, arguments):
            (MovingTile if moves else Tile)(
                builder, signature.args[-1], rows, vectors, arguments
            ).compute()
            return context.get_dummy_value()

        word = types.int64
        return types.void(*[word] * 16, alpha, beta, rate, decay), generate

    return tile


class Tile:
    """The instructions of one tile."""

    def __init__(self, builder, element, rows, vectors, arguments):
        self.builder, self.code, self.rows, self.vectors = (
            builder,
            VectorCode(builder, element),
            rows,
            vectors,
        )
        (a, a_row, self.a_step, self.b, self.b_step, self.last, self.last_step, c, c_row,
         self.steps, valid_rows, self.valid_lanes, *self.upcoming, self.moved,
         self.alpha, self.beta, self.rate, self.decay) = arguments  # fmt: skip
        lowest = builder.sub(valid_rows, WORD(1))
        numbers = [
            builder.select(builder.icmp_signed("<", WORD(r), lowest), WORD(r), lowest)
            for r in range(rows)
        ]
        self.a_rows = [builder.add(a, builder.mul(number, a_row)) for number in numbers]
        self.c_rows = [builder.add(c, builder.mul(number, c_row)) for number in numbers]

    def compute(self):
        """Sum, scale, store."""
        code, builder = self.code, self.builder
        sums = self._sums()
        alphas, betas = (
            splat(builder, self.alpha, code.width),
            splat(builder, self.beta, code.width),
        )
        scaled = [[builder.fmul(alphas, total) for total in row] for row in sums]
        with builder.if_else(builder.fcmp_ordered("==", self.beta, code.element(0.0))) as (
            overwrite,
            update,
        ):
            with overwrite:
                self._store(scaled, self.c_rows)
            with (
                update
            ):  # every load comes before the first store: repeated rows must not add twice
                old = [[self._load(row, v) for v in range(self.vectors)] for row in self.c_rows]
                new = [
                    [code.multiply_add(betas, o, s) for o, s in zip(*pair, strict=True)]
                    for pair in zip(old, scaled, strict=True)
                ]
                self._store(new, self.c_rows)

    def _sums(self):
        """Return a·b, a vector of sums for each row and each vector of columns."""
        code, builder = self.code, self.builder
        slots = [
            [cgutils.alloca_once_value(builder, code.zero) for _ in range(self.vectors)]
            for _ in range(self.rows)
        ]
        for slot in (slot for row in slots for slot in row):
            builder.store(code.zero, slot)
        self.mask = code.lanes_below(self.valid_lanes) if processor().masks else None
        fetch_line, add_step = self._fetcher(), self._stepper(slots)
        whole = builder.and_(self.steps, WORD(-STEPS_A_FETCH))
        with cgutils.for_range_slice(builder, WORD(0), whole, WORD(STEPS_A_FETCH), intp=WORD):
            fetch_line()
            for _ in range(STEPS_A_FETCH):
                add_step()
        with cgutils.for_range_slice(builder, whole, self.steps, WORD(1), intp=WORD):
            add_step()
        return [[builder.load(slot) for slot in row] for row in slots]

    def _fetcher(self):
        """Return what writes the instructions that fetch one more line of what is upcoming."""
        builder = self.builder
        start, row, width = self.upcoming
        line, end = (cgutils.alloca_once(builder, WORD) for _ in range(2))
        builder.store(start, line)
        builder.store(builder.add(start, width), end)

        def fetch_line():
            here, row_end = builder.load(line), builder.load(end)
            self._fetch(here)
            following, next_end = builder.add(here, WORD(LINE)), builder.add(row_end, row)
            is_over = builder.icmp_signed(">=", following, row_end)
            builder.store(builder.select(is_over, builder.sub(next_end, width), following), line)
            builder.store(builder.select(is_over, next_end, row_end), end)

        return fetch_line

    def _stepper(self, slots):
        """Return what writes the instructions that add the products of one more column of a and row
        of b.
        """
        code, builder = self.code, self.builder
        places = [
            (cgutils.alloca_once(builder, WORD), step)
            for step in (self.a_step, self.b_step, self.last_step)
        ]
        for (slot, _), start in zip(places, (WORD(0), self.b, self.last), strict=True):
            builder.store(start, slot)

        def add_step():
            offset, b_row, last = (builder.load(slot) for slot, _ in places)
            if processor().masks:
                last = builder.add(b_row, WORD((self.vectors - 1) * vector_bytes()))
            columns = [
                code.load_whole(builder.add(b_row, WORD(v * vector_bytes())))
                for v in range(self.vectors - 1)
            ]
            columns.append(
                code.load_whole(last) if self.mask is None else code.load(last, self.mask)
            )
            for row, a_row in zip(slots, self.a_rows, strict=True):
                factor = code.broadcast(builder.add(a_row, offset))
                for slot, column in zip(row, columns, strict=True):
                    builder.store(code.multiply_add(factor, column, builder.load(slot)), slot)
            for slot, step in places:
                move_on(builder, slot, step)

        return add_step

    def _fetch(self, line):
        self.code.prefetch(line)

    def _load(self, row, v):
        """Load a vector of a row of c, or of what is shaped like it."""
        place = self.builder.add(row, WORD(v * vector_bytes()))
        if v < self.vectors - 1:
            return self.code.load_whole(place)
        return self.code.load_first(place, self.valid_lanes)

    def _store(self, values, rows):
        """Store a vector for each row and each vector of columns."""
        for row, place in zip(values, rows, strict=True):
            for v, value in enumerate(row[:-1]):
                self.code.store_whole(value, self.builder.add(place, WORD(v * vector_bytes())))
            last = self.builder.add(place, WORD((self.vectors - 1) * vector_bytes()))
            self.code.store_first(row[-1], last, self.valid_lanes)


class MovingTile(Tile):
    """A tile of a velocity, which moves the weights at once."""

    def _fetch(self, line):
        super()._fetch(line)
        super()._fetch(self.builder.add(line, self.moved))

    def _store(self, values, rows):
        super()._store(values, rows)
        code, builder = self.code, self.builder
        rates, decays = (
            splat(builder, number, code.width) for number in (builder.fneg(self.rate), self.decay)
        )
        places = [builder.add(row, self.moved) for row in rows]
        weights = [
            [self._load(row, v) for v in range(self.vectors)] for row in places
        ]  # before the first store, too
        directions = [
            [code.multiply_add(decays, w, velocity) for w, velocity in zip(*pair, strict=True)]
            for pair in zip(weights, values, strict=True)
        ]
        moved = [
            [code.multiply_add(rates, direction, w) for direction, w in zip(*pair, strict=True)]
            for pair in zip(directions, weights, strict=True)
        ]
        super()._store(moved, places)


def move_on(builder, slot, step):
    """Add a step to the address in a slot, so that LLVM knows nothing about the sum.

    From an index, or from addresses a known distance apart, it would make one for each row and each
    step of a tile: more than there are registers. The instruction that it cannot look through is
    empty.
    """
    moved = builder.add(builder.load(slot), step)
    builder.store(
        builder.call(ir.InlineAsm(ir.FunctionType(WORD, [WORD]), "", "=r,0"), [moved]), slot
    )


@intrinsic
def copy_vectors(typing_context, source, target, vectors, valid_lanes, element):
    """Copy ``vectors`` vectors, the last one only as far as ``valid_lanes`` and zeros behind it."""

    def generate(context, builder, signature, arguments):
        source, target, vectors, valid_lanes = arguments[:4]
        code = VectorCode(builder, signature.args[-1].instance_type)
        last = builder.mul(builder.sub(vectors, WORD(1)), WORD(vector_bytes()))
        with cgutils.for_range_slice(builder, WORD(0), last, WORD(vector_bytes()), intp=WORD) as (
            offset,
            _,
        ):
            code.store_whole(
                code.load_whole(builder.add(source, offset)), builder.add(target, offset)
            )
        code.store_whole(
            code.load_first(builder.add(source, last), valid_lanes), builder.add(target, last)
        )
        return context.get_dummy_value()

    word = types.int64
    return types.void(word, word, word, word, element), generate


@njit(error_model="numpy")
def copy_panel(source, source_row, target, rows, columns, size, element):
    """Copy rows of a few columns one behind the other, with zeros up to whole vectors; return the
    bytes of such a row.
    """
    lanes = VECTOR_BYTES // size
    vectors = (columns + lanes - 1) // lanes
    for row in range(rows):
        place = target + row * vectors * VECTOR_BYTES
        copy_vectors(
            source + row * source_row, place, vectors, columns - (vectors - 1) * lanes, element
        )
    return vectors * VECTOR_BYTES


@cache
def reserve(size: int):
    """Return an intrinsic: the address of ``size`` bytes on the stack, on a cache line."""

    @intrinsic
    def reserved(typing_context):
        def generate(context, builder, signature, arguments):
            place = cgutils.alloca_once(builder, ir.IntType(8), size=size)
            place.align = 64
            return builder.ptrtoint(place, WORD)

        return types.int64(), generate

    return reserved


@intrinsic
def transpose_block(typing_context, source, source_row, target, target_row, element):
    """Write the transpose of a square block, as wide as a vector, from ``source`` to ``target``
    (addresses, byte strides).
    """

    def generate(context, builder, signature, arguments):
        source, source_row, target, target_row = arguments[:4]
        code = VectorCode(builder, signature.args[-1].instance_type)
        rows = [
            code.load_whole(builder.add(source, builder.mul(WORD(r), source_row)))
            for r in range(code.width)
        ]
        for r, column in enumerate(exchanged(builder, rows)):
            code.store_whole(column, builder.add(target, builder.mul(WORD(r), target_row)))
        return context.get_dummy_value()

    word = types.int64
    return types.void(word, word, word, word, element), generate
