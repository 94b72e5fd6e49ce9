"""This machine's peak: the fastest float32 matrix product that any library makes on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .contenders import OWN, Contender, Variant
from .place import Place
from .rounds import Protocol, Work, measure

SIZE, GPU_SIZE = 1024, 4096  # rows and columns; a GPU has more to keep busy
FEWEST_ROUNDS = 10  # the best of few may all fall where the machine has other work


def peak_size(place: Place) -> int:
    """Return the rows and columns of the matrices whose product is the peak."""
    return GPU_SIZE if place.is_gpu else SIZE


def measure_peak(
    peers: Sequence[Contender], place: Place, threads: int, protocol: Protocol, size: int,
    tell: Callable[[str], None] = lambda line: None, environment: dict[str, str] | None = None,
) -> tuple[dict[str, float], list[str]]:  # fmt: skip
    """Multiply two square float32 matrices with our tiles and NumPy, or with cuBLAS, and with
    PyTorch if it takes part.

    Parameters
    ----------
    environment
        Variables of their processes.

    Returns
    -------
    speeds : dict
        10⁹ operations a second by library, of its fastest round.
    failures : list
        A line for each that could not be measured.
    """
    variants = (Variant(threads, place.options, environment or {}),)
    contenders = [
        Contender(f"{OWN} {'cuBLAS' if place.is_gpu else 'tiles'}", f"with_{OWN}", variants)
    ]
    if not place.is_gpu:
        contenders.append(Contender("numpy", "with_sklearn", variants))
    if any(peer.module == "with_torch" for peer in peers):
        contenders.append(Contender("torch", "with_torch", variants))
    often = replace(protocol, rounds=max(protocol.rounds, FEWEST_ROUNDS))
    measured, failures = measure(contenders, Work("Product", None, {"size": size}), often, tell)
    return {each.contender: 2e-9 * size**3 / min(each.seconds) for each in measured}, failures
