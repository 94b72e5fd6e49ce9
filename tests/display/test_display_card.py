"""Cards: what a model and a run say of themselves, as text and as markup, all names escaped."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import fastmlp
from fastmlp.display.card import Card
from fastmlp.display.curves import curves
from fastmlp.display.texts import counted, listed, measured, plain
from fastmlp.run.summary import curves_by_measure

HOSTILE = '<script>alert("x")</script>\x1b[31m&'


def parsed(html):
    """Return markup as a tree, which says that every element is closed."""
    return ElementTree.fromstring(str(html))


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    """Columns, classes and a target whose names are markup and control characters."""
    import polars

    random = np.random.default_rng(0)
    first = random.normal(size=60)
    labels = [HOSTILE if value > 0 else "line\nbreak" for value in first]
    frame = polars.DataFrame({HOSTILE: first, "b`|*": random.normal(size=60), "y<i>": labels})
    return fastmlp.train(
        frame,
        target="y<i>",
        hidden=[4],
        epochs=3,
        preset="plain",
        validation_fraction=0.2,
        out=tmp_path_factory.mktemp("hostile") / "run",
    )


def test_a_run_in_a_few_lines(run):
    lines = repr(run).splitlines()
    assert lines[0] == "fastmlp TrainedRun: classification"
    text = "\n".join(lines)
    assert "3 classes: 0, 1, 2" in text
    assert f"{run.model.network.parameter_count():,} (float32)" in text
    assert f"accuracy {run.metrics['test_accuracy']:.4f}" in text
    assert str(run.folder)[:60] in text
    assert len(lines) < 16
    assert max(map(len, lines)) <= 100


def test_a_model_in_a_few_lines(run):
    lines = repr(run.model).splitlines()
    assert lines[0] == "fastmlp Model: classification"
    assert [line.split()[0] for line in lines[1:]] == [
        *"target inputs network parameters training on".split()
    ]
    assert "4 columns" in lines[2]


def test_a_run_in_a_notebook(run):
    tree = parsed(run._repr_html_())
    cells = [cell.text for cell in tree.iter("td")]
    assert f"{run.metrics['validation_loss']:.4f}" in cells
    pictures = list(tree.iter("svg"))
    assert [picture.find("title").text.split(":")[0] for picture in pictures] == [
        "loss by epoch",
        "accuracy by epoch",
    ]
    last = run.history[-1]["train_loss"]
    assert f"to {last:.4f}" in pictures[0].find("title").text
    names = [tree.tag for tree in tree.iter()]
    assert not {"script", "style", "link", "img"} & set(names)
    assert "http" not in run._repr_html_()
    assert parsed(run.model._repr_html_()).get("class") == "fastmlp-card"


def test_names_from_data_stay_texts(hostile_run):
    for shown in (hostile_run, hostile_run.model):
        html, text = shown._repr_html_(), repr(shown)
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        parsed(html)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text + html)
        assert "line\\nbreak" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "digits"}, ["pictures of 8×8 pixels", "10 classes: 0, 1, 2, 3, 4, 5, … (10)"]),
        ({"task": "regression"}, ["1 value", "r2"]),
        ({"members": 2}, ["3 classes"]),
    ],
    ids=str,
)
def test_other_tasks_and_inputs(settings, words, here):
    given = {} if "dataset" in settings else {"dataset": _table()}
    run = fastmlp.train(
        hidden=[4], epochs=2, batch_size=256, preset="plain", out=here / "run", **given, **settings
    )
    for word in words:
        assert word.replace("r2", "R²") in repr(run)
    parsed(run._repr_html_())


def _table():
    random = np.random.default_rng(0)
    return random.normal(size=(60, 3)), np.arange(60) % 3


def test_a_run_that_diverged_says_so_first(here):
    run = fastmlp.train(_table(), optimizer="sgd", lr=1e30, epochs=3, out=here / "run")
    assert "the loss became NaN or infinite" in repr(run)
    assert "⚠" in run._repr_html_()
    parsed(run._repr_html_())


def test_curves_stay_in_their_frame_and_leave_out_what_is_not_finite():
    values = [3.0, float("nan"), None, float("inf"), *np.linspace(2, -1e308, 996), 1e308]
    picture = parsed(curves("loss", {"train": values, "validation": [1.0], "test": []}))
    _, _, width, height = map(float, picture.get("viewBox").split())
    [line] = picture.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    assert 100 < len(points) <= 202
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert points == sorted(points)
    assert curves("loss", {"train": [1.0], "test": [None, None]}) is None
    flat = parsed(curves("loss", {"train": [2.0, 2.0]}))
    [line] = flat.iter("polyline")
    assert len({point.split(",")[1] for point in line.get("points").split()}) == 1


def test_only_epochs_are_drawn_and_not_too_many_measures():
    history = [
        {"kind": "updates", "train_loss": 9.0},
        {"kind": "epoch", "train_loss": 2.0, "train_accuracy": 0.5, "test_auc": 0.5},
        {"kind": "epoch", "train_loss": 1.0, "train_accuracy": None, "test_auc": 0.6},
    ]
    assert curves_by_measure(history) == {
        "loss": {"train": [2.0, 1.0]},
        "accuracy": {"train": [0.5, None]},
    }
    assert curves_by_measure([]) == {}


def test_texts():
    assert plain("a\nb") == "a\\nb"
    assert plain("x" * 50) == "x" * 39 + "…"
    assert listed("abcdefgh", 3) == "a, b, c, … (8)"
    assert listed([]) == ""
    assert counted(1, "class", "classes") == "1 class"
    assert counted(2000, "class", "classes") == "2,000 classes"
    assert [measured(v) for v in (None, float("nan"), 0.0, 1e-9, 3, True)] == [
        "–",
        "–",
        "0.0000",
        "1.000e-09",
        "3",
        "True",
    ]


def test_an_empty_card():
    assert Card("nothing", []).as_text() == "nothing"
    parsed(Card("nothing", []).as_html())
