"""The table of settings: each one's type, default, help, range and role."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from fastmlp.optim.rules import NUMBERS, OPTIMIZERS, default_help, number_help
from fastmlp.spec import AT_LEAST_1, NOT_NEGATIVE, POSITIVE, SHARE, Range

from .description import Role, option
from .presets import CHOICES

RESUME, PHASE, ROWS = Role.RESUME, Role.PHASE, Role.ROWS
GRADIENT, PLACE = Role.GRADIENT, Role.PLACE
_data, _table = partial(option, "data"), partial(option, "table")
_network, _loss = partial(option, "network"), partial(option, "loss")
_optimizer, _training = partial(option, "optimizer"), partial(option, "training")
_machine = partial(option, "machine")
NOT_WITH_SHARED = {"batch_norm": "none"}  # what hidden weights in common exclude, and its absence


def _rule_number(name: str) -> Any:
    """Return the setting of a number of the update rules."""
    number = NUMBERS[name]
    return _optimizer(number.default, number_help(name), number.range, PHASE)


@dataclass(frozen=True)
class SettingsTable:
    """The settings by name; None means: chosen by fastmlp, as the help text says."""

    preset: str = _training(
        "auto",
        "Settings that belong together, of which each may be given besides; auto takes tables for "
        "tables, else plain.",
        CHOICES,
    )
    dataset: str = _data(
        "digits", "Name of a data set, or a file, a folder, or an X,y pair of files.", role=PLACE
    )
    target: str | None = _data(None, "Target column, by name or position; default: the last.")
    task: str = _data(
        "auto", "What to learn.", ("auto", "classification", "regression", "multilabel")
    )
    test: str | None = _data(None, "File or folder with the test rows.", role=PLACE)
    test_fraction: float = _data(
        0.2, "Share of rows held out for testing, if the data has no test set.", SHARE
    )
    validation_fraction: float | None = _data(
        None, "Share of rows held out for validation; default 0, or 0.1 with early stopping.", SHARE
    )
    normalize: str = _data(
        "standard",
        "How inputs are scaled: unit by least and largest value, standard by mean and deviation, "
        "robust by median and interquartile range.",
        ("none", "unit", "standard", "robust"),
    )
    missing: str = _data(
        "median",
        "What stands for a missing number: the median, or also an indicator column of 0 and 1.",
        ("median", "indicator"),
    )
    max_levels: int = _data(
        64,
        "One-hot columns that a column of texts has at most; the rarest texts share one.",
        Range(low=2),
    )
    level_rows: int = _data(
        1,
        "Training rows that a text needs for a one-hot column of its own; rarer ones share one.",
        AT_LEAST_1,
    )
    target_statistics: int = _data(
        0,
        "Columns of more different texts than that also have the target's mean of each text; 0 for "
        "none.",
        NOT_NEGATIVE,
    )
    standardize_target: bool = _data(
        True,
        "Scale a regression target to mean 0 and deviation 1 for training; not for loss poisson.",
    )
    clamp_outputs: bool = _data(
        False, "Keep predictions of a regression within the training rows' smallest and largest."
    )
    data_dir: str | None = _data(
        None, "Folder with the files of a named data set.", role=RESUME | PLACE
    )
    cache_dir: str | None = _data(
        None,
        "Folder for the encoded rows of tables that are read in parts, as those are that memory "
        "does not hold, and all where this is given; default: beside the data.",
        role=RESUME | PLACE,
    )
    image_size: str | None = _data(
        None, "HxW to which the images of a folder are resized, or that of a table's pictures."
    )
    colour: bool = _data(False, "Keep the colours of images.")
    ground: str = _data(
        "auto",
        "Background of transparent images: auto picks one that they stand out from.",
        ("auto", "white", "black"),
    )

    header: bool | None = _table(
        None, "Whether a table's first row names its columns; default: detected."
    )
    separator: str | None = _table(
        None, "What separates a table's fields: one character, tab or space; default: detected."
    )
    decimal: str | None = _table(
        None, "Decimal sign of a table's numbers; default: detected for each column.", (".", ",")
    )
    na_values: str | None = _table(
        None, "Spellings of a missing value, separated by commas; text columns have no others."
    )
    drop: str | None = _table(None, "Columns to leave out, separated by commas.")
    categorical: str | None = _table(
        None, "Columns to read as text, one-hot encoded, even if they look like numbers."
    )
    numeric: str | None = _table(
        None, "Columns to read as numbers; any other cell counts as missing."
    )
    dates: str | None = _table(
        None, "Columns to read as dates, with their order if need be: when, day=dmy, day=mdy."
    )

    hidden: str = _network("256,128", "Widths of the hidden layers, or none.", role=GRADIENT)
    activation: str = _network(
        "relu",
        "Activation of the hidden layers, one for all or one each: relu, leaky_relu(0.1), …",
        role=GRADIENT,
    )
    output_activation: str = _network(
        "identity", "Activation of the last layer, before the loss.", role=GRADIENT
    )
    input_activation: str = _network(
        "identity",
        "Activation of the inputs, before the first layer: smooth_clip(3) draws outliers in.",
        role=GRADIENT,
    )
    number_encoding: str = _network(
        "plain",
        "How numbers enter: plain, piecewise(16): by bins of the training rows, periodic(16): by "
        "learnt cosines.",
        role=GRADIENT,
    )
    embed_above: int | None = _network(
        None,
        "Text columns of more levels become learnt vectors instead of one-hot columns; default: "
        "none do.",
        AT_LEAST_1,
        GRADIENT,
    )
    embedding_width: int = _network(
        8, "Numbers that stand for a level of an embedded text column.", AT_LEAST_1, GRADIENT
    )
    init: str = _network(
        "auto",
        "Initial weights: auto, zeros, normal(0,0.1), glorot_uniform, he_normal, …",
        role=GRADIENT,
    )
    bias_init: str = _network(
        "zeros",
        "Initial biases, in the same words; or he+5: units switch amid the training rows.",
        role=GRADIENT,
    )
    dropout: str = _network(
        "0",
        "Share of units dropped after the hidden layers, one for all or one each.",
        role=PHASE | GRADIENT,
    )
    dropout_schedule: str = _network(
        "constant",
        "How the share of dropout changes: constant, flat_cosine(0.5), cosine, …",
        role=PHASE,
    )
    dropout_units: bool = _network(
        False,
        "Drop units for a whole batch rather than element by element.",
        role=RESUME | GRADIENT,
    )
    batch_norm: str = _network(
        "none", "Where batch normalisation stands.", ("none", "hidden", "input", "all"), GRADIENT
    )
    batch_norm_decay: float = _network(
        0.9, "Decay of batch normalisation's running statistics.", SHARE, RESUME
    )

    members: int | None = _network(
        None,
        "Networks trained together, whose predictions are averaged; default 1, or one a fold.",
        AT_LEAST_1,
        GRADIENT,
    )
    member_weights: str = _network(
        "own",
        "Whether each member has weights of its own, or all share those of the hidden layers and "
        "scale what enters and leaves them.",
        ("own", "shared"),
        GRADIENT,
    )
    input_scale: bool = _network(
        False,
        "Multiply each input column by a learnt factor, which moves at 6 times the rate.",
        role=GRADIENT,
    )
    parametrization: str = _network(
        "standard",
        "How dense layers hold their weights: as they are, or (ntk) drawn with deviation 1 and "
        "divided by √fan_in in the forward pass, with biases at a tenth of the rate.",
        ("standard", "ntk"),
        GRADIENT,
    )
    activation_mix: bool = _network(
        False,
        "Learn for each hidden unit how much of its activation counts beside its input.",
        role=GRADIENT,
    )

    loss: str = _loss(
        "auto",
        "Loss: auto, softmax_cross_entropy, log_loss, squared_error, absolute_error, huber(1), "
        "poisson, pinball(0.5).",
        role=PHASE | GRADIENT,
    )
    quantiles: str | None = _loss(
        None,
        "Predict these quantiles of a regression target, as 0.05,0.5,0.95: loss pinball, an output "
        "each; pairs become intervals that the validation rows confirm.",
    )
    reduction: str = _loss(
        "mean",
        "Whether a batch's losses are averaged or added up.",
        ("mean", "sum"),
        PHASE | GRADIENT,
    )
    label_smoothing: float = _loss(
        0.0, "Share of the target that is spread over all classes.", SHARE, PHASE | GRADIENT
    )
    class_weight: str = _loss(
        "none", "Weights of the classes: none, balanced, or label=weight,label=weight.", role=RESUME
    )

    calibrate: str = _loss(
        "none",
        "Fit a temperature on the validation rows, by which logits are divided, so that the model "
        "is as sure as it is right.",
        ("none", "temperature"),
        RESUME,
    )
    threshold: str = _loss(
        "0.5",
        "Probability above which a row is taken for the second of two classes; auto picks on the "
        "validation rows what is best for metric f1 or balanced_accuracy.",
        role=RESUME,
    )

    optimizer: str = _optimizer("adam", "Update rule.", OPTIMIZERS, RESUME)
    lr: float | None = _optimizer(
        None, "Learning rate; default: the optimizer's own.", POSITIVE, PHASE
    )
    momentum: float = _rule_number("momentum")
    beta1: float = _rule_number("beta1")
    beta2: float = _rule_number("beta2")
    rho: float = _rule_number("rho")
    epsilon: float | None = _rule_number("epsilon")
    weight_decay: float | None = _optimizer(
        None,
        f"Decoupled decay of the weights; {default_help('weight_decay')}.",
        NOT_NEGATIVE,
        PHASE,
    )
    weight_decay_schedule: str = _optimizer(
        "constant", "How weight decay changes, in the words of dropout_schedule.", role=PHASE
    )
    l1: float = _optimizer(0.0, "Adds l1·Σ|w| to the loss.", NOT_NEGATIVE, PHASE | GRADIENT)
    l2: float = _optimizer(0.0, "Adds l2·Σw²/2 to the loss.", NOT_NEGATIVE, PHASE | GRADIENT)
    decay_biases: bool = _optimizer(
        False, "Let l1, l2 and weight decay act on biases too.", role=GRADIENT
    )
    clip_norm: float | None = _optimizer(None, "Largest norm of the gradient.", POSITIVE, PHASE)
    clip_value: float | None = _optimizer(
        None, "Largest size of an element of the gradient.", POSITIVE, PHASE
    )
    schedule: str = _optimizer(
        "cosine",
        "How the learning rate changes: cosine, constant, step(10,0.5), "
        "exponential, inverse_scaling, one_cycle, log_cosine(4), flat_cosine(0.5) or plateau.",
        role=PHASE,
    )
    warmup: int = _optimizer(
        0, "Updates over which the learning rate rises at the start.", NOT_NEGATIVE, PHASE
    )

    batch_size: int = _training(64, "Rows in a batch; 0 for all rows.", NOT_NEGATIVE, PHASE | ROWS)
    epochs: int | None = _training(
        None,
        "Passes over the rows; default: enough for 1,000 updates, 10 to 200, or by effort.",
        AT_LEAST_1,
        PHASE,
    )
    effort: float | None = _training(
        None,
        "Epochs by computation: as many as take so many GFLOP, about 10 to 100; with folds, "
        "training stops after three tenths of them without improvement.",
        POSITIVE,
    )
    time_limit: float | None = _training(
        None,
        "Stop after the epoch in which training has taken so many seconds, with the best weights.",
        POSITIVE,
        RESUME,
    )
    shuffle: bool = _training(True, "Take the rows in another order each epoch.", role=PHASE | ROWS)
    shuffle_block: int | None = _training(
        None,
        "Rows that stay near each other in the shuffle of a file larger than memory; 0 for none, "
        "default: none unless its disk is slow at random.",
        NOT_NEGATIVE,
        PHASE | ROWS,
    )
    folds: int | None = _training(
        None,
        "Divide the training rows into so many folds; each member learns from all but one, and "
        "validates on that.",
        Range(low=2),
    )
    augment: str = _training(
        "none",
        "Change training pictures at random, each epoch anew: any of shift(pixels), "
        "rotate(degrees), scale(share), elastic(alpha,sigma), flip, with commas between.",
        role=PHASE,
    )
    drop_last: bool = _training(
        False, "Leave out a last batch that is smaller than the others.", role=PHASE | ROWS
    )
    early_stopping: int | None = _training(
        None,
        "Stop after so many epochs without improvement and keep the best weights.",
        AT_LEAST_1,
        PHASE,
    )
    watch: str = _training(
        "loss",
        "What decides which epoch is the best on the validation rows.",
        ("loss", "score"),
        PHASE,
    )
    metric: str = _training(
        "auto",
        "What tells the best epoch, in place of watch: auto for watch, accuracy, log_loss, auc, "
        "balanced_accuracy, f1, rmse, mae, r2, poisson_deviance or pinball(0.5).",
        role=PHASE,
    )
    average_weights: str = _training(
        "none",
        "Measure and save an average of the weights: ema(0.999), which forgets, or mean(0.25), "
        "of the last share of the updates.",
    )
    checkpoint_every: int | None = _training(
        None,
        "Epochs between checkpoints, from which --resume goes on; Ctrl-C always leaves one.",
        AT_LEAST_1,
        RESUME,
    )
    log_every: int | None = _training(
        None, "Also record every so many updates.", AT_LEAST_1, RESUME
    )
    seed: int = _training(
        0,
        "Seed of splits, initial weights, shuffles, dropout and augmentation.",
        NOT_NEGATIVE,
        GRADIENT,
    )
    dtype: str = _training("float32", "Floating-point type.", ("float32", "float64"), GRADIENT)

    device: str = _machine("auto", "auto, cpu, cuda or cuda:N.", role=RESUME | GRADIENT)
    threads: str = _machine("auto", "CPU threads: auto or a number.", role=RESUME | PLACE)
    memory: str = _machine(
        "auto",
        "Memory for the data, as 2GB or 512MiB; auto: half of what is available. Larger files are "
        "read as they are needed.",
        role=RESUME | PLACE,
    )
    matmul_precision: str = _machine(
        "highest",
        "Precision of float32 products; high (TF32, on CUDA) and medium "
        "(bfloat16, on CPUs that have it) are faster.",
        ("highest", "high", "medium"),
        RESUME,
    )
    gemm: str = _machine(
        "auto",
        "What multiplies matrices on the CPU; auto is tiles.",
        ("auto", "tiles", "blas", "mkl"),
        RESUME | GRADIENT,
    )
