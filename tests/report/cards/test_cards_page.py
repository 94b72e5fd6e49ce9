"""Model cards: what was measured is there, what was not is not said, names stay names."""

import json

import numpy as np
import polars
import pytest

import fastmlp as library
from fastmlp.report.cards.write import write_card

HOSTILE = '<img src=x onerror="alert(1)">|`#'


def matter(text):
    """Return what the front matter of a card holds."""
    yaml = pytest.importorskip("yaml")
    start, inside, _ = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(inside)


def section(text, title):
    return text.partition(f"\n## {title}\n\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """A run on a table with a hostile column and class, a rare class and an identifier."""
    folder = tmp_path_factory.mktemp("shops")
    frame().write_csv(folder / "shops.csv")
    said = {"dataset": str(folder / "shops.csv"), "hidden": [6], "epochs": 5, "preset": "plain"}
    return library.train(out=folder / "run", test_fraction=0.3, lr=0.02, **said)


def frame():
    random = np.random.default_rng(0)
    size = random.normal(size=200)
    labels = np.where(size > 0, HOSTILE, "small")
    labels[:9] = "rare"
    return polars.DataFrame(
        {
            "id": [f"shop-{number:05d}" for number in range(200)],
            HOSTILE: size,
            "town": random.choice(["Ulm", "Bonn"], 200),
            "label": labels,
        }
    )


def test_a_card_says_what_was_measured(shops):
    written = write_card(shops.folder, name="shops", licence="MIT")
    assert written.path == shops.folder / "README.md"
    assert written.problems == []
    text = written.path.read_text(encoding="utf-8")
    found = matter(text)
    assert found["library_name"] == "fastmlp"
    assert found["license"] == "mit"
    assert found["pipeline_tag"] == "tabular-classification"
    [entry] = found["model-index"]
    assert entry["name"] == "shops"
    [result] = entry["results"]
    assert result["dataset"] == {"name": "shops.csv", "type": "shops.csv", "split": "test"}
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    metrics = json.loads((shops.folder / "metrics.json").read_text())
    assert values["accuracy"] == metrics["test_accuracy"]
    assert f"{metrics['test_accuracy']:.4f}" in section(text, "Results")
    assert str(shops.folder) not in text  # no folder of this machine
    assert str(shops.folder.parent) not in text
    assert "| lr | 0.02 |" in text
    assert "| weight_decay |" in text or "weight_decay" not in text


def test_limits_are_those_that_were_found(shops):
    text = write_card(shops.folder).path.read_text(encoding="utf-8")
    limits = section(text, "Limits")
    assert "Classes with fewer than 30 test rows" in limits
    assert "rare" in limits
    assert "Columns that were left out: id" in limits
    assert "No rows were held out" not in limits
    assert "Rows of any other class" in limits
    recall = library.evaluate(shops.folder)["per_class"]["small"]["recall"]
    assert f"{recall:.1%}" in limits


def test_names_of_the_data_stay_texts(shops):
    from markdown_it import MarkdownIt

    text = write_card(shops.folder, name=HOSTILE).path.read_text(encoding="utf-8")
    assert matter(text)["model-index"][0]["name"] == HOSTILE
    body = text.split("---\n", 2)[2]
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in [*tokens, *inline]}
    assert not {"html_block", "html_inline", "link_open", "image"} & kinds
    assert any(HOSTILE in token.content for token in inline)


def test_the_code_of_a_card_runs(shops, here, monkeypatch):
    text = write_card(shops.folder).path.read_text(encoding="utf-8")
    program = text.partition("```python\n")[2].partition("```")[0]
    program = program.replace("rows = ...", "rows = given")
    monkeypatch.chdir(shops.folder)
    exec(program, {"given": frame()})


def test_without_the_data_nothing_is_said_of_classes(shops, here):
    folder = here / "moved"
    folder.mkdir()
    for path in shops.folder.iterdir():
        if path.is_file():
            text = path.read_bytes().replace(b"shops.csv", b"spohs.csv")
            (folder / path.name).write_bytes(text)
    written = write_card(folder)
    assert "cannot be read again" in written.problems[0]
    limits = section(written.path.read_text(), "Limits")
    assert "The data were not at hand" in limits
    assert "it finds" not in limits


@pytest.mark.parametrize(
    ("settings", "said", "kind"),
    [
        ({"dataset": "digits"}, "image-classification", "each"),
        ({"task": "regression", "test_fraction": 0.0}, "No rows were held out", "tabular"),
        ({"task": "regression", "test_fraction": 0.0, "validation_fraction": 0.2}, "no test rows",
         "tabular"),
        ({"optimizer": "sgd", "lr": 1e30}, "Training diverged", "tabular"),
    ],
    ids=str,
)  # fmt: skip
def test_other_runs(settings, said, kind, here):
    if "dataset" not in settings:
        X = np.random.default_rng(0).normal(size=(60, 2))
        np.savez(here / "numbers.npz", X=X, y=(X[:, 0] > 0) * 1)
        settings = {"dataset": str(here / "numbers.npz")} | settings
    run = library.train(
        hidden=[4], epochs=2, batch_size=256, preset="plain", out=here / "run", **settings
    )
    text = write_card(run.folder).path.read_text()
    assert said in text
    found = matter(text)
    assert ("model-index" in found) == (said != "Training diverged")


def test_the_command(fastmlp, shops, here):
    outcome = fastmlp("card", shops.folder, "--out", "card.md", "--license", "cc-by-4.0")
    assert outcome.code == 0, outcome.err
    assert outcome.out.split() == ["card", "card.md"]
    assert matter((here / "card.md").read_text())["license"] == "cc-by-4.0"
    assert fastmlp("card", shops.folder, "--out", "card.md", "--json").json == {
        "card": "card.md",
        "problems": [],
    }
    fastmlp("card", shops.folder, "--license", "my own: words").is_refused("licence is one word")
    fastmlp("card", shops.folder, "--out", "card.txt").is_refused("must end in .md")
    fastmlp("card", here).is_refused("holds no run")
    (here / "half").mkdir()
    (here / "half" / "metrics.json").write_text("{}")
    fastmlp("card", here / "half").is_refused("no card without a model")
