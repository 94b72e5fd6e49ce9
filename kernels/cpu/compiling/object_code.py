"""Compiled functions on disk: object code that the next process links without waking Numba's
compiler.

Numba's own disk cache needs the compiler's types and templates before it loads a first function,
and then a twentieth of the time that compiling took for each. Object code needs a linker, which
takes a tenth of a millisecond.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba import _helperlib
from numba.core import config
from numba.core.runtime import _nrt_python  # pyright: ignore[reportAttributeAccessIssue]

from .private_files import is_private, read_private, remove_abandoned, turn, write_private
from .processor import target_features, target_name

CPU_KERNELS = Path(__file__).parents[1]
SUFFIX, LOCK_SUFFIX = ".kernel", ".lock"
# seconds to wait for another process that compiles the same function; the longest takes two
PATIENCE = 10.0
# Those of Numba's settings that change the code of a cfunc, beside the processor's. The others say
# how many threads to use (joblib sets that in its workers), what to print, where to keep things, or
# concern what no kernel does.
CODE_SETTINGS = (
    "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "USING_SVML", "BOUNDSCHECK", "DEBUGINFO_DEFAULT",
    "EXTEND_VARIABLE_LIFETIMES", "LLVM_REFPRUNE_PASS", "LLVM_REFPRUNE_FLAGS", "DEBUG_JIT",
    "DEBUG_NRT",
)  # fmt: skip
# What a compiled function calls of Numba's own when it raises or lets go of an array. Taking memory
# is not among it: that needs more of Numba to be awake.
HELPERS = {
    **{f"numba_{name}": address for name, address in vars(_helperlib)["c_helpers"].items()},
    **{f"NRT_{name}": _nrt_python.c_helpers[name] for name in ("MemInfo_call_dtor", "Free")},
}
# engines and functions that own code, whose addresses are handed on as numbers: for good
OWNERS: list = []
LINKING = threading.Lock()


@cache
def source_fingerprint() -> str:
    """Return a hash of every CPU kernel's source text, and of what the kernels share with other
    devices.
    """
    digest = hashlib.sha256()
    for path in sorted([*CPU_KERNELS.rglob("*.py"), *CPU_KERNELS.parent.glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Return where object code is kept: ``NUMBA_CACHE_DIR``, beside the sources, or the user's
    cache folder.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"]) / "fastmlp"
    beside = CPU_KERNELS / "__pycache__"
    writable = beside if beside.exists() else beside.parent
    if os.access(writable, os.W_OK) and is_private(writable.stat()):
        return beside
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastmlp"
    except RuntimeError:  # a user without a home: what cannot be kept is compiled each time
        return beside


class ObjectStore:
    """Functions by name, for this processor, these versions and these sources.

    Everything that object code depends on is part of a file's name, so nothing is ever brought up
    to date. It is also part of the digest in the file, with the function's name, its symbol and the
    code: damage is found, and so is a file that was compiled for something else. A digest does not
    tell who wrote a file; its owner and mode do (``private_files``).

    Parameters
    ----------
    folder
        Where the files lie; created when the first one is saved.
    patience
        How many seconds to wait for another process that is compiling the same function.
    """

    def __init__(self, folder: Path, patience: float = PATIENCE):
        self.folder = folder
        self.patience = patience

    def provide(self, name: str, compiled: Callable[[], Any]) -> tuple[int, bool]:
        """Return the address of a function, and whether ``compiled``, which returns a ``cfunc``,
        was called for it.
        """
        address = self.load(name)
        if address is not None:
            return address, False
        with turn(self._path(name).with_suffix(LOCK_SUFFIX), self.patience) as is_held:
            if not is_held:
                # a process that is stopped, or a folder without locks: not again for each function
                self.patience = 0.0
            address = self.load(name)
            if address is not None:
                return address, False
            function = own(compiled())
            self.save(name, function)
            return function.address, True

    def load(self, name: str) -> int | None:
        """Return the address of a function, or None where it is not kept or its file cannot be
        relied on.
        """
        try:
            header, code = read_private(self._path(name)).split(b"\n", 1)
            symbol = json.loads(header)["symbol"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return _link(code, symbol) if header == _header(name, symbol, code) else None

    def save(self, name: str, function) -> None:
        """Keep a compiled ``cfunc``, if it can stand alone and the folder can be written to."""
        library = function._library
        needed = [other.name for other in library._final_module.functions if other.is_declaration]
        if not all(is_at_hand(symbol) for symbol in needed):
            return
        code = library._get_compiled_object()
        try:
            write_private(
                self._path(name), _header(name, function._wrapper_name, code) + b"\n" + code
            )
            remove_abandoned(self.folder)
        except OSError:
            return  # it is compiled again next time

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}-{_circumstances()[:24]}{SUFFIX}"


def own(function):
    """Let a ``cfunc`` live as long as the process; return it."""
    OWNERS.append(function)
    return function


def is_at_hand(symbol: str) -> bool:
    """Return whether object code finds a function in every process: LLVM's own, Python's, the C
    library's, HELPERS.
    """
    return symbol.startswith("llvm.") or symbol in HELPERS or hasattr(ctypes.CDLL(None), symbol)


@cache
def object_store() -> ObjectStore:
    """Return the one store of this process."""
    return ObjectStore(cache_folder())


def _circumstances() -> str:
    """Return a hash of all that object code depends on beside a function's name and types."""
    # As text: OPT's "max" is equal to its 3. Each time: Numba, too, reads its settings anew before
    # it compiles.
    return _hash_of_circumstances(
        tuple(repr(getattr(config, name, None)) for name in CODE_SETTINGS)
    )


@cache
def _hash_of_circumstances(settings: tuple[str, ...]) -> str:
    versions = (
        numba.__version__,
        llvmlite.__version__,
        llvm.llvm_version_info,
        np.__version__,
        sys.version,
    )
    machine = llvm.get_process_triple(), target_name(), target_features()
    return hashlib.sha256(
        repr((source_fingerprint(), versions, machine, settings)).encode()
    ).hexdigest()


def _header(name: str, symbol: str, code: bytes) -> bytes:
    """Return the first line of a file: the symbol, and a digest of all that must be as it was when
    the file was written.
    """
    digest = hashlib.sha256(json.dumps([name, _circumstances(), symbol]).encode() + code)
    return json.dumps({"symbol": symbol, "sha256": digest.hexdigest()}).encode()


def _link(code: bytes, symbol: str) -> int | None:
    # An engine for each: two processes may have given two functions inside of their code the same
    # name.
    with LINKING:
        _give_symbols()
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        address = engine.get_function_address(symbol)
        if not address:  # the code has no such function
            return None
        OWNERS.append(engine)
        return address


@cache
def _give_symbols() -> None:
    """Tell the linker what Numba would tell it when its compiler wakes."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name, address in HELPERS.items():
        llvm.add_symbol(name, address)
