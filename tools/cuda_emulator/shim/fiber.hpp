// Lines of execution that give way to one another by choice: one for each CUDA thread that has to wait.
#pragma once

#include <cstddef>
#include <ucontext.h>

#if defined(FASTMLP_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#elif defined(FASTMLP_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

// The x86-64 switch is eight instructions; elsewhere ucontext does the same with a system call.
#if defined(__x86_64__) && !defined(FASTMLP_PORTABLE_FIBERS)
#define FASTMLP_ASSEMBLY_FIBERS
#endif

namespace emulation {

// A stack and where its execution stands. Contexts are neither copied nor moved: others hold their addresses.
class Context {
  public:
    Context();                          // of the OS thread that runs now, on the stack it has
    explicit Context(void (*entry)());  // on a new stack; entry must never return
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context();

    // Leave `from`, which must be the context that runs now, for this one; returns when somebody enters `from` again.
    void enter(Context& from);

    // Forget where execution stood: the next enter() begins at the entry.
    void begin_anew();

  private:
    static void begin();
    void has_been_entered();

    void (*entry)() = nullptr;
    char* mapping = nullptr;  // a page that must not be touched, then the stack
    const void* stack = nullptr;
    std::size_t stack_size = 0;
    std::size_t colour = 0;
#ifdef FASTMLP_ASSEMBLY_FIBERS
    struct {
        void *stack_pointer, *frame_pointer, *next_instruction;
    } place;
#else
    ucontext_t place;
#endif
    void* fake_stack = nullptr;       // AddressSanitizer's
    void* sanitizer_fiber = nullptr;  // ThreadSanitizer's

    // Only one context of a library runs at a time: these need no lock.
    static inline Context* left = nullptr;
    static inline Context* entered = nullptr;
};

// Inline, and what calls it too: a processor guesses where a function returns to by the calls before, and after a switch it
// is wrong once for every function on the way.
__attribute__((always_inline)) inline void Context::enter(Context& from) {
    left = &from;
    entered = this;
#if defined(FASTMLP_ADDRESS_SANITIZER)
    __sanitizer_start_switch_fiber(&from.fake_stack, stack, stack_size);
#elif defined(FASTMLP_THREAD_SANITIZER)
    __tsan_switch_to_fiber(sanitizer_fiber, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef FASTMLP_ASSEMBLY_FIBERS
    auto* own = &from.place;
    auto* next = &place;
    asm volatile(
        "leaq 1f(%%rip), %%rax\n\t"
        "movq %%rsp, 0(%0)\n\t"
        "movq %%rbp, 8(%0)\n\t"
        "movq %%rax, 16(%0)\n\t"
        "movq 0(%1), %%rsp\n\t"
        "movq 8(%1), %%rbp\n\t"
        "jmp *16(%1)\n"
        "1:"
        : "+D"(own), "+S"(next)
        :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
          "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory",
          "cc");
#else
    swapcontext(&from.place, &place);
#endif
    from.has_been_entered();
}

inline void Context::has_been_entered() {
#ifdef FASTMLP_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(fake_stack, &left->stack, &left->stack_size);
#endif
}

}  // namespace emulation
