"""A regression of counts, ``--loss poisson``, from training to other programs."""

import json

import numpy as np
import pytest
from sklearn.metrics import r2_score

import fastmlp
from fastmlp.cli import main
from fastmlp.errors import UsageError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 3)).astype(np.float32)
MEANS = np.exp(0.5 + X[:, 0] - 0.3 * X[:, 1])
COUNTS = RANDOM.poisson(MEANS)  # few whole numbers, which would be classes under another loss
HOW = {"preset": "plain", "hidden": [8], "epochs": 30, "lr": 0.02, "threads": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counts")
    np.savez(folder / "data.npz", X=X, y=COUNTS)
    words = [
        "--loss",
        "poisson",
        "--hidden",
        "8",
        "--epochs",
        "30",
        "--lr",
        "0.02",
        "--threads",
        "1",
    ]
    assert main(["train", str(folder / "data.npz"), *words, "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def model(run):
    return fastmlp.load(run, device="cpu")


def test_it_predicts_means(model):
    predicted = model.predict(X)
    assert model.task == "regression"
    assert predicted.min() > 0
    assert r2_score(MEANS, predicted) > 0.8
    outputs = np.log(predicted.astype(np.float64))
    constant = np.where(COUNTS > 0, COUNTS * np.log(np.maximum(COUNTS, 1)) - COUNTS, 0)
    losses = constant - COUNTS * outputs + predicted
    assert model.measure(X, COUNTS)["loss"] == pytest.approx(losses.mean(), rel=1e-4)


def test_on_the_command_line(run, model, capsys):
    x = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    counts = np.random.default_rng(2).poisson(1.0, 50)
    np.savez(run.parent / "unseen.npz", X=x, y=counts)
    assert main(["evaluate", str(run), str(run.parent / "unseen.npz"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["r2"] == pytest.approx(r2_score(counts, model.predict(x)), abs=1e-4)
    for command in (["report", str(run)], ["info", str(run)], ["gradcheck", "--loss", "poisson"]):
        assert main(command) == 0


def test_in_other_programs(model, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    expected = model.predict(X)
    model.export(tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    [found] = session.run(None, {"features": X})
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)
    logarithms = model.to_torch(module=True)(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(np.exp(logarithms[:, 0]), expected, rtol=1e-5)
    model.export(tmp_path / "model.safetensors", "torch")
    assert "logarithms; .exp() makes the target's values" in (tmp_path / "model.py").read_text()
    model.export(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as arrays:
        assert json.loads(str(arrays["description"]))["settings"]["loss"] == "poisson"


def test_negative_targets_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"poisson takes targets of at least 0.* -1"):
        fastmlp.train(X, COUNTS - 1, loss="poisson", out=tmp_path / "run", **HOW)


def test_classes_are_refused(tmp_path):
    with pytest.raises(UsageError, match="goes with regression; this is a classification task"):
        fastmlp.train(X, COUNTS, loss="poisson", task="classification", out=tmp_path / "run", **HOW)
