// On which OS thread a block runs; see turns.hpp.

#include "turns.hpp"

#ifdef FASTMLP_THREAD_SANITIZER
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#endif

namespace emulation {

#ifdef FASTMLP_THREAD_SANITIZER

namespace {

// An OS thread that runs one block of each launch. The lock that passes the turn orders only the OS threads' own contexts:
// the CUDA threads are contexts too, entered without any order, so what two blocks do stays unordered.
class Worker {
  public:
    Worker() : thread([this] { serve(); }) {}

    ~Worker() {
        {
            const std::lock_guard<std::mutex> lock(mutex);
            must_end = true;
        }
        changed.notify_all();
        thread.join();
    }

    void run(const std::function<void(Block&)>& new_job) {
        std::unique_lock<std::mutex> lock(mutex);
        job = &new_job;
        changed.notify_all();
        changed.wait(lock, [this] { return job == nullptr; });
    }

  private:
    void serve() {
        Block block;
        std::unique_lock<std::mutex> lock(mutex);
        for (;;) {
            changed.wait(lock, [this] { return job != nullptr || must_end; });
            if (must_end) {
                return;
            }
            (*job)(block);
            job = nullptr;
            changed.notify_all();
        }
    }

    std::mutex mutex;
    std::condition_variable changed;
    const std::function<void(Block&)>* job = nullptr;
    bool must_end = false;
    std::thread thread;
};

}  // namespace

void take_turn(unsigned block_number, const std::function<void(Block&)>& run) {
    static std::map<unsigned, Worker> workers;
    workers[block_number].run(run);
}

#else

void take_turn(unsigned, const std::function<void(Block&)>& run) {
    static Block block;
    run(block);
}

#endif

}  // namespace emulation
