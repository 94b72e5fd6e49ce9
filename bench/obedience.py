"""Checks that contenders keep to ``--isa``: each is told, then asked, and watched at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fastmlp.cli.console import Console
from fastmlp.errors import FastMLPError
from fastmlp.machine.throughput import Shape

from .contenders import Contender, Variant
from .isa import Isa
from .rounds import Work
from .vectors import Report
from .watch import Seen, watch
from .workers import WorkerError

# Large enough for every library's best product, and updates that take their time too.
SHAPE = Shape("watched", (256, 512, 512, 10), 128, "adam", 1e-3, rows=1024)
TRAINING = Work("Training", SHAPE, {"shuffle": True})
PREDICTION = Work("Prediction", SHAPE, {"batch": SHAPE.batch})
FEWEST_SAMPLES = (
    100  # that show something: what takes a twentieth of the time is then missed once in 170 times
)
CALLS = {"Training": 1, "Prediction": 50}  # units of work that take some hundredths of a second


@dataclass(frozen=True)
class Obedience:
    """Whether a contender keeps to what it was told.

    Attributes
    ----------
    contender
        Who, and in which way.
    isa
        What it was told.
    says
        What its libraries say.
    seen
        What was seen of it at work.
    """

    contender: str
    isa: Isa
    says: list[Report]
    seen: Seen

    @property
    def wider(self) -> list[str]:
        """What speaks against it."""
        against = [str(report) for report in self.says if (report.bits or 0) > self.isa.bits]
        return [
            *against,
            *([f"vectors of {self.seen.widest} bits"] if self.seen.widest > self.isa.bits else []),
        ]

    @property
    def verdict(self) -> str:
        """For people: it obeys, does not obey, or cannot be shown to obey."""
        if self.wider:
            return f"does not obey: {', '.join(self.wider)}"
        is_shown = self.seen.samples >= FEWEST_SAMPLES or (
            self.says and all(report.bits for report in self.says)
        )
        return "obeys" if is_shown else "cannot be shown to obey"

    def __str__(self) -> str:
        return f"{self.contender} {self.verdict}; {', '.join(map(str, self.says))}; {self.seen}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return {
            "contender": self.contender,
            "obeys": not self.wider,
            "verdict": self.verdict,
            "says": [asdict(report) for report in self.says],
            "seen": {
                "samples": self.seen.samples,
                "bits": dict(self.seen.bits),
                "problem": self.seen.problem,
            },
        }


def told(contenders: Sequence[Contender], isa: Isa) -> list[Contender]:
    """Return the contenders with the environment that tells their libraries."""

    def narrowed(variant: Variant) -> Variant:
        flags = " ".join(
            filter(None, (each.get("XLA_FLAGS") for each in (variant.environment, isa.environment)))
        )
        joined = {"XLA_FLAGS": flags} if flags else {}
        return replace(variant, environment={**variant.environment, **isa.environment, **joined})

    return [replace(each, variants=tuple(map(narrowed, each.variants))) for each in contenders]


def check_obedience(
    contenders: Sequence[Contender],
    isa: Isa,
    work: Work,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[list[Contender], list[Obedience]]:
    """Tell all, ask and watch each in each of its kinds.

    Returns
    -------
    contenders : list
        Those that do not disobey, told; of each, the ways in which it does not.
    obedience : list
        What was found of each kind. One that cannot be run is not among them: measuring it says
        why.

    Raises
    ------
    FastMLPError
        If nobody is left.
    """
    found, obedient = [], []
    for contender in told(contenders, isa):
        disobedient = set()
        for name, variant in contender.kinds:
            tell(f"watching {name}")
            try:
                obedience = _watched(name, contender, variant, isa, work)
            except WorkerError:
                continue
            found.append(obedience)
            if obedience.wider:
                disobedient.add(variant.words)
        variants = tuple(each for each in contender.variants if each.words not in disobedient)
        if variants:
            obedient.append(replace(contender, variants=variants))
    if not obedient:
        raise FastMLPError(f"no contender keeps to --isa {isa.name}: {'; '.join(map(str, found))}.")
    return obedient, found


def keep_obedient(
    console: Console,
    contenders: Sequence[Contender],
    isa: Isa,
    work: Work,
    tell: Callable[[str], None],
) -> tuple[list[Contender], dict[str, Any]]:
    """Check as above and print a line for each; return who takes part, and the part of a report."""
    if isa.is_native:
        return list(contenders), {"name": isa.name, "contenders": []}
    obedient, found = check_obedience(contenders, isa, work, tell)
    for each in found:
        console.line(f"--isa {isa.name}: {each}")
    return obedient, {"name": isa.name, "contenders": [each.to_dict() for each in found]}


def _watched(name: str, contender: Contender, variant: Variant, isa: Isa, work: Work) -> Obedience:
    # Threads that wait for each other spin, and are seen doing that alone; what is executed else is
    # the same with one.
    with work.start(contender, replace(variant, threads=1)) as worker:
        worker.run(1)  # what is compiled or chosen at first is not what is measured
        seen = watch(worker.process, lambda: worker.run(CALLS[work.activity]))
        return Obedience(name, isa, worker.vectors(), seen)
