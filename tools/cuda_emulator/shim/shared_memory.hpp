// The __shared__ variables of the block that runs: storage of its OS thread, found through the library's own program headers.
#pragma once

namespace emulation {

// Fill them with bytes 0xFF: NaN, or −1, for whoever reads before anything was written.
void forget_shared_memory();

}  // namespace emulation
