"""MLflow: parameters, metrics by epoch and artifacts in a store of files, by few calls."""

import copy

import numpy as np
import pytest

import fastmlp
from fastmlp.callbacks import MLflow
from fastmlp.callbacks import mlflow as module

mlflow = pytest.importorskip("mlflow")

DATA = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
pytestmark = pytest.mark.filterwarnings("ignore:.*:FutureWarning", "ignore:.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def client(here, monkeypatch):
    """A store of files in an empty folder, of which nothing is left for the next test."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((here / "store").as_uri())
    mlflow.set_experiment("here")
    yield mlflow.MlflowClient()
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


def train(here, callback, more=(), **options):
    said = {"hidden": [4], "epochs": 6, "preset": "plain", "out": here / "run"} | options
    return fastmlp.train(DATA, callbacks=[callback, *more], **said)


def test_a_run_is_told_from_settings_to_files(here, client):
    callback = MLflow(run_name="first", tags={"of": "test"})
    run = train(here, callback, lr=0.02)
    found = client.get_run(callback.run_id)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "first"
    assert found.data.tags["of"] == "test"
    assert found.data.params["lr"] == "0.02"
    assert found.data.params["epochs"] == "6"
    history = client.get_metric_history(callback.run_id, "loss/train")
    epochs = [record for record in run.history if record["kind"] == "epoch"]
    assert [each.value for each in history] == [record["train_loss"] for record in epochs]
    assert [each.step for each in history] == [record["update"] for record in epochs]
    assert found.data.metrics["test_accuracy"] == run.metrics["test_accuracy"]
    names = {each.path for each in client.list_artifacts(callback.run_id)}
    assert {"model.safetensors", "config.toml", "metrics.json", "history.jsonl"} <= names
    assert mlflow.active_run() is None


def test_an_active_run_is_taken_and_left_open(here, client):
    with mlflow.start_run() as active:
        callback = MLflow(artifacts=False)
        train(here, callback)
        assert mlflow.active_run().info.run_id == active.info.run_id == callback.run_id
        assert client.get_run(callback.run_id).info.status == "RUNNING"
        assert not client.list_artifacts(callback.run_id)


def test_many_epochs_take_few_calls(here, client, monkeypatch):
    calls, log = [], MLflow._log

    def counted(self, metrics):
        calls.append(len(metrics))
        log(self, metrics)

    monkeypatch.setattr(MLflow, "_log", counted)
    monkeypatch.setattr(module, "MOST_METRICS", 7)
    callback = MLflow(every=1000.0)
    train(here, callback, epochs=40)
    assert len(calls) == 1
    history = client.get_metric_history(callback.run_id, "loss/train")
    assert len({each.step for each in history}) == 40


def test_a_run_that_diverges_or_breaks_off_has_failed(here, client):
    callback = MLflow()
    train(here, callback, optimizer="sgd", lr=1e30)
    assert client.get_run(callback.run_id).info.status == "FAILED"

    class Broken(fastmlp.Callback):
        def recorded(self, trainer, record):
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        train(here, callback, more=[Broken()], out=here / "b")
    assert client.get_run(callback.run_id).info.status == "FAILED"
    assert mlflow.active_run() is None


def test_an_estimator_tells_of_each_fit(here, client):
    callback = MLflow(experiment="estimators")
    words = {"hidden_layer_sizes": (4,), "max_iter": 20, "random_state": 0}
    model = fastmlp.MLPRegressor(callbacks=[callback], **words)
    with pytest.warns(UserWarning, match="converged"):
        model.fit(DATA[0], DATA[0][:, 0])
    first = callback.run_id
    found = client.get_run(first)
    assert found.info.status == "FINISHED"
    assert found.data.params["optimizer"].lower() == "adam"
    assert len(client.get_metric_history(first, "loss/train")) == model.n_iter_
    with pytest.warns(UserWarning, match="converged"):
        copy.deepcopy(model).fit(DATA[0], DATA[0][:, 0])
    assert mlflow.active_run() is None


def test_phases_are_one_run(here, client):
    from fastmlp.run.phases import set_up_phases
    from fastmlp.settings.settings import settings_from

    callback = MLflow()
    settings = settings_from({"dataset": "xor", "hidden": [4], "test_fraction": 0.0})
    phases = [{"epochs": 2}, {"epochs": 3, "lr": 0.001}]
    set_up_phases(settings, phases, out=here / "run", callbacks=[callback]).run()
    found = client.get_run(callback.run_id)
    assert found.info.status == "FINISHED"
    assert len(client.get_metric_history(callback.run_id, "loss/train")) == 5
    assert "phases.json" in {each.path for each in client.list_artifacts(callback.run_id)}


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(fastmlp.FastMLPError, match=r"pip install 'fastmlp\[mlflow\]'"):
        MLflow()
