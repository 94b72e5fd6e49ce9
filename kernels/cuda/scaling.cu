// Products with factors: of each column by its own, which is learnt, and of a matrix by one number.

// y = x ⊙ s, the factors s one a column.
template <typename T>
__global__ void EACH_ELEMENT_OF(x) scale_columns(Matrix<const T> x, Vector<const T> factors, Matrix<T> y) {
    const bool packs = in_packs<T>(x.columns, x.data, factors.data, y.data);
    each_element<T>(packs, x.rows, x.columns, [&](int64 row, int64 column, auto lanes) {
        auto values = lanes.load(&x(row, column));
        const auto own = lanes.load(&factors[column]);
        for (int i = 0; i < lanes.count; ++i) {
            values[i] *= own[i];
        }
        lanes.store(values, &y(row, column));
    });
}

// ds = the sum of dy ⊙ x over the rows of the batch.
template <typename T>
__global__ void EACH_COLUMN_OF(dy)
scale_columns_gradient(Matrix<const T> dy, Matrix<const T> x, Vector<T> dfactors) {
    each_column(dy.columns, [&](int64 column, bool is_inside) {
        T own = 0;
        for (int64 row = threadIdx.y; row < dy.rows && is_inside; row += COLUMN_THREADS) {
            own += dy(row, column) * x(row, column);
        }
        const T sum = column_sum(own);
        if (is_inside && threadIdx.y == 0) {
            dfactors[column] = sum;
        }
    });
}

// z ← factor·z.
template <typename T>
__global__ void EACH_ELEMENT_OF(z) scale_matrix(Matrix<T> z, double factor) {
    const bool packs = in_packs<T>(z.columns, z.data);
    each_element<T>(packs, z.rows, z.columns, [&](int64 row, int64 column, auto lanes) {
        auto values = lanes.load(&z(row, column));
        for (int i = 0; i < lanes.count; ++i) {
            values[i] *= T(factor);
        }
        lanes.store(values, &z(row, column));
    });
}
