"""Folders of pictures as people keep them: deep, wrapped, with other files, in circles."""

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fastmlp.data.loading import load
from fastmlp.errors import DataError

RANDOM = np.random.default_rng(33)


def put(root, *names):
    """Write pictures of noise, and other files, by their names."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".png", ".jfif", ".pgm"):
            picture = PIL.Image.fromarray(RANDOM.integers(0, 256, (4, 4), dtype=np.uint8))
            picture.save(path, {".png": "PNG", ".jfif": "JPEG", ".pgm": "PPM"}[path.suffix.lower()])
        else:
            path.write_bytes(b"something else")
    return root


def rows(source):
    """Return what each row is called and labelled."""
    return dict(zip(source.row_names, source.target.tolist(), strict=True))


def test_pictures_belong_to_the_class_however_deep_they_lie(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png", "b/0/z.png", "c/first/1.png", "c/second/left/2.png")
    assert rows(load(tmp_path)) == {
        "a/1.png": "a", "b/1.png": "b", "b/0/z.png": "b", "c/first/1.png": "c",
        "c/second/left/2.png": "c",
    }  # fmt: skip


def test_suffixes_in_any_case(tmp_path):
    put(tmp_path, "a/1.JFIF", "a/2.Pgm", "b/3.PNG")
    assert list(rows(load(tmp_path))) == ["a/1.JFIF", "a/2.Pgm", "b/3.PNG"]


def test_what_is_left_out_is_said(tmp_path):
    put(
        tmp_path,
        *"a/1.png b/1.png readme.txt a/x.heic b/deep/y.heic b/noext top.png c/page.txt".split(),
    )
    hidden = "d/.keep .git/1.png __MACOSX/a/1.png a/Thumbs.db b/.DS_Store a/._1.png b/desktop.ini"
    put(tmp_path, *hidden.split())
    source = load(tmp_path)
    assert list(rows(source)) == ["a/1.png", "b/1.png"]
    assert source.notes == (
        (
            f"pictures left out, as they lie in {tmp_path.name!r} and in no folder of a class: 1,"
            " such as 'top.png'."
        ),
        "folders without pictures, which make no class: 'c', 'd'.",
        (
            "files left out, as they are not read as pictures: 5 (2 .txt, 2 .heic, 1 without a"
            " suffix), such as 'readme.txt'."
        ),
    )


def test_a_folder_around_the_classes_is_looked_through(tmp_path):
    put(tmp_path, "set/images/a/1.png", "set/images/b/1.png", "set/labels/1.xml", "readme.md")
    source = load(tmp_path)
    assert rows(source) == {"a/1.png": "a", "b/1.png": "b"}
    assert source.notes[0] == f"the classes lie in the folder {str(Path('set', 'images'))!r}."
    assert source.notes[1].startswith("files left out, as they are not read as pictures: 2 ")


def test_a_long_chain_of_folders(tmp_path):
    chain = "/".join("n" * 600)
    put(tmp_path, f"{chain}/a/1.png", f"{chain}/b/1.png")
    source = load(tmp_path)
    assert source.target.tolist() == ["n", "n"]
    assert all(name.endswith("/1.png") for name in source.row_names)


def test_one_class_is_a_class(tmp_path):
    put(tmp_path, "a/1.png", "a/2.png")
    assert rows(load(tmp_path)) == {"a/1.png": "a", "a/2.png": "a"}
    put(tmp_path, "b/session/1.png")
    assert rows(load(tmp_path / "b")) == {"session/1.png": "session"}


@pytest.mark.parametrize("train", ["train", "Training", "TRAIN"])
@pytest.mark.parametrize("test", ["test", "Testing", "VAL", "valid", "validation"])
def test_training_and_test_folders_by_any_name(tmp_path, train, test):
    put(
        tmp_path,
        f"{train}/a/1.png",
        f"{train}/b/1.png",
        f"{train}/b/2/3.png",
        f"{test}/b/1.png",
        "labels.csv",
    )
    source = load(tmp_path)
    assert (list(source.target), list(source.test.target)) == (["a", "b", "b"], ["b"])
    assert source.notes == (
        "files left out, as they are not read as pictures: 1 (1 .csv), such as 'labels.csv'.",
    )


def test_the_first_test_folder_with_classes_is_taken(tmp_path):
    put(
        tmp_path,
        *"train/a/1.png train/b/1.png val/a/1.png valid/b/1.png test/1.png test/2.png".split(),
    )
    source = load(tmp_path)
    assert rows(source.test) == {"a/1.png": "a"}
    assert source.notes == (
        (
            "pictures left out, as the folder 'test' has no training class: 2; fastmlp predict"
            " takes such pictures."
        ),
        "the folder 'valid' is not used.",
    )


@pytest.mark.parametrize(
    "names", [["test/1.png", "test/2.png"], ["test/unknown/1.png", "test/images/2.png"]]
)
def test_a_test_folder_without_classes(tmp_path, names):
    put(tmp_path, "train/a/1.png", "train/b/1.png", *names)
    source = load(tmp_path)
    assert source.test is None
    assert source.notes == (
        (
            "pictures left out, as the folder 'test' has no training class: 2; fastmlp predict"
            " takes such pictures."
        ),
        (
            "no folder holds test pictures with classes: test rows are held out from the training"
            " pictures."
        ),
    )


def test_a_test_folder_beside_the_classes(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png", "test/1.png")
    source = load(tmp_path)
    assert (list(source.target), source.test) == (["a", "b"], None)
    assert "the folder 'test' has no training class: 1;" in source.notes[0]
    put(tmp_path, "test/b/2.png")
    source = load(tmp_path)
    assert (list(source.target), list(source.test.target)) == (["a", "b"], ["b"])
    assert source.notes[0].startswith(
        "pictures left out, as they lie in 'test' and in no folder of a class: 1"
    )


def test_classes_in_a_folder_of_the_training_folder(tmp_path):
    put(
        tmp_path,
        "train/images/a/1.png",
        "train/images/b/1.png",
        "test/images/a/1.png",
        "test/images/b/1.png",
    )
    source = load(tmp_path)
    assert rows(source) == rows(source.test) == {"a/1.png": "a", "b/1.png": "b"}


def test_a_class_called_train(tmp_path):
    put(tmp_path, "car/1.png", "plane/1.png", "train/1.png", "train/night/2.png")
    assert set(load(tmp_path).target) == {"car", "plane", "train"}


def test_other_folders_beside_train_and_test(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png", "extra/1.png")
    source = load(tmp_path)
    assert (len(source), len(source.test)) == (2, 1)
    assert source.notes == ("the folder 'extra' is not used.",)


def test_train_and_test_are_no_classes(tmp_path):
    put(tmp_path, "train/cat.1.png", "train/dog.1.png", "test/1.png")
    with pytest.raises(DataError, match=r"the pictures in .*train lie in no folder of a class"):
        load(tmp_path)
    assert len(load(tmp_path, need_target=False)) == 3
    put(tmp_path / "more", "test/a/1.png", "val/a/1.png")
    with pytest.raises(DataError, match="holds 'test' and 'val' without a folder 'train'"):
        load(tmp_path / "more")


def test_prediction_takes_every_picture(tmp_path):
    put(tmp_path, "1.png", "a/1.png", "a/deep/2.png", "notes.txt")
    source = load(tmp_path, need_target=False)
    assert source.row_names == ("1.png", "a/1.png", "a/deep/2.png")
    assert source.target is None
    assert source.notes == (
        "files left out, as they are not read as pictures: 1 (1 .txt), such as 'notes.txt'.",
    )


def test_links_in_a_circle_come_to_an_end(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png", "b/deep/2.png", "elsewhere/c/1.png")
    root = tmp_path / "set"
    root.mkdir()
    for name in "ab":
        (root / name).symlink_to(tmp_path / name, target_is_directory=True)
    (tmp_path / "a" / "up").symlink_to(root, target_is_directory=True)
    (tmp_path / "b" / "here").symlink_to(tmp_path / "b", target_is_directory=True)
    (tmp_path / "b" / "deep" / "again").symlink_to(
        tmp_path / "b" / "deep", target_is_directory=True
    )
    (root / "itself.png").symlink_to("itself.png")
    (root / "broken.png").symlink_to("nowhere.png")
    source = load(root)
    assert rows(source) == {"a/1.png": "a", "b/1.png": "b", "b/deep/2.png": "b"}
    assert source.notes[-1].startswith("files left out, as they are not read as pictures: 2 ")
    (root / "c").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert set(load(root).target) == {"a", "b", "c"}
    assert len(load(root, need_target=False)) == 4


def test_many_links_to_folders_above(tmp_path):
    """Each would multiply what is walked."""
    put(tmp_path, "a/1.png", "b/1.png")
    for name in "ab":
        for number in range(30):
            (tmp_path / name / f"up{number}").symlink_to("..", target_is_directory=True)
            (tmp_path / name / f"other{number}").symlink_to(
                tmp_path / "ba".replace(name, ""), target_is_directory=True
            )
    assert len(load(tmp_path)) == 4


def test_a_pipe_is_no_picture(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png")
    os.mkfifo(tmp_path / "a" / "2.png")
    assert len(load(tmp_path)) == 2


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    """The system's refusal is played: root, as whom these tests may run, is refused nothing."""
    put(tmp_path, "a/1.png", "b/1.png")
    scandir = os.scandir

    def refuse(folder):
        if Path(folder) == tmp_path / "b":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"the folder .*b cannot be read: Permission denied"):
        load(tmp_path)


def test_test_pictures_of_another_size_are_said_to_be_resized(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png")
    PIL.Image.fromarray(RANDOM.integers(0, 256, (6, 8), dtype=np.uint8)).save(
        tmp_path / "test/a/2.png"
    )
    source = load(tmp_path)
    assert source.test.image_shape == (4, 4)
    note = (
        "of the test pictures: pictures brought to the training pictures' size, 4×4: 1, such as"
        " '2.png'."
    )
    assert source.notes == (note,)
    assert load(tmp_path, image_size=4).notes == ()


@pytest.mark.parametrize("need_target", [True, False])
def test_nothing_to_read(tmp_path, need_target):
    put(tmp_path, "a/notes.txt")
    with pytest.raises(DataError, match="holds no images"):
        load(tmp_path, need_target=need_target)
    put(tmp_path, "1.png")
    if need_target:
        with pytest.raises(DataError, match="one sub-folder of pictures a class"):
            load(tmp_path / "1.png")
