// What ThreadSanitizer is told of the order of things, as CUDA promises it: barriers order memory, shuffles do not, and a
// launch comes after the one before. Nothing in a build without it.
#pragma once

#ifdef FASTMLP_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace emulation {

#ifdef FASTMLP_THREAD_SANITIZER
constexpr bool A_CONTEXT_FOR_EACH_THREAD = true;  // to it, a race is one between contexts
inline void comes_before(void* address) { __tsan_release(address); }
inline void comes_after(void* address) { __tsan_acquire(address); }
#else
constexpr bool A_CONTEXT_FOR_EACH_THREAD = false;
inline void comes_before(void*) {}
inline void comes_after(void*) {}
#endif

extern long long launch_begin, launch_end;

}  // namespace emulation
