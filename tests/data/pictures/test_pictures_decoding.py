"""Pixels of every kind become bytes: transparency, palettes, depth, orientation, frames."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from fastmlp.data.loading import load
from fastmlp.data.pictures.decoding import ORIENTATION_TAG
from fastmlp.data.pictures.formats import suffixes
from fastmlp.data.pictures.reading import PictureReading, to_bytes
from fastmlp.errors import DataError, ModelFileError, UsageError

RANDOM = np.random.default_rng(21)
SIZE = (12, 16)  # height, width


def ink(row):
    """Return where one line was drawn, uint8 0 or 255."""
    drawn = PIL.Image.new("L", SIZE[::-1], 0)
    PIL.ImageDraw.Draw(drawn).line((2, row, 13, row), fill=255, width=2)
    return np.asarray(drawn)


def transparent(colour, alpha, mode="RGBA"):
    """Return a picture of one colour that shows where alpha says."""
    picture = PIL.Image.new("RGB", alpha.shape[::-1], colour)
    picture.putalpha(PIL.Image.fromarray(alpha))
    return picture.convert(mode)


def write(root, pictures, **options):
    """Write pictures by their names, class/file, and return the folder."""
    for name, picture in pictures.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(picture, PIL.Image.Image):
            picture = PIL.Image.fromarray(np.asarray(picture))
        picture.save(path, **options)
    return root


def two(make):
    """Return a picture each of two classes, of lines in two places."""
    return {"a/1.png": make(ink(3)), "b/1.png": make(ink(8))}


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(
    ("colour", "ground", "word"), [("black", 255, "white"), ("white", 0, "black")]
)
def test_a_drawing_in_the_alpha_channel_shows(tmp_path, mode, colour, ground, word):
    source = load(write(tmp_path, two(lambda alpha: transparent(colour, alpha, mode))))
    shown = np.where(ink(3) == 255, 255 - ground, ground)
    assert np.array_equal(source.features[0].reshape(SIZE), shown)
    assert source.pictures.ground == ground
    (note,) = source.notes
    assert note.startswith(
        f"pictures that are transparent in places: 2 of 2; they are laid over {word} "
    )


@pytest.mark.parametrize(
    ("colour", "ground"), [("gold", 0), ("navy", 255), ((200, 200, 200), 0), ((90, 90, 90), 255)]
)
def test_the_ground_is_that_on_which_more_shows(tmp_path, colour, ground):
    assert (
        load(write(tmp_path, two(lambda alpha: transparent(colour, alpha)))).pictures.ground
        == ground
    )


def test_white_and_black_ink_in_one_folder_are_laid_over_gray(tmp_path):
    pictures = {
        f"{name}/{row}.png": transparent(colour, ink(row))
        for name, colour in (("a", "white"), ("b", "black"))
        for row in range(2, 9)
    }
    source = load(write(tmp_path, pictures))
    assert source.pictures.ground == 128
    assert {tuple(np.unique(row)) for row in source.features} == {(128, 255), (0, 128)}
    assert "mid-gray" in source.notes[0]


def test_one_picture_of_another_ink_does_not_change_the_ground(tmp_path):
    pictures = {
        f"{name}/{row}.png": transparent("black", ink(row)) for name in "ab" for row in range(1, 11)
    }
    pictures["a/1.png"] = transparent("white", ink(1))
    assert load(write(tmp_path, pictures)).pictures.ground == 255


def test_the_ground_can_be_given(tmp_path):
    folder = write(tmp_path, two(lambda alpha: transparent((90, 90, 90), alpha)))
    assert load(folder, ground="black").pictures.ground == 0
    assert np.array_equal(
        load(folder, ground="black").features[1].reshape(SIZE), ink(8) // 255 * 90
    )
    assert "black" in load(folder, ground="black").notes[0]
    with pytest.raises(UsageError, match=r"ground 'whyte'.*white"):
        load(folder, ground="whyte")


@pytest.mark.parametrize("ground", [0, 255])
def test_transparent_pictures_beside_opaque_ones_take_their_ground(tmp_path, ground):
    opaque = np.full(SIZE, ground, np.uint8)
    opaque[5:7, 5:9] = 128
    pictures = {
        f"{name}/{row}.png": transparent((128, 128, 128), ink(row))
        for name in "ab"
        for row in (3, 8)
    }
    source = load(write(tmp_path, pictures | {"a/opaque.png": opaque}))
    assert source.pictures.ground == ground
    assert "transparent in places: 4 of 5;" in source.notes[0]
    assert np.array_equal(source.features[2].reshape(SIZE), opaque)


def test_opaque_alpha_decides_nothing(tmp_path):
    pixels = RANDOM.integers(0, 256, (2, *SIZE, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:, [0, -1]] = (0, 0, 0, 255)
    source = load(write(tmp_path, {"a/1.png": pixels[0], "b/1.png": pixels[1]}), colour=True)
    assert np.array_equal(source.features.reshape(2, *SIZE, 3), pixels[..., :3])
    assert source.notes == ()
    pixels[:, [0, -1]] = (250, 255, 250, 255)
    assert (
        load(write(tmp_path, {"a/1.png": pixels[0], "b/1.png": pixels[1]})).pictures.ground == 255
    )


def test_colours_on_a_transparent_ground(tmp_path):
    """Against compositing by hand."""
    pixels = RANDOM.integers(0, 256, (2, *SIZE, 4), dtype=np.uint8)
    source = load(
        write(tmp_path, {"a/1.png": pixels[0], "b/1.png": pixels[1]}), colour=True, ground="white"
    )
    share = pixels[..., 3:] / 255.0
    assert (
        np.abs(
            source.features.reshape(2, *SIZE, 3) - (pixels[..., :3] * share + 255 * (1 - share))
        ).max()
        <= 1
    )


def test_palettes_and_colour_keys(tmp_path):
    """Transparency as an entry of a palette, an alpha of each entry, and a colour that is none."""
    there = [ink(row) == 255 for row in (3, 8)]
    flat = [PIL.Image.fromarray(each.astype(np.uint8), mode=None) for each in there]
    for picture in flat:
        picture.putpalette([9, 9, 9, 0, 0, 0])
    shown = [np.where(each, 0, 255) for each in there]
    forms = {
        "gif": {"transparency": 0},
        "png": {"transparency": 0},
        "alphas.png": {"transparency": bytes([0, 255])},
    }
    for form, options in forms.items():
        root = tmp_path / form
        write(root, {f"a/1.{form}": flat[0], f"b/1.{form}": flat[1]}, **options)
        source = load(root)
        assert np.array_equal(source.features.reshape(2, *SIZE), shown), form
    key = {
        f"{name}/1.png": np.where(each, 0, 9).astype(np.uint8)
        for name, each in zip("ab", there, strict=True)
    }
    assert np.array_equal(
        load(write(tmp_path / "key", key, transparency=9)).features.reshape(2, *SIZE), shown
    )
    bits = {
        f"{name}/1.png": PIL.Image.fromarray(each) for name, each in zip("ab", there, strict=True)
    }
    assert np.array_equal(
        load(write(tmp_path / "bits", bits)).features.reshape(2, *SIZE), 255 * np.array(there)
    )


def test_an_alpha_beside_a_palette(tmp_path):
    """PA, in which only a TIFF with colours is likely: by way of the mode itself."""
    from fastmlp.data.pictures.decoding import on_ground, with_alpha

    for mode in ("PA", "La", "RGBa"):
        picture = transparent("black", ink(4))
        picture = picture.convert("LA").convert("La") if mode == "La" else picture.convert(mode)
        laid = np.asarray(on_ground(with_alpha(picture), 255).convert("L"))
        assert np.array_equal(laid, 255 - ink(4)), mode


def test_a_model_s_reading_is_kept_for_one_picture(tmp_path):
    folder = write(tmp_path / "set", two(lambda alpha: transparent("white", alpha)))
    reading = load(folder).pictures
    black = write(tmp_path, {"alone.png": transparent("black", ink(3))}) / "alone.png"
    assert not load(black, need_target=False, pictures=reading).features.any()
    assert load(black, need_target=False).features.any()
    dropped = load(folder, pictures=PictureReading())  # as models of earlier versions had it
    assert (dropped.features == 255).all()
    assert "alpha is dropped" in dropped.notes[0]


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("top", [255, 4095, 60000])
def test_sixteen_bits_by_the_range_in_use(tmp_path, suffix, top):
    eight = RANDOM.integers(0, 256, (2, *SIZE))
    eight[:, 0, :2] = (0, 255)
    deep = (eight * top // 255).astype(np.uint16)
    source = load(write(tmp_path, {f"a/1.{suffix}": deep[0], f"b/1.{suffix}": deep[1]}))
    assert np.abs(source.features.reshape(2, *SIZE).astype(int) - eight).max() <= (
        1 if top % 255 else 0
    )
    assert source.pictures.integers == (0, top)
    assert f"0 becomes black and {top:g} white, the range in use" in source.notes[0]


def test_whole_numbers_of_32_bits_and_a_range_that_does_not_begin_at_zero(tmp_path):
    values = np.array([[[-1000, 0, 3000]], [[3000, 1000, -1000]]], np.int32)
    source = load(write(tmp_path, {"a/1.tif": values[0], "b/1.tif": values[1]}))
    assert source.features.tolist() == [[0, 63, 255], [255, 127, 0]]


@pytest.mark.parametrize("scale", [1.0, 255.0, 1e-3, 1e6])
def test_floats_by_the_range_in_use(tmp_path, scale):
    eight = RANDOM.integers(0, 256, (2, *SIZE))
    eight[:, 0, :2] = (0, 255)
    values = (eight / 255 * scale).astype(np.float32)
    source = load(write(tmp_path, {"a/1.tif": values[0], "b/1.tiff": values[1]}))
    assert np.array_equal(source.features.reshape(2, *SIZE), eight)
    assert "floating-point" in source.notes[0]
    more = write(tmp_path, {"more.tif": (values[0] * 2 - scale).astype(np.float32)}) / "more.tif"
    kept = load(more, need_target=False, pictures=source.pictures)
    assert np.abs(kept.features.reshape(SIZE) - np.clip(eight[0] * 2.0 - 255, 0, 255)).max() <= 1
    with pytest.raises(
        DataError, match=r"more\.tif holds floating-point pixels, and no training picture did"
    ):
        load(more, need_target=False, pictures=PictureReading(ground=0))


def test_floats_that_are_no_numbers(tmp_path):
    values = np.array([[[0, np.nan, 2, np.inf]], [[1, 2, -np.inf, 0]]], np.float32)
    source = load(write(tmp_path, {"a/1.tif": values[0], "b/1.tif": values[1]}))
    assert source.features.tolist() == [[0, 0, 255, 255], [127, 255, 0, 0]]
    assert "values that are no finite numbers: 2, such as '1.tif'" in source.notes[1]


def test_deep_pictures_beside_plain_ones(tmp_path):
    pictures = {
        "a/1.png": np.array([[0, 4095]], np.uint16),
        "b/1.png": np.array([[3, 200]], np.uint8),
    }
    assert load(write(tmp_path, pictures)).features.tolist() == [[0, 255], [3, 200]]


def test_colours_of_sixteen_bits_are_said_to_be_cut(tmp_path):
    """Pillow reads them but does not write them: a PNG by hand."""
    import struct
    import zlib

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    for name, levels in (("a", (0x1234, 0xFF00, 0)), ("b", (0, 1, 0x8000))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">HHH", *levels)))
            + chunk(b"IEND", b"")
        )
    source = load(tmp_path, colour=True)
    assert source.features.tolist() == [[0x12, 0xFF, 0], [0, 0, 0x80]]
    assert source.notes[0].startswith("pictures of 16 bits a channel: 2, such as '1.png'")


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "P", "1"])
@pytest.mark.parametrize("colour", [False, True])
def test_other_colour_spaces(tmp_path, mode, colour):
    """Pillow's conversion is the oracle; for Lab the colours that went in are, to a tolerance."""
    import PIL.ImageCms

    flat = [PIL.Image.new("RGB", (8, 8), each) for each in ((200, 60, 40), (30, 90, 160))]
    profiles = PIL.ImageCms.createProfile("sRGB"), PIL.ImageCms.createProfile("LAB")
    stored = [
        PIL.ImageCms.profileToProfile(each, *profiles, outputMode="LAB")
        if mode == "LAB"
        else each.convert(mode)
        for each in flat
    ]
    options = (
        {"compression": "tiff_lzw"} if mode == "YCbCr" else {}
    )  # another, Pillow 10 cannot read again
    source = load(
        write(tmp_path, {"a/1.tif": stored[0], "b/1.tif": stored[1]}, **options), colour=colour
    )
    wanted = [
        (flat[i] if mode == "LAB" else stored[i]).convert("RGB" if colour else "L") for i in (0, 1)
    ]
    difference = source.features.astype(int) - [np.asarray(each).reshape(-1) for each in wanted]
    assert np.abs(difference).max() <= (6 if mode == "LAB" else 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(  # Pillow reads a TIFF in one of two ways
    ("suffix", "compression"),
    [("png", None), ("jpg", None), ("webp", None), ("tif", None), ("tif", "tiff_lzw")],
)
def test_pictures_are_shown_as_the_camera_was_held(tmp_path, orientation, suffix, compression):
    exif = PIL.Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    blocks = RANDOM.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    stored = np.kron(blocks, np.ones((8, 8), np.uint8))  # that a JPEG keeps nearly
    options = {"quality": 100} if suffix in ("jpg", "webp") else {}
    options |= {"compression": compression} if compression else {}
    write(tmp_path, {f"a/1.{suffix}": stored[0], f"b/1.{suffix}": stored[1]}, exif=exif, **options)
    turn = {
        1: lambda each: each,
        2: np.fliplr,
        3: lambda each: np.rot90(each, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda each: np.rot90(each, -1),
        7: lambda each: np.rot90(each, 2).T,
        8: np.rot90,
    }[orientation]
    source = load(tmp_path)
    assert source.image_shape == ((24, 16) if orientation > 4 else (16, 24))
    assert (
        np.abs(source.features[1].reshape(source.image_shape).astype(int) - turn(stored[1])).max()
        <= 12
    )
    assert load(tmp_path, image_size="5x7").image_shape == (5, 7)


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_the_first_of_several_pictures_is_read(tmp_path, suffix):
    frames = [PIL.Image.fromarray(np.full(SIZE, level, np.uint8)) for level in (10, 200, 90)]
    for name, first in (("a", 0), ("b", 1)):
        write(
            tmp_path,
            {f"{name}/1.{suffix}": frames[first]},
            save_all=True,
            append_images=[frames[2]],
            lossless=True,
        )
    source = load(tmp_path)
    assert source.features[:, 0].tolist() == [10, 200]
    assert "files of several pictures: 2, such as '1." in source.notes[0]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_format_that_can_be_written_is_read(tmp_path, mode):
    pixels = RANDOM.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    pictures = [PIL.Image.fromarray(each).convert(mode) for each in pixels]
    written = []
    # An .icns keeps a picture in sizes of its own, and of writing an .im Pillow warns.
    for suffix in sorted(suffixes() - {".icns", ".im"}):
        root = tmp_path / suffix[1:]
        try:
            write(root, {f"a/1{suffix.upper()}": pictures[0], f"b/1{suffix}": pictures[1]})
        except (OSError, ValueError, KeyError):  # no writer, or none of this mode
            continue
        source = load(root, colour=True)
        assert source.features.shape == (2, 16 * 16 * 3), suffix
        written.append(suffix)
    wanted = ".png .jpg .jpeg .jfif .jpe .bmp .gif .webp .tif .tiff .pgm .ppm .tga .pcx"
    assert set(wanted.split()) <= set(written)


def test_formats_of_other_programs_are_not_opened(tmp_path, monkeypatch):
    """An EPS starts Ghostscript, whatever it is called."""
    assert not {".eps", ".ps", ".pdf", ".wmf", ".emf", ".mpg", ".h5", ".iim"} & suffixes()
    monkeypatch.setattr(
        "PIL.EpsImagePlugin.Ghostscript", lambda *given, **named: pytest.fail("it was started")
    )
    pictures = two(lambda alpha: PIL.Image.fromarray(alpha))
    write(tmp_path, pictures)
    PIL.Image.new("L", (4, 4)).save(tmp_path / "x.eps")
    (tmp_path / "x.eps").rename(tmp_path / "a" / "1.png")
    with pytest.raises(DataError, match=r"1\.png cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize("colour", [False, True])
def test_pictures_that_are_all_the_same_are_refused(tmp_path, colour):
    write(tmp_path, two(lambda alpha: np.full((*SIZE, 3), (76, 0, 0), np.uint8)))
    with pytest.raises(
        DataError, match=r"all 2 pictures in .* are the same once they are read as 12×16 pixels"
    ):
        load(tmp_path, colour=colour)
    assert len(load(tmp_path, need_target=False)) == 2
    assert (
        len(load(tmp_path, pictures=PictureReading())) == 2
    )  # to evaluate on, a model is there already


def test_pictures_that_differ_in_colour_alone(tmp_path):
    colours = iter([(78, 0, 0), (0, 40, 0)])  # one gray, nearly
    pictures = two(lambda alpha: np.full((*SIZE, 3), next(colours), np.uint8))
    with pytest.raises(DataError, match="with --colour they may differ"):
        load(write(tmp_path, pictures))
    assert load(tmp_path, colour=True).notes == (
        "every training picture is of a single colour throughout.",
    )


def test_training_pictures_that_are_all_the_same_beside_test_pictures(tmp_path):
    for name in "ab":
        write(tmp_path, {f"train/{name}/{i}.png": ink(4) for i in range(3)})
        write(tmp_path, {f"test/{name}/1.png": ink(ord(name) - 90)})
    with pytest.raises(DataError, match="all 6 pictures"):
        load(tmp_path)


def test_test_pictures_are_read_as_the_training_pictures(tmp_path):
    for part, colour in (("train", "black"), ("test", "white")):
        write(tmp_path / part, two(lambda alpha, colour=colour: transparent(colour, alpha)))
    write(tmp_path / "train", {"a/2.png": np.array([[4095] * 16] * 12, np.uint16)})
    write(tmp_path / "test", {"a/2.png": np.array([[2048] * 16] * 12, np.uint16)})
    source = load(tmp_path)
    assert (source.pictures.ground, source.test.pictures) == (255, source.pictures)
    assert (source.test.features[[0, 2]] == 255).all()  # white on white: as training reads it
    assert (source.test.features[1] == 0).all()  # 4095 is both ends of the range in use
    assert (
        "of the test pictures: pictures with an alpha channel: 2; they are laid over white, as in"
        " training." in source.notes
    )
    apart = load(tmp_path / "train", test=tmp_path / "test")
    assert np.array_equal(apart.test.features, source.test.features)
    assert source.notes[-2:] == apart.notes[-2:]


def test_bytes_of_values():
    values = np.array([-1, 0, 0.5, 1, 2, np.nan, np.inf, -np.inf])
    assert to_bytes(values, 0, 1).tolist() == [0, 0, 127, 255, 255, 0, 255, 0]
    assert to_bytes(values, 3, 3).tolist() == [0] * 8
    every = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(to_bytes(every, 0, 65535), every // 257)


@pytest.mark.parametrize(
    "reading",
    [PictureReading(), PictureReading(0, (0, 4095), None), PictureReading(128, None, (-1.5, 1e30))],
)
def test_a_reading_survives_json(reading):
    import json

    assert PictureReading.from_dict(json.loads(json.dumps(reading.to_dict()))) == reading


@pytest.mark.parametrize(
    "kept",
    [
        [], None, "x",
        {"ground": 256, "integers": None, "floats": None},
        {"ground": -1, "integers": None, "floats": None},
        {"ground": True, "integers": None, "floats": None},
        {"ground": 1.5, "integers": None, "floats": None},
        {"ground": 0, "integers": [1], "floats": None},
        {"ground": 0, "integers": [2, 1], "floats": None},
        {"ground": 0, "integers": None, "floats": [0, float("nan")]},
        {"ground": 0, "integers": [0, "1"], "floats": None},
        {"ground": 0, "integers": [0, 10**400], "floats": None},
    ],
)  # fmt: skip
def test_a_reading_that_is_damaged(kept):
    with pytest.raises(ModelFileError, match="data description is damaged"):
        PictureReading.from_dict(kept)
