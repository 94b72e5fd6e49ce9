"""Explanations in a report: the numbers of ``fastmlp.explain``, escaped names, a budget kept."""

import numpy as np
import pytest
from matplotlib.dates import num2date
from report_support import HOSTILE_NAMES, read_page, read_table

import fastmlp
from fastmlp.explanation.results import Dependence, Explanation, Importance
from fastmlp.report import explanation as section
from fastmlp.report.pictures.drawing import drawing
from fastmlp.report.pictures.explanation import dependence_pictures, importance_picture
from fastmlp.report.write import write_report


def test_the_bars_of_a_run_are_what_explain_says(of_table):
    told = fastmlp.explain(of_table.folder, threads=1)
    table = read_table(of_table.report.figures / "importance.csv")
    assert table["column"] == [each.column for each in told.importances]
    for number in range(5):
        losses = [each.losses[number] for each in told.importances]
        assert [float(cell) for cell in table[f"repeat_{number + 1}"]] == pytest.approx(losses)


def test_the_curves_of_a_run_are_what_explain_says(of_table):
    told = fastmlp.explain(of_table.folder, threads=1)
    assert len(told.dependences) == 3
    for number, each in enumerate(told.dependences, 1):
        table = read_table(of_table.report.figures / f"dependence-{number}.csv")
        assert table["value"] == list(each.values)
        for curve, means in zip(each.curves, each.means.T, strict=True):
            assert [float(cell) for cell in table[curve]] == pytest.approx(means.tolist())


@pytest.mark.parametrize(
    ("fixture", "count"), [("of_images", 0), ("of_table", 3), ("of_quantities", 2), ("hostile", 3)]
)
def test_tables_have_the_section_and_images_do_not(request, fixture, count):
    run = request.getfixturevalue(fixture)
    assert ("importance" in run.report.pictures) == (count > 0)
    curves = [name for name in run.report.pictures if name.startswith("dependence")]
    assert len(curves) == count
    assert ("A column is important if" in run.page.text) == (count > 0)


def test_hostile_names_are_shown_and_not_obeyed(hostile):
    assert "Dependence on <b>width</b>" in hostile.page.text
    assert not [name for name, _ in hostile.page.elements if name in ("script", "b", "i")]
    assert set(read_table(hostile.report.figures / "importance.csv")["column"]) == {
        "<b>width</b>",
        "$x_{$",
        "'\"onload=alert(3)",
    }


def test_more_columns_than_the_budget_allows_are_said(of_table, tmp_path, monkeypatch):
    monkeypatch.setattr(section, "BUDGET", 1e-9)
    report = write_report(of_table.folder, tmp_path / "short.html", threads=1)
    assert "importance" not in report.pictures
    text = read_page(report.path).text
    assert "To shuffle each of the 3 columns takes longer than the 1e-09 seconds" in text
    assert "fastmlp explain RUN --columns A,B" in text


def test_a_run_that_diverged_has_a_page_without_the_section(tmp_path):
    features = np.random.default_rng(1).normal(size=(90, 3))
    np.savez(tmp_path / "d.npz", X=features, y=np.arange(90) % 2)
    data = str(tmp_path / "d.npz")
    run = fastmlp.train(dataset=data, hidden="4", epochs=2, out=tmp_path / "run", threads=1)
    run.model.network.named_parameters()["dense_0.weight"].values[:] = np.nan
    run.model.save(run.folder)
    report = write_report(run.folder, threads=1)
    assert "importance" not in report.pictures


def explanation(dependences=(), importances=None, heat_map=None, metric="rmse"):
    found = importances or (Importance("a", np.array([0.5, 0.7])), Importance("b", np.zeros(2)))
    return Explanation(
        "data", "all", 10, "regression", metric, 1.0, "prediction", found, dependences, heat_map
    )


def curve(kind, places, values=None, curves=("answer",), column="x"):
    places = np.asarray(places, np.float64)
    means = np.arange(len(places) * len(curves), dtype=np.float64).reshape(len(places), -1)
    values = values or tuple(map(str, places.tolist()))
    return Dependence(column, kind, tuple(values), places, tuple(curves), means)


def drawn(found):
    """Return the picture of one dependence and its axes, drawn as a file would be."""
    with drawing():
        [picture] = dependence_pictures(explanation((found,)))
        picture.figure.canvas.draw()
    return picture, picture.figure.axes[0]


def ticks(ax):
    return [text.get_text() for text in ax.get_xticklabels()]


def test_bars_have_their_length_and_deviation():
    with drawing():
        picture = importance_picture(explanation())
    [ax] = picture.figure.axes
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.6, 0.0])
    [line] = ax.collections
    assert line.get_segments()[0][:, 0] == pytest.approx([0.5, 0.7])
    assert ax.get_xlabel() == "RMSE added when shuffled"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]


def test_of_many_columns_the_first_are_drawn_and_all_are_in_the_table():
    many = tuple(Importance(f"c{number}", np.full(2, -number)) for number in range(45))
    with drawing():
        picture = importance_picture(explanation(importances=many))
    assert len(picture.figure.axes[0].patches) == 30
    assert len(picture.columns["column"]) == 45
    assert "The first 30 of 45 columns" in picture.caption


@pytest.mark.parametrize("shape", [(2, 1), (1, 8), (3, 2)])
def test_a_map_shows_the_importance_of_each_block(shape):
    heat = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    blocks = tuple(Importance(f"b{number}", np.full(2, number)) for number in range(heat.size))
    with drawing():
        picture = importance_picture(explanation(importances=blocks, heat_map=heat))
    [image] = picture.figure.axes[0].images
    assert (image.get_array() == heat).all()
    assert image.norm.vmin == -image.norm.vmax == -max(1.0, heat.max())
    assert picture.columns["pixels"] == [each.column for each in blocks]


def test_numbers_far_from_zero_are_told_apart():
    _, ax = drawn(curve("number", [1_700_000_000, 1_700_000_400, 1_700_000_900]))
    shown = [text for text in ticks(ax) if text]
    assert len(set(shown)) == len(shown) >= 2
    assert all(abs(int(text) - 1_700_000_450) < 1500 for text in shown)


def test_dates_stand_on_an_axis_of_dates():
    days = [18_000.0, 18_365.0, 18_900.5]
    _, ax = drawn(curve("date", days))
    since = [num2date(place).replace(tzinfo=None) for place in ax.lines[0].get_xdata()]
    expected = np.datetime64("1970-01-01", "s") + (np.array(days) * 86400).astype("timedelta64[s]")
    assert [np.datetime64(day, "s") for day in since] == expected.tolist()
    assert any(text in ("2020", "2021") for text in ticks(ax))


@pytest.mark.parametrize(
    ("kind", "places", "shown"),
    [
        ("time", [0, 40_000, 80_000], "06:00:00"),
        ("duration", [0, 100], "00:01:00"),
        ("duration", [0, 20 * 86400.0], "96:00:00"),
        ("duration", [0.0, 0.2], "00:00:00.100"),
    ],
)
def test_times_have_ticks_of_a_clock(kind, places, shown):
    _, ax = drawn(curve(kind, places))
    assert shown in ticks(ax)
    assert len(ticks(ax)) < 12


def test_levels_stand_side_by_side():
    names = [f"level {number}" for number in range(30)]
    picture, ax = drawn(curve("text", range(30), names))
    assert ticks(ax) == names[:24]
    assert picture.columns["value"] == tuple(names)
    assert "The first 24 of 30 values." in picture.caption


def test_of_many_classes_those_that_move_most_are_drawn():
    found = curve("number", [1, 2], curves=[f"class {number}" for number in range(9)])
    found.means[:] = np.outer([0, 1], np.arange(9))
    picture, ax = drawn(found)
    shown = [line.get_label() for line in ax.lines]
    assert shown == [f"class {number}" for number in range(2, 9)]
    assert set(picture.columns) == {"value", *found.curves}
    assert "The 7 of 9 curves that move most." in picture.caption


def test_names_that_are_alike_have_a_column_each():
    picture, _ = drawn(curve("number", [1, 2], curves=("a", "a", "value")))
    assert list(picture.columns) == ["value", "a (1)", "a (2)", "value (3)"]


@pytest.mark.parametrize("kind", ["number", "date", "time", "text", "truth"])
def test_a_single_value_is_drawn(kind):
    picture, ax = drawn(curve(kind, [719_000.0]))
    assert len(ax.lines[0].get_xdata()) == 1
    assert "at 1 values" not in picture.alt


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_drawn_as_texts(name):
    picture, ax = drawn(curve("text", [0, 1], (name, "b"), (name, "other"), column=name))
    assert all(sign.isprintable() for sign in picture.title + picture.alt + ax.get_xlabel())
    assert len(picture.title) < 100
