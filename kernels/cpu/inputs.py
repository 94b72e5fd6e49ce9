"""What a network does with its inputs before the first dense layer: piecewise-linear and periodic
encodings of numbers, and embeddings of codes.

An encoding hands on what enters it, and its own columns behind that.
"""

from __future__ import annotations

import math

import numpy as np

from fastmlp.kernels.constants import PERIODIC_OUTPUTS
from fastmlp.kernels.cpu.compiling.compiler import scalar
from fastmlp.kernels.operation import (
    First,
    Integer,
    Matrix,
    Vector,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like
from .inline.turns import cosine_of_turns, sine_of_turns

TWO_PI = 2 * math.pi
OUTPUTS = PERIODIC_OUTPUTS


@operation
def copy_columns(x: Matrix[reads, by_row], columns: Vector[reads], y: Matrix[updates, by_row]):
    """Copy some columns of x into y; the others of y stay."""
    for row in range(x.shape[0]):
        for column in columns:
            y[row, column] = x[row, column]


@scalar
def is_between(value, component, first, end):
    """Tell whether a component moves with its number: inside its bin, or beyond an outer edge."""
    is_low = value < 0 and component > first
    is_high = value > 1 and component < end - 1
    return not (is_low or is_high)


@operation
def piecewise_forward(
    x: Matrix[reads, by_row],
    starts: Vector[reads],
    left: Vector[reads],
    right: Vector[reads],
    y: Matrix[writes, by_row],
):
    """y = [x | components]; those of column c are ``starts[c]`` to ``starts[c + 1]``.

    Component t is (x − left_t)/(right_t − left_t), cut off at 0 but for a column's first and at 1
    but for its last: Gorishniy et al. 2022, equation 1.
    """
    columns = x.shape[1]
    for row in range(x.shape[0]):
        for column in range(columns):
            y[row, column] = x[row, column]
            first, end = starts[column], starts[column + 1]
            for t in range(first, end):
                value = (x[row, column] - left[t]) / (right[t] - left[t])
                if value < 0 and t > first:
                    value = like(0.0, value)
                if value > 1 and t < end - 1:
                    value = like(1.0, value)
                y[row, columns + t] = value


@operation
def piecewise_backward(
    dy: Matrix[reads, by_row],
    x: Matrix[reads, by_row],
    starts: Vector[reads],
    left: Vector[reads],
    right: Vector[reads],
    dx: Matrix[writes, by_row],
):
    """dx = dy of x itself + Σ dy_t/(right_t − left_t) over the components that are not cut off."""
    columns = x.shape[1]
    for row in range(x.shape[0]):
        for column in range(columns):
            total = dy[row, column]
            first, end = starts[column], starts[column + 1]
            for t in range(first, end):
                width = right[t] - left[t]
                if is_between((x[row, column] - left[t]) / width, t, first, end):
                    total += dy[row, columns + t] / width
            dx[row, column] = total


@operation
def periodic_forward(
    x: Matrix[reads, by_row],
    numbers: Vector[reads],
    frequency: Matrix[reads],
    phase: Matrix[reads],
    weight: Matrix[reads],
    bias: Matrix[reads],
    waves: Matrix[writes, by_row],
    y: Matrix[writes, by_row],
):
    """y = [x | three outputs a number]: output o of column ``numbers[i]`` is bias[i, o] +
    Σ_f weight[i, o·F + f]·cos(2π·(frequency[i, f]·x + phase[i, f])).

    The cosines stay in ``waves`` for the backward pass. Holzmüller et al. 2024, "PBLD".
    """
    columns, frequencies = x.shape[1], frequency.shape[1]
    for row in range(x.shape[0]):
        y[row, :columns] = x[row]
        for i in range(numbers.size):
            value, place = x[row, numbers[i]], i * frequencies
            for f in range(frequencies):
                waves[row, place + f] = cosine_of_turns(frequency[i, f] * value + phase[i, f])
            for output in range(OUTPUTS):
                total = bias[i, output]
                for f in range(frequencies):
                    total += weight[i, output * frequencies + f] * waves[row, place + f]
                y[row, columns + i * OUTPUTS + output] = total


@operation
def periodic_backward(
    dy: Matrix[reads],
    x: Matrix[reads],
    numbers: Vector[reads],
    waves: Matrix[reads],
    frequency: Matrix[reads, by_row],
    phase: Matrix[reads, by_row],
    weight: Matrix[reads, by_row],
    dfrequency: Matrix[writes, by_row],
    dphase: Matrix[writes, by_row],
    dweight: Matrix[writes, by_row],
    dbias: Matrix[writes, by_row],
    first: First = 0,
):
    """With d_f = −2π·sin(…)·Σ_o dy_o·weight_of: dphase = Σ d_f, dfrequency = Σ d_f·x, dweight =
    Σ dy_o·cos(…), dbias = Σ dy_o, the sums over the rows.
    """
    columns, frequencies = x.shape[1], frequency.shape[1]
    dfrequency[:] = 0
    dphase[:] = 0
    dweight[:] = 0
    dbias[:] = 0
    for i in range(frequency.shape[0]):
        number, place = numbers[first + i], (first + i) * frequencies
        start = columns + (first + i) * OUTPUTS
        of_0, of_1, of_2 = (
            weight[i, :frequencies],
            weight[i, frequencies : 2 * frequencies],
            weight[i, 2 * frequencies :],
        )
        d_0, d_1, d_2 = (
            dweight[i, :frequencies],
            dweight[i, frequencies : 2 * frequencies],
            dweight[i, 2 * frequencies :],
        )
        for row in range(x.shape[0]):
            value = x[row, number]
            dy_0, dy_1, dy_2 = dy[row, start], dy[row, start + 1], dy[row, start + 2]
            dbias[i, 0] += dy_0
            dbias[i, 1] += dy_1
            dbias[i, 2] += dy_2
            for f in range(frequencies):
                wave = waves[row, place + f]
                d_0[f] += dy_0 * wave
                d_1[f] += dy_1 * wave
                d_2[f] += dy_2 * wave
                upstream = dy_0 * of_0[f] + dy_1 * of_1[f] + dy_2 * of_2[f]
                sine = sine_of_turns(frequency[i, f] * value + phase[i, f])
                turned = like(-TWO_PI, value) * sine * upstream
                dphase[i, f] += turned
                dfrequency[i, f] += turned * value


@operation
def periodic_input_gradient(
    dy: Matrix[reads, by_row],
    x: Matrix[reads, by_row],
    numbers: Vector[reads],
    frequency: Matrix[reads],
    phase: Matrix[reads],
    weight: Matrix[reads],
    dx: Matrix[writes, by_row],
):
    """dx = dy of x itself + Σ_f d_f·frequency_f, with the d_f of ``periodic_backward``."""
    columns, frequencies = x.shape[1], frequency.shape[1]
    for row in range(x.shape[0]):
        dx[row] = dy[row, :columns]
        for i in range(numbers.size):
            value, start = x[row, numbers[i]], columns + i * OUTPUTS
            total = like(0.0, value)
            for f in range(frequencies):
                upstream = like(0.0, value)
                for output in range(OUTPUTS):
                    upstream += dy[row, start + output] * weight[i, output * frequencies + f]
                sine = sine_of_turns(frequency[i, f] * value + phase[i, f])
                total += sine * upstream * frequency[i, f]
            dx[row, numbers[i]] += like(-TWO_PI, value) * total


@scalar
def row_of(value, first, end):
    """Return the row of the table for a code; codes that it lacks, NaN too, are its nearest."""
    last = end - first - 1
    if not value > 0:
        return first
    code = np.int64(value + like(0.5, value)) if value < last else last
    return first + min(code, last)


@operation
def embedding_forward(
    x: Matrix[reads, by_row],
    plain: Vector[reads],
    codes: Vector[reads],
    starts: Vector[reads],
    table: Matrix[reads],
    y: Matrix[writes, by_row],
):
    """y = [the plain columns of x | for each column of codes, the row of the table for its code].

    The rows of column ``codes[k]`` are ``starts[k]`` to ``starts[k + 1]``.
    """
    width = table.shape[1]
    for row in range(x.shape[0]):
        for i in range(plain.size):
            y[row, i] = x[row, plain[i]]
        for k in range(codes.size):
            chosen = row_of(x[row, codes[k]], starts[k], starts[k + 1])
            for j in range(width):
                y[row, plain.size + k * width + j] = table[chosen, j]


@operation
def embedding_backward(
    dy: Matrix[reads],
    x: Matrix[reads],
    plain: Integer,
    codes: Vector[reads],
    starts: Vector[reads],
    dtable: Matrix[writes, by_row],
    first: First = 0,
):
    """dtable[r] = Σ dy over the rows of the batch that took the row r, in the batch's order.

    dy has ``plain`` columns of numbers before those of codes. Each thread has rows of the table,
    and passes over the whole batch.
    """
    width = dtable.shape[1]
    dtable[:] = 0
    for row in range(x.shape[0]):
        for k in range(codes.size):
            chosen = row_of(x[row, codes[k]], starts[k], starts[k + 1]) - first
            if 0 <= chosen < dtable.shape[0]:
                for j in range(width):
                    dtable[chosen, j] += dy[row, plain + k * width + j]


@operation
def embedding_input_gradient(
    dy: Matrix[reads, by_row], plain: Vector[reads], dx: Matrix[writes, by_row]
):
    """dx = dy in the plain columns; 0 in codes, which move nothing."""
    dx[:] = 0
    for row in range(dx.shape[0]):
        for i in range(plain.size):
            dx[row, plain[i]] = dy[row, i]
