// The doors of a library: launch a kernel by name, and ask what it takes.

#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "block.hpp"
#include "order.hpp"
#include "parameters.hpp"
#include "shared_memory.hpp"
#include "turns.hpp"

namespace emulation {

long long launch_begin, launch_end;

namespace {

std::mutex one_launch_at_a_time;

struct Entry {
    const Instance* instance;
    std::string parameters;
};

const Entry* find(const char* name) {
    static const auto table = [] {
        std::unordered_map<std::string_view, Entry> entries;
        for (int i = 0; i < instance_count; ++i) {
            entries[instances[i].name] = {&instances[i], parameter_types(instances[i].parameters)};
        }
        return entries;
    }();
    const auto found = table.find(name);
    return found == table.end() ? nullptr : &found->second;
}

// What a device would refuse: limits of CUDA for a grid and a block of any compute capability, and __launch_bounds__.
std::string refusal(const Instance& instance, const unsigned grid[3], const unsigned block[3]) {
    const unsigned grid_limits[] = {2147483647u, 65535u, 65535u}, block_limits[] = {1024u, 1024u, 64u};
    for (int axis = 0; axis < 3; ++axis) {
        const std::string of_axis = std::string(" on axis ") + "xyz"[axis];
        if (grid[axis] < 1 || grid[axis] > grid_limits[axis]) {
            return "a grid of " + std::to_string(grid[axis]) + " blocks" + of_axis + "; 1 to " +
                   std::to_string(grid_limits[axis]) + " are allowed";
        }
        if (block[axis] < 1 || block[axis] > block_limits[axis]) {
            return "a block of " + std::to_string(block[axis]) + " threads" + of_axis + "; 1 to " +
                   std::to_string(block_limits[axis]) + " are allowed";
        }
    }
    const unsigned long long threads = 1ull * block[0] * block[1] * block[2];
    if (threads > unsigned(instance.max_threads)) {
        return "a block of " + std::to_string(threads) + " threads; its __launch_bounds__ allow " +
               std::to_string(instance.max_threads);
    }
    return "";
}

std::string run_grid(const Instance& instance, void** arguments, const unsigned grid[3], const unsigned block[3]) {
    const std::lock_guard<std::mutex> lock(one_launch_at_a_time);
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    comes_before(&launch_begin);
    std::string error;
    for (unsigned z = 0; z < grid[2] && error.empty(); ++z) {
        for (unsigned y = 0; y < grid[1] && error.empty(); ++y) {
            for (unsigned x = 0; x < grid[0] && error.empty(); ++x) {
                take_turn((z * grid[1] + y) * grid[0] + x, [&](Block& turn) {
                    forget_shared_memory();
                    error = turn.run(instance, arguments, {x, y, z});
                });
            }
        }
    }
    comes_after(&launch_end);
    return error;
}

}  // namespace
}  // namespace emulation

#define FASTMLP_PUBLIC extern "C" __attribute__((visibility("default")))

// Run a kernel to its end. `arguments` holds the address of each argument, as cuLaunchKernel takes them. Returns 0, or 1 with
// a text that says which kernel, block and thread failed and why; a device would refuse 2 before it begins.
FASTMLP_PUBLIC int fastmlp_launch(const char* name, const unsigned grid[3], const unsigned block[3], void** arguments,
                                  char* error, std::size_t error_size) {
    const emulation::Entry* entry = emulation::find(name);
    std::string text =
        entry == nullptr ? "no such kernel in this library" : emulation::refusal(*entry->instance, grid, block);
    const bool is_refused = !text.empty();
    if (!is_refused) {
        try {
            text = emulation::run_grid(*entry->instance, arguments, grid, block);
        } catch (const std::exception& exception) {  // of the emulation itself: no memory for stacks
            text = exception.what();
        }
    }
    if (text.empty()) {
        return 0;
    }
    std::snprintf(error, error_size, "%s: %s", name, text.c_str());
    return is_refused ? 2 : 1;
}

// The types that a kernel takes, "Matrix<float>;Vector<const float>;double", or NULL if there is no such instance.
FASTMLP_PUBLIC const char* fastmlp_parameters(const char* name) {
    const emulation::Entry* entry = emulation::find(name);
    return entry == nullptr ? nullptr : entry->parameters.c_str();
}

// The largest block that the kernel's __launch_bounds__ allow, 0 if there is no such instance.
FASTMLP_PUBLIC int fastmlp_max_threads(const char* name) {
    const emulation::Entry* entry = emulation::find(name);
    return entry == nullptr ? 0 : entry->instance->max_threads;
}
