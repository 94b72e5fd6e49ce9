"""Image folders: classes, sizes, colours, and damaged pictures."""

import numpy as np
import PIL.Image
import pytest

from fastmlp.data.loading import load
from fastmlp.errors import DataError, UsageError

RANDOM = np.random.default_rng(9)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.asarray(pixels)).save(path, **options)


def gray(height=3, width=4):
    return RANDOM.integers(0, 256, (height, width), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pets"
    pictures = {"cat/b.png": gray(), "cat/a.PNG": gray(), "dog/c.bmp": gray()}
    for name, pixels in pictures.items():
        save(root / name, pixels)
    (root / "cat" / "notes.txt").write_text("no picture")
    (root / ".hidden").mkdir()
    return root, pictures


def test_a_folder_a_class(folder):
    root, pictures = folder
    source = load(root)
    assert source.name == "pets"
    assert source.row_names == ("cat/a.PNG", "cat/b.png", "dog/c.bmp")
    assert source.target.tolist() == ["cat", "cat", "dog"]
    assert source.image_shape == (3, 4)
    assert source.features.dtype == np.uint8
    for row, name in zip(source.features, source.row_names, strict=True):
        assert np.array_equal(row.reshape(3, 4), pictures[name])


def test_colour(tmp_path):
    pixels = RANDOM.integers(0, 256, (2, 3, 3), dtype=np.uint8)
    save(tmp_path / "a" / "1.png", pixels)
    save(tmp_path / "b" / "1.png", pixels[::-1])
    source = load(tmp_path, colour=True)
    assert source.image_shape == (2, 3, 3)
    assert np.array_equal(source.features[0].reshape(2, 3, 3), pixels)
    luminance = pixels @ np.array([0.299, 0.587, 0.114])
    assert np.allclose(load(tmp_path).features[0].reshape(2, 3), luminance, atol=1)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "gif", "webp", "tif", "bmp", "png"])
def test_formats(tmp_path, suffix):
    for name, level in (("a", 77), ("b", 99)):
        save(tmp_path / name / f"1.{suffix}", np.full((8, 8), level, np.uint8))
    source = load(tmp_path)
    assert source.features.shape == (2, 64)
    assert np.abs(source.features.astype(int) - [[77], [99]]).max() <= 2


def test_sixteen_bits_keep_their_range(tmp_path):
    save(tmp_path / "a" / "1.png", np.array([[0, 257 * 100, 65535]], np.uint16))
    save(tmp_path / "b" / "1.png", np.array([[65535, 0, 257 * 7 + 256]], np.uint16))
    assert load(tmp_path).features.tolist() == [[0, 100, 255], [255, 0, 7]]


@pytest.mark.parametrize("size", ["6x8", "6×8", " 6 X 8 ", (6, 8)])
def test_resizing(folder, size):
    source = load(folder[0], image_size=size)
    assert source.image_shape == (6, 8)
    assert source.features.shape == (3, 48)
    assert (
        load(folder[0], image_size=5).image_shape
        == load(folder[0], image_size="5").image_shape
        == (5, 5)
    )


@pytest.mark.parametrize(
    "size", ["6x", "x", "", "0x5", "-3", 0, -1, (3,), (1, 2, 3), (2.5, 2), "99999x9", "six"]
)
def test_sizes_that_are_refused(folder, size):
    with pytest.raises(UsageError, match="image size"):
        load(folder[0], image_size=size)


def test_sizes_that_differ_are_named(folder):
    save(folder[0] / "dog" / "z.png", gray(5, 5))
    with pytest.raises(DataError, match=r"a\.PNG is 3×4, .*z\.png is 5×5.*--image-size"):
        load(folder[0])


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_train_and_test_folders(tmp_path, held_out):
    for part in ("train", held_out):
        for name in "ab":
            save(tmp_path / part / name / "1.png", gray())
    save(tmp_path / "train" / "a" / "2.png", gray())
    source = load(tmp_path)
    assert (len(source), len(source.test)) == (3, 2)
    assert source.test.target.tolist() == ["a", "b"]
    assert source.test.image_shape == source.image_shape


def test_test_path_takes_the_training_size(folder, tmp_path):
    save(tmp_path / "more" / "cat" / "1.png", gray(9, 9))
    source = load(folder[0], test=tmp_path / "more")
    assert source.test.image_shape == (3, 4)


def test_prediction_without_classes(folder, tmp_path):
    flat = tmp_path / "flat"
    save(flat / "2.png", gray())
    save(flat / "1.png", gray())
    source = load(flat, need_target=False)
    assert (source.target, source.row_names) == (None, ("1.png", "2.png"))
    assert load(flat / "1.png", need_target=False).row_names == ("1.png",)
    assert load(folder[0], need_target=False).target.tolist() == ["cat", "cat", "dog"]
    with pytest.raises(DataError, match="one sub-folder of pictures a class"):
        load(flat)


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no images"):
        load(tmp_path, need_target=False)


def test_damaged_pictures_are_named(folder):
    whole = (folder[0] / "cat" / "b.png").read_bytes()
    for seed in range(40):
        random = np.random.default_rng(seed)
        content = bytearray(whole)
        for position in random.integers(0, len(content), 2):
            content[position] ^= 1 << int(random.integers(8))
        (folder[0] / "cat" / "b.png").write_bytes(
            content[: random.integers(0, len(content))] if seed % 2 else content
        )
        message = "b.png"
        try:
            load(folder[0])
        except DataError as error:
            message = str(error)
        assert "b.png" in message
        assert "\n" not in message
    (folder[0] / "cat" / "b.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"b\.png"):
        load(folder[0])


def test_decompression_bomb(folder, monkeypatch):
    for limit in (8, 3):  # twice the limit is Pillow's error, once its warning
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(DataError, match="more pixels than are safe"):
            load(folder[0])


def test_memory_is_asked_before_it_is_taken(folder):
    for index in range(5000):
        (folder[0] / "cat" / f"{index}.png").symlink_to("b.png")
    with pytest.raises(DataError, match="of memory"):
        load(folder[0], image_size=16_000, colour=True)
