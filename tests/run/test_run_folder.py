"""Run folders: a new one for every run, named so that any file system takes it."""

import json

import pytest

import fastmlp
from fastmlp.errors import FastMLPWarning, ModelFileError
from fastmlp.files.atomic import WriteError
from fastmlp.run.folder import create_run_folder, read_metrics, taken


def test_names_are_tamed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, wanted in (
        ("a/b c", "a-b-c"),
        ("../..", "run"),
        ("", "run"),
        ("größe", "größe"),
        ("x" * 20, "x" * 20),
    ):
        folder = create_run_folder(None, name)
        assert folder.resolve().parent == tmp_path / "runs"
        assert folder.name.split("-", 2)[2].startswith(wanted)


def test_a_name_of_any_length(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert create_run_folder(None, "x" * 5000).is_dir()


def test_an_occupied_folder_is_left_alone(tmp_path):
    first = create_run_folder(tmp_path / "run", "n")
    (first / "file").write_text("mine")
    assert create_run_folder(tmp_path / "run", "n").name == "run-2"
    assert (first / "file").read_text() == "mine"


def test_where_a_run_went_is_said(classes_npz, tmp_path):
    def run():
        return fastmlp.train(dataset=classes_npz, hidden=[2], epochs=1, out=tmp_path / "run").folder

    assert run() == tmp_path / "run"
    with pytest.warns(
        FastMLPWarning, match=r"run was there before .* the folder of this run is .*run-2\."
    ) as told:
        assert run() == tmp_path / "run-2"
    assert told[0].filename == __file__
    assert (
        taken(None, tmp_path / "x")
        == taken(tmp_path, tmp_path)
        == taken(f"{tmp_path}/./", tmp_path)
        == ""
    )


def test_folders_above_are_made(tmp_path):
    assert create_run_folder(tmp_path / "a" / "b" / "c", "n").is_dir()


@pytest.mark.parametrize("out", ["/dev/null/run", "/proc/run", "bad\0name"])
def test_a_folder_that_cannot_be_made(out):
    with pytest.raises(WriteError, match="cannot make the run folder"):
        create_run_folder(out, "n")


def test_metrics(tmp_path):
    assert read_metrics(tmp_path) is None
    (tmp_path / "metrics.json").write_text(json.dumps({"loss": None}))
    assert read_metrics(tmp_path) == {"loss": None}
    for content in (b"{", b"[]", b"\xff", b" " * (2 << 20), b"[" * 100_000):
        (tmp_path / "metrics.json").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"metrics\.json cannot be read"):
            read_metrics(tmp_path)
