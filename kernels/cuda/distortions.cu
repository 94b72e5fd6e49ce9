// Pictures of a batch shifted, turned, scaled, mirrored and bent: what each row gets is a function of (seed, epoch, the row's
// number in the data) alone.
//
// A place of the new picture shows what the old one has at an affine map of the place, moved by an elastic field. The field is
// that of Simard et al. 2003, noise smoothed by a Gaussian, with a cubic B-spline in the Gaussian's stead: a knot every √3·σ
// holds uniform noise, and the spline around it has the variance σ². Four words of random bits (`philox`) come from the counter
// (block, the row's two words, epoch) under the key (seed's low word, its high word with the highest bit set, which dropout
// never has): block 0 is for shift, rotation and scale, block 1 for the mirror, and those from 2 on are for the knots.

inline constexpr uint32 HIGHEST_BIT = 0x80000000;

// The number in (−1, 1) that 32 random bits stand for: uniform.
__device__ inline double between_ends(uint32 word) { return (double(word) + 0.5) / 2147483648.0 - 1.0; }

// Four words of random bits for a row of an epoch.
__device__ inline Pack<uint32, WORDS> draw(int64 block, int64 row, int64 epoch, int64 seed) {
    return philox({uint32(block), uint32(row), uint32(uint64(row) >> 32), uint32(epoch)}, uint32(seed),
                  uint32(uint64(seed) >> 32) | HIGHEST_BIT);
}

// Draw each row's map (x, y) → (a·x + b·y + c, d·x + e·y + f) and its knots.
//
// The new picture is the old one mirrored with probability ½ where `flip` is 1, turned about its middle by up to `rotation`
// radians, scaled by a factor in 1 ± `scale`, and moved by up to `shift` pixels along each axis; the map is the inverse. Each
// knot is uniform in ±`amplitude`.
template <typename T>
__global__ void EACH_ROW_OF(maps)
draw_distortions(Vector<const int64> order, Vector<const int64> counters, Vector<const int64> epoch, Matrix<double> maps,
                 Matrix<T> knots, int64 seed, int64 height, int64 width, double shift, double rotation, double scale,
                 int64 flip, double amplitude) {
    const int64 start = counters[BATCH_START];
    const double middle_x = 0.5 * (width - 1), middle_y = 0.5 * (height - 1);
    each_row(maps.rows, [&](int64 row, int lane) {
        const int64 chosen = order[start + row];
        if (lane == 0) {
            const auto words = draw(0, chosen, epoch[0], seed);
            const double angle = rotation * between_ends(words[2]), factor = 1.0 + scale * between_ends(words[3]);
            const double along = cos(angle) / factor, across = sin(angle) / factor;
            const bool is_mirrored = flip == 1 && draw(1, chosen, epoch[0], seed)[0] >= HIGHEST_BIT;
            const double sign = is_mirrored ? -1.0 : 1.0;
            const double from_x = middle_x + shift * between_ends(words[0]);
            const double from_y = middle_y + shift * between_ends(words[1]);
            maps(row, 0) = sign * along;
            maps(row, 1) = sign * across;
            maps(row, 2) = middle_x - sign * (along * from_x + across * from_y);
            maps(row, 3) = -across;
            maps(row, 4) = along;
            maps(row, 5) = middle_y + across * from_x - along * from_y;
        }
        for (int64 knot = int64(lane) * WORDS; knot < knots.columns; knot += int64(WARP) * WORDS) {
            const auto words = draw(2 + knot / WORDS, chosen, epoch[0], seed);
            for (int i = 0; i < WORDS && knot + i < knots.columns; ++i) {
                knots(row, knot + i) = T(amplitude * between_ends(words[i]));
            }
        }
    });
}

// A spline's value: the sum of SPLINE_TAPS knots, the first at `first` and each next one `step` further on, times their taps.
template <typename T>
__device__ T spline(const T* knots, int64 first, int64 step, Matrix<const T> taps, int64 place) {
    T total = taps(0, place) * knots[first];
    for (int k = 1; k < SPLINE_TAPS; ++k) {
        total += taps(k, place) * knots[first + k * step];
    }
    return total;
}

// spread[line, x] = Σₖ taps[k, x]·knots[line, starts[x] + k]: splines along each line of knots.
//
// A row holds its `lines` one after the other.
template <typename T>
__global__ void EACH_ELEMENT_OF(spread)
spread_knots(Matrix<const T> knots, Vector<const int64> starts, Matrix<const T> taps, Matrix<T> spread, int64 lines) {
    walk<1>(spread.rows, spread.columns, [&](int64 row, int64 column, auto) {
        const int64 line = column / starts.size, x = column % starts.size;
        const int64 first = line * (knots.columns / lines) + starts[x];
        spread(row, column) = spline(&knots(row, 0), first, 1, taps, x);
    });
}

// The pixels on both sides of a place along an axis, and how much each of them weighs.
//
// A neighbour outside the picture weighs nothing, and one of the edge is named in its stead.
template <typename T>
struct Neighbours {
    int64 at[2];
    T weight[2];

    __device__ Neighbours(T place, int64 length) {
        place = place > T(-1) ? place : T(-1);
        place = place < T(length) ? place : T(length);
        const T below = floor(place), share = place - below, last = T(length - 1);
        const int64 first = int64(below);
        weight[0] = below >= T(0) && below <= last ? T(1) - share : T(0);
        weight[1] = below < last ? share : T(0);
        at[0] = first < 0 ? 0 : (first < length ? first : length - 1);
        at[1] = first + 1 < length ? first + 1 : length - 1;
    }
};

// batch[r, place] = (picture r at map(place) + field(place))·scale + shift.
//
// Between pixels a picture is bilinear; outside it is 0. A row of `spread` holds the field's splines along x for each line of
// knots, first those for x and then those for y; the splines along y are taken here: Σₖ taps[k, y]·spread[starts[y] + k, x].
// Without columns there is no field.
template <typename T>
__global__ void EACH_ELEMENT_OF(batch)
distort_pictures(Matrix<const T> pictures, Matrix<const double> maps, Matrix<const T> spread, Vector<const int64> starts,
                 Matrix<const T> taps, Vector<const T> scale, Vector<const T> shift, int64 height, int64 width,
                 Matrix<T> batch) {
    const int64 channels = batch.columns / (height * width), lines = spread.columns / (2 * width);
    walk<1>(batch.rows, batch.columns, [&](int64 row, int64 place, auto) {
        const int64 pixel = place / channels, channel = place % channels, y = pixel / width, x = pixel % width;
        T source_x = T(maps(row, 0)) * T(x) + T(maps(row, 1) * y + maps(row, 2));
        T source_y = T(maps(row, 3)) * T(x) + T(maps(row, 4) * y + maps(row, 5));
        if (lines > 0) {
            const int64 upper = starts[y] * width + x;
            source_x += spline(&spread(row, 0), upper, width, taps, y);
            source_y += spline(&spread(row, 0), upper + lines * width, width, taps, y);
        }
        const Neighbours<T> across(source_x, width), down(source_y, height);
        T seen = T(0);
        for (int i = 0; i < 2; ++i) {
            const int64 line = down.at[i] * width;
            const T left = pictures(row, (line + across.at[0]) * channels + channel);
            const T right = pictures(row, (line + across.at[1]) * channels + channel);
            seen += down.weight[i] * (across.weight[0] * left + across.weight[1] * right);
        }
        batch(row, place) = seen * scale[place] + shift[place];
    });
}
