// Finds all __shared__ variables at once. Each is `static thread_local`, and nothing else in the library is: the linker has
// laid them side by side in one segment (PT_TLS) of which every OS thread has a copy. So variables inside templates and
// lambdas are found without a list, two launches at once do not share them, and under ThreadSanitizer, where each block has
// an OS thread of its own, neither do two blocks.

#include "shared_memory.hpp"

#include <cstddef>
#include <cstring>
#include <link.h>

#ifdef FASTMLP_THREAD_SANITIZER
#include <cstdio>
#include <cstdlib>
#include <vector>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulation {
namespace {

thread_local char anchor;  // an address inside the segment; to read it makes the system allocate the thread's copy

struct Segment {
    std::ptrdiff_t anchor_offset = 0;
    std::size_t size = 0;
};

// Called for each library of the process: is it the one that the anchor stands in?
int take_if_own(dl_phdr_info* library, std::size_t, void* result) {
    for (int i = 0; i < library->dlpi_phnum; ++i) {
        const ElfW(Phdr)& header = library->dlpi_phdr[i];
        const std::ptrdiff_t offset = &anchor - static_cast<char*>(library->dlpi_tls_data);
        if (header.p_type == PT_TLS && library->dlpi_tls_data != nullptr && offset >= 0 &&
            std::size_t(offset) < header.p_memsz) {
            *static_cast<Segment*>(result) = {offset, header.p_memsz};
            return 1;
        }
    }
    return 0;
}

Segment find_segment() {
    Segment segment;
    anchor = 1;
    dl_iterate_phdr(take_if_own, &segment);
    return segment;
}

}  // namespace

#ifdef FASTMLP_THREAD_SANITIZER

// ThreadSanitizer's build calls __tsan_read4 and the like before each access; the linker sends those calls here (--wrap), so
// that a read of shared memory before any write to it is found where it stands, and then on, by a jump, to the sanitizer.
namespace {

char* watched = nullptr;
std::vector<bool> written;

extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);

bool is_shared(const void* address) {
    return static_cast<const char*>(address) >= watched && static_cast<const char*>(address) < watched + written.size();
}

__attribute__((noinline)) void note_write(const void* address, std::size_t size, void*) {
    const std::size_t first = static_cast<const char*>(address) - watched;
    for (std::size_t i = first; i < first + size && i < written.size(); ++i) {
        written[i] = true;
    }
}

__attribute__((noinline)) void check_read(const void* address, std::size_t size, void* caller) {
    const std::size_t first = static_cast<const char*>(address) - watched;
    for (std::size_t i = first; i < first + size && i < written.size(); ++i) {
        if (!written[i]) {
            char place[1024];
            __sanitizer_symbolize_pc(static_cast<char*>(caller) - 1, "%f %s:%l", place, sizeof place);
            std::fprintf(stderr, "WARNING: Shared memory is read before it is written: %s\n", place);
            std::_Exit(66);
        }
    }
}

}  // namespace

// One function for each size, and one that is told the size.
#define FASTMLP_WATCH(function, note, size)                                         \
    extern "C" void __real___tsan_##function(void*);                                \
    extern "C" void __wrap___tsan_##function(void* address) {                       \
        if (is_shared(address)) {                                                   \
            note(address, size, __builtin_return_address(0));                       \
        }                                                                           \
        __real___tsan_##function(address);                                          \
    }

#define FASTMLP_WATCH_RANGE(function, note)                                         \
    extern "C" void __real___tsan_##function(void*, unsigned long);                 \
    extern "C" void __wrap___tsan_##function(void* address, unsigned long size) {   \
        if (is_shared(address)) {                                                   \
            note(address, size, __builtin_return_address(0));                       \
        }                                                                           \
        __real___tsan_##function(address, size);                                    \
    }

FASTMLP_WATCH(read1, check_read, 1)
FASTMLP_WATCH(read2, check_read, 2)
FASTMLP_WATCH(read4, check_read, 4)
FASTMLP_WATCH(read8, check_read, 8)
FASTMLP_WATCH(read16, check_read, 16)
FASTMLP_WATCH_RANGE(read_range, check_read)
FASTMLP_WATCH(write1, note_write, 1)
FASTMLP_WATCH(write2, note_write, 2)
FASTMLP_WATCH(write4, note_write, 4)
FASTMLP_WATCH(write8, note_write, 8)
FASTMLP_WATCH(write16, note_write, 16)
FASTMLP_WATCH_RANGE(write_range, note_write)

#endif

void forget_shared_memory() {
    static const Segment segment = find_segment();
    char* first = &anchor - segment.anchor_offset;
#ifdef FASTMLP_THREAD_SANITIZER
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);  // these are nobody's writes
#endif
    std::memset(first, 0xFF, segment.size);
#ifdef FASTMLP_THREAD_SANITIZER
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    watched = first;
    written.assign(segment.size, false);
#endif
}

}  // namespace emulation
