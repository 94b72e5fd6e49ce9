// Losses: value of each row, gradient and whether the row was predicted right, in one pass; a warp takes a row.
//
// Every kernel writes row_loss (rows,) and row_right (rows,) rather than a sum: the sums are then taken in one fixed order
// (accumulate_sums), and do not depend on the grid. A row with NaN among its outputs is never right, wherever the NaN
// stands.

// The largest number of a row, and its column: the first of several.
template <typename T>
struct Peak {
    T value;
    int64 column;
};

// The peak of a row, in every lane. The search begins at column 0, in every lane too: a NaN there stays, others are passed
// over, as on the CPU.
template <typename T>
__device__ Peak<T> row_peak(Matrix<const T> matrix, int64 row, int lane) {
    Peak<T> peak = {matrix(row, 0), 0};
    for (int64 column = lane; column < matrix.columns; column += WARP) {
        if (matrix(row, column) > peak.value) {
            peak = {matrix(row, column), column};
        }
    }
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        const Peak<T> other = {__shfl_xor_sync(0xFFFFFFFFu, peak.value, distance),
                               __shfl_xor_sync(0xFFFFFFFFu, peak.column, distance)};
        if (other.value > peak.value || (other.value == peak.value && other.column < peak.column)) {
            peak = other;
        }
    }
    return peak;
}

// −Σⱼ tⱼ·ln pⱼ with p = softmax(z) and t = (1 − ε)·one_hot(label) + ε/k; its gradient is w·scale·(p − t).
template <typename T>
__global__ void EACH_ROW_OF(logits)
softmax_cross_entropy(Matrix<const T> logits, Vector<const int32> labels, Vector<const T> weights, double smoothing,
                      double scale, Matrix<T> gradient, Vector<double> row_loss, Vector<double> row_right) {
    each_row(logits.rows, [&](int64 row, int lane) {
        const int64 label = labels[row];
        const Peak<T> best = row_peak(logits, row, lane);
        T total = 0, shifted_sum = 0;
        for (int64 column = lane; column < logits.columns; column += WARP) {
            const T shifted = logits(row, column) - best.value;
            const T power = exp(shifted);
            gradient(row, column) = power;
            total += power;
            shifted_sum += shifted;
        }
        total = warp_sum(total);
        shifted_sum = warp_sum(shifted_sum);
        const T kept = T(1.0 - smoothing), even_share = T(smoothing / logits.columns);
        if (lane == 0) {
            const T target_logit = kept * (logits(row, label) - best.value) + even_share * shifted_sum;
            row_loss[row] = weights[row] * (log(total) - target_logit);
            row_right[row] = best.column == label && total == total;  // not NaN
        }
        const T factor = T(weights[row] * scale);
        for (int64 column = lane; column < logits.columns; column += WARP) {
            gradient(row, column) = factor * (gradient(row, column) / total - even_share);
        }
        if (lane == label % WARP) {
            gradient(row, label) -= factor * kept;
        }
    });
}

// The same loss for targets that are distributions: one-hot rows, or any rows that sum to 1.
template <typename T>
__global__ void EACH_ROW_OF(logits)
softmax_cross_entropy_soft(Matrix<const T> logits, Matrix<const T> targets, Vector<const T> weights, double smoothing,
                           double scale, Matrix<T> gradient, Vector<double> row_loss, Vector<double> row_right) {
    each_row(logits.rows, [&](int64 row, int lane) {
        const Peak<T> best = row_peak(logits, row, lane), label = row_peak(targets, row, lane);
        const T kept = T(1.0 - smoothing), even_share = T(smoothing / logits.columns);
        T total = 0, target_logit = 0;
        for (int64 column = lane; column < logits.columns; column += WARP) {
            const T shifted = logits(row, column) - best.value;
            const T power = exp(shifted);
            gradient(row, column) = power;
            total += power;
            target_logit += (kept * targets(row, column) + even_share) * shifted;
        }
        total = warp_sum(total);
        target_logit = warp_sum(target_logit);
        if (lane == 0) {
            row_loss[row] = weights[row] * (log(total) - target_logit);
            row_right[row] = best.column == label.column && total == total;  // not NaN
        }
        const T factor = T(weights[row] * scale);
        for (int64 column = lane; column < logits.columns; column += WARP) {
            const T target = kept * targets(row, column) + even_share;
            gradient(row, column) = factor * (gradient(row, column) / total - target);
        }
    });
}

// A scalar loss ℓ(y, t) or its derivative by y, with the loss's parameter p.
template <typename T>
using Loss = T (*)(T y, T t, T p);

// element_weight·Σⱼ ℓ(yⱼ, tⱼ) in each row and its gradient w·scale·element_weight·ℓ′(yⱼ, tⱼ).
//
// A row is right, when `right` asks for it, if every output lies on the same side of `threshold` as its target of ½, or if
// the largest output stands where the largest target does.
template <typename T, Loss<T> value, Loss<T> derivative>
__global__ void EACH_ROW_OF(outputs)
elementwise_loss(Matrix<const T> outputs, Matrix<const T> targets, Vector<const T> weights, double parameter,
                 double element_weight, double scale, int64 right, double threshold, Matrix<T> gradient,
                 Vector<double> row_loss, Vector<double> row_right) {
    each_row(outputs.rows, [&](int64 row, int lane) {
        const T factor = T(weights[row] * scale * element_weight);
        T total = 0;
        int wrong_sides = 0;
        for (int64 column = lane; column < outputs.columns; column += WARP) {
            const T output = outputs(row, column), target = targets(row, column);
            total += value(output, target, T(parameter));
            gradient(row, column) = factor * derivative(output, target, T(parameter));
            wrong_sides += (output > T(threshold)) != (target > T(0.5));
        }
        total = warp_sum(total);
        bool is_right = false;
        if (right == RIGHT_THRESHOLD) {
            is_right = warp_sum(wrong_sides) == 0;
        } else if (right == RIGHT_ARGMAX) {
            is_right = row_peak(outputs, row, lane).column == row_peak(targets, row, lane).column;
        }
        if (lane == 0) {
            row_loss[row] = weights[row] * element_weight * total;
            row_right[row] = is_right && total == total;  // not NaN
        }
    });
}

// Add a batch's loss, number right and number of rows to the epoch's sums.
__global__ void ONE_BLOCK
accumulate_sums(Vector<const double> row_loss, Vector<const double> row_right, Vector<double> sums) {
    double loss = 0, right = 0;
    for (int64 row = threadIdx.x; row < row_loss.size; row += BLOCK) {
        loss += row_loss[row];
        right += row_right[row];
    }
    loss = block_sum(loss);
    right = block_sum(right);
    if (threadIdx.x == 0) {
        sums[LOSS_SUM] += loss;
        sums[RIGHT_SUM] += right;
        sums[ROW_COUNT] += row_loss.size;
    }
}

template <typename T>
__device__ T squared_error(T y, T t, T p) {
    return (y - t) * (y - t);
}

template <typename T>
__device__ T squared_error_derivative(T y, T t, T p) {
    return T(2) * (y - t);
}

template <typename T>
__device__ T absolute_error(T y, T t, T p) {
    return fabs(y - t);
}

template <typename T>
__device__ T absolute_error_derivative(T y, T t, T p) {
    const T difference = y - t;  // a subgradient of 0 where the output meets its target; NaN stays NaN
    return difference > 0 ? T(1) : difference < 0 ? T(-1) : difference;
}

// ½d² up to |d| = p, then p·(|d| − p/2): Huber 1964.
template <typename T>
__device__ T huber(T y, T t, T p) {
    const T size = fabs(y - t);
    return size <= p ? T(0.5) * size * size : p * (size - T(0.5) * p);
}

template <typename T>
__device__ T huber_derivative(T y, T t, T p) {
    const T difference = y - t;
    return difference > p ? p : difference < -p ? -p : difference;
}

// p·(t − y) where the output is too low, (1 − p)·(y − t) where it is too high: Koenker and Bassett 1978.
template <typename T>
__device__ T pinball(T y, T t, T p) {
    const T missing = t - y;
    return missing >= 0 ? p * missing : (p - T(1)) * missing;
}

template <typename T>
__device__ T pinball_derivative(T y, T t, T p) {
    const T missing = t - y;  // a subgradient of 0 at the kink; NaN stays NaN
    return missing > 0 ? -p : missing < 0 ? T(1) - p : missing;
}

// element_weight·Σⱼ pinball(yⱼ, tⱼ, levelⱼ) in each row, and its gradient; no row is right.
template <typename T>
__global__ void EACH_ROW_OF(outputs)
quantile_loss(Matrix<const T> outputs, Matrix<const T> targets, Vector<const T> levels, Vector<const T> weights,
              double element_weight, double scale, Matrix<T> gradient, Vector<double> row_loss,
              Vector<double> row_right) {
    each_row(outputs.rows, [&](int64 row, int lane) {
        const T factor = T(weights[row] * scale * element_weight);
        T total = 0;
        for (int64 column = lane; column < outputs.columns; column += WARP) {
            const T output = outputs(row, column), target = targets(row, column), level = levels[column];
            total += pinball(output, target, level);
            gradient(row, column) = factor * pinball_derivative(output, target, level);
        }
        total = warp_sum(total);
        if (lane == 0) {
            row_loss[row] = weights[row] * element_weight * total;
            row_right[row] = 0;
        }
    });
}

// −[t·ln σ(z) + (1 − t)·ln(1 − σ(z))] from the logit z, p the label smoothing towards ½.
template <typename T>
__device__ T log_loss(T z, T t, T p) {
    const T target = t * (T(1) - p) + T(0.5) * p;
    // Both terms are positive: nothing cancels when a confident prediction is right.
    return fabs(z) * (z > 0 ? T(1) - target : target) + log1p_exp_of_negative(fabs(z));
}

template <typename T>
__device__ T log_loss_derivative(T z, T t, T p) {
    const T target = t * (T(1) - p) + T(0.5) * p;
    const T small = exp(-fabs(z));
    return (z < 0 ? small : T(1)) / (T(1) + small) - target;
}

// Half the deviance t·ln(t/μ) − t + μ with μ = eʸ, where 0·ln 0 is 0.
template <typename T>
__device__ T poisson(T y, T t, T p) {
    const T constant = t > 0 ? t * log(t) - t : T(0);
    return constant - t * y + exp(y);
}

template <typename T>
__device__ T poisson_derivative(T y, T t, T p) {
    return exp(y) - t;
}
