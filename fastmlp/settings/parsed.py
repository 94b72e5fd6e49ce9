"""What the words of settings say: widths, rates, threads, columns, levels; and which words exclude
each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp.data.memory import parse_size
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.errors import UsageError
from fastmlp.spec import INNER_SHARE, SHARE

from .description import parted
from .table import NOT_WITH_SHARED, SettingsTable


@dataclass(frozen=True)
class ParsedSettings(SettingsTable):
    """The table of settings with what its words say."""

    @property
    def member_count(self) -> int:
        """How many networks are trained together."""
        return self.members or self.folds or 1

    @property
    def sharing(self) -> int:
        """How many members share a weight: all, or those of a fold; 1 where each has its own."""
        return self.member_count // (self.folds or 1) if self.member_weights == "shared" else 1

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The widths of the hidden layers."""
        text = "" if self.hidden.strip() == "none" else self.hidden
        widths = []
        for part in text.split(",") if text.strip() else []:
            if not part.strip().isdecimal() or int(part) < 1:
                raise UsageError(
                    "hidden must be whole numbers of at least 1 with commas between, or none; "
                    f"got {part!r}."
                )
            widths.append(int(part))
        return tuple(widths)

    @property
    def dropout_rates(self) -> tuple[float, ...]:
        """One dropout rate for all hidden layers, or one a layer; empty for none."""
        try:
            rates = tuple(float(part) for part in self.dropout.split(","))
        except ValueError:
            raise UsageError(
                f"dropout {self.dropout!r} is not a number, nor numbers with commas between."
            ) from None
        for rate in rates:
            SHARE.check("dropout", rate)
        return rates if any(rates) else ()

    @property
    def thread_count(self) -> int | None:
        """The number of threads, None for auto."""
        if self.threads == "auto":
            return None
        if not self.threads.isdecimal() or int(self.threads) < 1:
            raise UsageError(
                f"threads must be auto or a whole number of at least 1; got {self.threads!r}."
            )
        return int(self.threads)

    @property
    def memory_size(self) -> int | None:
        """The bytes that the data may take, None for auto."""
        return parse_size(self.memory)

    @property
    def layout(self) -> Layout:
        """What is said of a table's file."""
        return Layout(self.header, self.separator)

    @property
    def columns(self) -> ColumnChoices:
        """What is said of a table's columns."""
        gaps = None if self.na_values is None else parted(self.na_values)
        named = (parted(each) for each in (self.drop, self.categorical, self.numeric, self.dates))
        return ColumnChoices(*named, decimal=self.decimal, na_values=gaps)

    @property
    def fixed_threshold(self) -> float | None:
        """The threshold between two classes, None for one that is to be picked."""
        if self.threshold == "auto":
            return None
        try:
            return INNER_SHARE.check("threshold", float(self.threshold))
        except UsageError:
            raise
        except ValueError:
            raise UsageError(
                f"threshold must be auto or a number between 0 and 1; got {self.threshold!r}."
            ) from None

    @property
    def loss_word(self) -> str:
        """The loss, of quantiles with their levels: ``pinball(0.05,0.5,0.95)``."""
        if self.quantiles is None:
            return self.loss
        if self.loss not in ("auto", "pinball"):
            raise UsageError(
                f"quantiles are learnt by loss pinball, not by {self.loss}; leave one of them out."
            )
        try:
            levels = [float(part) for part in self.quantiles.split(",")]
        except ValueError:
            raise UsageError(
                "quantiles must be numbers between 0 and 1 with commas between; "
                f"got {self.quantiles!r}."
            ) from None
        return f"pinball({','.join(map(repr, levels))})"

    def _check_members(self) -> None:
        if self.folds is not None and self.member_count % self.folds:
            raise UsageError(
                f"members must be a multiple of folds; got {self.members} and {self.folds}."
            )
        if self.folds is not None and self.validation_fraction:
            raise UsageError(
                "folds and validation_fraction exclude each other: with folds every row validates; "
                "give one of them."
            )
        if self.member_count > 1 and self.clip_norm is not None:
            raise UsageError(
                "clip_norm does not go with members, whose gradients have no norm in common; give "
                "clip_value."
            )
        if self.member_weights == "shared" and self.sharing == 1:
            which = "member" if self.folds is None else "member of each fold"
            raise UsageError(
                f"member_weights shared needs more than one {which}; give more members, or own."
            )
        for name, none in NOT_WITH_SHARED.items() if self.member_weights == "shared" else ():
            if getattr(self, name) != none:
                raise UsageError(
                    f"{name} does not go with member_weights shared; give one of them."
                )
