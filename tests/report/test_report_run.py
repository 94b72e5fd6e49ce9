"""The report of a run: numbers as in metrics.json; tables and CSV files hold what is drawn."""

import json

import numpy as np
import pytest
from report_support import PageReader, images, read_page, read_table, table

import fastmlp
from fastmlp.errors import DataError, ModelFileError, UsageError
from fastmlp.report.write import write_report

EVERY_TASK = ("of_images", "of_table", "hostile", "of_quantities", "of_labels", "of_two_classes")


@pytest.fixture(params=EVERY_TASK)
def any_run(request):
    return request.getfixturevalue(request.param)


def column(report, picture, name):
    return [float(value) for value in read_table(report.figures / f"{picture}.csv")[name]]


def test_numbers_are_those_of_metrics(any_run):
    shown = any_run.page.numbers
    for split in ("train", "validation", "test"):
        if not any_run.metrics[f"{split}_rows"]:
            continue
        header = next(row for row in any_run.page.rows if row[:2] == ["split", "rows"])
        cells = any_run.page.row(split)
        for word in ("loss", "accuracy", "rmse", "r2"):
            if f"{split}_{word}" in any_run.metrics:
                value = any_run.metrics[f"{split}_{word}"]
                assert value in shown
                heading = {"rmse": "RMSE", "r2": "R²"}.get(word, word)
                assert float(cells[header.index(heading)]) == pytest.approx(
                    value, abs=5e-5, rel=5e-4
                )
    assert any_run.metrics["parameters"] in shown
    assert any_run.metrics["best_epoch"] in shown


def test_nothing_is_missing_and_each_picture_has_its_files(any_run):
    assert any_run.report.problems == []
    names = any_run.report.pictures
    assert len(set(names)) == len(names) >= 5
    for name in names:
        assert (any_run.report.figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        columns = read_table(any_run.report.figures / f"{name}.csv")
        assert len({len(values) for values in columns.values()}) == 1
        assert next(iter(columns.values()))
    shown = {attributes["id"] for attributes in any_run.page.attributes("figure")}
    assert shown == {f"picture-{name}" for name in names}


def test_each_picture_says_what_is_to_be_seen(any_run):
    for image in any_run.page.attributes("img"):
        assert image["src"].startswith("data:image/svg+xml;base64,")
        assert len(image["alt"]) > 40


@pytest.mark.parametrize(
    ("fixture", "there", "absent"),
    [
        (
            "of_images",
            ["loss-by-epoch", "accuracy-by-epoch", "learning-rate", "loss-by-update",
                "accuracy-by-update", "confusion-test",
             "accuracy-by-class", "class-distribution", "class-samples", "first-layer-weights",
             "calibration-test"],
            ["decision-surface", "residuals"],
        ),
        ("of_table", ["confusion-test", "first-layer-weights"],
            ["class-samples", "decision-surface", "loss-by-update"]),
        ("of_two_classes", ["confusion-test", "decision-surface", "calibration-test"],
            ["class-samples"]),
        ("of_quantities",
            ["rmse-by-epoch", "r2-by-epoch", "predicted-against-true", "residuals",
                "residual-histogram",
                           "decision-surface"],
                           ["accuracy-by-epoch", "confusion-test", "calibration-test"]),
        ("of_labels", ["accuracy-by-class", "class-distribution", "calibration-test"],
            ["confusion-test"]),
    ],
)  # fmt: skip
def test_each_task_has_its_pictures(request, fixture, there, absent):
    names = request.getfixturevalue(fixture).report.pictures
    assert set(there) <= set(names)
    assert not set(absent) & set(names)


def test_curves_are_those_of_the_history(of_images):
    history = [
        json.loads(line) for line in (of_images.folder / "history.jsonl").read_text().splitlines()
    ]
    for kind, picture, key in (("epoch", "by-epoch", "epoch"), ("updates", "by-update", "update")):
        records = [record for record in history if record["kind"] == kind]
        assert records
        for word in ("loss", "accuracy"):
            name = f"{word}-{picture}"
            assert column(of_images.report, name, key) == [record[key] for record in records]
            for split in ("train", "validation"):
                assert column(of_images.report, name, f"{split}_{word}") == [
                    r[f"{split}_{word}"] for r in records
                ]


def test_scores_are_those_of_evaluate(of_images):
    told = fastmlp.evaluate(of_images.folder, threads=1)
    for name, scores in told["per_class"].items():
        row = next(row for row in of_images.page.rows if row[0] == name and len(row) == 5)
        assert [float(cell) for cell in row[1:4]] == pytest.approx(
            [scores[word] for word in ("precision", "recall", "f1")], abs=5e-5
        )
        assert int(row[4]) == scores["support"]
    assert float(of_images.page.row("macro average")[3]) == pytest.approx(
        told["macro_avg"]["f1"], abs=5e-5
    )
    matrix = read_table(of_images.report.figures / "confusion-test.csv")
    drawn = np.array([matrix[name] for name in told["labels"]], int).T
    assert drawn.tolist() == told["confusion_matrix"]
    shares = column(of_images.report, "accuracy-by-class", "test_accuracy")
    assert shares == sorted(shares)
    assert (
        sum(map(int, read_table(of_images.report.figures / "class-distribution.csv")["train_rows"]))
        == (of_images.metrics["train_rows"])
    )


def test_regression_draws_the_test_rows(of_quantities):
    points = read_table(of_quantities.report.figures / "predicted-against-true.csv")
    true, predicted = np.array(points["true"], float), np.array(points["predicted"], float)
    assert len(true) == of_quantities.metrics["test_rows"]
    assert np.sqrt(np.mean((true - predicted) ** 2)) == pytest.approx(
        of_quantities.metrics["test_rmse"], rel=1e-5
    )
    assert sum(
        map(int, read_table(of_quantities.report.figures / "residual-histogram.csv")["rows"])
    ) == len(true)


def test_the_surface_is_what_the_model_says(of_two_classes):
    grid = read_table(of_two_classes.report.figures / "decision-surface.csv")
    model = fastmlp.load(of_two_classes.folder, threads=1)
    places = np.array([grid["column_1"], grid["column_2"]], float).T[::97]
    np.testing.assert_allclose(
        np.array(grid["output_2"], float)[::97], model.predict_outputs(places)[:, 1], atol=1e-6
    )
    assert grid["predicted"][::97] == model.predict(places).tolist()


def test_worst_mistakes_of_a_table_show_its_values(of_table):
    wrong = of_table.metrics["test_rows"] * (1 - of_table.metrics["test_accuracy"])
    header = next(row for row in of_table.page.rows if row[:3] == ["row", "true", "predicted"])
    assert header[-3:] == ["width", "height", "age"]
    rows = [row for row in of_table.page.rows if row and row[0].startswith("row\N{NO-BREAK SPACE}")]
    assert 0 < len(rows) <= 12
    assert len(rows) == min(12, round(wrong))
    lines = (of_table.folder.parent / "trees.csv").read_text().splitlines()
    for row in rows:
        found = lines[int(row[0].split("\N{NO-BREAK SPACE}")[1])].split(",")
        assert [float(cell) for cell in row[-3:]] == [float(cell) for cell in found[:3]]
        assert row[1] == found[3] != row[2]


def test_settings_that_differ_come_first(of_table):
    at = next(
        number
        for number, row in enumerate(of_table.page.rows)
        if row[:3] == ["setting", "value", "default"]
    )
    names = []
    for row in of_table.page.rows[at + 1 :]:
        if len(row) != 4:
            break
        names.append(row[0])
    assert set(names) == {*("dataset", "target", "hidden", "epochs", "threads", "device", "preset")}
    assert of_table.page.row("hidden")[1:3] == ["6", "256,128"]
    assert of_table.page.row("epochs")[1] == "8"


def test_the_same_run_gives_the_same_page(of_table, tmp_path):
    again = write_report(of_table.folder, tmp_path / "again.html", threads=1)
    first = of_table.report.path.read_text().replace('href="figures/', 'href="again-figures/')
    assert again.path.read_text() == first
    assert again.figures == tmp_path / "again-figures"


@pytest.fixture
def trained(tmp_path):
    data = table(tmp_path / "trees.csv")
    return fastmlp.train(
        dataset=str(data), preset="plain", hidden="4", epochs=5, out=tmp_path / "run", threads=1
    )


def test_data_that_are_gone(trained, tmp_path):
    (tmp_path / "trees.csv").rename(tmp_path / "moved.csv")
    report = write_report(trained.folder)
    page = read_page(report.path)
    assert len(report.problems) == 1
    assert "trees.csv" in report.problems[0]
    assert "--data PATH" in report.problems[0]
    assert report.problems[0] in page.text
    assert set(report.pictures) == {
        "loss-by-epoch",
        "accuracy-by-epoch",
        "learning-rate",
        "first-layer-weights",
    }
    assert trained.metrics["test_loss"] in page.numbers
    found = write_report(trained.folder, data=tmp_path / "moved.csv")
    assert found.problems == []
    assert "confusion-test" in found.pictures


def test_data_that_were_given_must_be_those(trained, tmp_path):
    with pytest.raises(DataError, match=r"missing\.csv"):
        write_report(trained.folder, data=tmp_path / "missing.csv")
    other = table(tmp_path / "other.csv", rows=70)
    with pytest.raises(DataError, match="not what it was in training"):
        write_report(trained.folder, data=other)


def test_data_that_have_changed(trained, tmp_path):
    lines = (tmp_path / "trees.csv").read_text().splitlines()
    swapped = {"ash": "birch", "birch": "cedar", "cedar": "ash"}
    changed = [
        line.rpartition(",")[0] + "," + swapped[line.rpartition(",")[2]] for line in lines[1:]
    ]
    (tmp_path / "trees.csv").write_text("\n".join([lines[0], *changed]))
    problems = write_report(trained.folder).problems
    assert any(
        "may have changed" in problem or "not what it was" in problem for problem in problems
    )


def test_a_run_whose_model_is_damaged(trained):
    (trained.folder / "model.safetensors").write_bytes(b"no model")
    report = write_report(trained.folder)
    assert "damaged" in report.problems[0]
    assert "loss-by-epoch" in report.pictures


def test_a_run_that_goes_on(trained):
    for name in ("model.safetensors", "metrics.json"):
        (trained.folder / name).unlink()
    history = trained.folder / "history.jsonl"
    history.write_text(history.read_text() + '{"kind": "epoch", "epo')
    report = write_report(trained.folder)
    assert report.headline == "Training has not ended. 5 epochs are in the history."
    assert any("metrics.json" in problem for problem in report.problems)
    assert "loss-by-epoch" in report.pictures


DAMAGED_HISTORIES = (
    "no json\n{}\n[]\n3\n",
    '{"epoch": "<b>", "update": 1}\n' * 3,
    "[" * 10_000,
    '{"kind": "epoch", "epoch": 1%s, "update": 1, "train_loss": 1}\n' % ("0" * 400),
)


@pytest.mark.parametrize("damage", DAMAGED_HISTORIES)
def test_a_damaged_history(trained, damage):
    (trained.folder / "history.jsonl").write_text(damage)
    (trained.folder / "config.toml").write_text("hiden = 3")
    report = write_report(trained.folder)
    assert "loss-by-epoch" not in report.pictures
    assert any("'hiden'" in problem for problem in report.problems)


def test_a_run_in_phases_shows_them(trained):
    (trained.folder / "phases.json").write_text(
        '[{"epochs": 2, "loss": "<b>"}, {"epochs": 3, "lr": 0.5}]'
    )
    page = read_page(write_report(trained.folder).path)
    assert ["1", "2", "<b>", "–"] in page.rows
    assert ["2", "3", "–", "0.5"] in page.rows
    (trained.folder / "phases.json").write_text("[3]")
    assert "The phases of this run" not in read_page(write_report(trained.folder).path).text


def test_damaged_metrics(trained):
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    metrics |= {
        "test_accuracy": "<b>",
        "parameters": [1],
        "test_loss": None,
        "train_rows": 10**400,
        "diverged": 3,
    }
    (trained.folder / "metrics.json").write_text(json.dumps(metrics))
    report = write_report(trained.folder)
    assert "parameters, test_accuracy, train_rows should be numbers" in report.problems[0]
    (trained.folder / "metrics.json").write_text(json.dumps(metrics | {"diverged": ""}))
    assert write_report(trained.folder).headline == "The test loss is not a finite number."


def test_folders_that_are_no_run(tmp_path):
    with pytest.raises(ModelFileError, match="neither a run"):
        write_report(tmp_path)
    with pytest.raises(ModelFileError, match="is no folder"):
        write_report(tmp_path / "missing")


def test_names_of_the_page(trained, tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.html"):
        write_report(trained.folder, tmp_path / "report.pdf")
    deep = write_report(trained.folder, tmp_path / "new" / "folder" / "page.html")
    assert deep.path.is_file()
    assert deep.figures == tmp_path / "new" / "folder" / "page-figures"


def test_a_diverged_run_says_why(tmp_path):
    features = np.random.default_rng(0).normal(size=(60, 3)) * 1000
    np.savez(tmp_path / "d.npz", X=features, y=features[:, 0])
    settings = {
        "normalize": "none",
        "optimizer": "sgd",
        "lr": 100.0,
        "epochs": 4,
        "standardize_target": False,
    }
    run = fastmlp.train(
        dataset=str(tmp_path / "d.npz"), hidden="8", out=tmp_path / "run", **settings
    )
    assert run.metrics["diverged"]
    report = write_report(run.folder)
    assert report.headline.startswith("It diverged: in epoch ")
    assert "not normalised" in report.sentences[0]


def test_all_right_and_no_held_out_rows(tmp_path):
    run = fastmlp.train(dataset="xor", hidden="8", activation="tanh", test_fraction=0, epochs=300,
        batch_size=0, lr=0.05,
                        out=tmp_path / "run")  # fmt: skip
    report = write_report(run.folder)
    page = read_page(report.path)
    assert run.metrics["train_accuracy"] == 1
    assert "There are no mistakes: all 4 train rows are right." in page.text
    assert "decision-surface" in report.pictures
    assert any("held out" in sentence for sentence in report.sentences)


def test_pixels_in_a_table_are_looked_at_as_pictures(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 25))
    lines = [",".join(["label", *(f"pixel{number}" for number in range(25))])]
    lines += [",".join(map(str, [row[0] // 128, *row])) for row in pixels]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    run = fastmlp.train(
        dataset=str(tmp_path / "p.csv"), target="label", hidden="4", epochs=2, out=tmp_path / "run"
    )
    assert {"class-samples", "first-layer-weights"} <= set(write_report(run.folder).pictures)


def test_many_classes(tmp_path):
    data = images(tmp_path / "many.npz", rows=52 * 6, classes=52, shape=(60, 8))
    run = fastmlp.train(
        dataset=str(data), task="classification", hidden="8", epochs=1, out=tmp_path / "run"
    )
    report = write_report(run.folder)
    page = PageReader(report.path.read_text())
    assert {"wide"} == {
        a["class"] for a in page.attributes("figure") if a["id"].startswith("picture-confusion")
    }
    assert len(read_table(report.figures / "class-samples.csv")["class"]) == 52
