"""Weights & Biases: settings as config, numbers by epoch, the run's files as an artifact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastmlp.errors import MissingExtraError

from .tracking import Numbers, Tracker

MODEL = "model"  # the kind of the artifact


class WandB(Tracker):
    """Tells Weights & Biases of a training.

    A run that is open is taken; otherwise one is begun, and finished with the training. Numbers
    stand at their updates, under the names that TensorBoard has: ``loss/train``,
    ``accuracy/validation``, …; the run's summary has those of metrics.json.

    Parameters
    ----------
    project
        Whose run it is; None for what WANDB_PROJECT says.
    name
        What the run is called; None for W&B's own idea.
    mode
        ``"online"``, ``"offline"`` or ``"disabled"``; None for what WANDB_MODE says.
    folder
        Where W&B keeps its files; None for ``wandb`` in the current folder.
    every
        Seconds between two sendings at least.
    artifacts
        Whether model, settings, history and metrics are stored, as an artifact of type model.
    **options
        Anything else that ``wandb.init`` takes: entity, group, tags, notes …

    Raises
    ------
    MissingExtraError
        Without the package wandb.
    """

    def __init__(
        self,
        project: str | None = None,
        *,
        name: str | None = None,
        mode: str | None = None,
        folder: str | Path | None = None,
        every: float = 1.0,
        artifacts: bool = True,
        **options: Any,
    ):
        if find_spec("wandb") is None:
            raise MissingExtraError("a log for Weights & Biases", "wandb", "wandb")
        super().__init__(every, artifacts)
        self.project, self.name, self.mode, self.folder = project, name, mode, folder
        self.options = options
        self._is_own = False

    def open(self, parameters: Mapping[str, Any]) -> None:
        """Take the open run or begin one, and give it the parameters."""
        import wandb

        self._is_own = wandb.run is None
        if self._is_own:
            named = {"project": self.project, "name": self.name, "mode": self.mode}
            said = {key: value for key, value in named.items() if value is not None}
            if self.folder is not None:
                Path(self.folder).mkdir(parents=True, exist_ok=True)
                said["dir"] = str(self.folder)
            wandb.init(config=dict(parameters), **said, **self.options)
        else:
            self._run.config.update(dict(parameters), allow_val_change=True)

    @property
    def _run(self) -> Any:
        """The run, which W&B keeps: a callback may be copied and pickled."""
        import wandb

        return wandb.run

    def send(self, numbers: list[Numbers]) -> None:
        """Log numbers, epoch by epoch."""
        for each in numbers:
            self._run.log(each.values, step=each.step)

    def send_results(self, values: dict[str, float]) -> None:
        """Put the numbers of metrics.json into the summary."""
        self._run.summary.update(values)

    def send_files(self, folder: Path, files: list[Path]) -> None:
        """Store files as one artifact."""
        import wandb

        name = re.sub(r"[^\w.-]+", "-", folder.resolve().name) or MODEL
        artifact = wandb.Artifact(name[:100], type=MODEL)
        for path in files:
            artifact.add_file(str(path), name=path.name)
        self._run.log_artifact(artifact)

    def close(self, failed: bool) -> None:
        """Finish the run, if it is ours."""
        if self._is_own:
            self._run.finish(exit_code=1 if failed else 0)
