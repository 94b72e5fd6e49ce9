"""Philox 4×32-10 in whole numbers of Python, and the dropout mask that is defined by it."""

import numpy as np

KNOWN_ANSWERS = [  # (counter, key, words), published with Random123
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def philox(counter, key):
    """Return four 32-bit words."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 1 << 32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % (1 << 32), (k[1] + 0xBB67AE85) % (1 << 32)]
    return tuple(c)


def dropout_mask(rows, width, *, seed, update, layer, keep, whole_units=False):
    """Return the mask (rows, width) of zeros and ones, element by element."""
    mask = np.zeros((rows, width), np.uint8)
    blocks = -(-width // 4)
    for row in range(rows):
        for column in range(width):
            block = (0 if whole_units else row * blocks) + column // 4
            counter = (block, update % (1 << 32), layer, update >> 32)
            word = philox(counter, (seed % (1 << 32), seed >> 32))[column % 4]
            mask[row, column] = word < int(keep * (1 << 32))
    return mask
