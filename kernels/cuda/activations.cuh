// Scalar activation functions and their derivatives, compiled into the kernels of dense.cu.
//
// name(z, p) is the value and name_derivative(s, p) the derivative, p the activation's parameter where it has one. The
// derivative takes the saved number s: the OUTPUT a wherever f′ can be had from it, else the input z.

template <typename T>
using Activation = T (*)(T, T);

inline constexpr double SELU_ALPHA = 1.6732632423543772;  // Klambauer et al. 2017, equation 14
inline constexpr double SELU_SCALE = 1.0507009873554805;
inline constexpr double INVERSE_SQRT_TWO_PI = 0.3989422804014327;
inline constexpr double SQRT_HALF = 0.7071067811865476;

template <typename T>
__device__ T identity(T z, T p) {
    return z;
}

template <typename T>
__device__ T identity_derivative(T a, T p) {
    return T(1);
}

template <typename T>
__device__ T relu(T z, T p) {
    return z < 0 ? T(0) : z;  // written so that NaN passes through
}

template <typename T>
__device__ T relu_derivative(T a, T p) {
    return a > 0 ? T(1) : T(0);
}

template <typename T>
__device__ T leaky_relu(T z, T p) {
    return z < 0 ? p * z : z;
}

template <typename T>
__device__ T leaky_relu_derivative(T a, T p) {
    return a > 0 ? T(1) : p;
}

template <typename T>
__device__ T elu(T z, T p) {
    return z < 0 ? p * expm1(z) : z;
}

template <typename T>
__device__ T elu_derivative(T a, T p) {
    return a < 0 ? a + p : T(1);
}

template <typename T>
__device__ T selu(T z, T p) {
    return z < 0 ? T(SELU_SCALE * SELU_ALPHA) * expm1(z) : T(SELU_SCALE) * z;
}

template <typename T>
__device__ T selu_derivative(T a, T p) {
    return a < 0 ? a + T(SELU_SCALE * SELU_ALPHA) : T(SELU_SCALE);
}

template <typename T>
__device__ T sigmoid(T z, T p) {
    const T small = exp(-fabs(z));  // at most 1, so nothing overflows
    return (z < 0 ? small : T(1)) / (T(1) + small);
}

template <typename T>
__device__ T sigmoid_derivative(T a, T p) {
    return a * (T(1) - a);
}

template <typename T>
__device__ T hyperbolic_tangent(T z, T p) {
    return tanh(z);
}

template <typename T>
__device__ T hyperbolic_tangent_derivative(T a, T p) {
    return T(1) - a * a;
}

template <typename T>
__device__ T exponential(T z, T p) {
    return exp(z);
}

template <typename T>
__device__ T exponential_derivative(T a, T p) {
    return a;
}

// From a probability to a logit of softmax, which takes any constant beside it. Below the smallest it counts as that.
template <typename T>
__device__ T logarithm(T z, T p) {
    return log(z < T(1e-30) ? T(1e-30) : z);
}

// From a probability to the logit whose sigmoid it is.
template <typename T>
__device__ T log_odds(T z, T p) {
    return logarithm(z, p) - logarithm(T(1) - z, p);
}

template <typename T>
__device__ T softplus(T z, T p) {
    return (z < 0 ? T(0) : z) + log1p_exp_of_negative(fabs(z));
}

template <typename T>
__device__ T softplus_derivative(T a, T p) {
    return -expm1(-a);
}

template <typename T>
__device__ T signed_log(T z, T p) {
    const T size = log1p(fabs(z));
    return z < 0 ? -size : size;
}

template <typename T>
__device__ T signed_log_derivative(T a, T p) {
    return exp(-fabs(a));
}

// Φ(x), the share of the standard normal distribution below x.
template <typename T>
__device__ T normal_distribution(T x) {
    return T(0.5) * erfc(-x * T(SQRT_HALF));
}

template <typename T>
__device__ T gelu(T z, T p) {
    return z * normal_distribution(z);  // Hendrycks and Gimpel 2016, the exact form
}

template <typename T>
__device__ T gelu_derivative(T z, T p) {
    return normal_distribution(z) + z * T(INVERSE_SQRT_TWO_PI) * exp(T(-0.5) * z * z);
}

template <typename T>
__device__ T silu(T z, T p) {
    return z * sigmoid(z, p);
}

template <typename T>
__device__ T silu_derivative(T z, T p) {
    const T s = sigmoid(z, p);
    return s * (T(1) + z * (T(1) - s));
}

// tanh(softplus(z)) without logarithms: with u = 1 + eᶻ it is (u² − 1)/(u² + 1); past 20 it is 1 to the last bit.
template <typename T>
__device__ T tanh_softplus(T z) {
    const T e = exp(z > 20 ? T(20) : z);
    const T t = e * (e + T(2));
    return t / (t + T(2));
}

template <typename T>
__device__ T mish(T z, T p) {
    return z * tanh_softplus(z);
}

template <typename T>
__device__ T mish_derivative(T z, T p) {
    const T t = tanh_softplus(z);
    return t + z * sigmoid(z, p) * (T(1) - t * t);
}

// Howard et al. 2019: z·min(max(z + 3, 0), 6)/6, in three pieces, so that infinity gives no NaN.
template <typename T>
__device__ T hardswish(T z, T p) {
    return z <= -3 ? T(0) : (z >= 3 ? z : z * (z + T(3)) / T(6));
}

template <typename T>
__device__ T hardswish_derivative(T z, T p) {
    return z <= -3 ? T(0) : (z >= 3 ? T(1) : (z + z + T(3)) / T(6));
}

// z/√(1 + (z/p)²) (Holzmüller et al. 2024) with the smaller of |z| and p over the larger one in the square: no overflow.
template <typename T>
__device__ T smooth_clip(T z, T p) {
    const T size = fabs(z);
    const bool is_large = size > p;
    const T small = is_large ? p : size, large = is_large ? size : p;
    const T share = small / large;
    const T clipped = small / sqrt(T(1) + share * share);
    return z < 0 ? -clipped : clipped;
}

template <typename T>
__device__ T smooth_clip_derivative(T a, T p) {
    const T share = a / p;
    const T rest = T(1) - share * share;
    return rest * sqrt(rest);
}
