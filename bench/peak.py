"""This machine's peak: the fastest single-precision matrix product that any library at hand makes on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .contenders import Contender, Variant
from .rounds import Protocol, Work, measure

SIZE = 1024
FEWEST_ROUNDS = 10  # the best of few may all fall where the machine has other work


def measure_peak(
    peers: Sequence[Contender], threads: int, protocol: Protocol, size: int = SIZE,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, float], list[str]]:  # fmt: skip
    """Multiply two square float32 matrices with our tiles, with NumPy, and with PyTorch if it takes part.

    Returns
    -------
    speeds : dict
        10⁹ operations a second by library, of its fastest round.
    failures : list
        A line for each that could not be measured.
    """
    contenders = [
        Contender("fastmlp tiles", "with_fastmlp", (Variant(threads),)),
        Contender("numpy", "with_sklearn", (Variant(threads),)),
        *(Contender(peer.name, peer.module, (Variant(threads),)) for peer in peers if peer.name == "torch"),
    ]
    often = replace(protocol, rounds=max(protocol.rounds, FEWEST_ROUNDS))
    measured, failures = measure(contenders, Work("Product", None, {"size": size}), often, tell)
    return {each.contender: 2e-9 * size**3 / min(each.seconds) for each in measured}, failures
