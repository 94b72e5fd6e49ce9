"""Every setting of a training run: one table that the command line, config files and the Python API
share.
"""

from __future__ import annotations

import csv
import io
import math
import sys
import types
import typing
from collections.abc import Iterable
from dataclasses import Field, asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.errors import UsageError, choose, did_you_mean

LARGEST_CONFIG = 1 << 20  # bytes
LONGEST_SHOWN = 60  # characters of a value that is refused


def _setting(
    default: Any,
    help_text: str,
    group: str,
    choices: tuple[str, ...] = (),
    low: float | None = None,
) -> Any:
    """Describe one setting: its default, what it means, where help shows it, what is accepted."""
    return field(
        default=default,
        metadata={"help": help_text, "group": group, "choices": choices, "low": low},
    )


@dataclass(frozen=True)
class Settings:
    """What ``fastmlp train`` can be told; each field is an option of the same name, and a key of a
    config file.

    None means: chosen by fastmlp, as the help text says.

    Raises
    ------
    UsageError
        If a value has the wrong type or lies out of range.
    """

    dataset: str = _setting(
        "digits", "Name of a data set, or a file, folder or X,y pair of files.", "data"
    )
    target: str | None = _setting(
        None, "Target column, by name or position; default the last.", "data"
    )
    task: str = _setting(
        "auto", "What to learn.", "data", ("auto", "classification", "regression", "multilabel")
    )
    test: str | None = _setting(None, "File or folder with the test rows.", "data")
    test_fraction: float = _setting(
        0.2, "Share of rows held out for testing, if the data has no test set.", "data", low=0
    )
    validation_fraction: float | None = _setting(
        None,
        "Share of rows held out for validation; default 0, or 0.1 with early stopping.",
        "data",
        low=0,
    )
    normalize: str = _setting(
        "standard", "How inputs are scaled.", "data", ("none", "unit", "standard")
    )
    standardize_target: bool = _setting(
        True, "Bring a regression target to mean 0 and deviation 1 inside.", "data"
    )
    data_dir: str | None = _setting(None, "Folder with the files of a named data set.", "data")
    image_size: str | None = _setting(
        None,
        "HxW to which the images of a folder are resized; or of the pictures that a table's rows are.",
        "data",
    )
    colour: bool = _setting(False, "Keep the colours of images.", "data")
    ground: str = _setting(
        "auto",
        "What transparent images are laid over: auto takes what they show on.",
        "data",
        ("auto", "white", "black"),
    )

    header: bool | None = _setting(
        None, "Whether a table's first row names its columns; default: found out.", "table"
    )
    separator: str | None = _setting(
        None,
        "What stands between a table's fields: one character, tab or space; default: found out.",
        "table",
    )
    decimal: str | None = _setting(
        None,
        "Decimal sign of a table's numbers; default: found out by column.",
        "table",
        (".", ","),
    )
    na_values: str | None = _setting(
        None,
        "Spellings of a gap, with commas between; in columns of texts these alone count.",
        "table",
    )
    drop: str | None = _setting(None, "Columns to leave out, with commas between.", "table")
    categorical: str | None = _setting(
        None, "Columns to read as texts, one-hot, even if they look like numbers.", "table"
    )
    numeric: str | None = _setting(
        None, "Columns to read as numbers; cells that are none are gaps.", "table"
    )
    dates: str | None = _setting(
        None,
        "Columns to read as dates, each maybe with its order: when, day=dmy, day=mdy.",
        "table",
    )

    hidden: str = _setting("256,128", "Widths of the hidden layers, or none.", "network")
    activation: str = _setting(
        "relu",
        "Of the hidden layers: one for all, or one a layer: relu, leaky_relu(0.1), …",
        "network",
    )
    output_activation: str = _setting("identity", "Of the last layer, before the loss.", "network")
    init: str = _setting(
        "auto",
        "Initial weights: auto, zeros, normal(0,0.1), glorot_uniform, he_normal, …",
        "network",
    )
    bias_init: str = _setting("zeros", "Initial biases.", "network")
    dropout: str = _setting(
        "0", "Share of units dropped after hidden layers: one for all, or one a layer.", "network"
    )
    dropout_units: bool = _setting(
        False, "Drop a unit for a whole batch rather than element by element.", "network"
    )
    batch_norm: str = _setting(
        "none", "Batch normalisation.", "network", ("none", "hidden", "input", "all")
    )
    batch_norm_decay: float = _setting(0.9, "Decay of its running statistics.", "network", low=0)

    loss: str = _setting("auto", "softmax_cross_entropy, log_loss, mse, mae, huber(1).", "loss")
    reduction: str = _setting("mean", "Of the loss over a batch.", "loss", ("mean", "sum"))
    label_smoothing: float = _setting(
        0.0, "Share of the target spread over all classes.", "loss", low=0
    )
    class_weight: str = _setting("none", "none, balanced, or label=weight,label=weight.", "loss")

    optimizer: str = _setting(
        "adam",
        "Update rule.",
        "optimizer",
        ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"),
    )
    lr: float | None = _setting(None, "Learning rate; default by optimizer.", "optimizer")
    momentum: float = _setting(0.9, "Of momentum and nesterov.", "optimizer", low=0)
    beta1: float = _setting(0.9, "Of adam and adamw.", "optimizer", low=0)
    beta2: float = _setting(0.999, "Of adam and adamw.", "optimizer", low=0)
    rho: float = _setting(0.9, "Of rmsprop.", "optimizer", low=0)
    epsilon: float | None = _setting(None, "Of rmsprop, adagrad and adam.", "optimizer")
    weight_decay: float | None = _setting(
        None, "Decoupled decay of the weights; default 0, or 0.01 with adamw.", "optimizer", low=0
    )
    l1: float = _setting(0.0, "Adds l1·|w| to the loss.", "optimizer", low=0)
    l2: float = _setting(0.0, "Adds l2·w²/2 to the loss.", "optimizer", low=0)
    decay_biases: bool = _setting(
        False, "Let l1, l2 and weight decay act on biases too.", "optimizer"
    )
    clip_norm: float | None = _setting(None, "Largest norm of the gradient.", "optimizer")
    clip_value: float | None = _setting(None, "Largest size of a gradient's element.", "optimizer")
    schedule: str = _setting(
        "cosine",
        "cosine, constant, step(10,0.5), exponential, inverse_scaling, one_cycle, plateau.",
        "optimizer",
    )
    warmup: int = _setting(
        0, "Updates over which the learning rate first rises.", "optimizer", low=0
    )

    batch_size: int = _setting(64, "Rows in a batch; 0 for all rows.", "training", low=0)
    epochs: int | None = _setting(
        None,
        "Passes over the rows; default enough for 1,000 updates, 10 to 200.",
        "training",
        low=1,
    )
    shuffle: bool = _setting(True, "Give each epoch an order of its own.", "training")
    drop_last: bool = _setting(False, "Leave out the ragged last batch.", "training")
    early_stopping: int | None = _setting(
        None,
        "Stop after so many epochs without improvement and keep the best weights.",
        "training",
        low=1,
    )
    watch: str = _setting(
        "loss", "What tells the best epoch on the validation rows.", "training", ("loss", "score")
    )
    checkpoint_every: int | None = _setting(
        None,
        "Epochs between checkpoints, from which --resume goes on; Ctrl-C always leaves one.",
        "training",
        low=1,
    )
    log_every: int | None = _setting(None, "Also record every so many updates.", "training", low=1)
    seed: int = _setting(0, "Of splits, initial weights, shuffles and dropout.", "training", low=0)
    dtype: str = _setting("float32", "Floating-point type.", "training", ("float32", "float64"))

    device: str = _setting("auto", "auto, cpu, cuda or cuda:N.", "machine")
    threads: str = _setting("auto", "CPU threads: auto or a number.", "machine")
    matmul_precision: str = _setting(
        "highest",
        "Of float32 products; less exact and faster: high is TF32, on CUDA; medium is bfloat16, on CPUs that have it.",
        "machine",
        ("highest", "high", "medium"),
    )
    gemm: str = _setting(
        "auto",
        "Who multiplies matrices on the CPU; auto is the tiles.",
        "machine",
        ("auto", "tiles", "blas", "mkl"),
    )

    def __post_init__(self):
        for description in fields(self):
            _check(description, getattr(self, description.name))
        if self.test_fraction + (self.validation_fraction or 0) >= 1:
            raise UsageError("test_fraction and validation_fraction together must be less than 1.")
        if self.matmul_precision == "medium" and self.dtype != "float32":
            raise UsageError(
                f"matmul_precision 'medium' is for dtype float32, not {self.dtype}; give --dtype float32 or "
                "--matmul-precision highest."
            )
        self.hidden_widths, self.dropout_rates, self.thread_count  # noqa: B018  parsed for their errors
        self.layout, self.columns  # noqa: B018

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The widths of the hidden layers."""
        return tuple(
            _whole_numbers("hidden", "" if self.hidden.strip() == "none" else self.hidden, 1)
        )

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
            if not 0 <= rate < 1:
                raise UsageError(f"dropout must be at least 0 and less than 1; got {rate:g}.")
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
    def layout(self) -> Layout:
        """What is said of a table's file."""
        return Layout(self.header, self.separator)

    @property
    def columns(self) -> ColumnChoices:
        """What is said of a table's columns."""
        gaps = None if self.na_values is None else parted(self.na_values)
        named = (parted(each) for each in (self.drop, self.categorical, self.numeric, self.dates))
        return ColumnChoices(*named, decimal=self.decimal, na_values=gaps)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that differ from None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def settings_from(*layers: dict[str, Any]) -> Settings:
    """Merge dicts of settings, later ones first in rank, and check the result.

    Raises
    ------
    UsageError
        For a key that is not a setting, naming the nearest one, or a value that does not fit.
    """
    names = [description.name for description in fields(Settings)]
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            name = key.replace("-", "_")
            if name not in names:
                raise UsageError(
                    f"setting {key!r} is not known{did_you_mean(name, names)} See fastmlp train --help."
                )
            merged[name] = value
    return Settings(**{key: _converted(key, value) for key, value in merged.items()})


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the settings of a TOML file.

    Raises
    ------
    UsageError
        If the file cannot be read or is not TOML.
    """
    import tomllib

    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise UsageError(
                f"config {path} is larger than {LARGEST_CONFIG:,} bytes; it cannot be a settings file."
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read config {path}: {error.strerror}. Give a TOML file with keys of fastmlp train."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"config {path} is not TOML: {error}.") from None


def to_toml(settings: Settings) -> str:
    """Return the settings as a config file that runs the same job again."""
    lines = ["# fastmlp train --config config.toml runs this again."]
    for name, value in settings.to_dict().items():
        lines.append(f"{name} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, str):
        return _toml_string(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _toml_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    )


def field_type(description: Field) -> tuple[type, bool]:
    """Return the plain type of a setting and whether None is accepted."""
    hint = _type_hints()[description.name]
    if isinstance(hint, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not type(None)), True
    return hint, False


@cache
def _type_hints() -> dict[str, Any]:
    """Return the types of the settings; finding them takes milliseconds, and a recipe asks for them
    thousands of times.
    """
    return typing.get_type_hints(Settings)


def _converted(name: str, value: Any) -> Any:
    """Bring a value to the setting's type where nothing is lost: [256, 128], 0.5, 4 or a path for
    text settings.
    """
    kind, _ = field_type(next(d for d in fields(Settings) if d.name == name))
    if kind is str and isinstance(value, (list, tuple)):
        return joined(value)
    if kind is str and isinstance(value, Path):
        return str(value)
    if kind is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) <= sys.float_info.max else math.inf
    return value


def joined(values: Iterable[Any]) -> str:
    """Return values with commas between; one that holds a comma itself stands in quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([str(value) for value in values])
    return line.getvalue()


def parted(text: str | None) -> tuple[str, ...]:
    """Return the values of a setting that ``joined`` made, or a user typed: ``a,b,"c, in mm"``."""
    if text is None:
        return ()
    return tuple(part.strip() for part in next(csv.reader([text], skipinitialspace=True), []))


def _check(description: Field, value: Any) -> None:
    name, (kind, optional) = description.name, field_type(description)
    if value is None and optional:
        return
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        shown = " ".join(repr(value).split())  # of an array or a frame: one line, and not all of it
        shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
        raise UsageError(f"{name} must be {words[kind]}; got {shown}.")
    if kind is float and not math.isfinite(value):
        raise UsageError(f"{name} must be a finite number; got {value}.")
    if description.metadata["choices"]:
        choose(name, value, description.metadata["choices"])
    low = description.metadata["low"]
    if low is not None and value < low:
        raise UsageError(f"{name} must be at least {low:g}; got {value:g}.")
    if kind is int and value >= 2**63:
        raise UsageError(f"{name} must be less than 2^63; got {value}.")
    if name == "lr" and value <= 0:
        raise UsageError(f"lr must be greater than 0; got {value:g}.")


def _whole_numbers(name: str, text: str, low: int) -> list[int]:
    numbers = []
    for part in text.split(",") if text.strip() else []:
        if not part.strip().isdecimal() or int(part) < low:
            raise UsageError(
                f"{name} must be whole numbers of at least {low} with commas between, or none; got {part!r}."
            )
        numbers.append(int(part))
    return numbers
