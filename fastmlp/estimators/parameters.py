"""What the estimators accept: scikit-learn's constraints, and words such as ``leaky_relu(0.2)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fastmlp.errors import UsageError, choose, did_you_mean
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.architecture import Architecture
from fastmlp.nn.losses import LOSSES
from fastmlp.optim.optimizers import Optimizer, make_optimizer
from fastmlp.optim.rules import OPTIMIZERS, RULES, SKLEARN_NAMES
from fastmlp.optim.schedules import parse_schedule
from fastmlp.spec import per_layer
from fastmlp.training.callbacks import Callback
from fastmlp.training.policies import WordRates

from .losses import make_loss

LARGEST_AUTO_BATCH = 200
SKLEARN_RATES = ("constant", "invscaling", "adaptive")
ONE_FIT = (
    "cosine",
    "one_cycle",
    "log_cosine",
    "flat_cosine",
)  # these need to know where they end: at max_iter
SOLVERS = ("lbfgs", *OPTIMIZERS)
_AT_LEAST_0 = Interval(Real, 0, None, closed="left")
_ABOVE_0 = Interval(Real, 0, None, closed="neither")
_SHARE = Interval(Real, 0, 1, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, list] = {
    "hidden_layer_sizes": ["array-like", _COUNT],
    "activation": [str, list, tuple],
    "solver": [StrOptions(set(SOLVERS))],
    "alpha": [_AT_LEAST_0],
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate": [str],
    "learning_rate_init": [_ABOVE_0],
    "power_t": [_AT_LEAST_0],
    "max_iter": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_AT_LEAST_0],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [_SHARE],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_SHARE],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [_ABOVE_0],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "max_fun": [_COUNT],
    "loss": [str],
    "dropout": [_SHARE, list, tuple],
    "dropout_units": ["boolean"],
    "batch_norm": [StrOptions({"none", "hidden", "input", "all"})],
    "weight_decay": [_AT_LEAST_0, None],
    "clip_norm": [_ABOVE_0, None],
    "rho": [_SHARE],
    "metric": [str, callable, None],
    "normalize": [StrOptions({"none", "unit", "standard", "robust"})],
    "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
    "device": [str],
    "threads": [StrOptions({"auto"}), _COUNT],
    "callbacks": [list, tuple, None],
}
CLASSIFIER_CONSTRAINTS = {
    "label_smoothing": [_SHARE],
    "class_weight": [StrOptions({"balanced"}), dict, None],
}

# The metrics of fastmlp whose name scikit-learn's scorers do not have.
SCORERS = {
    "log_loss": "neg_log_loss",
    "auc": "roc_auc_ovr",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "poisson_deviance": "neg_mean_poisson_deviance",
}


class Parameters(BaseEstimator, ABC):
    """What the estimators are set to, in the words of the rest of fastmlp."""

    _accepted_losses: tuple[str, ...]
    _numeric_target = False
    # As ``__init__`` of the estimators describes them, which stores them by name.
    hidden_layer_sizes: Sequence[int] | int
    activation: str | Sequence[str]
    solver: str
    alpha: float
    batch_size: int | Literal["auto"]
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: int | np.random.RandomState | None
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    loss: str
    dropout: float | Sequence[float]
    dropout_units: bool
    batch_norm: str
    weight_decay: float | None
    clip_norm: float | None
    rho: float
    metric: str | Callable | None
    normalize: str
    dtype: str | type
    device: str
    threads: int | Literal["auto"]
    callbacks: Sequence[Callback] | None
    # Known once fitted; the classes of a classifier alone.
    classes_: np.ndarray
    _probabilities: Callable[[np.ndarray], np.ndarray]  # of a classifier alone
    n_outputs_: int

    def _store(self, given: dict[str, Any]) -> None:
        """Set the parameters of ``__init__`` untouched: scikit-learn checks them in ``fit``."""
        for name in self._get_param_names():
            setattr(self, name, given[name])

    def _layer_widths(self) -> tuple[int, ...]:
        """Return the widths of the hidden layers; an empty sequence is a linear model."""
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        whole = all(isinstance(size, Integral) and not isinstance(size, bool) for size in sizes)
        if not whole or any(size <= 0 for size in sizes):
            raise UsageError(
                f"hidden_layer_sizes must be > 0, got {sizes}. Give whole numbers, one a hidden "
                "layer."
            )
        return tuple(int(size) for size in sizes)

    def _layer_activations(self) -> tuple[str, ...]:
        """Return the activation of each hidden layer, in fastmlp's words."""
        given, layers = self.activation, len(self._layer_widths())
        given = given if isinstance(given, str) else list(given)
        words = [str(word).strip() for word in per_layer("activation", given, layers)]
        words = ["sigmoid" if word == "logistic" else word for word in words]
        for word in words:
            parse_activation(word)  # for its errors
        return tuple(words)

    def _dropout_rates(self) -> tuple[float, ...]:
        """Return one dropout rate a hidden layer, or nothing where there is none."""
        given = self.dropout
        rates = list(given) if isinstance(given, (list, tuple)) else [given]
        for rate in rates:
            if not isinstance(rate, Real) or not 0 <= float(rate) < 1:
                raise UsageError(f"dropout must be at least 0 and less than 1; got {rate!r}.")
        rates = per_layer("dropout", rates, len(self._layer_widths()))
        return tuple(float(rate) for rate in rates) if any(rates) else ()

    def _batch_rows(self, rows: int) -> int:
        """Return the rows of a batch: all of them for lbfgs."""
        if self.solver == "lbfgs":
            return rows
        return min(LARGEST_AUTO_BATCH if self.batch_size == "auto" else int(self.batch_size), rows)

    def _rule(self) -> Optimizer:
        """Return the update rule; scikit-learn's sgd is momentum's, or Nesterov's."""
        solver = self.solver
        if solver == "sgd" and self.momentum:
            solver = "nesterov" if self.nesterovs_momentum else "momentum"
        numbers = {name: getattr(self, theirs) for name, theirs in SKLEARN_NAMES.items()}
        return make_optimizer(solver, **numbers)

    def _decay(self) -> float:
        """Return the decoupled decay of the weights."""
        if self.weight_decay is None:
            return RULES[self.solver].weight_decay
        return float(self.weight_decay)

    def _rates(self, updates: int, steps: int, seen: int, rows: int) -> WordRates:
        """Return the learning rates.

        Parameters
        ----------
        updates
            Made before: a schedule that must know its end begins anew there.
        steps, rows
            Of the coming epochs.
        seen
            Rows trained on before.
        """
        word, initial = self.learning_rate, float(self.learning_rate_init)
        if word in SKLEARN_RATES:
            # scikit-learn's adam has a constant rate whatever the word.
            word = "constant" if self.solver == "adam" else word
            schedule = parse_schedule("constant", initial, steps, self.max_iter)
        else:
            schedule = parse_schedule(word, initial, steps, self.max_iter)
        first = updates if schedule.name in ONE_FIT else 0
        return WordRates(word, schedule, first, self.power_t, seen, rows)

    def _architecture(self, inputs: int, outputs: int) -> Architecture:
        """Return what the parameters ask for between so many columns and so many outputs."""
        return Architecture(
            inputs=inputs,
            outputs=outputs,
            hidden=self._layer_widths(),
            activation=",".join(self._layer_activations()) or "identity",
            dropout=self._dropout_rates(),
            dropout_units=bool(self.dropout_units),
            batch_norm=self.batch_norm,
        )

    def _smoothing(self) -> float:
        """Return the label smoothing of the loss."""
        return 0.0

    @abstractmethod
    def _encoded(
        self, y: np.ndarray, first: bool, incremental: bool
    ) -> tuple[str, np.ndarray, np.ndarray]:
        """Return (task, targets for the network, target in the user's terms) of a checked ``y``."""

    @abstractmethod
    def _decided(self, outputs: np.ndarray) -> np.ndarray:
        """Turn finished outputs (rows, outputs) into predictions."""

    @abstractmethod
    def _own_score(
        self, truth: np.ndarray, predicted: np.ndarray, row_weights: np.ndarray | None
    ) -> float:
        """Return what early stopping watches unless ``metric`` says otherwise."""

    @abstractmethod
    def _out_activation(self, task: str, outputs: int) -> str:
        """Return the word for ``out_activation_``."""

    def _class_factors(self, truth: np.ndarray) -> np.ndarray | None:
        """Return what ``class_weight`` multiplies the weights of training rows by."""
        return None

    def _stratify(self, targets: np.ndarray) -> np.ndarray | None:
        """Return by what the rows for early stopping are stratified."""
        return None

    def _class_numbers(self, truth: np.ndarray) -> np.ndarray | None:
        """Return the class number of each row, None where a row has not just one class."""
        return None

    def _check_parameters(self) -> None:
        """Check everything that scikit-learn's constraints leave open, once, before any work.

        Raises
        ------
        UsageError
            A ValueError of one line: what was given, what is accepted.
        """
        self._layer_activations()
        self._dropout_rates()
        self._check_loss()
        _check_metric(self.metric)
        if self.learning_rate not in SKLEARN_RATES:
            parse_schedule(self.learning_rate, self.learning_rate_init, 1, 1)
        if self.solver == "lbfgs":
            self._check_lbfgs()
        for callback in self.callbacks or ():
            if not all(hasattr(callback, name) for name in vars(Callback) if name[0] != "_"):
                kind = type(callback).__name__
                raise UsageError(f"callbacks must be fastmlp.Callback objects; got {kind}.")

    def _check_lbfgs(self) -> None:
        off = {"dropout": 0, "batch_norm": "none", "weight_decay": None, "clip_norm": None}
        for name, without in off.items():
            value = getattr(self, name)
            if value != without and not (name == "dropout" and not self._dropout_rates()):
                raise UsageError(
                    f"{name}={value!r} cannot be used with solver='lbfgs'; take one of "
                    f"{', '.join(OPTIMIZERS)}."
                )

    def _check_loss(self) -> None:
        given = self.loss.strip()
        name = choose("loss", given.partition("(")[0].strip(), self._accepted_losses)
        if name != given and LOSSES[name].argument is None:
            takers = [each for each in self._accepted_losses if LOSSES[each].argument]
            take = "takes" if len(takers) == 1 else "take"
            raise UsageError(
                f"loss {given!r} cannot be read: only {' and '.join(takers)} {take} a number, "
                f"as in {takers[0]}(1.5)."
            )
        outputs = 2 if name == "log_loss" else 1
        loss = make_loss(given, "classification" if name == "log_loss" else "regression", outputs)
        if len(loss.levels) > 1:
            raise UsageError(
                f"loss {given!r} has {len(loss.levels)} levels, and an estimator predicts one "
                "quantile; give one level, or use fastmlp.train(quantiles=...)."
            )


def _check_metric(metric: Any) -> None:
    if isinstance(metric, str):
        from sklearn.metrics import get_scorer_names

        if metric not in SCORERS and metric not in get_scorer_names():
            near = did_you_mean(metric, get_scorer_names())
            raise UsageError(
                f"metric {metric!r} is not known{near} "
                "sklearn.metrics.get_scorer_names() lists all."
            )
