// A libcublas for tests: the C interface of the real one, for the calls that fastmlp makes, on the host.
//
// Matrices are column-major, arguments are checked as cuBLAS checks them, and work is not done here: each product is handed
// as a Product to the emulated device (packages/cupy/_cublas.py), which puts it into the stream, or into its capture, and has
// it computed by fastmlp_cublas_compute when the stream comes to it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

enum Status {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    ALLOC_FAILED = 3,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    INTERNAL_ERROR = 14,
    NOT_SUPPORTED = 15,
};
enum Operation { N = 0, T = 1, C = 2 };
enum PointerMode { HOST = 0, DEVICE = 1 };
enum MathMode { DEFAULT_MATH = 0, TENSOR_OP_MATH = 1, PEDANTIC_MATH = 2, TF32_TENSOR_OP_MATH = 3 };
enum DataType { R_32F = 0, R_64F = 1 };
enum ComputeType {
    COMPUTE_32F = 68,
    COMPUTE_32F_PEDANTIC = 69,
    COMPUTE_64F = 70,
    COMPUTE_64F_PEDANTIC = 71,
    COMPUTE_32F_FAST_TF32 = 77,
};

struct Handle {
    std::uint64_t mark;
    void* stream;
    void* workspace;
    std::size_t workspace_size;
    int device, pointer_mode, math_mode;
};
constexpr std::uint64_t MARK = 0xFA57317BC0B1A500;

}  // namespace

// What _cublas.py is given of one product. Scalars of host mode are kept by value: they are frozen when the call is made.
struct Product {
    void* stream;
    void* workspace;
    std::size_t workspace_size;
    int device, is_double, is_tf32, scalars_on_device, transa, transb, m, n, k, lda, ldb, ldc;
    const void *alpha, *beta, *a, *b;
    void* c;
    double alpha_value, beta_value;
};

// Registered by _cublas.py: a new handle's device or a negative status; a product's status; a workspace's status.
static int (*create_callback)() = nullptr;
static int (*submit_callback)(const Product*) = nullptr;
static int (*workspace_callback)(void* address, std::size_t size) = nullptr;

static Handle* checked(void* handle) {
    Handle* found = static_cast<Handle*>(handle);
    return found != nullptr && found->mark == MARK ? found : nullptr;
}

static bool is_operation(int operation) { return operation == N || operation == T || operation == C; }

// ---------------------------------------------------------------------------------------------------------------------
// The product itself: both factors are packed into panels, padded with zeros, and multiplied tile by tile.

constexpr int TILE_ROWS = 32, TILE_COLUMNS = 4;

// Round to the 10 bits of mantissa that a TF32 tensor core keeps, halves away from zero; infinities and NaN stay.
static float to_tf32(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7F800000u) != 0x7F800000u) {
        bits = (bits + 0x1000u) & 0xFFFFE000u;
    }
    std::memcpy(&value, &bits, sizeof bits);
    return value;
}

static float rounded(float value, bool is_tf32) { return is_tf32 ? to_tf32(value) : value; }
static double rounded(double value, bool) { return value; }

// Pack `rows` × `depth` of op(matrix) into panels of `width` rows, each panel depth-major.
template <typename Number>
static void pack(const Number* matrix, bool by_rows, int leading, int rows, int depth, int width, bool is_tf32,
                 std::vector<Number>& panels) {
    const int count = (rows + width - 1) / width;
    panels.assign(std::size_t(count) * width * depth, Number(0));
    for (int row = 0; row < rows; ++row) {
        Number* const panel = panels.data() + std::size_t(row / width) * width * depth + row % width;
        for (int i = 0; i < depth; ++i) {
            const std::size_t at = by_rows ? std::size_t(row) * leading + i : row + std::size_t(i) * leading;
            panel[std::size_t(i) * width] = rounded(matrix[at], is_tf32);
        }
    }
}

// sums[column][row] of one tile. The compiler makes a version for each kind of vector unit and chooses when it is loaded.
#if defined(__x86_64__) && defined(__GLIBC__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#define MULTIPLY_TILE(Number)                                                                                         \
    FOR_EACH_PROCESSOR                                                                                                \
    static void multiply_tile(const Number* left, const Number* right, int depth, Number* sums) {                     \
        Number tile[TILE_COLUMNS][TILE_ROWS] = {};                                                                    \
        for (int i = 0; i < depth; ++i) {                                                                             \
            for (int column = 0; column < TILE_COLUMNS; ++column) {                                                   \
                for (int row = 0; row < TILE_ROWS; ++row) {                                                           \
                    tile[column][row] += left[std::size_t(i) * TILE_ROWS + row] * right[std::size_t(i) * TILE_COLUMNS + column]; \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
        std::memcpy(sums, tile, sizeof tile);                                                                         \
    }
MULTIPLY_TILE(float)
MULTIPLY_TILE(double)

template <typename Number>
static void compute(const Product& product) {
    Number alpha = Number(product.alpha_value), beta = Number(product.beta_value);
    if (product.scalars_on_device) {
        alpha = *static_cast<const Number*>(product.alpha);
        beta = *static_cast<const Number*>(product.beta);
    }
    std::vector<Number> left, right;
    pack(static_cast<const Number*>(product.a), product.transa != N, product.lda, product.m, product.k, TILE_ROWS,
         product.is_tf32, left);
    pack(static_cast<const Number*>(product.b), product.transb == N, product.ldb, product.n, product.k, TILE_COLUMNS,
         product.is_tf32, right);
    Number sums[TILE_COLUMNS * TILE_ROWS];
    for (int column = 0; column < product.n; column += TILE_COLUMNS) {
        for (int row = 0; row < product.m; row += TILE_ROWS) {
            multiply_tile(left.data() + std::size_t(row) * product.k, right.data() + std::size_t(column) * product.k,
                          product.k, sums);
            for (int j = 0; j < std::min(TILE_COLUMNS, product.n - column); ++j) {
                Number* const c = static_cast<Number*>(product.c) + std::size_t(column + j) * product.ldc + row;
                for (int i = 0; i < std::min(TILE_ROWS, product.m - row); ++i) {
                    const Number scaled = alpha * sums[j * TILE_ROWS + i];
                    c[i] = beta == Number(0) ? scaled : scaled + beta * c[i];  // beta 0: what is there may be NaN
                }
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// For _cublas.py.

extern "C" void fastmlp_cublas_register(int (*create)(), int (*submit)(const Product*), int (*workspace)(void*, std::size_t)) {
    create_callback = create;
    submit_callback = submit;
    workspace_callback = workspace;
}

extern "C" void fastmlp_cublas_compute(const Product* product) {
    if (product->is_double) {
        compute<double>(*product);
    } else {
        compute<float>(*product);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The interface of cuBLAS.

extern "C" {

int cublasCreate_v2(void** handle) {
    if (handle == nullptr) {
        return INVALID_VALUE;
    }
    const int device = create_callback == nullptr ? -NOT_INITIALIZED : create_callback();
    if (device < 0) {
        return -device;
    }
    *handle = new Handle{MARK, nullptr, nullptr, 0, device, HOST, DEFAULT_MATH};
    return SUCCESS;
}

int cublasDestroy_v2(void* handle) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    own->mark = 0;  // kept, so that a later use is found
    return SUCCESS;
}

int cublasGetVersion_v2(void*, int* version) {
    if (version == nullptr) {
        return INVALID_VALUE;
    }
    *version = 120901;
    return SUCCESS;
}

int cublasSetStream_v2(void* handle, void* stream) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    own->stream = stream;
    own->workspace = nullptr;  // as the real one: back to a workspace of the library's own
    own->workspace_size = 0;
    return SUCCESS;
}

int cublasGetStream_v2(void* handle, void** stream) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    if (stream == nullptr) {
        return INVALID_VALUE;
    }
    *stream = own->stream;
    return SUCCESS;
}

int cublasSetWorkspace_v2(void* handle, void* workspace, std::size_t size) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    if (reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0) {
        return INVALID_VALUE;
    }
    if (workspace != nullptr) {
        const int status = workspace_callback(workspace, size);
        if (status != SUCCESS) {
            return status;
        }
    }
    own->workspace = workspace;
    own->workspace_size = size;
    return SUCCESS;
}

int cublasSetPointerMode_v2(void* handle, int mode) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    if (mode != HOST && mode != DEVICE) {
        return INVALID_VALUE;
    }
    own->pointer_mode = mode;
    return SUCCESS;
}

int cublasGetPointerMode_v2(void* handle, int* mode) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    if (mode == nullptr) {
        return INVALID_VALUE;
    }
    *mode = own->pointer_mode;
    return SUCCESS;
}

int cublasSetMathMode(void* handle, int mode) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    if (mode < DEFAULT_MATH || mode > TF32_TENSOR_OP_MATH) {
        return INVALID_VALUE;
    }
    own->math_mode = mode;
    return SUCCESS;
}

int cublasGemmEx(void* handle, int transa, int transb, int m, int n, int k, const void* alpha, const void* a, int a_type,
                 int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc,
                 int compute_type, int algorithm) {
    Handle* const own = checked(handle);
    if (own == nullptr) {
        return NOT_INITIALIZED;
    }
    const bool is_double = compute_type == COMPUTE_64F || compute_type == COMPUTE_64F_PEDANTIC;
    const bool is_float = compute_type == COMPUTE_32F || compute_type == COMPUTE_32F_PEDANTIC ||
                          compute_type == COMPUTE_32F_FAST_TF32;
    const int data_type = is_double ? R_64F : R_32F;
    if (!(is_double || is_float) || a_type != data_type || b_type != data_type || c_type != data_type) {
        return NOT_SUPPORTED;
    }
    if (!is_operation(transa) || !is_operation(transb) || m < 0 || n < 0 || k < 0 || alpha == nullptr || beta == nullptr ||
        lda < std::max(1, transa == N ? m : k) || ldb < std::max(1, transb == N ? k : n) || ldc < std::max(1, m) ||
        !((algorithm >= -1 && algorithm <= 23) || (algorithm >= 99 && algorithm <= 115))) {
        return INVALID_VALUE;
    }
    if (m == 0 || n == 0) {
        return SUCCESS;
    }
    const bool is_tf32 = compute_type == COMPUTE_32F_FAST_TF32 ||
                         (compute_type == COMPUTE_32F && own->math_mode == TF32_TENSOR_OP_MATH);
    const bool on_device = own->pointer_mode == DEVICE;
    Product product{own->stream, own->workspace, own->workspace_size, own->device, is_double, is_tf32, on_device, transa,
                    transb,      m,              n,                   k,           lda,       ldb,     ldc,       alpha,
                    beta,        a,              b,                   c,           0.0,       0.0};
    if (!on_device) {
        product.alpha_value = is_double ? *static_cast<const double*>(alpha) : *static_cast<const float*>(alpha);
        product.beta_value = is_double ? *static_cast<const double*>(beta) : *static_cast<const float*>(beta);
    }
    return submit_callback(&product);
}

const char* cublasGetStatusName(int status) {
    switch (status) {
        case SUCCESS: return "CUBLAS_STATUS_SUCCESS";
        case NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
        case ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
        case INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
        case EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
        case INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
        case NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
        default: return "CUBLAS_STATUS_UNKNOWN";
    }
}

const char* cublasGetStatusString(int status) { return cublasGetStatusName(status); }

}  // extern "C"
