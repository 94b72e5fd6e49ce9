"""How exactly float32 products are made: one table of words for all devices, each of which takes
some of them.
"""

from __future__ import annotations

from fastmlp.errors import UsageError, choose

# The factors of a product, by PyTorch's words. Of its mantissa one keeps 10 bits in TF32, 7 in
# bfloat16; sums are float32.
FACTORS = {"highest": "float32", "high": "TF32", "medium": "bfloat16"}
ACCEPTED = {"CPU": ("highest", "medium"), "CUDA": ("highest", "high")}


def check_precision(given: str, device: str) -> str:
    """Return ``given`` if ``device``, one of ACCEPTED, makes products so; else raise a UsageError
    that says what it takes.
    """
    choose("matmul_precision", given, FACTORS)
    if given in ACCEPTED[device]:
        return given
    other = next(name for name, words in ACCEPTED.items() if given in words)
    raise UsageError(
        f"matmul_precision {given!r} ({FACTORS[given]}) is not for {device}, "
        f"which accepts {in_words(device)}; {other} "
        f"accepts {in_words(other)}. Give --matmul-precision highest, or --device {other.lower()}."
    )


def in_words(device: str) -> str:
    """Return what a device accepts, for people: ``"highest (float32), high (TF32)"``."""
    return ", ".join(f"{word} ({FACTORS[word]})" for word in ACCEPTED[device])
