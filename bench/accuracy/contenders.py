"""Who takes part: what each contender is called, where it is fitted, which packages it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from fastmlp.errors import choose

from .recipes import BINARY, MULTICLASS, REGRESSION

OWN = "fastmlp"
ALL = "all"


@dataclass(frozen=True)
class Contender:
    """A way to predict a table.

    Attributes
    ----------
    name
        As ``--contenders`` takes it.
    label
        As tables and the picture show it.
    module
        Of this package, with a class ``Fit``.
    options
        Keywords of that class, beside the table, the seed and the threads.
    package, command
        What must be importable; how it is installed.
    tasks
        That it takes.
    is_random
        Whether its result depends on the seed.
    """

    name: str
    label: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    package: str = "sklearn"
    command: str = "pip install scikit-learn"
    tasks: tuple[str, ...] = (BINARY, MULTICLASS, REGRESSION)
    is_random: bool = True

    @property
    def missing(self) -> str | None:
        """What to do so that it can take part; None if it can."""
        if is_installed(self.package):
            return None
        return (
            f"{self.label} needs {self.package}, which is not installed, and is left out:"
            f" {self.command}"
        )


def _of_pytabkit(name: str, label: str, **more: Any) -> Contender:
    return Contender(
        name,
        label,
        "with_pytabkit",
        package="pytabkit",
        command="pip install 'pytabkit[models]' lightgbm",
        **more,
    )


_EVERYONE = (
    Contender(OWN, "fastmlp", "with_fastmlp", {"settings": {}}, "fastmlp", "pip install fastmlp"),
    Contender("linear", "logistic/ridge", "with_sklearn", {"model": "linear"}, is_random=False),
    Contender("sklearn_mlp", "sklearn MLP", "with_sklearn", {"model": "mlp"}),
    Contender(
        "lightgbm",
        "LightGBM",
        "with_lightgbm",
        package="lightgbm",
        command="pip install lightgbm",
        is_random=False,
    ),
    _of_pytabkit("lightgbm_td", "LightGBM-TD", options={"model": "LGBM_TD"}),
    _of_pytabkit("realmlp", "RealMLP-TD", options={"model": "RealMLP_TD"}),
    # 512 wide is its default, which costs 2 to 3 times as much.
    _of_pytabkit("tabm", "TabM (width 256)", options={"model": "TabM_D"}),
    _of_pytabkit(
        "realmlp_ce",
        "RealMLP-TD by log loss",
        options={
            "model": "RealMLP_TD",
            "changes": {"val_metric_name": "cross_entropy", "use_ls": False},
        },
        tasks=(BINARY,),
    ),
    _of_pytabkit(
        "tabm_auc",
        "TabM by AUC",
        options={"model": "TabM_D", "changes": {"val_metric_name": "1-auc_ovr"}},
        tasks=(BINARY,),
    ),
)
CONTENDERS = {contender.name: contender for contender in _EVERYONE}
USUAL = (OWN, "linear", "sklearn_mlp", "lightgbm", "realmlp", "tabm")


def find_contenders(names: Sequence[str]) -> tuple[list[Contender], list[str]]:
    """Return the contenders of these names that can take part, and a line for each other one.

    Raises
    ------
    UsageError
        For a name that is not known.
    """
    names = tuple(CONTENDERS) if list(names) == [ALL] else names
    chosen = [
        CONTENDERS[choose("contender", name, (*CONTENDERS, ALL))] for name in dict.fromkeys(names)
    ]
    found = [contender for contender in chosen if contender.missing is None]
    return found, [line for contender in chosen if (line := contender.missing) is not None]


def with_settings(contender: Contender, settings: dict[str, Any]) -> Contender:
    """Return fastmlp with settings of its own, under a name that tells them."""
    if contender.name != OWN or not settings:
        return contender
    words = ", ".join(f"{key}={value}" for key, value in settings.items())
    name = f"{OWN} ({words})"
    return Contender(name, name, contender.module, {"settings": settings}, contender.package)


def is_own(name: str) -> bool:
    """Return whether a contender of this name is fastmlp, with whatever settings."""
    return name.split(" ")[0] == OWN


def label_of(name: str) -> str:
    """Return how a contender of this name is shown."""
    return CONTENDERS[name].label if name in CONTENDERS else name


def is_installed(package: str) -> bool:
    """Return whether a package can be imported."""
    return find_spec(package) is not None
