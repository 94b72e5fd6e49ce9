"""Files are written aside and renamed: no reader meets half of one, no failure loses one."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmlp.files.atomic import WriteError, without_nan, write_atomically, write_json, write_text


def test_text_and_json(tmp_path):
    write_text(tmp_path / "a.txt", "größer\n")
    assert (tmp_path / "a.txt").read_bytes() == "größer\n".encode()
    write_json(tmp_path / "a.json", {"loss": math.nan, "list": [1, math.inf, (2.5, -math.inf)]})
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "loss": None,
        "list": [1, None, [2.5, None]],
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.txt"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")]
)
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def write(aside):
        aside.write_text("half")
        raise error

    with pytest.raises(WriteError, match=error.strerror) as caught:
        write_atomically(path, write)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interruption_leaves_the_old_file_too(tmp_path, error):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def write(aside):
        aside.write_text("half")
        raise error

    with pytest.raises(error):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "model"
    path.write_text("old")
    seen = []

    def write(aside):
        aside.write_text("new")
        seen.append(path.read_text())

    write_atomically(path, write)
    assert seen == ["old"]
    assert path.read_text() == "new"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(WriteError, match="No such file"):
        write_text(tmp_path / "missing" / "a.txt", "x")
    with pytest.raises(WriteError, match="Not a directory"):
        write_text(_file(tmp_path) / "a.txt", "x")


def _file(folder):
    (folder / "file").write_text("")
    return folder / "file"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_anything_becomes_json_that_others_read(value):
    def refuse(word):
        raise AssertionError(word)

    json.loads(json.dumps(without_nan(value), allow_nan=False), parse_constant=refuse)
