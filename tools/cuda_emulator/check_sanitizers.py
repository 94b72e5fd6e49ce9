"""Looks for races, reads of nothing, overruns and deadlocks in every CUDA kernel, on the emulated
device.

ThreadSanitizer and AddressSanitizer (with UndefinedBehaviorSanitizer) watch each kernel at sizes
from nothing to more than a block takes. First come kernels with one fault each (planted/): every
fault must be found at its line, and its mended twin must pass, else nothing that follows would mean
anything.

    python -m tools.cuda_emulator.check_sanitizers [--quick]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastmlp.kernels.cuda import source
from tools.cuda_emulator import builder
from tools.cuda_emulator.instances import Instance, instances
from tools.cuda_emulator.launches import Array, Launch, Outcome, run
from tools.cuda_emulator.sanitizer_inputs import UnknownArgumentError, launches

PLANTED = Path(__file__).parent / "planted"
SANITIZERS = {"thread": "ThreadSanitizer", "address": "AddressSanitizer"}
SECONDS = 60  # after which a launch is taken to hang
REPORT_LINES = 40
MOST_FAULTS = 5  # of one file by one sanitizer, after which the search there ends


@dataclass(frozen=True)
class Planted:
    """A file with a faulty kernel and its mended twin.

    Attributes
    ----------
    path
        The file.
    fault
        What is wrong, as its first line says.
    sanitizer
        Which build finds it.
    lines
        The lines that stand in its way, marked ``// here``; a report must name one of them.
    """

    path: Path
    fault: str
    sanitizer: str
    lines: tuple[int, ...]

    @classmethod
    def read(cls, path: Path) -> Planted:
        """Read the comments of a file."""
        lines = path.read_text(encoding="utf-8").splitlines()
        fault, sanitizer = (line.partition(": ")[2] for line in lines[:2])
        marked = tuple(number for number, line in enumerate(lines, 1) if line.endswith("// here"))
        if sanitizer not in SANITIZERS or not marked:
            raise ValueError(
                f"{path.name} must say 'Found by: thread' or 'address' and mark lines '// here'"
            )
        return cls(path, fault, sanitizer, marked)

    def run(self, kernel: str, sanitizer: str) -> Outcome:
        """Run one of the two kernels: two blocks of four warps, on vectors of 258 elements."""
        planted = self.path.read_text(encoding="utf-8")
        text = f'{source.shared()}\n#line 1 "planted/{self.path.name}"\n{planted}'
        program = builder.build(text, ["faulty", "correct"], sanitizer)
        vectors = Array(np.ones(258, np.float32)), Array(np.zeros(258, np.float32))
        return run(program, [Launch(kernel, (2, 1, 1), (32, 4, 1), vectors)], SECONDS)

    def found_line(self, outcome: Outcome) -> int | None:
        """Return the marked line that a report names."""
        named = [
            line
            for file, line in outcome.places
            if Path(file).name == self.path.name and line in self.lines
        ]
        return named[0] if named else None

    def problem(self) -> str:
        """Print what was found; return what was not, or what was found in the twin."""
        outcome = self.run("faulty", self.sanitizer)
        line = self.found_line(outcome)
        if line is None:
            return (
                f"planted/{self.path.name}: not found by the {self.sanitizer}"
                f" build\n{outcome.report}"
            )
        found = (
            f"{SANITIZERS[self.sanitizer]} build, planted/{self.path.name}:{line}:"
            f" {outcome.headline}"
        )
        print(f"planted: {self.fault}\n  found: {found}", flush=True)
        for sanitizer in SANITIZERS:
            twin = self.run("correct", sanitizer)
            if twin.report:
                return f"planted/{self.path.name}: a fault in the twin without one\n{twin.report}"
        return ""


@dataclass(frozen=True)
class Job:
    """All kernels of one file under one sanitizer."""

    stem: str
    sanitizer: str
    instances: tuple[Instance, ...]

    def takes_long(self) -> bool:
        """Return whether many threads meet at many barriers: slow, so best begun first."""
        words = {instance.kernel.launch for instance in self.instances}
        return self.sanitizer == "thread" and "EACH_COLUMN_OF" in words

    def faults(self) -> list[str]:
        """Return the faults found, of each instance the first."""
        begun = time.perf_counter()
        program = builder.build(
            source.text(self.stem), [each.name for each in self.instances], self.sanitizer
        )
        built = time.perf_counter()
        waiting = [launch for instance in self.instances for launch in launches(instance)]
        count, faults = len(waiting), []
        while waiting and len(faults) < MOST_FAULTS:
            outcome = run(program, waiting, SECONDS)
            if not outcome.report:
                break
            report = "\n".join(outcome.report.strip().splitlines()[:REPORT_LINES])
            faults.append(
                f"{self.stem}.cu, {SANITIZERS[self.sanitizer]}: {outcome.label}\n{report}"
            )
            at = next(
                (place for place, launch in enumerate(waiting) if launch.label == outcome.label),
                len(waiting),
            )
            faulty = waiting[at].instance if at < len(waiting) else None
            waiting = [launch for launch in waiting[at:] if launch.instance != faulty]
        seconds = f"{built - begun:.1f} s to build, {time.perf_counter() - built:.1f} s to run"
        found = f"{len(faults)} FAULTS" if faults else "nothing found"
        print(
            f"{self.stem}.cu, {SANITIZERS[self.sanitizer]}: {count} launches, {found} ({seconds})",
            flush=True,
        )
        return faults


def chosen(stem: str, quick: bool) -> tuple[Instance, ...]:
    """Return the instances of a file for all element types, of each kernel the first in a quick
    check.

    What a scalar function returns does not change which memory is touched: the first one of each
    kernel will do.
    """
    by_types: dict[tuple, Instance] = {}
    for instance in instances(stem):
        by_types.setdefault(
            (instance.kernel.name, *(() if quick else instance.element_types)), instance
        )
    return tuple(by_types.values())


def check(stems: Iterable[str], quick: bool = False) -> list[str]:
    """Search some files' kernels under both sanitizers, two at a time; return the faults."""
    jobs = [Job(stem, sanitizer, chosen(stem, quick)) for sanitizer in SANITIZERS for stem in stems]
    jobs.sort(key=Job.takes_long, reverse=True)
    with ThreadPoolExecutor(2) as pool:
        return [fault for faults in pool.map(Job.faults, jobs) for fault in faults]


def check_planted() -> list[str]:
    """Return the planted faults that were not found, and the twins in which one was."""
    planted = [Planted.read(path) for path in sorted(PLANTED.glob("*.cu"))]
    if not planted:
        return [f"no planted faults in {PLANTED}"]
    with ThreadPoolExecutor(2) as pool:
        return [problem for problem in pool.map(Planted.problem, planted) if problem]


def main(words: Sequence[str] | None = None) -> int:
    """Run the check; 0 if every planted fault was found and no other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one element type of each kernel")
    quick = parser.parse_args(words).quick
    if builder.compiler() is None:
        print("the sanitizers need g++, which is not installed", file=sys.stderr)
        return 1
    try:
        faults = check_planted()
        if not faults:
            faults = check(sorted({kernel.stem for kernel in source.kernels().values()}), quick)
    except (builder.BuildError, UnknownArgumentError) as error:
        faults = [str(error)]
    for fault in faults:
        print(f"\nFAULT: {fault}", file=sys.stderr)
    print(f"{len(faults)} FAULTS" if faults else "no fault but the planted ones")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
