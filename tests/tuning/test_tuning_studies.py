"""Where studies are kept: which places are known, what is said of those that cannot be used."""

import warnings

import optuna
import pytest
from tuning_support import small_search

from fastmlp.errors import MissingExtraError, UsageError
from fastmlp.files.atomic import WriteError
from fastmlp.tuning import studies
from fastmlp.tuning.studies import masked, name_for, open_storage, place_of, silent


def test_places(tmp_path):
    assert place_of(None, tmp_path) == str(tmp_path / "journal.log")
    assert place_of("my.log", tmp_path) == "my.log"
    for known in ("sqlite:///a.db", "postgresql://h/d", "postgresql+psycopg://h/d"):
        assert place_of(known, tmp_path) == known
    with pytest.raises(
        UsageError, match=r"storage 'mysql://u:\*\*\*@h/d' is not known; give a file"
    ):
        place_of("mysql://u:secret@h/d", tmp_path)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("postgresql://me:pass@host/data", "postgresql://me:***@host/data"),
        ("postgresql://me:p@ss:w@host:5432/data", "postgresql://me:***@host:5432/data"),
        ("postgresql://me@host/data", "postgresql://me@host/data"),
        ("postgresql://host:5432/data", "postgresql://host:5432/data"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("journal.log", "journal.log"),
    ],
)
def test_passwords_are_not_shown(place, shown):
    assert masked(place) == shown


@pytest.mark.parametrize(
    ("name", "study"),
    [("flowers", "flowers"), ("a/b\n<c>", "a-b-c-"), ("..", "study"), ("x" * 99, "x" * 80)],
)
def test_names_of_data_as_those_of_studies(name, study):
    assert name_for(name) == study


def test_a_database_that_nobody_serves_is_one_line(here):
    with pytest.raises(UsageError) as caught:
        open_storage("postgresql://me:secret@127.0.0.1:9/none")
    message = str(caught.value)
    assert "\n" not in message
    assert "secret" not in message
    assert "postgresql://me:***@127.0.0.1:9/none cannot be used: " in message


def test_a_file_that_is_no_database_is_one_line(here):
    (here / "no.db").write_bytes(b"this is no database" * 50)
    with pytest.raises(UsageError, match=r"sqlite:///no.db cannot be used: .*not a database"):
        open_storage("sqlite:///no.db")


def test_a_folder_that_cannot_be_made_is_one_line(here):
    (here / "file").write_text("")
    with pytest.raises(WriteError, match=r"the journal file/study/journal\.log cannot be used"):
        open_storage("file/study/journal.log")


def test_a_journal_that_is_none_is_one_line(classes_npz, here):
    (here / "journal.log").write_text("this is no journal\nnor is this\n")
    with pytest.raises((UsageError, WriteError), match=r"journal\.log cannot be used"):
        small_search(classes_npz, storage="journal.log", out="study")


def test_a_driver_that_is_not_there_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"needs psycopg.*fastmlp\[postgresql\]"):
        open_storage("postgresql://me@127.0.0.1/none")


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"needs Optuna.*fastmlp\[tune\]"):
        studies.require_optuna()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {"epochs": 9}}, r"other settings \(epochs\)"),
        ({"settings": {"metric": "accuracy"}}, r"other settings \(metric\)"),
        ({"space": {"lr": {"low": 0.1, "high": 0.2}}}, r"other space \(activation, hidden, lr\)"),
    ],
)
def test_another_search_under_the_same_name_is_refused(classes_npz, changes, words):
    small_search(classes_npz, out="study")
    with pytest.raises(UsageError, match=f"the study classes is there with {words}"):
        small_search(classes_npz, out="study", **changes)
    small_search(classes_npz, out="study", study="another", **changes)


def test_a_study_of_somebody_else_is_refused(classes_npz):
    with silent():
        study = optuna.create_study(study_name="classes", storage="sqlite:///s.db")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(UsageError, match="was not made by fastmlp tune"):
        small_search(classes_npz, storage="sqlite:///s.db", out="study")


def test_a_study_in_sqlite_is_made_and_opened_again(classes_npz):
    search = small_search(classes_npz, storage="sqlite:///s.db", trials=2, out="study")
    search.run()
    again = small_search(classes_npz, storage="sqlite:///s.db", trials=2, out="study")
    assert [each.value for each in again.outcomes()] == [each.value for each in search.outcomes()]
    assert again.study._storage.get_heartbeat_interval() == studies.HEARTBEAT


def test_optuna_speaks_as_it_did_before():
    before = optuna.logging.get_verbosity()
    with silent():
        assert optuna.logging.get_verbosity() == optuna.logging.CRITICAL
        warnings.warn("young", optuna.exceptions.ExperimentalWarning, stacklevel=1)
    assert optuna.logging.get_verbosity() == before
