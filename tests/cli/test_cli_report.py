"""``fastmlp report``: what it prints, and its errors in one line."""

import pytest

from fastmlp.report.write import write_report


@pytest.fixture(scope="session")
def written(flower_run):
    """The report of the flowers, as the function under the command writes it."""
    return write_report(flower_run, threads=1, device="cpu")


def test_it_says_what_it_wrote(fastmlp, flower_run, written, here):
    outcome = fastmlp("report", flower_run, "--out", here / "page.html")
    assert outcome.code == 0
    assert written.headline in outcome.out
    assert str(here / "page.html") in outcome.out
    assert f"{len(written.pictures)} as PNG and CSV in" in outcome.out


def test_json(fastmlp, flower_run, written, here):
    path = here / "page.html"
    outcome = fastmlp("report", flower_run, "--json", "--out", path, "--threads", "1")
    assert outcome.code == 0
    assert outcome.json["report"] == str(path)
    assert outcome.json["pictures"] == written.pictures
    assert outcome.json["headline"] == written.headline
    assert outcome.json["problems"] == []


def test_mistakes_get_one_line(fastmlp, flower_run, here):
    for words, said in (
        ([here], "neither a run"),
        ([here / "missing"], "is no folder"),
        ([flower_run, "--out", "page.txt"], "must end in .html"),
        ([flower_run, "--data", "missing.csv"], "missing.csv"),
        ([flower_run, "--out", "/proc/page.html"], "/proc/"),
    ):
        fastmlp("report", *words).is_refused(said)


def test_a_damaged_experiment_gets_one_line(fastmlp, here):
    (here / "experiment.json").write_text("[" * 100_000)
    outcome = fastmlp("report", here)
    outcome.is_refused()
    assert outcome.err.startswith("error: the state ")
