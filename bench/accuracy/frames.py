"""A table as the other libraries are given it: pandas frames, read before the clock starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .recipes import REGRESSION
from .tables import Table

if TYPE_CHECKING:
    import pandas

MISSING = "(missing)"  # a level of its own


class Frames:
    """The rows to learn from and to predict.

    Attributes
    ----------
    features, target
        Of training and validation rows, those last; a target of classes is text.
    test
        Features of the test rows.
    texts, numbers
        Names of the columns of texts and of numbers.
    """

    def __init__(self, table: Table):
        import pandas

        self.table = table
        kinds = dict.fromkeys(table.texts, "str")
        if table.task != REGRESSION:
            kinds[table.target] = "str"

        def read(path: str) -> pandas.DataFrame:
            return pandas.read_csv(path, dtype=kinds, keep_default_na=False, na_values=[""])

        train = read(table.train)
        self.features, self.target = train.drop(columns=table.target), train[table.target]
        self.test = read(table.test).drop(columns=table.target)
        self.texts = list(table.texts)
        self.numbers = [name for name in self.features if name not in table.texts]

    def use_categories(self) -> None:
        """Give columns of texts pandas' categories, those of the training rows; missing is one."""
        import pandas

        for name in self.texts:
            texts = self.features[name].fillna(MISSING)
            levels = pandas.CategoricalDtype(sorted(set(texts)))
            self.features[name] = texts.astype(levels)
            seen = self.test[name].fillna(MISSING)
            self.test[name] = seen.where(seen.isin(levels.categories)).astype(levels)

    def fill_numbers(self) -> None:
        """Put the median of the training rows where a number is missing."""
        medians = self.features[self.numbers].median()
        self.features[self.numbers] = self.features[self.numbers].fillna(medians)
        self.test[self.numbers] = self.test[self.numbers].fillna(medians)

    def validation_apart(self) -> tuple[pandas.DataFrame, pandas.Series, tuple]:
        """Return features and target to train on, and those of the validation rows as a pair."""
        first = len(self.features) - self.table.validation_rows
        held_out = (self.features.iloc[first:], self.target.iloc[first:])
        return self.features.iloc[:first], self.target.iloc[:first], held_out
