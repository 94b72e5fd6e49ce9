"""Jobs on data in memory: the run that a file gives, any form for a model, what to give again."""

import json
import shutil

import numpy as np
import pandas
import polars
import pytest

import fastmlp
from fastmlp.errors import DataError, FastMLPError, UsageError
from fastmlp.training.callbacks import Callback

HOW = {
    "preset": "plain",
    "hidden": "8",
    "epochs": 12,
    "threads": "1",
    "device": "cpu",
    "batch_size": 16,
}


def columns(rows=90, seed=0):
    random = np.random.default_rng(seed)
    width, colour = random.normal(size=rows).round(3), random.choice(["red", "blue"], rows)
    kind = np.where(width + (colour == "red") > 0.5, "ash", "oak")
    return {
        "width": width.tolist(),
        "colour": colour.tolist(),
        "height": random.normal(size=rows).round(3).tolist(),
    } | {"kind": kind.tolist()}


@pytest.fixture(scope="module")
def of_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("file")
    polars.DataFrame(columns()).write_csv(folder / "trees.csv")
    return fastmlp.train(dataset=folder / "trees.csv", out=folder / "run", **HOW)


FORMS = {
    "polars": polars.DataFrame,
    "lazy": polars.LazyFrame,
    "pandas": pandas.DataFrame,
    "columns": dict,
    "rows": lambda columns: polars.DataFrame(columns).to_dicts(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_trains_as_its_file_does(of_file, tmp_path, form):
    run = fastmlp.train(dataset=FORMS[form](columns()), target="kind", out=tmp_path / "run", **HOW)
    for name in ("train_loss", "test_loss", "test_rows"):
        assert run.metrics[name] == of_file.metrics[name]
    assert 'dataset = "(given in memory)"' in (run.folder / "config.toml").read_text()


def test_a_pair_trains_as_its_frame_does(of_file, tmp_path):
    frame = pandas.DataFrame(columns())
    for number, target in enumerate((frame["kind"], columns()["kind"])):
        run = fastmlp.train(
            dataset=(frame.drop(columns="kind"), target), out=tmp_path / str(number), **HOW
        )
        assert run.metrics["test_loss"] == of_file.metrics["test_loss"]
    assert run.model.target_name is None


def test_the_first_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    features = np.random.default_rng(0).normal(size=(40, 3))
    labels = (features[:, 0] > 0).tolist()
    np.savez("d.npz", X=features, y=labels)
    settings = fastmlp.Settings(dataset="d.npz", hidden="4", epochs=1)
    runs = [
        fastmlp.train(settings),
        fastmlp.train(settings=settings),
        fastmlp.train("d.npz", hidden=[4], epochs=1),
        fastmlp.train(settings, dataset=tmp_path / "d.npz"),
        fastmlp.train((features, labels), settings=settings),
        fastmlp.train(features, labels, hidden=[4], epochs=1),
    ]
    assert len({run.metrics["train_loss"] for run in runs}) == 1
    assert len({run.folder for run in runs}) == len(runs)
    for arguments, names in (
        (("digits",), {"dataset": "xor"}),
        ((settings,), {"settings": settings}),
        (({"epochs": 3},), {}),
        ((features,), {}),
        ((), {"dataset": "d.npz", "target": np.arange(99)}),
    ):
        with pytest.raises(UsageError) as caught:
            fastmlp.train(*arguments, **names)
        assert "\n" not in str(caught.value)


def test_test_rows_in_memory(of_file, tmp_path):
    held_out = columns(30, seed=5)
    polars.DataFrame(held_out).write_csv(tmp_path / "held.csv")
    file = of_file.folder.parent / "trees.csv"
    pairs = (
        (file, tmp_path / "held.csv"),
        (file, held_out),
        (columns(), tmp_path / "held.csv"),
        (columns(), pandas.DataFrame(held_out)),
    )
    runs = [
        fastmlp.train(
            dataset=dataset, target="kind", test=test, out=tmp_path / f"run{number}", **HOW
        )
        for number, (dataset, test) in enumerate(pairs)
    ]
    assert {run.metrics["test_rows"] for run in runs} == {30}
    assert len({run.metrics["test_loss"] for run in runs}) == 1


def test_a_model_takes_rows_in_any_form(of_file):
    model = fastmlp.load(of_file.folder)
    known = columns()
    expected = model.predict_proba(polars.DataFrame(known))
    assert expected.shape == (90, 2)
    assert np.allclose(expected.sum(axis=1), 1, atol=1e-6)
    for form in FORMS.values():
        assert np.array_equal(model.predict_proba(form(known)), expected)
        assert np.array_equal(
            model.predict(form(known)), np.array(model.classes)[expected.argmax(axis=1)]
        )
    row = {name: values[7] for name, values in known.items()}
    flat = [row["width"], row["colour"], row["height"]]
    for one in (
        row,
        flat,
        tuple(flat),
        pandas.Series(row),
        [flat],
        np.array(flat, dtype=object),
        [row],
    ):
        assert np.array_equal(model.predict_proba(one), expected[7:8])
    predictions = fastmlp.predict(of_file.folder, pandas.DataFrame(known))
    assert np.array_equal(predictions.columns["p_ash"], expected[:, 0])
    assert predictions.columns["row"].tolist() == list(range(1, 91))
    with pytest.raises(DataError, match="no rows to predict"):
        fastmlp.predict(model, polars.DataFrame(known)[:0])
    with pytest.raises(UsageError, match=r"fastmlp\.predict"):
        model.predict("trees.csv")


def test_one_row_of_numbers_and_one_picture(tmp_path):
    run = fastmlp.train("digits", out=tmp_path / "run", **HOW)
    picture = np.zeros((8, 8), np.uint8)
    expected = run.model.predict_outputs(picture.reshape(1, 64))
    for given in (
        picture,
        picture.ravel(),
        [0] * 64,
        picture[None],
        [[0] * 64],
        picture[None, :, :, None],
    ):
        assert np.array_equal(run.model.predict_outputs(given), expected)
    for wrong in ([0] * 63, np.zeros((8, 7)), np.zeros((2, 8, 7))):
        with pytest.raises(DataError, match="64"):
            run.model.predict(wrong)


def test_probabilities_are_refused_where_there_are_none(tmp_path):
    features = np.random.default_rng(0).normal(size=(60, 2))
    values = fastmlp.train(features, features[:, 0], out=tmp_path / "values", **HOW).model
    with pytest.raises(UsageError, match="use predict"):
        values.predict_proba(features)
    squared = fastmlp.train(
        features, features[:, 0] > 0, loss="mse", out=tmp_path / "mse", **HOW
    ).model
    with pytest.raises(UsageError, match="loss squared_error gives no probabilities"):
        squared.predict_proba(features)
    several = fastmlp.train(
        features, (features > 0).astype(int), out=tmp_path / "several", **HOW
    ).model
    assert several.predict_proba(features).shape == (60, 2)
    single = fastmlp.train(
        features, features[:, 0] > 0, loss="log_loss", out=tmp_path / "single", **HOW
    ).model
    assert np.allclose(single.predict_proba(features).sum(axis=1), 1)


def test_measures_of_any_form(of_file):
    known = columns()
    frame = pandas.DataFrame(known)
    measured = of_file.model.measure(frame)
    assert measured == of_file.model.measure(frame.drop(columns="kind"), frame["kind"])
    assert measured == of_file.model.measure((frame.drop(columns="kind"), known["kind"]))
    assert measured == of_file.model.measure(frame.rename(columns={"kind": "sort"}), target="sort")
    for wrong in (frame.drop(columns="kind"), "trees.csv", None, 5):
        with pytest.raises(FastMLPError):
            of_file.model.measure(wrong)


def test_the_data_of_a_run_must_be_given_again(tmp_path, fastmlp):
    from fastmlp import evaluate, train  # the fixture is the command line

    frame = pandas.DataFrame(columns())
    run = train(frame, target="kind", out=tmp_path / "run", **HOW)
    for again in (
        lambda: evaluate(run.folder),
        lambda: evaluate(run.model),
        lambda: train(resume=run.folder, epochs=20),
    ):
        with pytest.raises((DataError, FastMLPError), match=r"given in memory|no checkpoint"):
            again()
    report = evaluate(run.folder, frame)
    assert (report["rows"], report["split"], report["loss"]) == (
        18,
        "test",
        run.metrics["test_loss"],
    )
    pair = evaluate(run.folder, frame.drop(columns="kind"), frame["kind"], split="train")
    assert (pair["rows"], pair["loss"]) == (72, run.metrics["train_loss"])
    assert evaluate(run.folder, columns(40, seed=3))["split"] == "all"
    assert evaluate(run.folder, columns(40, seed=3))["notes"] == []
    shuffled = evaluate(run.folder, frame.sample(frac=1, random_state=0))
    assert (shuffled["rows"], shuffled["loss"]) == (18, run.metrics["test_loss"])
    assert "another order" in shuffled["notes"][0]
    changed = frame.copy()
    changed.loc[changed.index, "width"] += np.where(np.arange(90) % 2, 1, 0)
    part = evaluate(run.folder, changed)
    assert (part["rows"], part["split"]) == (90, "all")
    assert "changed since training" in part["notes"][0]
    with pytest.raises(DataError, match="the data are not what they were"):
        evaluate(run.folder, changed, split="test")
    fastmlp("evaluate", run.folder).is_refused("given in memory")
    fastmlp("train", "--config", run.folder / "config.toml").is_refused("given in memory")
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert (
        json.loads(fastmlp("evaluate", run.folder, "t.csv", "--json").out)["loss"]
        == run.metrics["test_loss"]
    )
    polars.DataFrame(columns(40, seed=3)).write_csv(tmp_path / "other.csv")
    assert evaluate(run.folder, tmp_path / "other.csv")["notes"] == []


class Stop(Callback):
    def recorded(self, trainer, record):
        if record.epoch == 4:
            trainer.stop_reason = "enough"


def test_a_run_goes_on_with_its_data_given_again(tmp_path):
    frame = polars.DataFrame(columns())
    whole = fastmlp.train(frame, target="kind", checkpoint_every=1, out=tmp_path / "whole", **HOW)
    part = fastmlp.train(
        frame, target="kind", checkpoint_every=1, out=tmp_path / "part", callbacks=[Stop()], **HOW
    )
    assert part.metrics["epochs"] == 4
    with pytest.raises(DataError, match="given in memory"):
        fastmlp.train(resume=part.folder)
    with pytest.raises(UsageError, match="are not those that the run was begun with"):
        fastmlp.train(
            frame.with_columns(height=polars.col("height") * (1 + 1e-6)), resume=part.folder
        )
    frame.write_csv(tmp_path / "t.csv")
    for number, given in enumerate((frame, frame.to_dict(as_series=False), tmp_path / "t.csv")):
        folder = shutil.copytree(part.folder, tmp_path / str(number))
        run = fastmlp.train(resume=folder, dataset=given)
        assert run.metrics["test_loss"] == whole.metrics["test_loss"]
        assert (folder / "model.safetensors").read_bytes() == (
            whole.folder / "model.safetensors"
        ).read_bytes()
