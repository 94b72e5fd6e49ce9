"""Compiles every instance of every CUDA kernel for several architectures; needs no GPU.

``python -m tools.cuda_compile.check_compile`` prints what ptxas says of each: registers, shared
memory, stack, spills. It fails (status 1) if a register spills, if a kernel does not compile, if
the compiler warns, or if the code does not read or write an array of which the signature says so.
It ends with status 2 if a package is missing.
"""

from __future__ import annotations

import io
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from fastmlp.backend.available import available_threads
from fastmlp.kernels.cuda import source
from tools.cuda_compile.ptx import Access, accesses
from tools.cuda_emulator.instances import Instance, instances

ARCHITECTURES = (70, 80, 90, 100)  # V100, A100, H100, B200
OPTIONS = (*source.OPTIONS, "-ftz=true", "--ptxas-options=-v")  # cupy.RawModule adds -ftz=true too
WARNING = re.compile(r"^.*\bwarning\b(?!.*architectures prior to).*$", re.IGNORECASE | re.MULTILINE)
ENTRY = re.compile(r"Compiling entry function '(\w+)'")
FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS, SHARED = re.compile(r"Used (\d+) registers"), re.compile(r"(\d+) bytes smem")
# dz·1 is dz, which is there already: the compiler rightly leaves the array alone.
LEFT_ALONE = "identity_derivative"
REMEDY = "Install them with: pip install 'fastmlp[cuda12]'"


@dataclass(frozen=True)
class Usage:
    """What one kernel takes on one architecture; all but the registers in bytes."""

    registers: int
    shared: int = 0
    stack: int = 0
    spill_stores: int = 0
    spill_loads: int = 0

    @property
    def spills(self) -> bool:
        """Whether registers go to memory and come back."""
        return self.spill_stores > 0 or self.spill_loads > 0

    def __str__(self):
        if not self.stack and not self.spills:
            return str(self.registers)
        return f"{self.registers} ({self.stack}/{self.spill_stores}/{self.spill_loads})"


@dataclass
class Compilation:
    """The outcome for one file and architecture: usages and accesses by C++ name, problems."""

    stem: str
    architecture: int
    usages: dict[str, Usage] = field(default_factory=dict)
    accesses: dict[str, Access] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_log(log: str) -> dict[str, Usage]:
    """Return what ptxas says of each entry function; a function it calls counts to it."""
    _, *sections = re.split(f"(?={ENTRY.pattern.replace('(', '(?:', 1)})", log)
    return {ENTRY.match(section)[1]: _usage(section) for section in sections}


def _usage(section: str) -> Usage:
    frames = [tuple(map(int, frame)) for frame in FRAME.findall(section)]
    shared = SHARED.search(section)
    stack, stores, loads = map(sum, zip(*frames, strict=True))
    return Usage(
        int(REGISTERS.search(section)[1]), int(shared[1]) if shared else 0, stack, stores, loads
    )


def compile_text(stem: str, text: str, names: list[str], architecture: int) -> Compilation:
    """Compile the instances ``names`` of the kernels in ``text``."""
    from cupy.cuda import compiler

    outcome, log = Compilation(stem, architecture), io.StringIO()
    program = compiler._NVRTCProgram(text, f"{stem}.cu", name_expressions=names)
    try:
        code, mangled = program.compile((*OPTIONS, f"--gpu-architecture=sm_{architecture}"), log)
    except compiler.CompileException as error:
        outcome.problems.append(f"does not compile:\n{error}".rstrip("\0\n"))
        return outcome
    outcome.problems += [f"the compiler warns: {line}" for line in WARNING.findall(log.getvalue())]
    usages, found = (
        read_log(log.getvalue()),
        accesses(code if isinstance(code, str) else code.decode()),
    )
    for name in names:
        if mangled[name] not in usages or mangled[name] not in found:
            outcome.problems.append(f"{name}: ptxas says nothing of it")
            continue
        usage = outcome.usages[name] = usages[mangled[name]]
        outcome.accesses[name] = found[mangled[name]]
        if usage.spills:
            outcome.problems.append(
                f"{name} spills: {usage.spill_stores} bytes stored, {usage.spill_loads} loaded"
            )
    return outcome


def compile_file(stem: str, architecture: int) -> Compilation:
    """Compile every instance of one file's kernels; compare their accesses with their signature."""
    made = compile_text(
        stem, source.text(stem), [instance.name for instance in instances(stem)], architecture
    )
    for instance in instances(stem):
        if instance.name in made.accesses and LEFT_ALONE not in instance.functions:
            made.problems += wrong_accesses(instance, made.accesses[instance.name])
    return made


def wrong_accesses(instance: Instance, access: Access) -> list[str]:
    """Return which arrays the code does not read or write as the signature says."""
    wrong = []
    for position, parameter in enumerate(instance.kernel.parameters):
        if not parameter.element:
            continue
        if parameter.is_read_only and position not in access.loads:
            wrong.append(f"{instance.name}: the code never reads {parameter.name}")
        if parameter.is_read_only == (position in access.stores):
            verb = "writes to" if parameter.is_read_only else "never writes to"
            wrong.append(f"{instance.name}: the code {verb} {parameter.name}")
    return wrong


def table(compilations: list[Compilation], architectures: list[int]) -> str:
    """Return the registers of each instance on each architecture, and what leaves registers."""
    usages = {
        (name, made.architecture): usage
        for made in compilations
        for name, usage in made.usages.items()
    }
    names = list(dict.fromkeys(name for name, _ in usages))
    width = max(map(len, names), default=0)
    lines = [
        "Registers, and in brackets bytes of stack/spill stores/spill loads where there are any",
        f"{'':{width}}  shared"
        + "".join(f"{f'sm_{architecture}':>18}" for architecture in architectures),
    ]
    for name in names:
        row = [usages.get((name, architecture)) for architecture in architectures]
        shared = max(usage.shared for usage in row if usage)
        lines.append(
            f"{name:{width}}  {shared:6}" + "".join(f"{usage or '-'!s:>18}" for usage in row)
        )
    return "\n".join(lines)


def missing_packages() -> str:
    """Return what keeps this machine from compiling, or an empty string."""
    try:
        from cupy.cuda import nvrtc
    except ImportError as error:
        return f"CuPy cannot be imported ({error}). {REMEDY}"
    try:
        nvrtc.getVersion()
    except Exception as error:  # a RuntimeError of the loader, or of the library itself
        return f"CuPy finds no NVRTC, package nvidia-cuda-nvrtc-cu12 ({error}). {REMEDY}"
    return ""


def main() -> int:
    """Compile all, print the table and the problems, and return the exit status."""
    problem = missing_packages()
    if problem:
        print(f"check_compile: {problem}", file=sys.stderr)
        return 2
    from cupy.cuda import nvrtc

    known = set(nvrtc.getSupportedArchs())
    architectures = [architecture for architecture in ARCHITECTURES if architecture in known]
    stems = sorted(
        {instance.kernel.stem for instance in instances()}, key=lambda stem: -len(instances(stem))
    )
    jobs = [(stem, architecture) for stem in stems for architecture in architectures]
    with ProcessPoolExecutor(available_threads()) as pool:
        compilations = list(pool.map(compile_file, *zip(*jobs, strict=True)))
    print(table(compilations, architectures))
    for architecture in sorted(set(ARCHITECTURES) - known):
        print(
            f"sm_{architecture}: not compiled, unknown to this NVRTC"
            f" ({'.'.join(map(str, nvrtc.getVersion()))})"
        )
    problems = [
        f"{made.stem}.cu, sm_{made.architecture}: {what}"
        for made in compilations
        for what in made.problems
    ]
    print(*problems, sep="\n")
    compiled = sum(len(made.usages) for made in compilations)
    print(f"{compiled} instances compiled, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
