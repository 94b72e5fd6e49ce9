"""MLPRegressor: one number a row, or several."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from fastmlp.errors import UsageError
from fastmlp.metrics.quantities import regression_scores

from .base import BaseMLP, is_stochastic
from .losses import REGRESSION_LOSSES


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multilayer perceptron that predicts numbers: scikit-learn's MLPRegressor, and beyond it.

    Of the parameters up to ``max_fun`` names, meanings and defaults are scikit-learn's;
    docs/estimators.md tells the rest.

    Parameters
    ----------
    loss : str, default='squared_error'
        'squared_error' (half of it, as scikit-learn's), 'poisson' (half the deviance; the network
        gives the logarithm of the mean), 'absolute_error', 'huber' or 'huber(1.5)', or, for a
        quantile, 'pinball(0.9)'.
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
        What early stopping watches: a name of scikit-learn's scorers, 'rmse', 'mae' or
        'poisson_deviance', or a scorer (estimator, X, y) -> float, greater is better; None for R².
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
    >>> from fastmlp import MLPRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor(random_state=0, loss="huber(20)", learning_rate_init=0.02).fit(X, y)
    >>> model.score(X, y) > 0.4
    True
    """

    _accepted_losses = REGRESSION_LOSSES
    _numeric_target = True

    def __init__(
        self,
        loss="squared_error",
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
    def partial_fit(self, X, y, sample_weight=None, *, eval_set=None):
        """Train for one epoch over the given rows, from the weights, moments and shuffles of the
        call before.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each row's loss.
        eval_set : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that are measured after the epoch. With ``early_stopping=True``, when their score
            has not improved for ``n_iter_no_change`` calls, ``converged_`` becomes True and the
            best weights come back.

        Returns
        -------
        self
        """
        self._learn(X, y, sample_weight, eval_set, incremental=True)
        return self

    def predict(self, X):
        """Return the values (n_samples,) or (n_samples, n_outputs) of rows of features."""
        return self._decided(self._outputs(X))

    def _encoded(self, y, first, incremental):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss.strip() == "poisson" and y.min(initial=0) < 0:
            raise UsageError(f"loss poisson needs y of at least 0; the smallest is {y.min():g}.")
        if (
            not first
            and hasattr(self, "n_outputs_")
            and self.n_outputs_ != (1 if y.ndim == 1 else y.shape[1])
        ):
            raise UsageError(
                f"y has {y.shape} values; the model was trained on {self.n_outputs_} output(s)."
            )
        return "regression", y[:, None] if y.ndim == 1 else y, y

    def _decided(self, outputs):
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _own_score(self, truth, predicted, row_weights):
        truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
        return regression_scores(truth, predicted, row_weights)["r2"]

    def _out_activation(self, task, outputs):
        return "exp" if self.loss.strip() == "poisson" else "identity"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
