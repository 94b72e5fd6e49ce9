"""MLflow: settings as parameters, numbers by epoch as metrics, the run's files as artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastmlp.errors import MissingExtraError

from .tracking import Numbers, Tracker

# MLflow's own limits on what one call may hold.
MOST_METRICS, MOST_PARAMETERS, LONGEST_VALUE = 1000, 100, 6000


class MLflow(Tracker):
    """Tells MLflow of a training.

    A run that is active is taken; otherwise one is begun, where ``mlflow.set_tracking_uri`` or
    MLFLOW_TRACKING_URI says, and ended with the training. Numbers stand at their updates, under the
    names that TensorBoard has: ``loss/train``, ``accuracy/validation``, …, and the last ones under
    those of metrics.json.

    Parameters
    ----------
    experiment
        Name of MLflow's experiment, which is made if need be; None for the one that is set.
    run_name
        What the run is called; None for MLflow's own idea.
    tags
        Texts by name, which the run is given.
    every
        Seconds between two calls at least: one to a database takes as long as many epochs.
    artifacts
        Whether model, settings, history and metrics are stored with the run.

    Raises
    ------
    MissingExtraError
        Without the package mlflow, or mlflow-skinny.
    """

    def __init__(
        self,
        experiment: str | None = None,
        run_name: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        every: float = 2.0,
        artifacts: bool = True,
    ):
        if find_spec("mlflow") is None:
            raise MissingExtraError("a log for MLflow", "mlflow", "mlflow")
        super().__init__(every, artifacts)
        self.experiment, self.run_name, self.tags = experiment, run_name, dict(tags or {})
        self.run_id = ""
        self._is_own = False

    def open(self, parameters: Mapping[str, Any]) -> None:
        """Take the active run or begin one, and give it the parameters."""
        import mlflow

        active = mlflow.active_run()
        self._is_own = active is None
        if active is None:
            where = None
            if self.experiment is not None:
                where = mlflow.set_experiment(self.experiment).experiment_id
            active = mlflow.start_run(
                experiment_id=where, run_name=self.run_name, tags={"fastmlp": "", **self.tags}
            )
        elif self.tags:
            mlflow.set_tags(self.tags)
        self.run_id = active.info.run_id
        texts = {name: str(value)[:LONGEST_VALUE] for name, value in parameters.items()}
        names = list(texts)
        for first in range(0, len(names), MOST_PARAMETERS):
            mlflow.log_params(
                {name: texts[name] for name in names[first : first + MOST_PARAMETERS]}
            )

    def send(self, numbers: list[Numbers]) -> None:
        """Log numbers of several epochs in one call."""
        from mlflow.entities import Metric

        self._log(
            [
                Metric(name, value, round(1000 * each.seconds), each.step)
                for each in numbers
                for name, value in each.values.items()
            ]
        )

    def send_results(self, values: dict[str, float]) -> None:
        """Log the numbers of metrics.json."""
        import mlflow

        mlflow.log_metrics(values, run_id=self.run_id)

    def send_files(self, folder: Path, files: list[Path]) -> None:
        """Store files as artifacts."""
        import mlflow

        for path in files:
            mlflow.log_artifact(str(path), run_id=self.run_id)

    def close(self, failed: bool) -> None:
        """End the run, if it is ours."""
        import mlflow

        if self._is_own:
            mlflow.end_run("FAILED" if failed else "FINISHED")

    def _log(self, metrics: list[Any]) -> None:
        from mlflow import MlflowClient

        client = MlflowClient()
        for first in range(0, len(metrics), MOST_METRICS):
            client.log_batch(self.run_id, metrics=metrics[first : first + MOST_METRICS])
