"""What others do with an estimator: skops and MLflow store it, scikit-learn's picture links."""

import re
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
from fastmlp.estimators import TRUSTED_TYPES, base

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.arange(60) % 2
PLAIN = {"preset": "plain", "settings": {"epochs": 2}}
ESTIMATORS = [
    MLPClassifier(max_iter=2),
    MLPClassifier(max_iter=2, solver="lbfgs"),
    MLPRegressor(max_iter=2, solver="sgd", learning_rate="adaptive", early_stopping=True),
    MLPClassifier(max_iter=2, batch_norm="all", dropout=0.1, normalize="standard", warm_start=True),
    MLPClassifier(max_iter=2, random_state=np.random.RandomState(0), dtype="float64"),
    TabularClassifier(**PLAIN),
    TabularRegressor(**PLAIN),
    make_pipeline(StandardScaler(), MLPRegressor(max_iter=2)),
]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda it: type(it).__name__)
def test_skops_needs_to_trust_what_we_say(estimator, here):
    skops = pytest.importorskip("skops.io")
    model = estimator.fit(X, Y)
    skops.dump(model, here / "model.skops")
    assert set(skops.get_untrusted_types(file=here / "model.skops")) <= set(TRUSTED_TYPES)
    again = skops.load(here / "model.skops", trusted=TRUSTED_TYPES)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_what_we_say_is_needed(here):
    skops = pytest.importorskip("skops.io")
    needed = set()
    for estimator in ESTIMATORS:
        skops.dump(estimator.fit(X, Y), here / "model.skops")
        needed.update(skops.get_untrusted_types(file=here / "model.skops"))
    assert needed == set(TRUSTED_TYPES)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_mlflow_stores_a_model(here, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((here / "store").as_uri())
    try:
        with pytest.warns(ConvergenceWarning):
            model = MLPClassifier(max_iter=2).fit(X, Y)
        with mlflow.start_run():
            # Without this MLflow asks the package index which versions there are.
            stored = mlflow.sklearn.log_model(
                model, name="ours", skops_trusted_types=TRUSTED_TYPES, pip_requirements=["fastmlp"]
            )
        again = mlflow.sklearn.load_model(stored.model_uri)
    finally:
        mlflow.set_tracking_uri(before)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("estimator", "page"), [(MLPRegressor(), "estimators"), (TabularClassifier(), "tabular")]
)
def test_the_picture_links_to_our_page(estimator, page, monkeypatch):
    base.documentation.cache_clear()
    link = estimator._get_doc_link()
    path = Path(url2pathname(urlparse(link).path))
    assert path.name == f"{page}.md"
    assert path.is_file()
    assert link in estimator._repr_html_()

    class OfSomebody(MLPRegressor):
        """A class of somebody's own."""

    assert OfSomebody()._get_doc_link() == ""


def test_a_package_that_names_its_documentation(monkeypatch):
    class Metadata:
        def get_all(self, name):
            return ["Source, https://a.example", "Documentation, https://docs.example/fastmlp/"]

    monkeypatch.setattr(base, "metadata", lambda name: Metadata())
    base.documentation.cache_clear()
    try:
        assert MLPRegressor()._get_doc_link() == "https://docs.example/fastmlp/estimators.html"
        monkeypatch.setattr(Metadata, "get_all", lambda self, name: None)
        monkeypatch.setattr(base, "__file__", "/nowhere/fastmlp/estimators/base.py")
        base.documentation.cache_clear()
        assert MLPRegressor()._get_doc_link() == ""
        assert not re.search(r'href=""', MLPRegressor()._repr_html_())
    finally:
        base.documentation.cache_clear()
