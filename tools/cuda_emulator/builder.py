"""Builds CUDA kernels with g++ for the emulated device, once: the result is kept in a cache folder.

A library is the text itself between two parts of the shim: device.hpp in front, which gives the
words of CUDA C++, and a table of instances behind. The rest of the shim (threads of a block,
barriers, launches) is compiled once for all.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

from fastmlp.kernels.cuda import source
from tools.cuda_emulator.instances import instances

SHIM = Path(__file__).parent / "shim"
# What every library needs of the shim; a program for a sanitizer also has the driver, which holds
# its main().
PARTS = ("block.cpp", "fiber.cpp", "launch.cpp", "parameters.cpp", "shared_memory.cpp", "turns.cpp")
DRIVER = "driver.cpp"
# Any x86-64, or any other processor; no fused multiply-add, which would round otherwise than the
# tests' oracles. Each library must keep its own shared memory although templates of the same name
# stand in several: nothing is visible, nothing unique.
COMMON = (
    "-std=c++17",
    "-ffp-contract=off",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-pthread",
)
LIBRARIES = (None, "portable")
# For the shim, for the text, and for linking. The shim is not instrumented: it tells the sanitizers
# what they need to know.
WATCHED = [f"{access}{size}" for access in ("read", "write") for size in (1, 2, 4, 8, 16, "_range")]
FLAGS: dict[str | None, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    None: (("-O2",), ("-O2",), ("-shared",)),
    "portable": (("-O2", "-DFASTMLP_PORTABLE_FIBERS"), ("-O2",), ("-shared",)),
    "thread": (
        ("-O2", "-g", "-DFASTMLP_THREAD_SANITIZER"),
        ("-O1", "-g", "-fsanitize=thread"),
        ("-fsanitize=thread", *(f"-Wl,--wrap=__tsan_{name}" for name in WATCHED)),
    ),
    "address": (
        ("-O2", "-g", "-DFASTMLP_ADDRESS_SANITIZER"),
        (
            "-O1",
            "-g",
            "-fsanitize=address,undefined,float-cast-overflow",
            "-fno-sanitize-recover=all",
        ),
        ("-fsanitize=address,undefined",),
    ),
}
UNUSED_DAYS = 30  # after which something built is removed
THREADS_BY_DEFAULT = 1024  # in a block of a kernel without __launch_bounds__


class BuildError(RuntimeError):
    """The compiler refused a text; the message is what it said."""


def compiler() -> str | None:
    """Return the path of g++ (or of what CXX names), None where there is none."""
    return shutil.which(os.environ.get("CXX", "g++"))


def build(text: str, instances: Sequence[str], sanitizer: str | None = None) -> Path:
    """Compile a text and return the library, or for a sanitizer the program, in the cache folder.

    Parameters
    ----------
    text
        CUDA C++, as NVRTC would be given it.
    instances
        The kernels to compile, by the names that NVRTC would be asked for: ``"sgd<float>"``,
        ``"fill"``.
    sanitizer
        None for a shared library with the doors of launch.cpp (``"portable"``: with the fibers of
        processors other than x86-64); ``"thread"`` or ``"address"`` for a program that reads its
        launches from a file (driver.cpp).

    Raises
    ------
    BuildError
        If the text does not compile, or g++ is missing.
    """
    for_shim, for_text, for_linking = FLAGS[sanitizer]
    parts = PARTS if sanitizer in LIBRARIES else (*PARTS, DRIVER)
    unit = _translation_unit(text, instances)

    def link(target: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            code, kernels = Path(folder) / "kernels.cpp", Path(folder) / "kernels.o"
            code.write_text(unit, encoding="utf-8")
            with ThreadPoolExecutor(2) as pool:
                compiled = pool.submit(_compile, code, kernels, for_text)
                objects = list(pool.map(lambda part: _object(part, for_shim), parts))
                compiled.result()
            _run(*COMMON, str(kernels), *map(str, objects), *for_linking, "-o", str(target))

    return _cached(
        ".so" if sanitizer in LIBRARIES else ".program", (unit, parts, FLAGS[sanitizer]), link
    )


def library(stem: str) -> Path:
    """Return the library of every instance of one file of kernels/cuda; built on first use."""
    return build(source.text(stem), [instance.name for instance in instances(stem)])


def libraries(stems: Sequence[str]) -> dict[str, Path]:
    """Return the libraries of several files, built two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(stems, pool.map(library, stems), strict=True))


def _translation_unit(text: str, instances: Sequence[str]) -> str:
    bounds = launch_bounds(text)
    threads = {name: bounds.get(name.partition("<")[0], THREADS_BY_DEFAULT) for name in instances}
    entries = [f'    instance<::{name}>("{name}", {threads[name]}),' for name in instances]
    return "\n".join(
        [
            '#include "device.hpp"',
            '#include "instance.hpp"',
            '#line 1 "kernels.cu"',
            _with_places(text),
            '#line 1 "instances"',
            "namespace emulation {",
            "const Instance instances[] = {",
            *entries,
            "};",
            f"const int instance_count = {len(entries)};",
            "}",
        ]
    )


def _with_places(text: str) -> str:
    """Say which file of kernels/cuda each line comes from, for errors and sanitizers."""
    places = {}
    for path in sorted(source.HERE.glob("*.cu*")):
        part = path.read_text(encoding="utf-8")
        begin = text.find(part)
        if begin >= 0:
            end = begin + len(part)
            places[begin] = f'#line 1 "kernels/cuda/{path.name}"\n'
            places.setdefault(end, f'#line {text[:end].count(chr(10)) + 1} "kernels.cu"\n')
    offsets = [0, *sorted(places), len(text)]
    return "".join(places.get(begin, "") + text[begin:end] for begin, end in pairwise(offsets))


def launch_bounds(text: str) -> dict[str, int]:
    """Return the largest block of each kernel that declares one, itself or by a macro."""
    macros = dict(
        re.findall(
            r"^#define\s+(\w+)(?:\([^)]*\))?\s+__launch_bounds__\(\s*(\d+)", text, re.MULTILINE
        )
    )
    bounds = {}
    for declaration in re.findall(r"^[^/\n]*__global__([^{]*)\{", text, re.MULTILINE):
        kernel = re.search(r"(\w+)\s*\([^()]*\)\s*$", declaration)
        said = re.findall(r"__launch_bounds__\(\s*(\d+)", declaration)
        said += [macros[word] for word in re.findall(r"\w+", declaration) if word in macros]
        if kernel and said:
            bounds[kernel[1]] = int(said[0])
    return bounds


def _object(part: str, flags: tuple[str, ...]) -> Path:
    return _cached(".o", (part, flags), lambda target: _compile(SHIM / part, target, flags))


def _compile(code: Path, target: Path, flags: tuple[str, ...]) -> None:
    _run(*COMMON, *flags, f"-I{SHIM}", "-c", str(code), "-o", str(target))


def _run(*arguments: str) -> None:
    program = compiler()
    if program is None:
        raise BuildError("the emulated device needs g++, which is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(done.stderr)


def _cached(suffix: str, made_from: object, make: Callable[[Path], None]) -> Path:
    """Return the file that is made from exactly this by this shim and compiler; make it if it is
    not there yet.

    It is written aside and renamed: another process sees all of it or nothing, and if both make it,
    either will do.
    """
    key = hashlib.sha256(
        repr((made_from, COMMON, _shim_text(), _compiler_version())).encode()
    ).hexdigest()
    target = cache_folder() / f"{key[:32]}{suffix}"
    if target.exists():
        os.utime(target)
        return target
    _remove_unused()
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        aside = Path(folder) / target.name
        make(aside)
        aside.replace(target)
    return target


def cache_folder() -> Path:
    """Return the folder of what was built: FASTMLP_EMULATION_CACHE, else the user's cache."""
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastmlp-emulation"
    folder = Path(os.environ.get("FASTMLP_EMULATION_CACHE") or own)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _remove_unused() -> None:
    for path in cache_folder().iterdir():
        if path.is_file() and time.time() - path.stat().st_mtime > UNUSED_DAYS * 86400:
            path.unlink(missing_ok=True)


@cache
def _shim_text() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(SHIM.iterdir()))


@cache
def _compiler_version() -> str:
    program = compiler()
    if program is None:
        raise BuildError("the emulated device needs g++, which is not installed")
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
