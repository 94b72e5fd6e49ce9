"""Drawing: no trace in matplotlib, colours for light and dark, texts that trip over nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.report.pictures.drawing import (
    DARK,
    INK,
    Picture,
    axes,
    drawing,
    short_number,
    wants_log,
)
from fastmlp.report.pictures.glyphs import label, labels
from fastmlp.report.pictures.images import as_images
from fastmlp.report.write import write_report


def test_matplotlib_is_left_as_it_was(of_table, tmp_path):
    import matplotlib
    from matplotlib import pyplot

    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    write_report(of_table.folder, tmp_path / "r.html", threads=1)
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend() == backend
    assert pyplot.get_fignums() == []


@pytest.fixture
def in_style():
    with drawing():
        yield


def _picture():
    figure, ax = axes()
    ax.plot([0, 1], [1, 2], color=INK)
    ax.set_title("x")
    return Picture("p", "t", "a", figure, {"x": [0, 1], "y": np.array([1, 2])})


@pytest.mark.usefixtures("in_style")
def test_colours_have_a_partner_for_the_dark():
    svg = _picture().svg()
    assert svg.startswith("<svg")
    assert f"var(--c{INK[1:]})" in svg
    assert f"--c{INK[1:]}:{DARK[INK]};" in svg
    assert "prefers-color-scheme:dark" in svg
    assert svg == _picture().svg()


@pytest.mark.usefixtures("in_style")
def test_files_of_a_picture(tmp_path):
    png, table = _picture().write(tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert table.read_text() == "x,y\n0,1\n1,2\n"


def luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_lines_stand_out_from_both_grounds():
    from fastmlp.report.pictures.drawing import BLUE, GREEN, SOFT, VERMILLION

    for colour in (INK, SOFT):
        assert contrast(colour, "#ffffff") > 4.5
        assert contrast(DARK[colour], "#1c1d23") > 4.5
    for colour in (BLUE, GREEN, VERMILLION):
        assert contrast(colour, "#ffffff") > 3
        assert contrast(DARK[colour], "#1c1d23") > 3


@settings(deadline=None, max_examples=40)  # drawing takes its time
@given(st.text(max_size=40))
def test_any_text_can_be_drawn(text):
    shown = label(text, 7)
    assert 0 < len(shown) <= 16
    with drawing():
        figure, ax = axes(1, 1)
        ax.set_title(shown)
        # a letter without a glyph would be a warning, which is an error here
        figure.draw_without_rendering()


def test_labels_differ():
    assert labels(["a" * 30 + "x", "a" * 30 + "y", "b", "", "\x00", "$\\frac{$"]) == [
        *"#1 #2 b #4 #5".split(),
        "$\\frac{$",
    ]


def test_numbers_on_axes():
    assert [short_number(value) for value in (0.0, 0.001, 1e-5, 12_000, -0.5, 3e8)] == [
        *("0", "0.001", "1e−5", "12,000", "−0.5", "3e8")
    ]


def test_a_logarithmic_axis_is_for_wide_spreads():
    assert wants_log(np.array([1e-6, 1.0, np.nan]))
    assert not wants_log(np.array([0.1, 1.0]))
    assert not wants_log(np.array([0.0, 1.0]))
    assert not wants_log(np.array([-1.0, 1e-3, 1.0]))
    assert wants_log(np.array([0.0, 1e-30, 1.0]))
    assert not wants_log(np.array([]))


def test_pixels():
    bytes_ = as_images(np.array([[0, 255, 51, 0]], np.uint8), (2, 2))
    assert bytes_.shape == (1, 2, 2, 3)
    assert bytes_[0, 0, 1].tolist() == [1, 1, 1]
    assert bytes_[0, 1, 0] == pytest.approx([0.2] * 3)
    digits = as_images(np.array([[0, 16, 8, 4]], np.uint8), (2, 2))
    assert digits[0, 0, 1, 0] == 1
    numbers = as_images(np.array([[-1.0, 1.0, 0.0, 0.5]]), (2, 2))
    assert numbers[0, :, :, 0].tolist() == [[0, 1], [0.5, 0.75]]
    assert as_images(np.zeros((1, 4)), (2, 2)).max() == 0
    coloured = as_images(np.arange(12, dtype=np.uint8).reshape(1, 12) * 20, (2, 2, 3))
    assert coloured[0, 0, 1].tolist() == pytest.approx([60 / 255, 80 / 255, 100 / 255])
