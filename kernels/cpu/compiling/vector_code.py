"""Vector code that Numba cannot be made to write: registers of known width, masked at the edge of a
row or of a matrix.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .numba_words import intrinsic
from .processor import processor

WORD, LANE, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(1)


def vector_bytes() -> int:
    """Return the width of the vector registers in bytes."""
    return processor().vector_bytes


def splat(builder, value, width):
    """Return a vector with ``value`` in every lane."""
    kind = ir.VectorType(value.type, width)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), value, LANE(0))
    return builder.shuffle_vector(
        single,
        ir.Constant(kind, ir.Undefined),
        ir.Constant(ir.VectorType(LANE, width), [0] * width),
    )


def exchanged(builder, rows):
    """Return the columns of a square of vectors."""
    rows, width, half = list(rows), len(rows), 1
    while half < width:  # each stage exchanges the off-diagonal halves of blocks of size 2·half
        for r in (r for r in range(width) if not r & half):
            low, high = rows[r], rows[r + half]
            keep = [i if not i & half else width + i - half for i in range(width)]
            other = [i + half if not i & half else width + i for i in range(width)]
            kind = ir.VectorType(LANE, width)
            rows[r] = builder.shuffle_vector(low, high, ir.Constant(kind, keep))
            rows[r + half] = builder.shuffle_vector(low, high, ir.Constant(kind, other))
        half *= 2
    return rows


class VectorCode:
    """Loads, stores and arithmetic on vectors of one element type, as LLVM instructions."""

    def __init__(self, builder, element):
        self.builder, self.kind = builder, element
        self.letter, self.element, self.size = (
            ("f32", ir.FloatType(), 4) if element == types.float32 else ("f64", ir.DoubleType(), 8)
        )
        self.width = vector_bytes() // self.size
        self.vector = ir.VectorType(self.element, self.width)
        self.mask = ir.VectorType(BIT, self.width)
        self.zero = self.constant(0.0)

    def lanes_below(self, count):
        """Return the mask of the lanes below ``count`` (int64, maybe negative)."""
        # A shift rather than a comparison, which LLVM would repeat wherever the mask is used.
        none, all_lanes, one = WORD(0), WORD(self.width), WORD(1)
        count = self.builder.select(self.builder.icmp_signed("<", count, none), none, count)
        count = self.builder.select(
            self.builder.icmp_signed("<", count, all_lanes), count, all_lanes
        )
        bits = self.builder.sub(self.builder.shl(one, count), one)
        return self.builder.bitcast(self.builder.trunc(bits, ir.IntType(self.width)), self.mask)

    def load_whole(self, address):
        """Load a vector."""
        return self.builder.load(self._pointer(address), align=self.size)

    def store_whole(self, value, address):
        """Store a vector."""
        self.builder.store(value, self._pointer(address), align=self.size)

    def load_first(self, address, count):
        """Load the first ``count`` lanes; the others are zero and their memory is not touched."""
        return self.load(address, self.lanes_below(count))

    def store_first(self, value, address, count):
        """Store the first ``count`` lanes, 1 or more.

        Without AVX-512 by halves, quarters and so on: a masked store is slow on many processors,
        and very slow on some.
        """
        if processor().masks:
            self.store(value, address, self.lanes_below(count))
            return
        with self.builder.if_else(self.builder.icmp_signed(">=", count, WORD(self.width))) as (
            whole,
            part,
        ):
            with whole:
                self.store_whole(value, address)
            with part:
                self._store_powers(value, address, count)

    def _store_powers(self, value, address, count):
        """Store what the bits of ``count`` say: a half, a quarter of what follows, and so on."""
        place = cgutils.alloca_once_value(self.builder, address)
        left = cgutils.alloca_once_value(self.builder, value)
        size = self.width // 2
        while size:
            with self.builder.if_then(
                self.builder.icmp_signed("!=", self.builder.and_(count, WORD(size)), WORD(0))
            ):
                lanes = self.builder.load(left)
                kind = ir.VectorType(self.element, size)
                low = self._shuffled(lanes, range(size))
                pointer = self.builder.inttoptr(self.builder.load(place), kind.as_pointer())
                self.builder.store(low, pointer, align=self.size)
                self.builder.store(
                    self._shuffled(lanes, [(size + i) % self.width for i in range(self.width)]),
                    left,
                )
                self.builder.store(
                    self.builder.add(self.builder.load(place), WORD(size * self.size)), place
                )
            size //= 2

    def _shuffled(self, value, lanes):
        """Return the lanes of these numbers."""
        numbers = ir.Constant(ir.VectorType(LANE, len(lanes)), list(lanes))
        return self.builder.shuffle_vector(value, ir.Constant(self.vector, ir.Undefined), numbers)

    def _pointer(self, address):
        return self.builder.inttoptr(address, self.vector.as_pointer())

    def load(self, address, mask):
        """Load a vector; lanes outside of the mask are zero and their memory is not touched."""
        pointer = self.builder.inttoptr(address, self.vector.as_pointer())
        kind = ir.FunctionType(self.vector, [pointer.type, LANE, self.mask, self.vector])
        function = self._function(f"llvm.masked.load.v{self.width}{self.letter}.p0", kind)
        return self.builder.call(function, [pointer, LANE(self.size), mask, self.zero])

    def store(self, value, address, mask):
        """Store the lanes of the mask."""
        pointer = self.builder.inttoptr(address, self.vector.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [self.vector, pointer.type, LANE, self.mask])
        function = self._function(f"llvm.masked.store.v{self.width}{self.letter}.p0", kind)
        self.builder.call(function, [value, pointer, LANE(self.size), mask])

    def broadcast(self, address):
        """Load one element into every lane."""
        return splat(
            self.builder,
            self.builder.load(self.builder.inttoptr(address, self.element.as_pointer())),
            self.width,
        )

    def prefetch(self, address, to_write=0):
        """Begin to fetch the cache line at an address, which need not be valid."""
        pointer = self.builder.inttoptr(address, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, LANE, LANE, LANE])
        keep_close, data = LANE(3), LANE(1)
        self.builder.call(
            self._function("llvm.prefetch.p0", kind), [pointer, LANE(to_write), keep_close, data]
        )

    def multiply_add(self, a, b, c):
        """Return a·b + c, rounded once where the processor can."""
        if not processor().fuses:  # the C library can, an element at a time
            return self.builder.fadd(self.builder.fmul(a, b), c)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(
            self._function(f"llvm.fma.v{self.width}{self.letter}", kind), [a, b, c]
        )

    def reduce(self, value, combine):
        """Combine all lanes into one: the upper half with the lower, and so on."""
        half = self.width // 2
        while half:
            others = ir.Constant(
                ir.VectorType(LANE, self.width),
                [(i + half) % self.width for i in range(self.width)],
            )
            value = combine(
                value,
                self.builder.shuffle_vector(value, ir.Constant(self.vector, ir.Undefined), others),
            )
            half //= 2
        return self.builder.extract_element(value, LANE(0))

    def floor(self, value):
        """Return the largest integer that is not above, lane by lane."""
        kind = ir.FunctionType(self.vector, [self.vector])
        return self.builder.call(
            self._function(f"llvm.floor.v{self.width}{self.letter}", kind), [value]
        )

    def constant(self, number):
        """Return a vector with a number in every lane."""
        return ir.Constant(self.vector, [number] * self.width)

    def _function(self, name, kind):
        return cgutils.get_or_insert_function(self.builder.module, kind, name)


@intrinsic
def fetch(typing_context, address):
    """Begin to fetch the cache line at an address, which need not be valid."""

    def generate(context, builder, signature, arguments):
        VectorCode(builder, types.float32).prefetch(arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate
