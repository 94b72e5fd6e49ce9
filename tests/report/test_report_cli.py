"""``fastmlp report``: what it prints, and its errors in one line."""

import json

from fastmlp.cli import main


def run(capsys, *words):
    capsys.readouterr()
    code = main(["report", *(str(word) for word in words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_it_says_what_it_wrote(of_table, tmp_path, capsys):
    code, out, _ = run(capsys, of_table.folder, "--out", tmp_path / "page.html")
    assert code == 0
    assert of_table.report.headline in out
    assert str(tmp_path / "page.html") in out
    assert f"{len(of_table.report.pictures)} as PNG and CSV in" in out


def test_json(of_table, tmp_path, capsys):
    code, out, _ = run(
        capsys, of_table.folder, "--json", "--out", tmp_path / "page.html", "--threads", "1"
    )
    told = json.loads(out)
    assert code == 0
    assert told["report"] == str(tmp_path / "page.html")
    assert told["pictures"] == of_table.report.pictures
    assert told["headline"] == of_table.report.headline
    assert told["problems"] == []


def test_mistakes_get_one_line(of_table, tmp_path, capsys):
    for words, said in (
        ([tmp_path], "neither a run"),
        ([tmp_path / "missing"], "is no folder"),
        ([of_table.folder, "--out", "page.txt"], "must end in .html"),
        ([of_table.folder, "--data", "missing.csv"], "missing.csv"),
        ([of_table.folder, "--out", "/proc/page.html"], "/proc/"),
    ):
        code, out, err = run(capsys, *words)
        assert code == 2
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert said in err


def test_a_damaged_experiment_gets_one_line(tmp_path, capsys):
    (tmp_path / "experiment.json").write_text("[" * 100_000)
    code, _, err = run(capsys, tmp_path)
    assert code == 2
    assert err.startswith("error: the state ")
    assert err.count("\n") == 1
