// Batches and updates begin here: rows chosen by the epoch's order are copied, converted and scaled in one pass; results go
// back by the same order.
//
// Data stay as they are stored (uint8 images a quarter of the size); only the batch at hand is in floating point.

// Go to the batch that starts in the epoch's order where the one before ended.
__device__ inline void advance(Vector<int64> counters, int64 batch_size) {
    counters[BATCH_START] = counters[NEXT_START];
    counters[NEXT_START] += batch_size;
}

// Also count the update (from 1); return its learning rate from the epoch's table.
__device__ inline double advance_update(Vector<int64> counters, int64 batch_size, Vector<const double> learning_rates) {
    advance(counters, batch_size);
    const double rate = learning_rates[counters[STEP]];
    counters[UPDATE] += 1;
    counters[STEP] += 1;
    return rate;
}

// Move on to the next batch, without an update: to measure or to predict.
__global__ void ONE_THREAD begin_batch(Vector<int64> counters, int64 batch_size) {
    advance(counters, batch_size);
}

// Move on to the next batch and to its update: count it and take its learning rate.
__global__ void ONE_THREAD
begin_update(Vector<int64> counters, int64 batch_size, Vector<const double> learning_rates,
             Vector<double> learning_rate) {
    learning_rate[0] = advance_update(counters, batch_size, learning_rates);
}

// Do the same, and set scale = −lr, keep = 1 − lr·decay: W ← scale·xᵀ·dz + keep·W is then the step of sgd on dW.
template <typename T>
__global__ void ONE_THREAD
begin_folded_update(Vector<int64> counters, int64 batch_size, Vector<const double> learning_rates, double decay,
                    Vector<double> learning_rate, Vector<T> scale, Vector<T> keep) {
    const double rate = advance_update(counters, batch_size, learning_rates);
    learning_rate[0] = rate;
    scale[0] = T(-rate);
    keep[0] = T(1.0 - rate * decay);
}

// Take the number of the update that has just begun from the epoch's table.
__global__ void ONE_THREAD
take_of_step(Vector<const double> table, Vector<const int64> counters, Vector<double> taken) {
    taken[0] = table[counters[STEP] - 1];
}

// batch[r] = source[order[start + r]], converted to the batch's type.
template <typename Source, typename T>
__global__ void EACH_ELEMENT_OF(batch)
gather_rows(Matrix<const Source> source, Vector<const int64> order, Vector<const int64> counters, Matrix<T> batch) {
    const int64 start = counters[BATCH_START];
    const bool packs = in_packs<T>(batch.columns, source.data, batch.data);
    each_element<T>(packs, batch.rows, batch.columns, [&](int64 row, int64 column, auto lanes) {
        const auto stored = lanes.load(&source(order[start + row], column));
        Pack<T, lanes.count> values;
        for (int i = 0; i < lanes.count; ++i) {
            values[i] = T(stored[i]);
        }
        lanes.store(values, &batch(row, column));
    });
}

// batch[r] = source[order[start + r]]·scale + shift, column by column.
template <typename Source, typename T>
__global__ void EACH_ELEMENT_OF(batch)
gather_scaled_rows(Matrix<const Source> source, Vector<const int64> order, Vector<const int64> counters,
                   Vector<const T> scale, Vector<const T> shift, Matrix<T> batch) {
    const int64 start = counters[BATCH_START];
    const bool packs = in_packs<T>(batch.columns, source.data, scale.data, shift.data, batch.data);
    each_element<T>(packs, batch.rows, batch.columns, [&](int64 row, int64 column, auto lanes) {
        const auto stored = lanes.load(&source(order[start + row], column));
        const auto scales = lanes.load(&scale[column]), shifts = lanes.load(&shift[column]);
        Pack<T, lanes.count> values;
        for (int i = 0; i < lanes.count; ++i) {
            values[i] = T(stored[i]) * scales[i] + shifts[i];
        }
        lanes.store(values, &batch(row, column));
    });
}

// batch[r] = (source[order[start + r]] − origin)·scale + shift, the difference in float64.
//
// Rounding to T first would lose what tells the values of a column apart that lies far from zero. Where the origin is 0, the bits
// are those of gather_scaled_rows.
template <typename Source, typename T>
__global__ void EACH_ELEMENT_OF(batch)
gather_centred_rows(Matrix<const Source> source, Vector<const int64> order, Vector<const int64> counters,
                    Vector<const double> origin, Vector<const T> scale, Vector<const T> shift, Matrix<T> batch) {
    const int64 start = counters[BATCH_START];
    const bool packs = in_packs<T>(batch.columns, source.data, origin.data, scale.data, shift.data, batch.data);
    each_element<T>(packs, batch.rows, batch.columns, [&](int64 row, int64 column, auto lanes) {
        const auto stored = lanes.load(&source(order[start + row], column));
        const auto origins = lanes.load(&origin[column]);
        const auto scales = lanes.load(&scale[column]), shifts = lanes.load(&shift[column]);
        Pack<T, lanes.count> values;
        for (int i = 0; i < lanes.count; ++i) {
            values[i] = T(double(stored[i]) - origins[i]) * scales[i] + shifts[i];
        }
        lanes.store(values, &batch(row, column));
    });
}

// batch[r] = source[order[start + r]]: labels or sample weights.
template <typename Element>
__global__ void EACH_ELEMENT_OF(batch)
gather_elements(Vector<const Element> source, Vector<const int64> order, Vector<const int64> counters,
                Vector<Element> batch) {
    const int64 start = counters[BATCH_START];
    walk<1>(1, batch.size, [&](int64, int64 row, auto) { batch[row] = source[order[start + row]]; });
}

// destination[order[start + r]] = batch[r]: predictions return to the order of the data.
template <typename T>
__global__ void EACH_ELEMENT_OF(batch)
scatter_rows(Matrix<const T> batch, Vector<const int64> order, Vector<const int64> counters, Matrix<T> destination) {
    const int64 start = counters[BATCH_START];
    const bool packs = in_packs<T>(batch.columns, batch.data, destination.data);
    each_element<T>(packs, batch.rows, batch.columns, [&](int64 row, int64 column, auto lanes) {
        lanes.store(lanes.load(&batch(row, column)), &destination(order[start + row], column));
    });
}
