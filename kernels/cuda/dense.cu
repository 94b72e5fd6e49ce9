// The dense layer's kernels beside its matrix products: bias with activation, and their backward passes.

// z ← z + bias, in every row.
template <typename T>
__global__ void EACH_ELEMENT_OF(z) add_bias(Matrix<T> z, Vector<const T> bias) {
    const bool packs = in_packs<T>(z.columns, z.data, bias.data);
    each_element<T>(packs, z.rows, z.columns, [&](int64 row, int64 column, auto lanes) {
        auto sums = lanes.load(&z(row, column));
        const auto biases = lanes.load(&bias[column]);
        for (int i = 0; i < lanes.count; ++i) {
            sums[i] += biases[i];
        }
        lanes.store(sums, &z(row, column));
    });
}

// a = f(z + bias), in place of z.
template <typename T, Activation<T> value>
__global__ void EACH_ELEMENT_OF(z) bias_activation(Matrix<T> z, Vector<const T> bias, double parameter) {
    const bool packs = in_packs<T>(z.columns, z.data, bias.data);
    each_element<T>(packs, z.rows, z.columns, [&](int64 row, int64 column, auto lanes) {
        auto outputs = lanes.load(&z(row, column));
        const auto biases = lanes.load(&bias[column]);
        for (int i = 0; i < lanes.count; ++i) {
            outputs[i] = value(outputs[i] + biases[i], T(parameter));
        }
        lanes.store(outputs, &z(row, column));
    });
}

// a = f(z).
template <typename T, Activation<T> value>
__global__ void EACH_ELEMENT_OF(z) activation_forward(Matrix<const T> z, Matrix<T> a, double parameter) {
    const bool packs = in_packs<T>(z.columns, z.data, a.data);
    each_element<T>(packs, z.rows, z.columns, [&](int64 row, int64 column, auto lanes) {
        auto outputs = lanes.load(&z(row, column));
        for (int i = 0; i < lanes.count; ++i) {
            outputs[i] = value(outputs[i], T(parameter));
        }
        lanes.store(outputs, &a(row, column));
    });
}

// dz = da ⊙ f′, in place of the upstream gradient da; f′ comes from the saved output (or input).
template <typename T, Activation<T> derivative>
__global__ void EACH_ELEMENT_OF(saved)
activation_backward(Matrix<T> upstream, Matrix<const T> saved, double parameter) {
    const bool packs = in_packs<T>(saved.columns, upstream.data, saved.data);
    each_element<T>(packs, saved.rows, saved.columns, [&](int64 row, int64 column, auto lanes) {
        auto gradient = lanes.load(&upstream(row, column));
        const auto from = lanes.load(&saved(row, column));
        for (int i = 0; i < lanes.count; ++i) {
            gradient[i] *= derivative(from[i], T(parameter));
        }
        lanes.store(gradient, &upstream(row, column));
    });
}

// Put the sum of a column where an optimizer wants it: target = alpha·sum + beta·target. One thread of the column does it.
template <typename T>
__device__ void take_bias_gradient(T sum, int64 column, Vector<T> db, Vector<const T> alpha, Vector<const T> beta,
                                   Vector<T> target) {
    const T kept = beta[0] != T(0) ? beta[0] * target[column] : T(0);
    db[column] = sum;
    target[column] = alpha[0] * sum + kept;
}

// db = the sum of dz over the rows of the batch; target = alpha·db + beta·target, which may be db itself if beta is 0.
template <typename T>
__global__ void EACH_COLUMN_OF(dz)
bias_gradient(Matrix<const T> dz, Vector<T> db, Vector<const T> alpha, Vector<const T> beta, Vector<T> target) {
    each_column(dz.columns, [&](int64 column, bool is_inside) {
        T own = 0;
        for (int64 row = threadIdx.y; row < dz.rows && is_inside; row += COLUMN_THREADS) {
            own += dz(row, column);
        }
        const T sum = column_sum(own);
        if (is_inside && threadIdx.y == 0) {
            take_bias_gradient(sum, column, db, alpha, beta, target);
        }
    });
}

// Do activation_backward and bias_gradient in one pass over the upstream gradient.
template <typename T, Activation<T> derivative>
__global__ void EACH_COLUMN_OF(saved)
activation_bias_gradient(Matrix<T> upstream, Matrix<const T> saved, double parameter, Vector<T> db,
                         Vector<const T> alpha, Vector<const T> beta, Vector<T> target) {
    each_column(saved.columns, [&](int64 column, bool is_inside) {
        T own = 0;
        for (int64 row = threadIdx.y; row < saved.rows && is_inside; row += COLUMN_THREADS) {
            const T dz = upstream(row, column) * derivative(saved(row, column), T(parameter));
            upstream(row, column) = dz;
            own += dz;
        }
        const T sum = column_sum(own);
        if (is_inside && threadIdx.y == 0) {
            take_bias_gradient(sum, column, db, alpha, beta, target);
        }
    });
}

// a = exp(z − max z) / Σ exp(z − max z), row by row; the maximum keeps every exponent at or below zero.
template <typename T>
__global__ void EACH_ROW_OF(z) softmax_forward(Matrix<const T> z, Matrix<T> a) {
    each_row(z.rows, [&](int64 row, int lane) {
        T largest = lowest<T>;
        for (int64 column = lane; column < z.columns; column += WARP) {
            largest = z(row, column) > largest ? z(row, column) : largest;
        }
        largest = warp_max(largest);
        T total = 0;
        for (int64 column = lane; column < z.columns; column += WARP) {
            const T power = exp(z(row, column) - largest);
            a(row, column) = power;
            total += power;
        }
        total = warp_sum(total);
        for (int64 column = lane; column < z.columns; column += WARP) {
            a(row, column) /= total;
        }
    });
}

// dz = a ⊙ (da − Σⱼ aⱼ·daⱼ), row by row, in place of the upstream gradient da.
template <typename T>
__global__ void EACH_ROW_OF(a) softmax_backward(Matrix<T> upstream, Matrix<const T> a) {
    each_row(a.rows, [&](int64 row, int lane) {
        T inner = 0;
        for (int64 column = lane; column < a.columns; column += WARP) {
            inner += a(row, column) * upstream(row, column);
        }
        inner = warp_sum(inner);
        for (int64 column = lane; column < a.columns; column += WARP) {
            upstream(row, column) = a(row, column) * (upstream(row, column) - inner);
        }
    });
}
