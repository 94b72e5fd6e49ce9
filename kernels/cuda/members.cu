// What the members of an ensemble share: one matrix of their outputs, and the mean of these.

// destination = source: a member's outputs take their place among those of all.
template <typename T>
__global__ void EACH_ELEMENT_OF(destination) copy_rows(Matrix<const T> source, Matrix<T> destination) {
    const bool packs = in_packs<T>(destination.columns, source.data, destination.data);
    each_element<T>(packs, destination.rows, destination.columns, [&](int64 row, int64 column, auto lanes) {
        lanes.store(lanes.load(&source(row, column)), &destination(row, column));
    });
}

// mean[r] = sum over members of values[m * block + r] / members, added in the order of the members.
template <typename T>
__global__ void EACH_ELEMENT_OF(mean) mean_of_members(Matrix<const T> values, int64 block, Matrix<T> mean) {
    const int64 members = values.rows / block;
    const bool packs = in_packs<T>(mean.columns, values.data, mean.data);
    each_element<T>(packs, mean.rows, mean.columns, [&](int64 row, int64 column, auto lanes) {
        auto total = lanes.load(&values(row, column));
        for (int64 member = 1; member < members; ++member) {
            const auto other = lanes.load(&values(member * block + row, column));
            for (int i = 0; i < lanes.count; ++i) {
                total[i] += other[i];
            }
        }
        for (int i = 0; i < lanes.count; ++i) {
            total[i] /= T(members);
        }
        lanes.store(total, &mean(row, column));
    });
}
