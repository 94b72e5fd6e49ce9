"""Data that Python gives in memory rather than by name: what a run's settings say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastmlp.data.sources.in_memory import is_place, place
from fastmlp.errors import DataError
from fastmlp.settings.settings import Settings

IN_MEMORY = "(given in memory)"  # what settings say in the place of a name


@dataclass(frozen=True, eq=False)
class Given:
    """Data in place of the settings' ``dataset`` and ``test``; None where the settings count."""

    dataset: Any = None
    test: Any = None

    def __bool__(self) -> bool:
        return self.dataset is not None or self.test is not None

    def or_named(self, settings: Settings) -> tuple[Any, Any]:
        """Return the data set and its test rows, where they are not as the settings name them.

        Raises
        ------
        DataError
            If they were given in memory to the run that the settings belong to, and are not given
            again.
        """
        dataset = settings.dataset if self.dataset is None else self.dataset
        test = settings.test if self.test is None else self.test
        for what, name, found in (("data", "dataset", dataset), ("test rows", "test", test)):
            if isinstance(found, str) and found == IN_MEMORY:
                raise DataError(
                    f"the run's {what} were given in memory and are in no file; give them again "
                    f"from Python, as {name}= to train or data= to evaluate, or name a file."
                )
        return dataset, test


def named(dataset: Any = None, test: Any = None) -> tuple[dict[str, str], Given]:
    """Divide data into what settings can name and what is in memory; None for what is not given.

    Returns
    -------
    dict, Given
        The settings, in which IN_MEMORY stands for data that have no name; and those data.
    """
    given = {"dataset": dataset, "test": test}
    there = {name: value for name, value in given.items() if value is not None}
    settings = {
        name: place(value) if is_place(value) else IN_MEMORY for name, value in there.items()
    }
    return settings, Given(**{name: value for name, value in there.items() if not is_place(value)})
