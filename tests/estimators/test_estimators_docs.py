"""The page on the estimators tells of every parameter and deviation; that its programs run is
tested by tests/test_docs.py.
"""

import inspect
import re
from pathlib import Path

from test_estimators_sklearn_suite import DEVIATIONS

from fastmlp import MLPClassifier, MLPRegressor

PAGE = (Path(__file__).parents[2] / "docs" / "estimators.md").read_text(encoding="utf-8")


def test_every_parameter_is_told_of():
    for estimator in (MLPClassifier, MLPRegressor):
        for name in inspect.signature(estimator).parameters:
            assert f"`{name}`" in PAGE, name
            assert re.search(rf"^    .*\b{name}\b.* : ", estimator.__doc__, re.MULTILINE), name


def test_every_deviation_of_the_suite_is_told_of():
    assert all(name.partition("[")[0] in PAGE for name in DEVIATIONS)
    assert f"{len(DEVIATIONS)} are deviations" in " ".join(PAGE.split())
