"""Activations mixed with what enters them, each unit by a weight α that is learnt."""

from __future__ import annotations

from fastmlp.kernels.operation import (
    First,
    Function,
    Matrix,
    Real,
    Vector,
    by_column,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like


@operation
def mix_forward(
    value: Function,
    z: Matrix[reads, by_row],
    mix: Vector[reads],
    f: Matrix[writes, by_row],
    a: Matrix[writes, by_row],
    parameter: Real,
):
    """f = f(z), a = α·f + (1 − α)·z."""
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            bent, kept = value(z[row, column], parameter), like(1.0, mix[column]) - mix[column]
            f[row, column] = bent
            a[row, column] = mix[column] * bent + kept * z[row, column]


@operation
def mix_gradient(
    upstream: Matrix[reads, by_column],
    f: Matrix[reads, by_column],
    z: Matrix[reads, by_column],
    dmix: Vector[writes, by_column],
    first: First = 0,
):
    """dα = the sum of da ⊙ (f − z) over the rows of the batch."""
    end = first + dmix.size
    dmix[:] = 0
    for row in range(z.shape[0]):
        da, bent, straight = upstream[row, first:end], f[row, first:end], z[row, first:end]
        for column in range(dmix.size):
            dmix[column] += da[column] * (bent[column] - straight[column])


@operation
def mix_backward(
    derivative: Function,
    upstream: Matrix[updates, by_row],
    saved: Matrix[reads, by_row],
    mix: Vector[reads],
    parameter: Real,
):
    """dz = da ⊙ (α·f′ + 1 − α), in place of the upstream gradient da; f′ comes from the saved f (or
    z).
    """
    for row in range(saved.shape[0]):
        for column in range(saved.shape[1]):
            slope, kept = derivative(saved[row, column], parameter), like(1.0, mix[column])
            upstream[row, column] *= mix[column] * slope + (kept - mix[column])
