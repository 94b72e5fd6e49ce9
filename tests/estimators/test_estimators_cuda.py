"""device="cuda": the same training, on a GPU where there is one, else on the emulated device of
tests/cuda.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = """
import pickle, sys, warnings
sys.path[:0] = sys.argv[1:]
warnings.simplefilter("ignore")
import device
if device.why_no_device():
    sys.exit(device.why_no_device())
import numpy as np
from estimators_support import arrays, assert_same_bits, digits, numbers
from fastmlp import MLPClassifier, MLPRegressor

X, y = digits(300)
WAYS = [
    {}, {"solver": "sgd", "momentum": 0}, {"solver": "lbfgs"},
    {"early_stopping": True, "dropout": 0.2, "batch_norm": "hidden"},
    {"solver": "sgd", "learning_rate": "invscaling", "normalize": "standard"},
]
for way in WAYS:
    how = {"hidden_layer_sizes": (20,), "max_iter": 3, "random_state": 0, "dtype": "float64", **way}
    there, here = MLPClassifier(device="cuda", **how).fit(X, y), MLPClassifier(**how).fit(X, y)
    np.testing.assert_allclose(there.loss_, here.loss_, rtol=1e-9)
    np.testing.assert_allclose(there.predict_proba(X), here.predict_proba(X), rtol=1e-7)
    assert not any(array.flags.writeable for array in arrays(there))
    travelled = pickle.loads(pickle.dumps(there)).predict_proba(X)
    np.testing.assert_array_equal(travelled, there.predict_proba(X))
    moved = there.set_params(device="cpu").predict_proba(X)
    np.testing.assert_allclose(moved, here.predict_proba(X), rtol=1e-7)

how = {"hidden_layer_sizes": (20,), "random_state": 0, "device": "cuda"}
whole = MLPClassifier(max_iter=4, **how).fit(X, y)
assert_same_bits(MLPClassifier(max_iter=2, warm_start=True, **how).fit(X, y).fit(X, y), whole)
whole.coefs_ = [np.zeros_like(each) for each in whole.coefs_]
whole.intercepts_ = [np.zeros_like(each) for each in whole.intercepts_]
np.testing.assert_allclose(whole.predict_proba(X), 0.1, rtol=1e-6)

X, y = numbers()
for way in ({}, {"solver": "lbfgs"}):
    how = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0, "dtype": "float64", **way}
    there, here = (
        MLPRegressor("poisson", device=device, **how).fit(X, abs(y)) for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(there.predict(X), here.predict(X), rtol=1e-9)
"""


@pytest.mark.gpu
def test_the_same_training_on_cuda():
    places = [str(HERE), str(HERE.parent / "cuda")]
    command = [sys.executable, "-c", PROGRAM, *places]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode and done.stderr.startswith("the emulated device needs"):
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
