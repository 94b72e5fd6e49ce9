// Batch normalisation (Ioffe and Szegedy 2015): forward in training and in prediction, and backward, by columns.

// x̂ = (x − μ)/√(σ² + ε), y = γ·x̂ + β, with μ and σ² of this batch; the running statistics move by 1 − decay.
//
// The batch is normalised by its own variance (divisor m); the running one is the unbiased estimate (divisor m − 1).
template <typename T>
__global__ void EACH_COLUMN_OF(x)
batch_normalization_forward(Matrix<const T> x, Vector<const T> gamma, Vector<const T> beta, Vector<T> running_mean,
                            Vector<T> running_variance, double decay, double epsilon, Vector<T> mean,
                            Vector<T> inverse_deviation, Matrix<T> normalized, Matrix<T> y) {
    const T m = T(x.rows), kept = T(decay), taken = T(1.0 - decay);
    each_column(x.columns, [&](int64 column, bool is_inside) {
        const int64 rows = is_inside ? x.rows : 0;
        T own = 0;
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            own += x(row, column);
        }
        const T mu = column_sum(own) / m;
        own = 0;  // the second pass is what keeps the variance exact when the mean is large
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            own += (x(row, column) - mu) * (x(row, column) - mu);
        }
        const T squares = column_sum(own);
        const T inverse = T(1) / sqrt(squares / m + T(epsilon));
        if (is_inside && threadIdx.y == 0) {
            mean[column] = mu;
            inverse_deviation[column] = inverse;
            running_mean[column] = kept * running_mean[column] + taken * mu;
            running_variance[column] = kept * running_variance[column] + taken * squares / (m > 1 ? m - T(1) : T(1));
        }
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            normalized(row, column) = (x(row, column) - mu) * inverse;
            y(row, column) = gamma[column] * normalized(row, column) + beta[column];
        }
    });
}

// y = γ·(x − running mean)/√(running variance + ε) + β.
template <typename T>
__global__ void EACH_ELEMENT_OF(x)
batch_normalization_predict(Matrix<const T> x, Vector<const T> gamma, Vector<const T> beta,
                            Vector<const T> running_mean, Vector<const T> running_variance, double epsilon,
                            Matrix<T> y) {
    const bool packs = in_packs<T>(x.columns, x.data, gamma.data, beta.data, running_mean.data, running_variance.data,
                                   y.data);
    each_element<T>(packs, x.rows, x.columns, [&](int64 row, int64 column, auto lanes) {
        auto values = lanes.load(&x(row, column));
        const auto means = lanes.load(&running_mean[column]), variances = lanes.load(&running_variance[column]);
        const auto gammas = lanes.load(&gamma[column]), betas = lanes.load(&beta[column]);
        for (int i = 0; i < lanes.count; ++i) {
            values[i] = gammas[i] * ((values[i] - means[i]) / sqrt(variances[i] + T(epsilon))) + betas[i];
        }
        lanes.store(values, &y(row, column));
    });
}

// dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/√(σ² + ε)·(dy − dβ/m − x̂·dγ/m): μ and σ² depend on x too.
template <typename T>
__global__ void EACH_COLUMN_OF(dy)
batch_normalization_backward(Matrix<const T> dy, Matrix<const T> normalized, Vector<const T> gamma,
                             Vector<const T> inverse_deviation, Vector<T> dgamma, Vector<T> dbeta, Matrix<T> dx) {
    const T share = T(1) / T(dy.rows);
    each_column(dy.columns, [&](int64 column, bool is_inside) {
        const int64 rows = is_inside ? dy.rows : 0;
        T own_beta = 0, own_gamma = 0;
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            own_beta += dy(row, column);
            own_gamma += dy(row, column) * normalized(row, column);
        }
        const T beta_sum = column_sum(own_beta), gamma_sum = column_sum(own_gamma);
        if (is_inside && threadIdx.y == 0) {
            dbeta[column] = beta_sum;
            dgamma[column] = gamma_sum;
        }
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            const T centred = dy(row, column) - share * beta_sum - normalized(row, column) * share * gamma_sum;
            dx(row, column) = gamma[column] * inverse_deviation[column] * centred;
        }
    });
}

// x_sums = Σ x over the rows that a rank has of the batch: the first half of its mean.
template <typename T>
__global__ void EACH_COLUMN_OF(x) batch_sums(Matrix<const T> x, Vector<T> x_sums) {
    each_column(x.columns, [&](int64 column, bool is_inside) {
        const int64 rows = is_inside ? x.rows : 0;
        T own = 0;
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            own += x(row, column);
        }
        const T total = column_sum(own);
        if (is_inside && threadIdx.y == 0) {
            x_sums[column] = total;
        }
    });
}

// μ = x_sums/m, squares = Σ (x − μ)² over the rows that a rank has of a batch of m.
template <typename T>
__global__ void EACH_COLUMN_OF(x)
batch_squares(Matrix<const T> x, Vector<const T> x_sums, int64 m, Vector<T> mean, Vector<T> squares) {
    each_column(x.columns, [&](int64 column, bool is_inside) {
        const int64 rows = is_inside ? x.rows : 0;
        const T mu = is_inside ? x_sums[column] / T(m) : T(0);
        T own = 0;
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            own += (x(row, column) - mu) * (x(row, column) - mu);
        }
        const T total = column_sum(own);
        if (is_inside && threadIdx.y == 0) {
            mean[column] = mu;
            squares[column] = total;
        }
    });
}

// x̂ = (x − μ)/√(σ² + ε), y = γ·x̂ + β, with σ² = squares/m of a batch of m rows; the running statistics move by
// 1 − decay.
//
// What batch_normalization_forward does in one, once the sums of all ranks are added up.
template <typename T>
__global__ void EACH_COLUMN_OF(x)
batch_normalization_from_sums(Matrix<const T> x, Vector<const T> gamma, Vector<const T> beta, Vector<T> running_mean,
                              Vector<T> running_variance, double decay, double epsilon, int64 m, Vector<const T> mean,
                              Vector<const T> squares, Vector<T> inverse_deviation, Matrix<T> normalized, Matrix<T> y) {
    const T count = T(m), kept = T(decay), taken = T(1.0 - decay);
    each_column(x.columns, [&](int64 column, bool is_inside) {
        if (!is_inside) {
            return;
        }
        const T mu = mean[column], total = squares[column];
        const T inverse = T(1) / sqrt(total / count + T(epsilon));
        if (threadIdx.y == 0) {
            inverse_deviation[column] = inverse;
            running_mean[column] = kept * running_mean[column] + taken * mu;
            running_variance[column] = kept * running_variance[column] + taken * total / (m > 1 ? count - T(1) : T(1));
        }
        for (int64 row = threadIdx.y; row < x.rows; row += COLUMN_THREADS) {
            normalized(row, column) = (x(row, column) - mu) * inverse;
            y(row, column) = gamma[column] * normalized(row, column) + beta[column];
        }
    });
}

// dβ = Σ dy, dγ = Σ dy·x̂ over the rows that a rank has of the batch, each written twice.
//
// One is added up over the ranks for dx at once, the other with the whole gradient later.
template <typename T>
__global__ void EACH_COLUMN_OF(dy)
batch_gradient_sums(Matrix<const T> dy, Matrix<const T> normalized, Vector<T> dgamma, Vector<T> dbeta,
                    Vector<T> gamma_sums, Vector<T> beta_sums) {
    each_column(dy.columns, [&](int64 column, bool is_inside) {
        const int64 rows = is_inside ? dy.rows : 0;
        T own_beta = 0, own_gamma = 0;
        for (int64 row = threadIdx.y; row < rows; row += COLUMN_THREADS) {
            own_beta += dy(row, column);
            own_gamma += dy(row, column) * normalized(row, column);
        }
        const T beta_sum = column_sum(own_beta), gamma_sum = column_sum(own_gamma);
        if (is_inside && threadIdx.y == 0) {
            dbeta[column] = beta_sum;
            dgamma[column] = gamma_sum;
            beta_sums[column] = beta_sum;
            gamma_sums[column] = gamma_sum;
        }
    });
}

// dx = γ/√(σ² + ε)·(dy − dβ/m − x̂·dγ/m), with dγ and dβ of a batch of m rows.
template <typename T>
__global__ void EACH_ELEMENT_OF(dy)
batch_input_gradient(Matrix<const T> dy, Matrix<const T> normalized, Vector<const T> gamma,
                     Vector<const T> inverse_deviation, Vector<const T> gamma_sums, Vector<const T> beta_sums, int64 m,
                     Matrix<T> dx) {
    const T share = T(1) / T(m);
    const bool packs = in_packs<T>(dy.columns, dy.data, normalized.data, gamma.data, inverse_deviation.data,
                                   gamma_sums.data, beta_sums.data, dx.data);
    each_element<T>(packs, dy.rows, dy.columns, [&](int64 row, int64 column, auto lanes) {
        auto values = lanes.load(&dy(row, column));
        const auto hats = lanes.load(&normalized(row, column)), gammas = lanes.load(&gamma[column]);
        const auto inverses = lanes.load(&inverse_deviation[column]);
        const auto of_gamma = lanes.load(&gamma_sums[column]), of_beta = lanes.load(&beta_sums[column]);
        for (int i = 0; i < lanes.count; ++i) {
            const T centred = values[i] - share * of_beta[i] - hats[i] * share * of_gamma[i];
            values[i] = gammas[i] * inverses[i] * centred;
        }
        lanes.store(values, &dx(row, column));
    });
}
