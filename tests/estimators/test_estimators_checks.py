"""scikit-learn's own checks of an estimator, without an expected failure."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastmlp import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier(),
    MLPRegressor(),
    MLPClassifier(solver="lbfgs", max_iter=50),
    MLPRegressor(solver="sgd", learning_rate="cosine", max_iter=300, dtype="float64"),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)
