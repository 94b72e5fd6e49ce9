"""MLPClassifier: labels, one of several or each for itself."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from fastmlp.errors import UsageError

from . import parameters
from .base import BaseMLP, is_stochastic
from .inputs import class_factors, class_numbers, one_hot
from .losses import CLASSIFICATION_LOSSES
from .scores import accuracy


def has_probabilities(estimator: MLPClassifier) -> bool:
    """Return True, or hide probabilities by an AttributeError where the loss gives none."""
    if estimator.loss != "log_loss":
        raise AttributeError(f"loss {estimator.loss!r} gives no probabilities; take log_loss.")
    return True


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multilayer perceptron that classifies: scikit-learn's MLPClassifier, and beyond it.

    Of the parameters up to ``max_fun`` names, meanings and defaults are scikit-learn's;
    docs/estimators.md tells the rest.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Width of each hidden layer; ``()`` for a linear model.
    activation : str or sequence of str, default='relu'
        Of the hidden layers, one for all or one a layer: 'identity', 'logistic' (or 'sigmoid'),
        'tanh', 'relu' or any other of ``fastmlp.nn.activations.ACTIVATIONS``: 'leaky_relu(0.01)'.
    solver : str, default='adam'
        'lbfgs', 'sgd' (with ``momentum``), 'adam', or another rule of ``fastmlp.optim.rules``.
    alpha : float, default=0.0001
        L2 penalty: alpha·Σw²/2, divided by the rows of the batch, is part of the loss.
    batch_size : int, default='auto'
        Rows in a batch; 'auto' for min(200, n_samples). lbfgs takes all rows.
    learning_rate : str, default='constant'
        With all stochastic solvers but 'adam', which takes all of them as 'constant': 'invscaling',
        'adaptive'. With every one: a schedule of ``fastmlp.optim.schedules``, such as 'cosine'.
    learning_rate_init : float, default=0.001
        The rate at the start.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Epochs of a fit at most; iterations of lbfgs.
    shuffle : bool, default=True
        Give each epoch an order of its own.
    random_state : int, RandomState instance or None, default=None
        Of initial weights, the rows set aside, orders and dropout. The same number gives the same
        model.
    tol : float, default=1e-4
        What counts as an improvement; the size of the gradient at which lbfgs stops.
    verbose : bool or int, default=False
        Print a line an epoch.
    warm_start : bool, default=False
        Let ``fit`` go on where the last one ended, to the bit: moments, orders and masks included,
        and the curvature that 'lbfgs' has learnt, as long as the loss at the weights is the one
        that it left.
    momentum : float, default=0.9
        Of 'sgd', 'momentum' and 'nesterov', less than 1.
    nesterovs_momentum : bool, default=True
        Whether the momentum of 'sgd' looks ahead.
    early_stopping : bool, default=False
        Stop when the validation score no longer improves, and keep the best weights.
    validation_fraction : float, default=0.1
        Share of the rows set aside for that, unless ``eval_set`` is given.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay of the moments of 'adam' and 'adamw'.
    epsilon : float, default=1e-8
        What the rules that divide by a root, such as 'adam', add to it.
    n_iter_no_change : int, default=10
        Epochs in a row without an improvement after which training ends; numpy.inf for never.
    max_fun : int, default=15000
        Evaluations of the loss by lbfgs at most.
    loss : str, default='log_loss'
        'log_loss', or a loss of MLPRegressor other than 'poisson', of 0 and 1, without
        probabilities.
    label_smoothing : float, default=0.0
        Share of each label that log_loss spreads over all classes.
    class_weight : dict, 'balanced' or None, default=None
        Factor of the training rows of each class.
    dropout : float or sequence of float, default=0.0
        Share of units dropped after the hidden layers: one for all, or one a layer.
    dropout_units : bool, default=False
        Drop a unit for a whole batch rather than element by element.
    batch_norm : {'none', 'hidden', 'input', 'all'}, default='none'
        Where batch normalisation stands.
    weight_decay : float, default=None
        Decoupled decay of the weights; None for 0, or 0.01 with 'adamw'.
    clip_norm : float, default=None
        Largest norm of the gradient.
    rho : float, default=0.9
        Decay of 'rmsprop'.
    metric : str, callable or None, default=None
        What early stopping watches: a name of scikit-learn's scorers, 'log_loss' or 'auc', or a
        scorer (estimator, X, y) -> float, greater is better; None for the accuracy.
    normalize : {'none', 'unit', 'standard', 'robust'}, default='none'
        Bring inputs to [0, 1], to mean 0 and deviation 1, or to median 0 and interquartile range 1,
        by the training rows; what lies far from zero is brought near it in float64.
    dtype : {'float32', 'float64'}, default='float32'
        Of the weights, and of the arithmetic but for lbfgs and tiny data, which take float64.
    device : str, default='cpu'
        'cpu', 'cuda', 'cuda:N', or 'auto': CUDA where there is a device.
    threads : int or 'auto', default='auto'
        CPU threads; 'auto' takes one in joblib's workers.
    callbacks : list of fastmlp.Callback, default=None
        Told of every epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer. On the CPU they are live, as
        scikit-learn's; from CUDA they are copies that cannot be written, and other arrays may be
        set in their place.
    batch_norm_ : list of dict
        gamma, beta, running_mean and running_variance of each batch normalisation, if there is one;
        beta is also the intercept of its layer.
    loss_, loss_curve_, best_loss_ : float, list of float, float or None
        The loss of the last epoch, of each and of the best; the last is None with early stopping.
    validation_scores_, validation_loss_curve_, best_validation_score_ : list, list and float, or
    None
        Of the rows set aside or of ``eval_set``, epoch by epoch.
    n_iter_, t_ : int
        Epochs of the last fit; rows trained on so far.
    learning_rate_ : float
        Of the last update.
    converged_ : bool
        Whether nothing had improved for ``n_iter_no_change`` epochs.
    n_layers_, n_outputs_, out_activation_ : int, int and str
        Layers, input and output counted; outputs; the last activation.
    n_features_in_, feature_names_in_ : int and ndarray
        Columns seen in fit, and their names if all are texts.
    input_origin_, input_scale_, input_shift_ : ndarray or None
        With ``normalize`` the network is given (X − origin)·scale + shift; the origin is 0 but for
        columns far from zero, None where there is no such column.

    Examples
    --------
    >>> from fastmlp import MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(random_state=0, normalize="standard", early_stopping=True).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **parameters.CONSTRAINTS,
        **parameters.CLASSIFIER_CONSTRAINTS,
    }
    _accepted_losses = CLASSIFICATION_LOSSES
    label_smoothing: float
    class_weight: Literal["balanced"] | dict | None

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        loss="log_loss",
        label_smoothing=0.0,
        class_weight=None,
        dropout=0.0,
        dropout_units=False,
        batch_norm="none",
        weight_decay=None,
        clip_norm=None,
        rho=0.9,
        metric=None,
        normalize="none",
        dtype="float32",
        device="cpu",
        threads="auto",
        callbacks=None,
    ):
        self._store(locals())

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None, *, eval_set=None):
        """Train for one epoch over the given rows, from the weights, moments and shuffles of the
        call before.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or 0 and 1 for each label.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each row's loss.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.
        eval_set : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that are measured after the epoch. With ``early_stopping=True``, when their score
            has not improved for ``n_iter_no_change`` calls, ``converged_`` becomes True and the
            best weights come back.

        Returns
        -------
        self
        """
        self._take_classes(classes)
        self._learn(X, y, sample_weight, eval_set, incremental=True)
        return self

    def predict(self, X):
        """Return the labels (n_samples,), or 0 and 1 (n_samples, n_classes) for multilabel."""
        return self._decided(self._outputs(X))

    @available_if(has_probabilities)
    def predict_proba(self, X):
        """Return the probability of each class (n_samples, n_classes), ordered as ``classes_``."""
        return self._probabilities(self._outputs(X))

    @available_if(has_probabilities)
    def predict_log_proba(self, X):
        """Return the logarithms of ``predict_proba``; −inf where one is too small for its type."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _take_classes(self, classes) -> None:
        """Check ``classes`` as every call of partial_fit may give it."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise UsageError("classes must be passed on the first call to partial_fit.")
            return
        classes = unique_labels(classes)
        if known is not None and not np.array_equal(known, classes):
            raise UsageError(
                f"`classes={classes}` is not the same as on last call to partial_fit, was: {known}"
            )
        self.classes_ = classes

    def _encoded(self, y, first, incremental):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        labels = np.arange(y.shape[1]) if y.ndim == 2 else unique_labels(y)
        if y.ndim == 2 and not np.isin(y, (0, 1)).all():
            raise UsageError(
                "Multioutput target data is not supported with label binarization: give 0 and 1."
            )
        self._check_classes(labels, first, incremental)
        if y.ndim == 2:
            if len(self.classes_) != y.shape[1]:
                raise UsageError(
                    f"y has {y.shape[1]} labels; the model was trained on {len(self.classes_)}."
                )
            return "multilabel", y, y
        numbers = class_numbers(y, self.classes_)
        if len(self.classes_) < 3:
            return "classification", numbers[:, None], y
        return (
            "classification",
            numbers if self.loss == "log_loss" else one_hot(numbers, len(self.classes_)),
            y,
        )

    def _check_classes(self, labels: np.ndarray, first: bool, incremental: bool) -> None:
        """Learn the classes, or check that these are among those known."""
        if first and not incremental:
            self.classes_ = labels
        elif self.warm_start and not incremental and set(labels) != set(self.classes_):
            raise UsageError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {labels}"
            )
        elif len(np.setdiff1d(labels, self.classes_)):
            raise UsageError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {labels}."
            )

    def _smoothing(self):
        return float(self.label_smoothing)

    def _class_factors(self, truth):
        return class_factors(self.class_weight, truth, self.classes_)

    def _stratify(self, targets):
        return targets.astype(bool) if targets.ndim == 2 and targets.shape[1] == 1 else None

    def _class_numbers(self, truth):
        return class_numbers(truth, self.classes_) if truth.ndim == 1 else None

    def _decided(self, outputs):
        if self._blueprint.task == "multilabel":
            return (outputs > 0.5).astype(np.int64)
        numbers = (
            (outputs[:, 0] > 0.5).astype(np.intp)
            if outputs.shape[1] == 1
            else outputs.argmax(axis=1)
        )
        return self.classes_[np.minimum(numbers, len(self.classes_) - 1)]

    def _probabilities(self, outputs):
        if self._blueprint.task == "classification" and outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        if (
            self.out_activation_ == "softmax"
            and outputs.dtype == np.float64
            and self._blueprint.dtype == "float32"
        ):
            return outputs / outputs.sum(
                axis=1, keepdims=True
            )  # they sum to 1 as closely as float64 promises
        return outputs

    def _own_score(self, truth, predicted, row_weights):
        return accuracy(truth, predicted, row_weights)

    def _out_activation(self, task, outputs):
        if self.loss != "log_loss":
            return "identity"
        return "softmax" if task == "classification" and outputs > 1 else "logistic"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
