// Scalar activation functions and their derivatives, compiled into the kernels of dense.cu.
//
// name(z, p) is the value and name_derivative(s, p) the derivative, p the activation's parameter where it has one. The
// derivative takes the saved number s: the OUTPUT a wherever f′ can be had from it, else the input z.

template <typename T>
using Activation = T (*)(T, T);

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
