// Dropout with a mask that is a function of (seed, update, layer, element): Philox in the kernel.
//
// The mask needs no state to resume, and is the same on every device and for every grid. Element (row, column) takes word
// column % 4 of the block whose counter is (row·⌈width/4⌉ + column / 4, low word of the update, layer, high word of the
// update), under the key (seed's two words).

// y = x·mask/keep; each element of the mask is 1 with probability keep = 1 − rate·share.
//
// With `whole_units` the mask of row 0 serves every row: a unit is dropped for the whole batch. `offset` is the place of
// x's first row in the batch, of which a rank may have a part.
template <typename T>
__global__ void EACH_ELEMENT_OF(x)
dropout_forward(Matrix<const T> x, Matrix<uint8> mask, Matrix<T> y, Vector<const int64> counters, int64 seed,
                int64 layer, double rate, Vector<const double> share, int64 whole_units, int64 offset) {
    const double keep = 1.0 - rate * share[0];
    const uint64 update = counters[UPDATE], threshold = uint64(keep * 4294967296.0);
    const int64 blocks = (x.columns + WORDS - 1) / WORDS;
    const T inverse = T(1.0 / keep);
    const bool packs = fit<WORDS>(x.columns, x.data, mask.data, y.data);
    walk<WORDS>(x.rows, x.columns, [&](int64 row, int64 column, auto lanes) {
        const int64 block = (whole_units ? 0 : (offset + row) * blocks) + column / WORDS;
        const auto words = philox({uint32(block), uint32(update), uint32(layer), uint32(update >> 32)}, uint32(seed),
                                  uint32(uint64(seed) >> 32));
        if (packs) {
            Pack<uint8, WORDS> kept;
            auto values = lanes.load(&x(row, column));
            for (int i = 0; i < WORDS; ++i) {
                kept[i] = words[i] < threshold;
                values[i] = kept[i] ? values[i] * inverse : T(0);
            }
            lanes.store(kept, &mask(row, column));
            lanes.store(values, &y(row, column));
        } else {
            for (int i = 0; i < WORDS && column + i < x.columns; ++i) {
                const bool is_kept = words[i] < threshold;
                mask(row, column + i) = is_kept;
                y(row, column + i) = is_kept ? x(row, column + i) * inverse : T(0);
            }
        }
    });
}

// dx = dy·mask/keep, in place of the upstream gradient dy.
template <typename T>
__global__ void EACH_ELEMENT_OF(upstream)
dropout_backward(Matrix<T> upstream, Matrix<const uint8> mask, double rate, Vector<const double> share) {
    const T inverse = T(1.0 / (1.0 - rate * share[0]));
    const bool packs = in_packs<T>(upstream.columns, upstream.data, mask.data);
    each_element<T>(packs, upstream.rows, upstream.columns, [&](int64 row, int64 column, auto lanes) {
        auto gradient = lanes.load(&upstream(row, column));
        const auto kept = lanes.load(&mask(row, column));
        for (int i = 0; i < lanes.count; ++i) {
            gradient[i] = kept[i] ? gradient[i] * inverse : T(0);
        }
        lanes.store(gradient, &upstream(row, column));
    });
}
