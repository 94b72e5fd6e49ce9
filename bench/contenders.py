"""Who takes part: each contender's module, the packages it needs, the ways to run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from fastmlp.backend.cpu.backend import GEMM_CHOICES
from fastmlp.errors import MissingExtraError, choose

from .place import Place

EXTRA = "bench"
TRAINING_PEERS = ("torch", "jax", "sklearn")
GPU_PEERS = ("torch", "jax")
PREDICTION_PEERS = ("torch", "jax", "sklearn", "onnxruntime")
PACKAGES = {
    "torch": ("torch",),
    "jax": ("jax",),
    "sklearn": ("sklearn",),
    "onnxruntime": ("onnxruntime", "onnx"),
}
OWN = "fastmlp"
STEPS_AT_A_TIME = 16  # that one launch of a longer graph runs: as many as fastmlp's own
# XLA makes CUDA graphs of what lies within a loop's step; with this it makes one of the loop
# itself.
WHOLE_LOOPS = {"XLA_FLAGS": "--xla_gpu_enable_command_buffer=+WHILE"}


@dataclass(frozen=True)
class Variant:
    """One way of running a contender.

    Attributes
    ----------
    threads
        How many it is given.
    options
        Keywords of the contender's class.
    environment
        Variables of its process.
    note
        What tables say of it beside what its options say.
    """

    threads: int
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        place = (
            self.options.get("device") or f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        )
        return ", ".join(filter(None, [place, self.words]))

    @property
    def words(self) -> str:
        """What it does otherwise than the plain way; empty for that."""
        steps = self.options.get("steps", 1)
        words = [self.note, f"{steps} steps at a time" if steps > 1 else ""]
        return ", ".join(
            filter(None, [*words, *(name for name, value in self.options.items() if value is True)])
        )


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

    @property
    def kinds(self) -> list[tuple[str, Variant]]:
        """A variant of each kind, with a name: threads do not change what is computed."""
        kinds: dict[str, Variant] = {}
        for variant in self.variants:
            kinds.setdefault(variant.words, variant)
        plain, *others = kinds.items()
        return [
            (self.name, plain[1]),
            *((f"{self.name} ({words})", variant) for words, variant in others),
        ]


@dataclass(frozen=True)
class LineUp:
    """Who takes part.

    Attributes
    ----------
    own, peers
        fastmlp, in each way asked for; the others.
    missing
        Why each other library is left out, by its name.
    devices
        On a GPU, what each library says of it and of what it brings, by its name.
    """

    own: list[Contender]
    peers: list[Contender]
    missing: dict[str, str]
    devices: dict[str, dict[str, str]] = field(default_factory=dict)


def own_training(gemm: Sequence[str], threads: int) -> list[Contender]:
    """Return fastmlp once for each way to multiply matrices; it chooses its own threads."""
    return [_own(word, {}, threads) for word in _gemm_words(gemm)]


def own_prediction(gemm: Sequence[str], threads: int) -> list[Contender]:
    """Return fastmlp as a user calls it, and as a recorded Program, for each kind of product."""
    ways = [{}, {"program": True}]
    return [_own(word, way, threads) for word in _gemm_words(gemm) for way in ways]


def own_on_gpu(place: Place, threads: int) -> Contender:
    """Return fastmlp on a GPU."""
    return Contender(OWN, f"with_{OWN}", (Variant(threads, place.options),))


def find_peers(
    names: Sequence[str], accepted: Sequence[str], threads: int
) -> tuple[list[Contender], dict[str, str]]:
    """Return the peers of these names that are installed, and for each other one what to install.

    Raises
    ------
    UsageError
        For a name that is not accepted.
    """
    installed, missing = _find_installed(names, accepted)
    return [
        Contender(name, f"with_{name}", _peer_variants(name, threads)) for name in installed
    ], missing


def find_gpu_peers(
    names: Sequence[str], place: Place, threads: int
) -> tuple[dict[str, list[Contender]], dict[str, str]]:
    """Return the peers on a GPU, by the name of each library that is installed, and for each other
    one what to install.

    PyTorch takes part twice: launching each step's kernels, and replaying CUDA graphs of one step
    or of several.

    Raises
    ------
    UsageError
        For a name that is not accepted.
    """
    plain, several = place.options, {**place.options, "steps": STEPS_AT_A_TIME}
    peers = {
        "torch": [
            Contender("torch eager", "with_torch", (Variant(threads, plain),)),
            Contender(
                "torch graphs",
                "with_torch_graphs",
                (
                    Variant(threads, plain),
                    Variant(threads, several),
                    Variant(threads, {**several, "compiled": True}),
                ),
            ),
        ],
        "jax": [
            Contender(
                "jax",
                "with_jax",
                (
                    Variant(threads, plain),
                    Variant(threads, several),
                    Variant(threads, plain, WHOLE_LOOPS, "loop as a graph"),
                ),
            )
        ],
    }
    installed, missing = _find_installed(names, GPU_PEERS)
    return {name: peers[name] for name in installed}, missing


def _find_installed(
    names: Sequence[str], accepted: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    installed, missing = [], {}
    for name in dict.fromkeys(names):
        choose("peer", name, accepted)
        lacking = [package for package in PACKAGES[name] if not _is_installed(package)]
        if lacking:
            missing[name] = str(MissingExtraError(f"the peer {name}", " and ".join(lacking), EXTRA))
        else:
            installed.append(name)
    return installed, missing


def _gemm_words(gemm: Sequence[str]) -> list[str]:
    return [choose("gemm", word, GEMM_CHOICES) for word in dict.fromkeys(gemm)] or ["auto"]


def _own(gemm: str, way: dict[str, Any], threads: int) -> Contender:
    words = [OWN, *([] if gemm == "auto" else [gemm]), *way]
    return Contender(" ".join(words), f"with_{OWN}", (Variant(threads, {"gemm": gemm, **way}),))


def _peer_variants(name: str, threads: int) -> tuple[Variant, ...]:
    """Return one variant with all threads and one with a single one, often the faster."""
    variants = [Variant(count) for count in dict.fromkeys((threads, 1))]
    if name == "torch":
        variants += [Variant(variant.threads, {"compiled": True}) for variant in list(variants)]
    return tuple(variants)


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None
