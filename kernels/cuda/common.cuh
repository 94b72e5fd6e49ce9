// What all kernels share: arrays, who does which part of the work, packs of elements, and sums in one fixed order.
// The text is pasted in front of every .cu file, after the numbers of kernels/constants.py; it includes nothing.

using int32 = int;
using int64 = long long;
using uint8 = unsigned char;
using uint32 = unsigned int;
using uint64 = unsigned long long;

// A contiguous array of one dimension.
template <typename T>
struct Vector {
    T* data;
    int64 size;

    __device__ T& operator[](int64 i) const { return data[i]; }
};

// A C-contiguous array of two dimensions.
template <typename T>
struct Matrix {
    T* data;
    int64 rows, columns;

    __device__ T& operator()(int64 row, int64 column) const { return data[row * columns + column]; }
};

// ---------------------------------------------------------------------------------------------------------------------
// Who does what. Each kernel says one of these words before its name; kernels/cuda/source.py reads it and chooses the grid.
// The numbers are the largest block that will be launched and how many of these must fit one multiprocessor: the compiler
// shares out registers by them. Without the second it guesses at more blocks, and has registers spill to get there.

#define ONE_THREAD __launch_bounds__(1)
#define ONE_BLOCK __launch_bounds__(256, 3)
// A thread takes one element, or one pack of 16 bytes, and then others a grid away: see each_element.
#define EACH_ELEMENT_OF(array) __launch_bounds__(256, 3)
// A warp takes one row and then others a grid away: see each_row.
#define EACH_ROW_OF(matrix) __launch_bounds__(256, 3)
// A block of WARP × COLUMN_THREADS takes WARP columns and then others a grid away: see each_column.
#define EACH_COLUMN_OF(array) __launch_bounds__(512, 2)
// A block takes one entry of a vector, and then others a grid away.
#define EACH_ENTRY_OF(vector) __launch_bounds__(256, 3)

// ---------------------------------------------------------------------------------------------------------------------
// Elements, by packs of 16 bytes where every array allows it: one instruction then moves four float32.

template <typename T, int count>
struct alignas(sizeof(T) * count) Pack {
    T at[count];

    __device__ T& operator[](int i) { return at[i]; }
    __device__ const T& operator[](int i) const { return at[i]; }
};

// How many elements the body of each_element is given at a time, and how it reads and writes them.
template <int lanes>
struct Lanes {
    static constexpr int count = lanes;

    template <typename T>
    static __device__ Pack<T, lanes> load(const T* first) {
        return *reinterpret_cast<const Pack<T, lanes>*>(first);
    }

    template <typename T>
    static __device__ void store(const Pack<T, lanes>& pack, T* first) {
        *reinterpret_cast<Pack<T, lanes>*>(first) = pack;
    }
};

template <typename T>
constexpr int lanes_of = PACK_BYTES / sizeof(T);

// Whether packs of so many elements fit rows of so many columns, in all of these arrays.
template <int lanes, typename... Elements>
__device__ bool fit(int64 columns, const Elements*... arrays) {
    return columns % lanes == 0 && ((reinterpret_cast<uint64>(arrays) % (lanes * sizeof(Elements)) == 0) && ...);
}

template <typename T, typename... Elements>
__device__ bool in_packs(int64 columns, const Elements*... arrays) {
    return fit<lanes_of<T>>(columns, arrays...);
}

template <int lanes, typename Body>
__device__ void walk(int64 rows, int64 columns, Body body) {
    const int64 first_row = int64(blockIdx.y) * blockDim.y + threadIdx.y;
    const int64 first_column = (int64(blockIdx.x) * blockDim.x + threadIdx.x) * lanes;
    const int64 row_step = int64(gridDim.y) * blockDim.y;
    const int64 column_step = int64(gridDim.x) * blockDim.x * lanes;
    for (int64 row = first_row; row < rows; row += row_step) {
        for (int64 column = first_column; column < columns; column += column_step) {
            body(row, column, Lanes<lanes>());
        }
    }
}

// Call body(row, column, lanes) until every element of a matrix has been covered once, lanes.count at a time.
template <typename T, typename Body>
__device__ void each_element(bool packs, int64 rows, int64 columns, Body body) {
    if (packs) {
        walk<lanes_of<T>>(rows, columns, body);
    } else {
        walk<1>(rows, columns, body);
    }
}

// The same for a vector: body(i, lanes).
template <typename T, typename Body>
__device__ void each_element(bool packs, int64 size, Body body) {
    each_element<T>(packs, 1, size, [&](int64, int64 i, auto lanes) { body(i, lanes); });
}

// The least finite number: where the search for a largest begins.
template <typename T>
constexpr T lowest = 0;
template <>
constexpr float lowest<float> = -3.402823466e+38f;
template <>
constexpr double lowest<double> = -1.7976931348623157e+308;

// ---------------------------------------------------------------------------------------------------------------------
// Rows: a warp takes one, and its lanes the columns lane, lane + WARP, …

// Call body(row, lane) for every row; the 32 threads of a warp are given the same rows.
template <typename Body>
__device__ void each_row(int64 rows, Body body) {
    const int64 warps = blockDim.x / WARP;
    for (int64 row = blockIdx.x * warps + threadIdx.x / WARP; row < rows; row += gridDim.x * warps) {
        body(row, int(threadIdx.x % WARP));
    }
}

// The sum over a warp, the same bits in every lane.
template <typename T>
__device__ T warp_sum(T own) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        own += __shfl_xor_sync(0xFFFFFFFFu, own, distance);
    }
    return own;
}

// The largest over a warp, in every lane; NaN is passed over.
template <typename T>
__device__ T warp_max(T own) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        const T other = __shfl_xor_sync(0xFFFFFFFFu, own, distance);
        own = other > own ? other : own;
    }
    return own;
}

// ---------------------------------------------------------------------------------------------------------------------
// Columns and blocks: sums through shared memory, always in the same order.

// Call body(column, is_inside) with column = threadIdx.x counted from each stretch of WARP columns; every thread of the block
// is called, those past the last column too, so that a body may wait for the others.
template <typename Body>
__device__ void each_column(int64 columns, Body body) {
    for (int64 first = int64(blockIdx.x) * WARP; first < columns; first += int64(gridDim.x) * WARP) {
        const int64 column = first + threadIdx.x;
        body(column, column < columns);
    }
}

// The sum of what the COLUMN_THREADS threads of a column hold, in each of them. Every thread of the block must call it.
template <typename T>
__device__ T column_sum(T own) {
    __shared__ T parts[COLUMN_THREADS][WARP];
    parts[threadIdx.y][threadIdx.x] = own;
    __syncthreads();
    for (int half = COLUMN_THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) {
            parts[threadIdx.y][threadIdx.x] += parts[threadIdx.y + half][threadIdx.x];
        }
        __syncthreads();
    }
    const T sum = parts[0][threadIdx.x];
    __syncthreads();  // all have read it before another sum is begun
    return sum;
}

// Where a thread stands in its block, and how many there are; both count along rows of threads, where it has several.
__device__ inline int thread_of_block() { return int(threadIdx.y * blockDim.x + threadIdx.x); }
__device__ inline int threads_of_block() { return int(blockDim.y * blockDim.x); }

// The sum over a block of at most BLOCK threads, in each of them. Every thread of the block must call it.
template <typename T>
__device__ T block_sum(T own) {
    __shared__ T parts[BLOCK];
    const int thread = thread_of_block(), threads = threads_of_block();
    parts[thread] = own;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (thread < half && thread + half < threads) {
            parts[thread] += parts[thread + half];
        }
        __syncthreads();
    }
    const T sum = parts[0];
    __syncthreads();  // all have read it before another sum is begun
    return sum;
}

// ---------------------------------------------------------------------------------------------------------------------
// Elementary functions beside those of the language.

// ln(1 + e⁻ˣ) for x ≥ 0.
template <typename T>
__device__ T log1p_exp_of_negative(T x) {
    return log1p(exp(-x));
}
