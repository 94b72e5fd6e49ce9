"""From a run's folder to its model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastmlp.errors import UsageError
from fastmlp.files.atomic import write_text
from fastmlp.report.evidence import gather
from fastmlp.report.finished_run import read_finished_run

from .page import card_of

CARD_FILE = "README.md"  # where hubs look for it


@dataclass(frozen=True)
class Written:
    """A model card on disk."""

    path: Path
    problems: list[str]  # what could not be said, and why


def write_card(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    name: str | None = None,
    licence: str | None = None,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Written:
    """Write the model card of a run: what the model is, on what it was trained, what was measured.

    Parameters
    ----------
    folder
        Of the run.
    out
        The Markdown file; default README.md in the folder.
    name
        What the model is called; default the folder's name.
    licence
        The licence's identifier as hubs have it, ``mit``, ``cc-by-4.0``; None to say nothing.
    data, data_dir
        Where the data are now, if they are not where they were.
    device, threads
        Where the model predicts, as in ``fastmlp.load``.

    Raises
    ------
    ModelFileError
        If the folder holds no run, or its model cannot be read.
    DataError, UsageError
        If ``data`` or ``data_dir`` cannot be used.
    WriteError
        If the card cannot be written.
    """
    folder = Path(folder)
    path = folder / CARD_FILE if out is None else Path(out)
    if path.suffix.lower() not in (".md", ".markdown"):
        raise UsageError(
            f"a model card cannot be written as {str(path)!r}: its name must end in .md."
        )
    run = read_finished_run(folder)
    evidence = gather(run, data, data_dir, device, threads)
    text = card_of(run, evidence, name or folder.resolve().name, licence)
    write_text(path, text)
    return Written(path, [*run.problems, *evidence.problems])
