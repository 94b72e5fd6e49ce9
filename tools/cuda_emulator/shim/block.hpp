// The CUDA threads of one block: who runs, who waits for whom, and what to say when nobody can go on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device.hpp"
#include "fiber.hpp"
#include "instance.hpp"

namespace emulation {

constexpr unsigned WARP = 32;
constexpr unsigned WHOLE_WARP = 0xFFFFFFFFu;

// Threads that wait for one another. By two addresses in turn they tell ThreadSanitizer that they have met: who leaves a
// meeting must not be taken to have seen what others do on the way to the next.
struct Meeting {
    unsigned waiting = 0, held = 0;
    long long addresses[2];

    void* address() { return &addresses[held % 2]; }
};

// One CUDA thread.
struct Thread {
    uint3 index;
    unsigned number;
    Context* context;  // where it stands while it waits
    Thread* next_ready;
    bool waits, has_finished;
    Call call;                           // at which it waits or waited last
    int source;                          // the lane whose bits it wants
    unsigned long long offered, received;
};

// Runs block after block. Threads run one after another on one context until one has to wait; only then does the next
// begin on another, so that kernels without barriers pay for no switch.
class Block {
  public:
    // Run all threads of a block. Returns an empty text, or what went wrong: "block (0, 0, 0): …".
    std::string run(const Instance& instance, void** arguments, uint3 index);

    // Called by the threads, through device.hpp.
    void synchronize_block(Call call);
    void synchronize_warp(Call call, unsigned mask);
    unsigned long long exchange(Call call, unsigned mask, unsigned long long offered, int source);
    int lane() const { return running->number % WARP; }

    static Block* current;  // the one whose turn it is

  private:
    struct Warp {
        unsigned present;  // threads that have not finished
        Meeting meeting;
    };

    static void work();
    void run_next_thread();
    void give_way(bool must_return);
    void switch_to(Context& next);
    Context& context_for_next_thread(bool must_return);
    void wait();
    void meet_warp(Call call, unsigned mask);
    bool let_warp_go_if_met(unsigned number);
    void let_go(unsigned first, unsigned end);
    void hand_over(unsigned first, unsigned end);
    void check_place(Call call);
    [[gnu::cold, gnu::noinline]] void fail(const std::string& text);
    [[gnu::cold, gnu::noinline]] void fail_for_mask(Call call);
    [[gnu::cold, gnu::noinline]] void fail_for_source(const Thread& thread, const char* why);
    std::string who_waits() const;

    const Instance* instance = nullptr;
    void** arguments = nullptr;
    unsigned count = 0, begun = 0, finished = 0;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    Meeting meeting;
    Thread* running = nullptr;
    Thread *first_ready = nullptr, *last_ready = nullptr;  // a queue of threads that may go on
    std::string error;

    Context root;  // of whoever called run()
    Context* here = &root;
    std::vector<std::unique_ptr<Context>> contexts;
    std::vector<Context*> idle;  // contexts without a thread
};

}  // namespace emulation
