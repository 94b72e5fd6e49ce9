"""Reads PTX: which arrays does each kernel load from and store to.

The emulated device compiles the kernels with another compiler than NVRTC. This is the check on
NVRTC's own result that needs no GPU: a store that its front end has lost is missing here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

ENTRY = re.compile(r"^(?:\.visible |\.weak )?\.entry (\w+)\(", re.MULTILINE)
# A function of CUDA's library stands between kernels, and is none: it has registers of its own.
FUNCTION = re.compile(r"^(?:\.visible |\.weak )?\.func\b", re.MULTILINE)
INSTRUCTION = re.compile(r"^\s*(?:@!?%p\d+ )?([a-z][\w.]*)\s+(.+);", re.MULTILINE)
# The data pointer is the first word of an array's struct: its offset in the parameter is 0.
POINTER = re.compile(r"\[\w+_param_(\d+)\]")
REGISTER = re.compile(r"%[a-z]+\d+")
ADDRESS = re.compile(r"\[(%[a-z]+\d+)")
OTHER_MEMORY = ("shared", "local", "param")


@dataclass
class Access:
    """The positions of the parameters through whose pointers a kernel loads and stores."""

    loads: set[int] = field(default_factory=set)
    stores: set[int] = field(default_factory=set)


def accesses(ptx: str) -> dict[str, Access]:
    """Return the accesses of each entry function by its mangled name."""
    starts = [(match[1], match.start()) for match in ENTRY.finditer(ptx)]
    bounds = [start for _, start in starts] + [match.start() for match in FUNCTION.finditer(ptx)]
    bounds.append(len(ptx))
    return {
        name: _access(ptx[start : min(bound for bound in bounds if bound > start)])
        for name, start in starts
    }


def _access(body: str) -> Access:
    """Follow pointers from parameters through arithmetic to addresses of loads and stores."""
    sources: dict[str, set[str]] = defaultdict(
        set
    )  # of each register: the registers that it was computed from
    pointers: dict[str, set[int]] = defaultdict(set)
    loads, stores = set(), set()
    for operation, operands in INSTRUCTION.findall(body):
        kind, *words = operation.split(".")
        if kind == "ld" and "param" in words:
            target, pointer = REGISTER.search(operands)[0], POINTER.search(operands)
            if pointer and "64" in operation:
                pointers[target].add(int(pointer[1]))
        elif kind in ("ld", "st"):
            if not set(words) & set(OTHER_MEMORY):
                (loads if kind == "ld" else stores).add(ADDRESS.search(operands)[1])
        else:
            target, *used = REGISTER.findall(operands) or [""]
            sources[target].update(used)
    return Access(
        *(
            set().union(*(_origins(register, sources, pointers) for register in found))
            for found in (loads, stores)
        )
    )


def _origins(
    register: str, sources: dict[str, set[str]], pointers: dict[str, set[int]]
) -> set[int]:
    """Return the parameters from which the value of a register comes."""
    seen, left = set(), [register]
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left.extend(sources.get(at, ()))
    return set().union(*(pointers.get(at, set()) for at in seen))
