"""A run's folder: model.safetensors, config.toml, history.jsonl, metrics.json."""

from __future__ import annotations

import re
import time
from pathlib import Path

from fastmlp.training.files import WriteError

HISTORY_FILE, CONFIG_FILE, METRICS_FILE = "history.jsonl", "config.toml", "metrics.json"


def create_run_folder(out: str | Path | None, name: str) -> Path:
    """Make a new folder: ``out``, or runs/<time>-<name>.

    A folder that already holds a run is left as it is: the new one gets a number behind its name.

    Raises
    ------
    WriteError
        If the folder cannot be made.
    """
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    wanted = Path(out) if out is not None else Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{stem}"
    try:
        for number in range(1, 10_000):
            folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                if folder.is_dir() and not any(folder.iterdir()):
                    return folder
    except OSError as error:
        raise WriteError(f"cannot make the run folder {wanted}: {error.strerror or error}. Choose another --out.") from None
    raise WriteError(f"there are too many runs named {wanted}. Choose another --out.")
