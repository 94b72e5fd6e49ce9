// Blocks of rows, one for each member of an ensemble: what a member does to its own block, and the mean over all.

// destination = source: a member's outputs take their place among those of all.
template <typename T>
__global__ void EACH_ELEMENT_OF(destination) copy_rows(Matrix<const T> source, Matrix<T> destination) {
    const bool packs = in_packs<T>(destination.columns, source.data, destination.data);
    each_element<T>(packs, destination.rows, destination.columns, [&](int64 row, int64 column, auto lanes) {
        lanes.store(lanes.load(&source(row, column)), &destination(row, column));
    });
}

// mean[r] = Σₘ values[m·block + r]/members: a block of rows for each member, which all saw the same rows.
template <typename T>
__global__ void EACH_ELEMENT_OF(mean) mean_of_members(Matrix<const T> values, int64 block, Matrix<T> mean) {
    const bool packs = in_packs<T>(mean.columns, values.data, mean.data);
    each_element<T>(packs, mean.rows, mean.columns, [&](int64 row, int64 column, auto lanes) {
        auto total = lanes.load(&values(row, column));
        T members = 1;
        for (int64 place = row + block; place < values.rows; place += block) {
            const auto other = lanes.load(&values(place, column));
            for (int i = 0; i < lanes.count; ++i) {
                total[i] += other[i];
            }
            members += 1;
        }
        for (int i = 0; i < lanes.count; ++i) {
            total[i] /= members;
        }
        lanes.store(total, &mean(row, column));
    });
}

// y = x ⊙ scale[m] in the block of member m, of block rows.
//
// An x of one block serves all members.
template <typename T>
__global__ void EACH_ELEMENT_OF(y) scale_members(Matrix<const T> x, Matrix<const T> scale, int64 block, Matrix<T> y) {
    const bool packs = in_packs<T>(y.columns, x.data, scale.data, y.data);
    each_element<T>(packs, y.rows, y.columns, [&](int64 row, int64 column, auto lanes) {
        auto values = lanes.load(&x(row % x.rows, column));
        const auto factors = lanes.load(&scale(row / block, column));
        for (int i = 0; i < lanes.count; ++i) {
            values[i] *= factors[i];
        }
        lanes.store(values, &y(row, column));
    });
}

// y = x ⊙ scale[m] + shift[m] in the block of member m, of block rows.
template <typename T>
__global__ void EACH_ELEMENT_OF(y) scale_and_shift_members(Matrix<const T> x, Matrix<const T> scale,
                                                           Matrix<const T> shift, int64 block, Matrix<T> y) {
    const bool packs = in_packs<T>(y.columns, x.data, scale.data, shift.data, y.data);
    each_element<T>(packs, y.rows, y.columns, [&](int64 row, int64 column, auto lanes) {
        auto values = lanes.load(&x(row, column));
        const auto factors = lanes.load(&scale(row / block, column));
        const auto terms = lanes.load(&shift(row / block, column));
        for (int i = 0; i < lanes.count; ++i) {
            values[i] = values[i] * factors[i] + terms[i];
        }
        lanes.store(values, &y(row, column));
    });
}

// dscale[m] = Σ dy ⊙ x over the block of member m, and dx = dy ⊙ scale[m] in place of dy.
template <typename T>
__global__ void EACH_COLUMN_OF(dy) scale_members_backward(Matrix<T> dy, Matrix<const T> x, Matrix<const T> scale,
                                                          int64 block, Matrix<T> dscale) {
    each_column(dy.columns, [&](int64 column, bool is_inside) {
        for (int64 member = 0; member < scale.rows; ++member) {
            const int64 end = is_inside ? (member + 1) * block : 0;
            T own = 0;
            for (int64 row = member * block + threadIdx.y; row < end; row += COLUMN_THREADS) {
                own += dy(row, column) * x(row, column);
                dy(row, column) *= scale(member, column);
            }
            const T total = column_sum(own);
            if (is_inside && threadIdx.y == 0) {
                dscale(member, column) = total;
            }
        }
    });
}

// dshift[m] = Σ dy over the block of member m.
template <typename T>
__global__ void EACH_COLUMN_OF(dy) shift_members_backward(Matrix<const T> dy, int64 block, Matrix<T> dshift) {
    each_column(dy.columns, [&](int64 column, bool is_inside) {
        for (int64 member = 0; member < dshift.rows; ++member) {
            const int64 end = is_inside ? (member + 1) * block : 0;
            T own = 0;
            for (int64 row = member * block + threadIdx.y; row < end; row += COLUMN_THREADS) {
                own += dy(row, column);
            }
            const T total = column_sum(own);
            if (is_inside && threadIdx.y == 0) {
                dshift(member, column) = total;
            }
        }
    });
}
