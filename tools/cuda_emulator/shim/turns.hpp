// Blocks run one after another. In a plain build all of them on the caller's OS thread; under ThreadSanitizer each on an OS
// thread of its own, which lives on, so that blocks have different shared memory and races between them are seen.
#pragma once

#include <functional>

#include "block.hpp"

namespace emulation {

// Call `run` with the Block whose turn it is, on its OS thread; returns when it is done.
void take_turn(unsigned block_number, const std::function<void(Block&)>& run);

}  // namespace emulation
