"""What a worker of a cluster does: a run in a folder of its own, which goes back whole."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastmlp import __version__
from fastmlp.experiments.worker import run_variant
from fastmlp.preparation.given import Given
from fastmlp.settings.settings import settings_from
from fastmlp.training.callbacks import Callback, Progress, Record, Training

from .parcels import Parcel, pack_run, sees, unpacked

# On which the last digits of a result depend.
PACKAGES = ("numpy", "scipy", "numba", "llvmlite")


class Watch(Callback):
    """Ends a training for which nobody waits any more."""

    def __init__(self, is_unwanted: Callable[[], bool]):
        self._is_unwanted = is_unwanted

    def progressed(self, trainer: Training, progress: Progress) -> None:
        """Look inside a long epoch."""
        if self._is_unwanted():
            trainer.interrupt()

    def recorded(self, trainer: Training, record: Record) -> None:
        """Look after each epoch."""
        if self._is_unwanted():
            trainer.interrupt()


def run_away(
    task: dict[str, Any],
    data: dict[str, dict[str, Any]],
    is_unwanted: Callable[[], bool] | None,
    parcel: Parcel | None = None,
) -> dict[str, Any]:
    """Run a variant on a worker.

    Parameters
    ----------
    task
        As for ``run_variant``; ``folder`` is but what the run's numbers call it.
    data
        The data that the run is to read, as ``parcels.described``.
    is_unwanted
        Tells whether to end the run; None where somebody ends the process.
    parcel
        The data's files, where this worker has asked for them.

    Returns
    -------
    dict
        ``lacks_data``, if they are not here; ``cut_off``, if the run was ended; else ``result``, as
        ``run_variant`` returns it, the ``files`` of the run's folder, and the ``versions`` of what
        computed it.
    """
    given = Given()
    if data:
        found = unpacked(data, parcel)
        if found is not None:
            given = found
        elif not sees(settings_from(task["settings"]), data):
            return {"lacks_data": True}
    callbacks = [] if is_unwanted is None else [Watch(is_unwanted)]
    with TemporaryDirectory(prefix="fastmlp-run-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / "run"
        try:
            result = run_variant(task, folder=folder, given=given, callbacks=callbacks)
        except KeyboardInterrupt:
            return {"cut_off": True}
        return {"result": result, "files": pack_run(folder), "versions": versions()}


def versions() -> dict[str, str]:
    """Return what may make the last digits of a result differ."""
    from fastmlp.kernels.cpu.compiling.processor import target_name

    found = {"fastmlp": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "of no known version"
    return found | {"processor": target_name()}
