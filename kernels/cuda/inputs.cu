// What a network does with its inputs before the first dense layer: piecewise-linear and periodic encodings of numbers, and
// embeddings of codes. An encoding hands on what enters it, and its own columns behind that.

inline constexpr double TWO_PI = 6.283185307179586;

// cos(2π·t) and sin(2π·t): whole turns come off exactly, however large t is.
template <typename T>
__device__ T cosine_of_turns(T t) {
    return cos(T(TWO_PI) * (t - floor(t + T(0.5))));
}

template <typename T>
__device__ T sine_of_turns(T t) {
    return sin(T(TWO_PI) * (t - floor(t + T(0.5))));
}

// Copy some columns of x into y; the others of y stay.
template <typename T>
__global__ void EACH_ROW_OF(x) copy_columns(Matrix<const T> x, Vector<const int64> columns, Matrix<T> y) {
    each_row(x.rows, [&](int64 row, int lane) {
        for (int64 i = lane; i < columns.size; i += WARP) {
            y(row, columns[i]) = x(row, columns[i]);
        }
    });
}

// y = [x | components]; those of column c are starts[c] to starts[c + 1].
//
// Component t is (x − left_t)/(right_t − left_t), cut off at 0 but for a column's first and at 1 but for its last: Gorishniy
// et al. 2022, equation 1.
template <typename T>
__global__ void EACH_ROW_OF(x)
piecewise_forward(Matrix<const T> x, Vector<const int64> starts, Vector<const T> left, Vector<const T> right,
                  Matrix<T> y) {
    each_row(x.rows, [&](int64 row, int lane) {
        for (int64 column = lane; column < x.columns; column += WARP) {
            y(row, column) = x(row, column);
            const int64 first = starts[column], end = starts[column + 1];
            for (int64 t = first; t < end; ++t) {
                T value = (x(row, column) - left[t]) / (right[t] - left[t]);
                value = value < 0 && t > first ? T(0) : value;
                value = value > 1 && t < end - 1 ? T(1) : value;
                y(row, x.columns + t) = value;
            }
        }
    });
}

// dx = dy of x itself + Σ dy_t/(right_t − left_t) over the components that are not cut off.
template <typename T>
__global__ void EACH_ROW_OF(x)
piecewise_backward(Matrix<const T> dy, Matrix<const T> x, Vector<const int64> starts, Vector<const T> left,
                   Vector<const T> right, Matrix<T> dx) {
    each_row(x.rows, [&](int64 row, int lane) {
        for (int64 column = lane; column < x.columns; column += WARP) {
            T total = dy(row, column);
            const int64 first = starts[column], end = starts[column + 1];
            for (int64 t = first; t < end; ++t) {
                const T width = right[t] - left[t];
                const T value = (x(row, column) - left[t]) / width;
                const bool is_cut = (value < 0 && t > first) || (value > 1 && t < end - 1);
                total += is_cut ? T(0) : dy(row, x.columns + t) / width;
            }
            dx(row, column) = total;
        }
    });
}

// y = [x | three outputs a number]: output o of column numbers[i] is bias[i, o] +
// Σ_f weight[i, o·F + f]·cos(2π·(frequency[i, f]·x + phase[i, f])).
//
// The cosines stay in waves for the backward pass. Holzmüller et al. 2024, "PBLD".
template <typename T>
__global__ void EACH_ROW_OF(x)
periodic_forward(Matrix<const T> x, Vector<const int64> numbers, Matrix<const T> frequency, Matrix<const T> phase,
                 Matrix<const T> weight, Matrix<const T> bias, Matrix<T> waves, Matrix<T> y) {
    const int64 frequencies = frequency.columns;
    each_row(x.rows, [&](int64 row, int lane) {
        for (int64 column = lane; column < x.columns; column += WARP) {
            y(row, column) = x(row, column);
        }
        for (int64 k = lane; k < waves.columns; k += WARP) {
            const T value = x(row, numbers[k / frequencies]);
            waves(row, k) = cosine_of_turns(frequency.data[k] * value + phase.data[k]);
        }
        __syncwarp();  // the outputs are sums of what other lanes have put there
        for (int64 k = lane; k < numbers.size * PERIODIC_OUTPUTS; k += WARP) {
            const int64 i = k / PERIODIC_OUTPUTS, output = k % PERIODIC_OUTPUTS;
            T total = bias(i, output);
            for (int64 f = 0; f < frequencies; ++f) {
                total += weight(i, output * frequencies + f) * waves(row, i * frequencies + f);
            }
            y(row, x.columns + k) = total;
        }
    });
}

// With d_f = −2π·sin(…)·Σ_o dy_o·weight_of: dphase = Σ d_f, dfrequency = Σ d_f·x, dweight = Σ dy_o·cos(…), dbias = Σ dy_o,
// the sums over the rows.
//
// A block has a number, and each of its warps some of the frequencies.
template <typename T>
__global__ void EACH_ENTRY_OF(numbers)
periodic_backward(Matrix<const T> dy, Matrix<const T> x, Vector<const int64> numbers, Matrix<const T> waves,
                  Matrix<const T> frequency, Matrix<const T> phase, Matrix<const T> weight, Matrix<T> dfrequency,
                  Matrix<T> dphase, Matrix<T> dweight, Matrix<T> dbias) {
    const int64 frequencies = frequency.columns;
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    for (int64 i = blockIdx.x; i < numbers.size; i += gridDim.x) {
        const int64 start = x.columns + i * PERIODIC_OUTPUTS;
        for (int64 f = warp; f < frequencies; f += warps) {
            T of_frequency = 0, of_phase = 0, of_weight[PERIODIC_OUTPUTS] = {};
            for (int64 row = lane; row < x.rows; row += WARP) {
                const T value = x(row, numbers[i]), wave = waves(row, i * frequencies + f);
                T upstream = 0;
                for (int output = 0; output < PERIODIC_OUTPUTS; ++output) {
                    const T given = dy(row, start + output);
                    of_weight[output] += given * wave;
                    upstream += given * weight(i, output * frequencies + f);
                }
                const T sine = sine_of_turns(frequency(i, f) * value + phase(i, f));
                const T turned = T(-TWO_PI) * sine * upstream;
                of_phase += turned;
                of_frequency += turned * value;
            }
            of_frequency = warp_sum(of_frequency);
            of_phase = warp_sum(of_phase);
            for (int output = 0; output < PERIODIC_OUTPUTS; ++output) {
                const T sum = warp_sum(of_weight[output]);
                if (lane == 0) {
                    dweight(i, output * frequencies + f) = sum;
                }
            }
            if (lane == 0) {
                dfrequency(i, f) = of_frequency;
                dphase(i, f) = of_phase;
            }
        }
        for (int output = warp; output < PERIODIC_OUTPUTS; output += warps) {
            T own = 0;
            for (int64 row = lane; row < x.rows; row += WARP) {
                own += dy(row, start + output);
            }
            own = warp_sum(own);
            if (lane == 0) {
                dbias(i, output) = own;
            }
        }
    }
}

// dx = dy of x itself + Σ_f d_f·frequency_f, with the d_f of periodic_backward.
template <typename T>
__global__ void EACH_ROW_OF(dx)
periodic_input_gradient(Matrix<const T> dy, Matrix<const T> x, Vector<const int64> numbers, Matrix<const T> frequency,
                        Matrix<const T> phase, Matrix<const T> weight, Matrix<T> dx) {
    const int64 frequencies = frequency.columns;
    each_row(dx.rows, [&](int64 row, int lane) {
        for (int64 column = lane; column < dx.columns; column += WARP) {
            dx(row, column) = dy(row, column);
        }
        __syncwarp();  // another lane may have put dy there
        for (int64 i = lane; i < numbers.size; i += WARP) {
            const int64 start = x.columns + i * PERIODIC_OUTPUTS;
            const T value = x(row, numbers[i]);
            T total = 0;
            for (int64 f = 0; f < frequencies; ++f) {
                T upstream = 0;
                for (int output = 0; output < PERIODIC_OUTPUTS; ++output) {
                    upstream += dy(row, start + output) * weight(i, output * frequencies + f);
                }
                total += sine_of_turns(frequency(i, f) * value + phase(i, f)) * upstream * frequency(i, f);
            }
            dx(row, numbers[i]) += T(-TWO_PI) * total;
        }
    });
}

// The row of the table for a code; codes that it lacks, NaN too, are its nearest.
template <typename T>
__device__ int64 row_of(T value, int64 first, int64 end) {
    const int64 last = end - first - 1;
    if (!(value > 0)) {
        return first;
    }
    const int64 code = value < T(last) ? int64(value + T(0.5)) : last;
    return first + (code < last ? code : last);
}

// y = [the plain columns of x | for each column of codes, the row of the table for its code].
//
// The rows of column codes[k] are starts[k] to starts[k + 1].
template <typename T>
__global__ void EACH_ROW_OF(x)
embedding_forward(Matrix<const T> x, Vector<const int64> plain, Vector<const int64> codes, Vector<const int64> starts,
                  Matrix<const T> table, Matrix<T> y) {
    each_row(x.rows, [&](int64 row, int lane) {
        for (int64 i = lane; i < plain.size; i += WARP) {
            y(row, i) = x(row, plain[i]);
        }
        for (int64 i = lane; i < codes.size * table.columns; i += WARP) {
            const int64 k = i / table.columns;
            const int64 chosen = row_of(x(row, codes[k]), starts[k], starts[k + 1]);
            y(row, plain.size + i) = table(chosen, i % table.columns);
        }
    });
}

// dtable[r] = Σ dy over the rows of the batch that took the row r, in the batch's order.
//
// A warp has a row of the table, and each of its lanes some of the columns.
template <typename T>
__global__ void EACH_ROW_OF(dtable)
embedding_backward(Matrix<const T> dy, Matrix<const T> x, int64 plain, Vector<const int64> codes,
                   Vector<const int64> starts, Matrix<T> dtable) {
    each_row(dtable.rows, [&](int64 own, int lane) {
        int64 k = 0;
        while (own >= starts[k + 1]) {
            ++k;
        }
        for (int64 j = lane; j < dtable.columns; j += WARP) {
            T sum = 0;
            for (int64 row = 0; row < x.rows; ++row) {
                if (row_of(x(row, codes[k]), starts[k], starts[k + 1]) == own) {
                    sum += dy(row, plain + k * dtable.columns + j);
                }
            }
            dtable(own, j) = sum;
        }
    });
}

// dx = dy in the plain columns; 0 in codes, which move nothing.
template <typename T>
__global__ void EACH_ROW_OF(dx) embedding_input_gradient(Matrix<const T> dy, Vector<const int64> plain, Matrix<T> dx) {
    each_row(dx.rows, [&](int64 row, int lane) {
        for (int64 column = lane; column < dx.columns; column += WARP) {
            dx(row, column) = 0;
        }
        __syncwarp();  // another lane may have put 0 there
        for (int64 i = lane; i < plain.size; i += WARP) {
            dx(row, plain[i]) = dy(row, i);
        }
    });
}
