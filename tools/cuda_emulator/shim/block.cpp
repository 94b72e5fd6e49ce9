// The threads of a block take turns here; see block.hpp.

#include "block.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "order.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulation {
namespace {

const char* const NAMES[] = {"__syncthreads",   "__syncwarp",    "__shfl_sync",
                             "__shfl_xor_sync", "__shfl_up_sync", "__shfl_down_sync"};

std::string text_of(uint3 index) {
    return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " + std::to_string(index.z) + ")";
}

std::string text_of(const Call& call) {
    return std::string(NAMES[call.name]) + " (" + call.file + ":" + std::to_string(call.line) + ")";
}

bool are_at_one_place(const Call& one, const Call& other) {
    return one.line == other.line && (one.file == other.file || std::strcmp(one.file, other.file) == 0);
}

}  // namespace

Block* Block::current = nullptr;

std::string Block::run(const Instance& kernel, void** given, uint3 index) {
    current = this;
    instance = &kernel;
    arguments = given;
    blockIdx = index;
    count = blockDim.x * blockDim.y * blockDim.z;
    begun = finished = 0;
    meeting.waiting = 0;
    threads.resize(count);
    warps.resize((count + WARP - 1) / WARP);
    for (unsigned number = 0; number < warps.size(); ++number) {
        warps[number].present = std::min(WARP, count - number * WARP);
        warps[number].meeting.waiting = 0;
    }
    error.clear();

    do {
        give_way(true);
    } while (error.empty() && (first_ready != nullptr || begun < count));
    comes_after(&error);

    if (error.empty() && finished < count) {
        error = "nobody can go on: " + who_waits();
    }
    if (error.empty()) {
        return "";
    }
    first_ready = last_ready = nullptr;
    idle.clear();
    for (auto& context : contexts) {  // whoever still waits is given up
        context->begin_anew();
        idle.push_back(context.get());
    }
    return "block " + text_of(index) + ": " + error;
}

// What every context does: run a thread, then make room for others, for ever.
void Block::work() {
    for (;;) {
        current->run_next_thread();
        current->give_way(false);
    }
}

void Block::run_next_thread() {
    const unsigned number = begun++;
    Thread& own = threads[number];
    own.number = number;
    own.index = {number % blockDim.x, number / blockDim.x % blockDim.y, number / blockDim.x / blockDim.y};
    own.context = here;
    own.waits = own.has_finished = false;
    running = &own;
    threadIdx = own.index;

    comes_after(&launch_begin);
    instance->call(arguments);
    comes_before(&launch_end);

    own.has_finished = true;
    ++finished;
    --warps[number / WARP].present;
    let_warp_go_if_met(number / WARP);
}

// Go on with a thread that has waited, else with one that has not begun, else with the root. Under ThreadSanitizer always
// by way of the root: what a CUDA thread's context allocates is taken for the kernel's own doing.
void Block::give_way(bool must_return) {
    Context* next = &root;
    if (A_CONTEXT_FOR_EACH_THREAD && here != &root) {
        // the root goes on
    } else if (first_ready != nullptr) {
        next = first_ready->context;
        first_ready = first_ready->next_ready;
    } else if (begun < count) {
        next = &context_for_next_thread(must_return);
    }
    if (next == here) {
        return;
    }
    if (!must_return && !A_CONTEXT_FOR_EACH_THREAD) {
        idle.push_back(here);
    }
    switch_to(*next);
}

void Block::switch_to(Context& next) {
    Context& left = *here;
    here = &next;
    next.enter(left);
}

Context& Block::context_for_next_thread(bool must_return) {
    if (A_CONTEXT_FOR_EACH_THREAD) {  // always the same one for the same thread
        if (contexts.size() == begun) {
            contexts.push_back(std::make_unique<Context>(work));
        }
        return *contexts[begun];
    }
    if (!must_return) {
        return *here;
    }
    if (idle.empty()) {
        contexts.push_back(std::make_unique<Context>(work));
        return *contexts.back();
    }
    Context* last = idle.back();
    idle.pop_back();
    return *last;
}

void Block::wait() {
    Thread* own = running;
    give_way(true);
    running = own;
    threadIdx = own->index;
}

void Block::let_go(unsigned first, unsigned end) {
    for (unsigned number = first; number < end; ++number) {
        Thread& thread = threads[number];
        if (std::exchange(thread.waits, false) && &thread != running) {
            thread.next_ready = nullptr;
            (first_ready == nullptr ? first_ready : last_ready->next_ready) = &thread;
            last_ready = &thread;
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The block's barrier: every thread, at the same call.

void Block::synchronize_block(Call call) {
    void* address = meeting.address();
    comes_before(address);
    running->call = call;
    running->waits = true;
    if (++meeting.waiting < count) {
        wait();
    } else {
        check_place(call);
        meeting.waiting = 0;
        ++meeting.held;
        let_go(0, count);
    }
    comes_after(address);
}

// Every thread has come to a barrier: is it one?
__attribute__((noinline)) void Block::check_place(Call call) {
    for (const Thread& thread : threads) {
        if (!are_at_one_place(thread.call, call)) {
            fail("threads " + text_of(thread.index) + " and " + text_of(running->index) + " are at different barriers: " +
                 text_of(thread.call) + " and " + text_of(call));
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Warps: all threads that have not finished, at the same kind of call.

void Block::synchronize_warp(Call call, unsigned mask) {
    void* address = warps[running->number / WARP].meeting.address();
    comes_before(address);
    meet_warp(call, mask);
    comes_after(address);
}

// Shuffles move values, but order no memory.
unsigned long long Block::exchange(Call call, unsigned mask, unsigned long long offered, int source) {
    Thread& own = *running;
    own.offered = offered;
    own.source = source;
    meet_warp(call, mask);
    return own.received;
}

void Block::meet_warp(Call call, unsigned mask) {
    if (mask != WHOLE_WARP) {
        fail_for_mask(call);
    }
    running->call = call;
    const unsigned number = running->number / WARP;
    running->waits = true;
    ++warps[number].meeting.waiting;
    if (!let_warp_go_if_met(number)) {
        wait();
    }
}

bool Block::let_warp_go_if_met(unsigned number) {
    Warp& warp = warps[number];
    if (warp.present == 0 || warp.meeting.waiting < warp.present) {
        return false;
    }
    const unsigned first = number * WARP, end = std::min(first + WARP, count);
    const Thread* one = nullptr;
    for (unsigned i = first; i < end; ++i) {
        if (!threads[i].has_finished) {
            one = one == nullptr ? &threads[i] : one;
            if (threads[i].call.name != one->call.name) {
                return false;  // they will wait for ever: said when everybody else has finished
            }
        }
    }
    if (one->call.name != Call::syncwarp) {
        hand_over(first, end);
    }
    warp.meeting.waiting = 0;
    ++warp.meeting.held;
    let_go(first, end);
    return true;
}

// Give each lane of a shuffle the bits that it wants.
void Block::hand_over(unsigned first, unsigned end) {
    for (unsigned i = first; i < end; ++i) {
        Thread& thread = threads[i];
        if (thread.has_finished) {
            continue;
        }
        const unsigned source = first + thread.source;
        if (source >= end || threads[source].has_finished) {
            fail_for_source(thread, source >= end ? "does not exist" : "has finished");
        }
        thread.received = threads[source].offered;
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Errors end the block, where they are found.

void Block::fail(const std::string& text) {
    error = text;
    comes_before(&error);
    switch_to(root);  // which gives this context up
}

void Block::fail_for_mask(Call call) {
    fail("thread " + text_of(running->index) + " gives " + text_of(call) + " a mask of part of the warp; only whole " +
         "warps are emulated");
}

void Block::fail_for_source(const Thread& thread, const char* why) {
    fail("thread " + text_of(thread.index) + " reads by " + text_of(thread.call) + " from lane " +
         std::to_string(thread.source) + ", which " + why);
}

// Who waits where: "16 threads wait at __syncthreads (x.cu:12), (0, 0, 0) among them; 16 threads have finished, …".
std::string Block::who_waits() const {
    std::map<std::string, std::pair<int, const Thread*>> groups;
    for (const Thread& thread : threads) {
        const std::string doing = thread.has_finished ? "finished" : "waiting at " + text_of(thread.call);
        groups.try_emplace(doing, 0, &thread).first->second.first += 1;
    }
    std::string all;
    for (const auto& [doing, group] : groups) {
        all += (all.empty() ? "" : "; ") + std::to_string(group.first) + (group.first == 1 ? " thread is " : " threads are ") +
               doing + (group.first == 1 ? ", " : ", the first of them ") + text_of(group.second->index);
    }
    return all;
}

// Flat: see Context::enter.
#define FASTMLP_FLAT __attribute__((flatten))

FASTMLP_FLAT void synchronize_block(Call call) { Block::current->synchronize_block(call); }
FASTMLP_FLAT void synchronize_warp(Call call, unsigned mask) { Block::current->synchronize_warp(call, mask); }
FASTMLP_FLAT unsigned long long exchange(Call call, unsigned mask, unsigned long long offered, int source) {
    return Block::current->exchange(call, mask, offered, source);
}
int lane() { return Block::current->lane(); }

}  // namespace emulation
