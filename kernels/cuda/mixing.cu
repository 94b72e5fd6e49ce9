// Activations mixed with what enters them, each unit by a weight α that is learnt.

// f = f(z), a = α·f + (1 − α)·z.
template <typename T, Activation<T> value>
__global__ void EACH_ELEMENT_OF(z)
mix_forward(Matrix<const T> z, Vector<const T> mix, Matrix<T> f, Matrix<T> a, double parameter) {
    const bool packs = in_packs<T>(z.columns, z.data, mix.data, f.data, a.data);
    each_element<T>(packs, z.rows, z.columns, [&](int64 row, int64 column, auto lanes) {
        auto outputs = lanes.load(&z(row, column));
        auto bent = outputs;
        const auto shares = lanes.load(&mix[column]);
        for (int i = 0; i < lanes.count; ++i) {
            bent[i] = value(outputs[i], T(parameter));
            outputs[i] = shares[i] * bent[i] + (T(1) - shares[i]) * outputs[i];
        }
        lanes.store(bent, &f(row, column));
        lanes.store(outputs, &a(row, column));
    });
}

// dα = the sum of da ⊙ (f − z) over the rows of the batch.
template <typename T>
__global__ void EACH_COLUMN_OF(z)
mix_gradient(Matrix<const T> upstream, Matrix<const T> f, Matrix<const T> z, Vector<T> dmix) {
    each_column(z.columns, [&](int64 column, bool is_inside) {
        T own = 0;
        for (int64 row = threadIdx.y; row < z.rows && is_inside; row += COLUMN_THREADS) {
            own += upstream(row, column) * (f(row, column) - z(row, column));
        }
        const T sum = column_sum(own);
        if (is_inside && threadIdx.y == 0) {
            dmix[column] = sum;
        }
    });
}

// dz = da ⊙ (α·f′ + 1 − α), in place of the upstream gradient da; f′ comes from the saved f (or z).
template <typename T, Activation<T> derivative>
__global__ void EACH_ELEMENT_OF(saved)
mix_backward(Matrix<T> upstream, Matrix<const T> saved, Vector<const T> mix, double parameter) {
    const bool packs = in_packs<T>(saved.columns, upstream.data, saved.data, mix.data);
    each_element<T>(packs, saved.rows, saved.columns, [&](int64 row, int64 column, auto lanes) {
        auto gradient = lanes.load(&upstream(row, column));
        const auto from = lanes.load(&saved(row, column));
        const auto shares = lanes.load(&mix[column]);
        for (int i = 0; i < lanes.count; ++i) {
            gradient[i] *= shares[i] * derivative(from[i], T(parameter)) + (T(1) - shares[i]);
        }
        lanes.store(gradient, &upstream(row, column));
    });
}
