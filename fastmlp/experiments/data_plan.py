"""What data a recipe runs on: the original, a stand-in or a user's; and how they are changed."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fastmlp.data.sources.datasets import NAMES
from fastmlp.errors import UsageError

from .tables import Table

QUICK_ROWS = 500
CHANGES = ("pool", "class_sizes", "rows", "test_rows", "resize", "as_csv")


@dataclass(frozen=True)
class DataPlan:
    """Data, and what is done to them before the first run."""

    # as for ``fastmlp train``: a name, a file, a folder, or a pair of files. Empty where --data
    # must give it.
    dataset: str = ""
    about: str = ""  # what the data are, in words
    form: str = ""  # in what form --data takes the original
    stand_in: str = ""  # why and how these are not the original data; empty if they are
    # settings of ``train`` that go with the data
    settings: dict[str, Any] = field(default_factory=dict)
    # put the data set's own test rows to the others, so that ``test_fraction`` splits them all
    pool: bool = False
    # (largest, smallest): the classes are cut to sizes that fall evenly, by the same factor from
    # class to class
    class_sizes: tuple[int, int] | None = None
    # rows, test_rows: keep so many rows, drawn at random; None for all
    rows: int | None = None
    test_rows: int | None = None
    resize: str | None = None  # size "HxW" to which images are brought
    # write the rows as a CSV file, the label first, so that they are read as such
    as_csv: bool = False
    # the share of each run's epochs that is trained; less than 1 scales an experiment down
    epochs_share: float = 1.0
    # original, quick: the plan for data that --data gives, and for --quick; None for the plan
    # itself
    original: DataPlan | None = None
    quick: DataPlan | None = None

    @property
    def is_changed(self) -> bool:
        """Whether anything is done to the data, so that they must be written anew."""
        return any(getattr(self, name) for name in CHANGES)

    def to_dict(self) -> dict[str, Any]:
        """Return what the runs depend on."""
        kept = asdict(replace(self, original=None, quick=None))
        return {name: kept[name] for name in ("dataset", "settings", *CHANGES)}


def parse_data(table: Table) -> DataPlan:
    """Return the plan of a recipe's [data], with those of [data.original] and [data.quick].

    Raises
    ------
    UsageError
        For whatever is wrong.
    """
    original, quick = table.take("original", dict), table.take("quick", dict)
    plan = _parse_plan(table)
    if quick is not None:
        quick_plan = _parse_plan(Table("data.quick", quick))
        if not quick_plan.dataset:
            changes = {name: getattr(quick_plan, name) for name in CHANGES if name in quick}
            quick_plan = replace(plan, **changes)
        plan = replace(plan, quick=quick_plan)
    if original is not None:
        plan = replace(plan, original=_parse_plan(Table("data.original", original)))
    return plan


def choose_plan(plan: DataPlan, given: str | None, quick: bool) -> DataPlan:
    """Return the plan to follow.

    Parameters
    ----------
    plan
        Of the recipe.
    given
        The data that --data names, None for the recipe's own.
    quick
        Whether few rows are to do.

    Raises
    ------
    UsageError
        If there are no data.
    """
    if given is not None:
        own = plan.original or DataPlan(settings=plan.settings)
        chosen = replace(own, dataset=given, about=f"{given} (given by --data)", stand_in="")
        chosen = replace(chosen, rows=QUICK_ROWS, test_rows=QUICK_ROWS) if quick else chosen
    elif quick:
        chosen = plan.quick or replace(plan, rows=QUICK_ROWS, test_rows=QUICK_ROWS)
    else:
        chosen = plan
    if not chosen.dataset:
        wanted = f": {plan.form}" if plan.form else ""
        raise UsageError(f"the recipe brings no data; name them with --data{wanted}.")
    return replace(chosen, dataset=_absolute(chosen.dataset))


def _absolute(dataset: str) -> str:
    """Return a name as it is, and paths so that they can be found from any folder."""
    if dataset in NAMES:
        return dataset
    whole = Path(dataset).expanduser()
    if whole.exists():
        return str(whole.absolute())
    parts = [Path(part.strip()).expanduser() for part in dataset.split(",")]
    if not all(part.exists() for part in parts):
        return dataset
    return ",".join(str(part.absolute()) for part in parts)


def _parse_plan(table: Table) -> DataPlan:
    sizes, resize = table.take("class_sizes", list), table.take("resize", str)
    counts = {name: table.take(name, int) for name in ("rows", "test_rows")}
    words = {key: table.take(key, str, "") for key in ("dataset", "about", "form", "stand_in")}
    plan = DataPlan(
        **words,
        settings=table.take("settings", dict, {}),
        pool=table.take("pool", bool, False),
        class_sizes=None if sizes is None else tuple(sizes),
        resize=resize,
        as_csv=table.take("as_csv", bool, False),
        epochs_share=table.take("epochs_share", float, 1.0),
        **counts,
    )
    table.finish()
    are_counts = sizes is None or all(type(size) is int and size > 0 for size in sizes)
    if sizes is not None and not (are_counts and len(sizes) == 2):
        text = f"must be two whole numbers, the largest and the smallest; got {sizes!r:.60}"
        raise table.error("class_sizes", text)
    if resize is not None and not re.fullmatch(r"[1-9]\d{0,3}x[1-9]\d{0,3}", resize):
        raise table.error("resize", f"must be HEIGHTxWIDTH such as 60x80; got {resize!r:.60}")
    for name, count in counts.items():
        if count is not None and count < 2:
            raise table.error(name, f"must be at least 2; got {count}")
    if not 0 < plan.epochs_share <= 1:
        text = f"must be more than 0 and at most 1; got {plan.epochs_share:g}"
        raise table.error("epochs_share", text)
    if "dataset" in plan.settings:
        raise table.error("settings", "must not name the dataset; that is a key of its own")
    return plan
