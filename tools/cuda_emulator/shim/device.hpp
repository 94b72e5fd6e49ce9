// CUDA C++ for g++: what a kernel's text finds in place of a device. It is included before the text and changes none of it.
//
// The calls that wait take the file and line of their caller by default arguments, so that an error can name them.
#pragma once

#include <math.h>
#include <stdlib.h>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)  // builder.py reads the number from the text
// A block runs on one OS thread at a time, so storage of the thread is the block's; shared_memory.cpp finds and fills it.
#define __shared__ static thread_local

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

// Set for each CUDA thread when it begins and whenever it goes on.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace emulation {

// A call at which a thread waits for others, and where in the text it stands.
struct Call {
    const char* file;
    int line;
    enum Name { syncthreads, syncwarp, shfl, shfl_xor, shfl_up, shfl_down } name;
};

void synchronize_block(Call call);
void synchronize_warp(Call call, unsigned mask);
// Offer 64 bits to the other lanes and take those that the lane `source` offers.
unsigned long long exchange(Call call, unsigned mask, unsigned long long offered, int source);
int lane();

template <typename T>
T shuffle(Call call, unsigned mask, T own, int source) {
    static_assert(__is_trivially_copyable(T) && sizeof(T) <= sizeof(unsigned long long), "a shuffle moves 1 to 8 bytes");
    unsigned long long bits = 0;
    __builtin_memcpy(&bits, &own, sizeof own);
    bits = exchange(call, mask, bits, source);
    __builtin_memcpy(&own, &bits, sizeof own);
    return own;
}

}  // namespace emulation

#define FASTMLP_CALLER const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(FASTMLP_CALLER) { emulation::synchronize_block({file, line, emulation::Call::syncthreads}); }

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, FASTMLP_CALLER) {
    emulation::synchronize_warp({file, line, emulation::Call::syncwarp}, mask);
}

// Lanes exchange within segments of `width`; what would come from outside the segment stays the lane's own.
template <typename T>
T __shfl_xor_sync(unsigned mask, T own, int distance, int width = warpSize, FASTMLP_CALLER) {
    const int lane = emulation::lane(), source = lane ^ distance;
    const bool is_inside = source / width <= lane / width;  // an earlier segment may be read, a later one not
    return emulation::shuffle({file, line, emulation::Call::shfl_xor}, mask, own, is_inside ? source : lane);
}

template <typename T>
T __shfl_down_sync(unsigned mask, T own, unsigned distance, int width = warpSize, FASTMLP_CALLER) {
    const int lane = emulation::lane();
    const bool is_inside = lane % width + distance < unsigned(width);
    return emulation::shuffle({file, line, emulation::Call::shfl_down}, mask, own, is_inside ? lane + int(distance) : lane);
}

template <typename T>
T __shfl_up_sync(unsigned mask, T own, unsigned distance, int width = warpSize, FASTMLP_CALLER) {
    const int lane = emulation::lane();
    const bool is_inside = unsigned(lane % width) >= distance;
    return emulation::shuffle({file, line, emulation::Call::shfl_up}, mask, own, is_inside ? lane - int(distance) : lane);
}

template <typename T>
T __shfl_sync(unsigned mask, T own, int source, int width = warpSize, FASTMLP_CALLER) {
    const int lane = emulation::lane();
    return emulation::shuffle({file, line, emulation::Call::shfl}, mask, own, lane / width * width + (source & (width - 1)));
}

#undef FASTMLP_CALLER

inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((unsigned long long)a * b >> 32); }

// Atomic, but in no order with anything else, as on the device.
inline int atomicAdd(int* address, int value) { return __atomic_fetch_add(address, value, __ATOMIC_RELAXED); }
inline unsigned atomicAdd(unsigned* address, unsigned value) {
    return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
inline unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
    return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}

// The functions of the device that C++ has elsewhere or not at all; <math.h> gives the others for float and double.
inline int min(int a, int b) { return b < a ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline long long min(long long a, long long b) { return b < a ? b : a; }
inline unsigned long long min(unsigned long long a, unsigned long long b) { return b < a ? b : a; }
inline float min(float a, float b) { return fminf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
inline long long max(long long a, long long b) { return a < b ? b : a; }
inline unsigned long long max(unsigned long long a, unsigned long long b) { return a < b ? b : a; }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
