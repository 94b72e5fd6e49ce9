// Stacks, and where execution on them begins.

#include "fiber.hpp"

#include <cstdint>
#include <new>
#include <sys/mman.h>

#ifdef FASTMLP_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace emulation {
namespace {

constexpr std::size_t PAGE = 4096;
#if defined(FASTMLP_ADDRESS_SANITIZER) || defined(FASTMLP_THREAD_SANITIZER)
constexpr std::size_t STACK = 256 * 1024;  // instrumented frames are larger
#else
constexpr std::size_t STACK = 64 * 1024;
#endif

std::size_t contexts_made = 0;

}  // namespace

Context::Context() {
#ifdef FASTMLP_THREAD_SANITIZER
    sanitizer_fiber = __tsan_get_current_fiber();
#endif
}

Context::Context(void (*entry)()) : entry(entry), stack_size(STACK) {
    const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    void* memory = mmap(nullptr, PAGE + STACK, PROT_READ | PROT_WRITE, kind, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, PAGE, PROT_NONE) != 0) {
        throw std::bad_alloc();
    }
    mapping = static_cast<char*>(memory);
    stack = mapping + PAGE;
    colour = contexts_made++ % 16 * 256;  // else the tops of all stacks would compete for the same lines of the cache
    begin_anew();
}

Context::~Context() {
#ifdef FASTMLP_THREAD_SANITIZER
    if (mapping != nullptr) {
        __tsan_destroy_fiber(sanitizer_fiber);
    }
#endif
    if (mapping != nullptr) {
        munmap(mapping, PAGE + STACK);
    }
}

void Context::begin_anew() {
#if defined(FASTMLP_ADDRESS_SANITIZER)
    __asan_unpoison_memory_region(stack, stack_size);
    fake_stack = nullptr;
#elif defined(FASTMLP_THREAD_SANITIZER)
    if (sanitizer_fiber != nullptr) {
        __tsan_destroy_fiber(sanitizer_fiber);
    }
    sanitizer_fiber = __tsan_create_fiber(0);
#endif
#ifdef FASTMLP_ASSEMBLY_FIBERS
    // As if begin() had been called: where it would return to, nowhere, lies on the stack.
    auto top = reinterpret_cast<std::uintptr_t*>(mapping + PAGE + STACK - colour) - 1;
    *top = 0;
    place = {top, nullptr, reinterpret_cast<void*>(&Context::begin)};
#else
    getcontext(&place);
    place.uc_stack.ss_sp = mapping + PAGE;
    place.uc_stack.ss_size = STACK - colour;
    place.uc_link = nullptr;
    makecontext(&place, &Context::begin, 0);
#endif
}

void Context::begin() {
    Context* self = entered;
    self->has_been_entered();
    self->entry();
    __builtin_trap();
}

}  // namespace emulation
