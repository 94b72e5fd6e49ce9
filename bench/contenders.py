"""Who takes part: each contender's module, the packages it needs, and the ways in which it may be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from fastmlp.backend.cpu import GEMM_CHOICES
from fastmlp.errors import MissingExtraError, choose

EXTRA = "bench"
TRAINING_PEERS = ("torch", "jax", "sklearn")
PREDICTION_PEERS = ("torch", "jax", "sklearn", "onnxruntime")
PACKAGES = {"torch": ("torch",), "jax": ("jax",), "sklearn": ("sklearn",), "onnxruntime": ("onnxruntime", "onnx")}
OWN = "fastmlp"


@dataclass(frozen=True)
class Variant:
    """One way of running a contender.

    Attributes
    ----------
    threads
        How many it is given.
    options
        Keywords of the contender's class.
    """

    threads: int
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [name for name, value in self.options.items() if value is True]
        return ", ".join([f"{self.threads} thread{'s' if self.threads > 1 else ''}", *words])


@dataclass(frozen=True)
class Contender:
    """A library, or one way of using it that is measured in its own right.

    Attributes
    ----------
    name
        As tables show it.
    module
        Of bench, where its classes are.
    variants
        Ways to run it; the fastest one stands for it.
    """

    name: str
    module: str
    variants: tuple[Variant, ...]

    @property
    def is_peer(self) -> bool:
        """Whether it is another library."""
        return self.module != f"with_{OWN}"


def own_training(gemm: Sequence[str], threads: int) -> list[Contender]:
    """Return fastmlp once for each of these ways to multiply matrices; it chooses its number of threads itself."""
    return [_own(word, {}, threads) for word in _gemm_words(gemm)]


def own_prediction(gemm: Sequence[str], threads: int) -> list[Contender]:
    """Return fastmlp as a user calls it, and as a recorded Program, for each of these ways to multiply matrices."""
    ways = [{}, {"program": True}]
    return [_own(word, way, threads) for word in _gemm_words(gemm) for way in ways]


def find_peers(names: Sequence[str], accepted: Sequence[str], threads: int) -> tuple[list[Contender], dict[str, str]]:
    """Return the peers of these names that are installed, and for each other one what to install.

    Raises
    ------
    UsageError
        For a name that is not accepted.
    """
    found, missing = [], {}
    for name in dict.fromkeys(names):
        choose("peer", name, accepted)
        lacking = [package for package in PACKAGES[name] if not _is_installed(package)]
        if lacking:
            missing[name] = str(MissingExtraError(f"the peer {name}", " and ".join(lacking), EXTRA))
        else:
            found.append(Contender(name, f"with_{name}", _peer_variants(name, threads)))
    return found, missing


def _gemm_words(gemm: Sequence[str]) -> list[str]:
    return [choose("gemm", word, GEMM_CHOICES) for word in dict.fromkeys(gemm)] or ["auto"]


def _own(gemm: str, way: dict[str, Any], threads: int) -> Contender:
    words = [OWN, *([] if gemm == "auto" else [gemm]), *way]
    return Contender(" ".join(words), f"with_{OWN}", (Variant(threads, {"gemm": gemm, **way}),))


def _peer_variants(name: str, threads: int) -> tuple[Variant, ...]:
    """Return one variant with all threads and one with a single one, which small networks often prefer."""
    variants = [Variant(count) for count in dict.fromkeys((threads, 1))]
    if name == "torch":
        variants += [Variant(variant.threads, {"compiled": True}) for variant in list(variants)]
    return tuple(variants)


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None
