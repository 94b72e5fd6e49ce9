// Random words that are a function of a counter and a key alone: Philox 4×32-10.
//
// Salmon et al. 2011 define the generator. It has no state, so that what is drawn from it is the same on every device, for
// every grid, and after a resume.

inline constexpr uint32 MULTIPLIER_0 = 0xD2511F53, MULTIPLIER_1 = 0xCD9E8D57;
inline constexpr uint32 WEYL_0 = 0x9E3779B9, WEYL_1 = 0xBB67AE85;
inline constexpr int WORDS = 4;  // of each block of the generator

// Four words of 32 random bits for a counter of four words and a key of two.
__device__ inline Pack<uint32, WORDS> philox(Pack<uint32, WORDS> counter, uint32 key0, uint32 key1) {
    for (int round = 0; round < 10; ++round) {
        const uint64 product0 = uint64(MULTIPLIER_0) * counter[0], product1 = uint64(MULTIPLIER_1) * counter[2];
        counter = {uint32(product1 >> 32) ^ counter[1] ^ key0, uint32(product1),
                   uint32(product0 >> 32) ^ counter[3] ^ key1, uint32(product0)};
        key0 += WEYL_0;
        key1 += WEYL_1;
    }
    return counter;
}
