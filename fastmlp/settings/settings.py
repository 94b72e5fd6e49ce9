"""Every setting of a training run: one table for the command line, config files and Python."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from fastmlp.errors import UsageError, did_you_mean
from fastmlp.metrics.table import Metric, parse_metric
from fastmlp.optim.rules import NUMBERS, RULES
from fastmlp.spec import per_layer

from .description import Role, check, converted, field_type
from .parsed import ParsedSettings
from .presets import AUTO, preset_settings

if TYPE_CHECKING:  # help is shown without numpy: what builds something imports it then
    from fastmlp.nn.architecture import Architecture
    from fastmlp.nn.inputs.columns import InputColumns
    from fastmlp.nn.losses import Loss
    from fastmlp.optim.averaging import Averaging
    from fastmlp.optim.optimizers import Optimizer, Regularization
    from fastmlp.optim.schedules import Schedule
    from fastmlp.step.augmentation import Augmentation

FEWEST_UPDATES, FEWEST_EPOCHS, MOST_EPOCHS = 1000, 10, 200
MOST_EPOCHS_BY_EFFORT, FEWEST_UPDATES_BY_EFFORT, PATIENCE_SHARE = 100, 500, 0.3
MANY_ROWS, FEWEST_OF_MANY = 100_000, 3  # of so many rows an epoch has thousands of updates
# Of a weight in each row: a multiplication and an addition forward, and twice that backward.
FLOP_PER_WEIGHT = 6


@dataclass(frozen=True)
class Settings(ParsedSettings):
    """What ``fastmlp train`` can be told; each field is an option and a key of a config file.

    Attributes
    ----------
    given
        The names of what the user said, which no preset changes.

    Raises
    ------
    UsageError
        If a value has the wrong type or lies out of range.
    """

    given: ClassVar[frozenset[str]]  # not a field: no setting, and lost where one is replaced

    def __post_init__(self):
        for description in fields(self):
            kind, optional = field_type(Settings, description.name)
            check(description, kind, optional, getattr(self, description.name))
        # What a preset leaves alone.
        differing = {each.name for each in fields(self) if getattr(self, each.name) != each.default}
        object.__setattr__(self, "given", frozenset(differing))
        if self.test_fraction + (self.validation_fraction or 0) >= 1:
            raise UsageError("test_fraction and validation_fraction together must be less than 1.")
        if self.matmul_precision == "medium" and self.dtype != "float32":
            raise UsageError(
                f"matmul_precision 'medium' is for dtype float32, not {self.dtype}; "
                "give --dtype float32 or --matmul-precision highest."
            )
        self._check_members()
        if self.metric != "auto" and self.watch != "loss":
            raise UsageError(
                f"watch {self.watch} and metric {self.metric} both say what tells the best epoch; "
                "leave one of them out."
            )
        # Parsed for their errors:
        self.make_metric()
        _ = self.fixed_threshold, self.loss_word
        _ = self.hidden_widths, self.dropout_rates, self.thread_count, self.memory_size
        _ = self.layout, self.columns

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that differ from None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def said(self) -> dict[str, Any]:
        """Return the settings that were given, by name."""
        return {name: value for name, value in self.to_dict().items() if name in self.given}

    @property
    def _weight_decay(self) -> float:
        own = self.weight_decay
        return RULES[self.optimizer].weight_decay if own is None else own

    def with_preset(self, auto: str, task: str, rows: int) -> Settings:
        """Return the settings with those of the preset, but for what was given.

        Parameters
        ----------
        auto
            The preset where the settings leave the choice open.
        task
            ``"classification"``, ``"multilabel"`` or ``"regression"``.
        rows
            Of the data.
        """
        name, said = auto if self.preset == AUTO else self.preset, self.said()
        chosen = preset_settings(name, task, rows, said)
        settings = settings_from(chosen, said, {"preset": name})
        object.__setattr__(settings, "given", self.given)
        return settings

    def decided(self, rows: int, architecture: Architecture | None = None) -> Settings:
        """Return the settings with every open choice made.

        Parameters
        ----------
        rows
            That each network learns from.
        architecture
            Of the network: effort needs it.
        """
        batch_size, epochs = min(self.batch_size or rows, rows), self.epochs
        if epochs is None and self.effort is not None and architecture is not None:
            epochs = _epochs_by(self.effort, architecture, rows, -(-rows // batch_size))
        elif epochs is None:
            enough = -(-FEWEST_UPDATES // -(-rows // batch_size))
            epochs = min(max(enough, FEWEST_EPOCHS), MOST_EPOCHS)
        patience = self.early_stopping
        if patience is None and self.effort is not None and self.folds is not None:
            patience = math.ceil(PATIENCE_SHARE * epochs)
        lr = RULES[self.optimizer].learning_rate if self.lr is None else self.lr
        decay = self._weight_decay
        decided = {"batch_size": batch_size, "epochs": epochs, "early_stopping": patience}
        decided |= {"shuffle_block": self.shuffle_block or 0}
        return replace(self, **decided, lr=lr, weight_decay=decay)

    def updates_per_epoch(self, rows: int) -> int:
        """Return how many batches an epoch of ``rows`` rows has, once ``decided``."""
        from fastmlp.step.batches import count_steps

        return count_steps(rows, self.batch_size, self.drop_last)

    def make_architecture(
        self, inputs: int, outputs: int, columns: InputColumns | None = None
    ) -> Architecture:
        """Return the network's description for data of these widths, and of these columns."""
        from fastmlp.nn.architecture import Architecture

        parsed = {"hidden": self.hidden_widths, "dropout": self.dropout_rates}
        own = {"inputs": inputs, "outputs": outputs, "columns": columns, **parsed}
        own |= {"members": self.member_count, "sharing": self.sharing}
        others = {each.name for each in fields(Architecture)} - own.keys()
        return Architecture(**own, **{name: getattr(self, name) for name in others})

    def make_loss(self, task: str, outputs: int) -> Loss:
        """Return the loss for a task and a number of outputs."""
        from fastmlp.nn.losses import parse_loss

        return parse_loss(
            self.loss_word,
            task=task,
            outputs=outputs,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )

    def make_metric(self, task: str | None = None) -> Metric | None:
        """Return what tells the best epoch of a task, None where ``watch`` does."""
        return None if self.metric == "auto" else parse_metric(self.metric, task)

    def with_loss_of(self, other: Settings) -> Settings:
        """Return these settings with all that decides the loss taken from others."""
        return replace(
            self,
            loss=other.loss,
            quantiles=other.quantiles,
            label_smoothing=other.label_smoothing,
            reduction=other.reduction,
        )

    def make_optimizer(self) -> Optimizer:
        """Return the update rule, which is still to be bound."""
        from fastmlp.optim.optimizers import make_optimizer

        return make_optimizer(self.optimizer, **{name: getattr(self, name) for name in NUMBERS})

    def make_regularization(self) -> Regularization:
        """Return what is added to the gradient or taken from it."""
        from fastmlp.optim.optimizers import Regularization

        return Regularization(self.l1, self.l2, self._weight_decay, self.clip_norm, self.clip_value)

    def make_schedule(self, rows: int) -> Schedule:
        """Return the learning rates of epochs of ``rows`` rows, once ``decided``."""
        from fastmlp.optim.schedules import parse_schedule

        updates = self.updates_per_epoch(rows)
        assert self.lr is not None
        assert self.epochs is not None
        return parse_schedule(self.schedule, self.lr, updates, self.epochs, self.warmup)

    def make_shares(self, rows: int) -> dict[str, Schedule]:
        """Return the schedules of dropout and weight decay, where there is any and it changes, for
        epochs of ``rows`` rows, once ``decided``.
        """
        from fastmlp.optim.schedules import parse_shares

        updates = self.updates_per_epoch(rows)
        assert self.epochs is not None
        shares = {
            "dropout": parse_shares("dropout", self.dropout_schedule, updates, self.epochs),
            "weight_decay": parse_shares(
                "weight decay", self.weight_decay_schedule, updates, self.epochs
            ),
        }
        there = {"dropout": bool(self.dropout_rates), "weight_decay": bool(self._weight_decay)}
        return {
            name: each for name, each in shares.items() if each.name != "constant" and there[name]
        }

    def make_augmentation(self) -> Augmentation | None:
        """Return what is done to training pictures; None for nothing."""
        from fastmlp.step.augmentation import parse_augmentation

        return parse_augmentation(self.augment)

    def make_averaging(self, rows: int) -> Averaging:
        """Return the average of the weights that is kept, once ``decided``."""
        from fastmlp.optim.averaging import parse_averaging

        assert self.epochs is not None
        return parse_averaging(self.average_weights, self.epochs * self.updates_per_epoch(rows))

    def check_words(self) -> None:
        """Check what a run would refuse whatever its data: activations, losses, schedules, …

        Raises
        ------
        UsageError
            For the first word that is not known or does not fit.
        """
        from fastmlp.nn.activations import parse_activation
        from fastmlp.nn.learnt_factors import MixedActivation
        from fastmlp.nn.losses import loss_kind

        _ = self.make_architecture(inputs=1, outputs=1).initializers
        hidden = per_layer("activation", self.activation, len(self.hidden_widths))
        for activation in (self.input_activation, *hidden, self.output_activation):
            parse_activation(activation)
        for activation in hidden if self.activation_mix else ():
            MixedActivation(1, parse_activation(activation))
        task = loss_kind(self.loss_word).tasks[0] if self.task == "auto" else self.task
        self.make_loss(task, outputs=2)
        self.make_optimizer()
        self.make_regularization()
        decided = self.decided(rows=1)
        decided.make_schedule(rows=1)
        decided.make_shares(rows=1)
        decided.make_averaging(rows=1)
        self.make_augmentation()


def _epochs_by(effort: float, architecture: Architecture, rows: int, updates: int) -> int:
    """Return the epochs that take so many GFLOP, within bounds; ``updates`` is that of an epoch."""
    flop = FLOP_PER_WEIGHT * architecture.parameters * rows
    fewest = FEWEST_EPOCHS if rows < MANY_ROWS else FEWEST_OF_MANY
    epochs = min(max(int(1e9 * effort / flop), fewest), MOST_EPOCHS_BY_EFFORT)
    return max(epochs, math.ceil(FEWEST_UPDATES_BY_EFFORT / updates))


def names_of(role: Role) -> tuple[str, ...]:
    """Return the names of the settings that have a role."""
    return tuple(each.name for each in fields(Settings) if role in each.metadata["role"])


def settings_from(*layers: dict[str, Any]) -> Settings:
    """Merge dicts of settings, of which later ones count more, and check the result.

    Raises
    ------
    UsageError
        For a key that is not a setting, naming the nearest one, or a value that does not fit.
    """
    names = Settings.__dataclass_fields__
    given: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            name = key.replace("-", "_")
            if name not in names:
                near = did_you_mean(name, names)
                raise UsageError(f"setting {key!r} is not known{near} See fastmlp train --help.")
            given[name] = converted(field_type(Settings, name)[0], value)
    settings = Settings(**given)
    object.__setattr__(settings, "given", frozenset(given))
    return settings
