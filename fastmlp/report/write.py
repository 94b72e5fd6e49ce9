"""From a folder to its report: one HTML file, and each picture as PNG with its numbers as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastmlp.errors import ModelFileError, UsageError
from fastmlp.files.atomic import WriteError, write_text
from fastmlp.report.pictures.drawing import drawing

from .finished_run import is_run

REPORT_FILE, FIGURES_FOLDER = "report.html", "figures"
EXPERIMENT_FILE, STUDY_FILE = "experiment.json", "study.json"


@dataclass(frozen=True)
class Report:
    """What was written."""

    path: Path  # the HTML file
    figures: Path  # the folder of PNG and CSV files
    pictures: list[str]  # their stems, in the order of the page
    headline: str  # the verdict's first sentence
    sentences: list[str]  # its others
    problems: list[str]  # what could not be shown, and why


def write_report(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Report:
    """Write the report of a run, of an experiment or of a search for settings.

    Parameters
    ----------
    folder
        Of the run, the experiment or the search.
    out
        The HTML file; default report.html in the folder. The pictures' files are put beside it into
        figures, or into <name>-figures where the file has another name.
    data, data_dir
        Where a run's data are now, if they are not where they were.
    device, threads
        Where a run's model predicts, as in ``fastmlp.load``.

    Raises
    ------
    ModelFileError
        If the folder holds none of them.
    DataError, UsageError
        If ``data`` or ``data_dir`` cannot be used.
    WriteError
        If the report cannot be written.
    """
    folder = Path(folder)
    path = _report_path(folder, out)
    prefix = "" if path.name == REPORT_FILE else f"{path.stem}-"
    figures = path.parent / f"{prefix}{FIGURES_FOLDER}"
    place = quote(figures.name)
    with drawing():
        if (folder / EXPERIMENT_FILE).is_file():
            if data is not None or data_dir is not None:
                raise UsageError(
                    "the report of an experiment reads no data; leave --data out, or report one of "
                    "its runs."
                )
            from fastmlp.experiments.results import read_experiment

            from .experiment_page import experiment_page

            page = experiment_page(read_experiment(folder), path.parent, place)
        elif (folder / STUDY_FILE).is_file():
            if data is not None or data_dir is not None:
                raise UsageError(
                    "the report of a search reads no data; leave --data out, or report its best "
                    "run."
                )
            from fastmlp.tuning.results import read_study

            from .studies.study_page import study_page

            page = study_page(read_study(folder), folder, path.parent, place)
        else:
            from .evidence import gather
            from .finished_run import read_finished_run
            from .run_page import run_page

            run = read_finished_run(folder)
            page = run_page(run, gather(run, data, data_dir, device, threads), place)
        _write_files(page, path, figures)
    names, verdict = [picture.name for picture in page.pictures], page.verdict
    return Report(path, figures, names, verdict.headline, verdict.sentences, page.problems)


def _report_path(folder: Path, out: str | Path | None) -> Path:
    if not folder.is_dir():
        raise ModelFileError(f"{folder} is no folder; give that of a run or of an experiment.")
    files = (EXPERIMENT_FILE, STUDY_FILE)
    if not any((folder / name).is_file() for name in files) and not is_run(folder):
        raise ModelFileError(
            f"{folder} holds neither a run (metrics.json) nor an experiment ({EXPERIMENT_FILE}) "
            f"nor a search ({STUDY_FILE}). Give a folder that fastmlp train, experiment or tune "
            "made."
        )
    path = folder / REPORT_FILE if out is None else Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(
            f"a report cannot be written as {str(path)!r}: its name must end in .html."
        )
    return path


def _write_files(page, path: Path, figures: Path) -> None:
    try:
        figures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot make the folder {figures}: {error.strerror or error}. Choose another --out."
        ) from None
    for picture in page.pictures:
        picture.write(figures)
    write_text(path, page.html)
