// The kernels of a library by name: how each is called, and what it takes, read off the function's own type.
//
// The table is compiled behind the kernels' text, so this header brings no names of the C library with it.
#pragma once

#include <utility>

namespace emulation {

struct Instance {
    const char* name;        // as NVRTC would be asked for it: "sgd<float>"
    int max_threads;         // of a block, from __launch_bounds__
    const char* parameters;  // as the compiler writes them: "… [with Parameters = {Matrix<float>, double}]"
    void (*call)(void** arguments);
};

// The table, which builder.py writes behind the text.
extern const Instance instances[];
extern const int instance_count;

template <typename... Parameters>
constexpr const char* names_of() {
    return __PRETTY_FUNCTION__;
}

template <auto kernel>
struct Caller;

template <typename... Parameters, void (*kernel)(Parameters...)>
struct Caller<kernel> {
    static constexpr const char* parameters = names_of<Parameters...>();

    template <std::size_t... i>
    static void pass(void** arguments, std::index_sequence<i...>) {
        kernel(*static_cast<Parameters*>(arguments[i])...);
    }

    static void call(void** arguments) { pass(arguments, std::index_sequence_for<Parameters...>()); }
};

template <auto kernel>
constexpr Instance instance(const char* name, int max_threads) {
    return {name, max_threads, Caller<kernel>::parameters, &Caller<kernel>::call};
}

}  // namespace emulation
