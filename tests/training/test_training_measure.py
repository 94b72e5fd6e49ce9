"""What is measured: R² and rmse against scikit-learn, loss and accuracy against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import r2_score, root_mean_squared_error

from fastmlp.metrics.quantities import regression_scores
from fastmlp.run.train import set_up
from fastmlp.settings.settings import Settings

NUMBERS = arrays(
    np.float64,
    st.tuples(st.integers(2, 20), st.integers(1, 3)),
    elements=st.integers(-50, 50).map(float),
)


@given(st.data())
def test_scores_are_those_of_scikit_learn(data):
    targets = data.draw(NUMBERS)
    predicted = data.draw(
        arrays(np.float64, targets.shape, elements=st.integers(-50, 50).map(float))
    )
    scores = regression_scores(targets, predicted)
    assert scores["r2"] == pytest.approx(r2_score(targets, predicted))
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(targets, predicted))


def test_a_constant_target():
    constant = np.full((4, 1), 3.0)
    assert regression_scores(constant, constant) == {"rmse": 0.0, "r2": 1.0}
    assert regression_scores(constant, constant + 2) == {"rmse": 2.0, "r2": 0.0}


def test_one_row():
    assert regression_scores(np.ones((1, 1)), np.zeros((1, 1))) == {"rmse": 1.0, "r2": 0.0}


def forward(job, x):
    """The network's outputs, computed from its named arrays in float64."""
    arrays = {
        name: parameter.values.astype(np.float64)
        for name, parameter in job.model.network.named_parameters().items()
    }
    layers = len(arrays) // 2
    for layer in range(layers):
        x = x @ arrays[f"dense_{layer}.weight"] + arrays[f"dense_{layer}.bias"]
        if layer < layers - 1:
            x = np.maximum(x, 0)
    return x


def scaled(job, part):
    return part.features * job.data.features.scale + job.data.features.shift


def test_loss_and_accuracy_of_a_split(tmp_path):
    job = set_up(
        Settings(dataset="digits", hidden="16", epochs=2, dtype="float64"), out=tmp_path / "run"
    )
    job.trainer.fit()
    part = job.data.test
    logits = forward(job, scaled(job, part))
    logits -= logits.max(axis=1, keepdims=True)
    log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    measured = job.measures["test"].run()
    assert measured["loss"] == pytest.approx(
        -log_shares[np.arange(len(part)), part.targets].mean(), rel=1e-10
    )
    assert measured["accuracy"] == pytest.approx((logits.argmax(axis=1) == part.targets).mean())


def test_regression_is_measured_in_the_targets_own_unit(tmp_path):
    generator = np.random.default_rng(1)
    features = generator.normal(size=(70, 3))
    target = 1000 + 50 * features[:, 0]
    np.savez(tmp_path / "d.npz", X=features, y=target)
    job = set_up(
        Settings(dataset=str(tmp_path / "d.npz"), hidden="8", epochs=3, dtype="float64"),
        out=tmp_path / "run",
    )
    job.trainer.fit()
    encoder, part = job.data.targets, job.data.test
    outputs = forward(job, scaled(job, part))
    predicted, true = (
        values * encoder.deviation + encoder.mean for values in (outputs, part.targets)
    )
    measured = job.measures["test"].run()
    assert measured["loss"] == pytest.approx(((outputs - part.targets) ** 2).mean(), rel=1e-9)
    assert measured["rmse"] == pytest.approx(np.sqrt(((predicted - true) ** 2).mean()), rel=1e-9)
    assert measured["rmse"] > 1
    assert measured["r2"] == pytest.approx(r2_score(true, predicted), rel=1e-9)
    assert "accuracy" not in measured
