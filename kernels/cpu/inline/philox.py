"""Random words that are a function of a counter and a key alone: Philox 4×32-10.

Salmon et al. 2011 define the generator. It has no state, so that what is drawn from it is the same
on every device, for every number of threads, and after a resume.
"""

from __future__ import annotations

import numpy as np

from fastmlp.kernels.cpu.compiling.compiler import scalar

WORD = np.uint64(0xFFFFFFFF)
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
HALF_WORD = np.uint64(32)


@scalar
def philox(counter0, counter1, counter2, counter3, key0, key1):
    """Return four words of 32 random bits (held in uint64) for a counter of four words and a key of
    two.
    """
    for _ in range(10):
        product0, product1 = MULTIPLIER_0 * counter0, MULTIPLIER_1 * counter2
        counter0 = (product1 >> HALF_WORD) ^ counter1 ^ key0
        counter1 = product1 & WORD
        counter2 = (product0 >> HALF_WORD) ^ counter3 ^ key1
        counter3 = product0 & WORD
        key0, key1 = (key0 + WEYL_0) & WORD, (key1 + WEYL_1) & WORD
    return counter0, counter1, counter2, counter3
