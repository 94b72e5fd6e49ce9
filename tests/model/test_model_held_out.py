"""Held-out rows: found again by what they hold after any change of the file, and refused where they
are gone.
"""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import fastmlp
from fastmlp.errors import DataError, ModelFileError, UsageError
from fastmlp.files.tensors import read_model, write_model
from fastmlp.preparation.known_rows import KnownRows, positions
from fastmlp.preparation.prepare import sampled_fingerprint
from fastmlp.report.write import write_report
from fastmlp.run.train import set_up
from fastmlp.training.checkpoint import newest_checkpoint, write_checkpoint

HOW = {
    "preset": "plain",
    "hidden": "16",
    "epochs": 20,
    "threads": "1",
    "device": "cpu",
    "validation_fraction": 0.15,
}
ROWS = 80


def lines(rows=ROWS, seed=0, duplicates=0):
    """Rows of noise whose class is a coin toss; the first ones are there again at the end."""
    random = np.random.default_rng(seed)
    cells = random.normal(size=(rows - duplicates, 3)).round(3)
    found = [
        f"{a},{b},{c},{label}"
        for (a, b, c), label in zip(cells, random.choice(["p", "q"], len(cells)), strict=True)
    ]
    return found + found[:duplicates]


def write(path, rows):
    path.write_text("\n".join(["a,b,c,kind", *rows]) + "\n")
    return path


@pytest.fixture
def coins(tmp_path):
    """A run on a file, its lines, and a copy of the run's numbers."""
    path = write(tmp_path / "coins.csv", lines())
    run = fastmlp.train(path, out=tmp_path / "run", **HOW)
    return path, lines(), run


def held_out(run, split="test"):
    """The line numbers that training held out."""
    job = set_up(fastmlp.Settings(**run.model.settings), out=run.folder.parent / "again")
    part = job.data.parts[split].features
    whole = fastmlp.load(run.folder).features.transform(_frame(run))
    return [int(np.flatnonzero((whole == row).all(axis=1))[0]) for row in part]


def _frame(run):
    import polars

    return polars.read_csv(run.model.settings["dataset"])


def assert_same_as_training(run, split="test", notes=(), **how):
    report = fastmlp.evaluate(run.folder, split=split, **how)
    assert report["rows"] == run.metrics[f"{split}_rows"]
    assert report["accuracy"] == pytest.approx(run.metrics[f"{split}_accuracy"])
    assert report["loss"] == pytest.approx(run.metrics[f"{split}_loss"], rel=1e-6)
    assert len(report["notes"]) == len(notes)
    for note, words in zip(report["notes"], notes, strict=True):
        assert words in note


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_untouched_file(coins, split):
    assert_same_as_training(coins[2], split)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("duplicates", [0, 30])
def test_a_file_that_was_sorted(tmp_path, split, duplicates):
    path = write(tmp_path / "coins.csv", lines(duplicates=duplicates))
    run = fastmlp.train(path, out=tmp_path / "run", **HOW)
    write(path, sorted(lines(duplicates=duplicates)))
    assert_same_as_training(run, split, ["stand in another order"])
    report = fastmlp.evaluate(run.folder, path)
    assert (report["split"], report["loss"]) == ("test", pytest.approx(run.metrics["test_loss"]))
    assert "another order" in report["notes"][0]
    assert write_report(run.folder, device="cpu").problems == []


def test_another_file_of_the_same_name_and_length(coins):
    path, _, run = coins
    write(path, lines(seed=1))
    with pytest.raises(
        DataError,
        match=r"16 of its 16 test rows are not there any more\. .*evaluate RUN .*coins\.csv",
    ):
        fastmlp.evaluate(run.folder)
    with pytest.raises(DataError, match="training rows are not these"):
        fastmlp.evaluate(run.folder, path, split="train")
    report = fastmlp.evaluate(run.folder, path)
    assert (report["rows"], report["split"]) == (ROWS, "all")
    assert "all rows are measured" in report["notes"][0]
    problems = write_report(run.folder, device="cpu").problems
    assert any("not what it was in training" in problem for problem in problems)


@pytest.mark.parametrize("rows", [90, 20, 1])
def test_a_named_file_that_changed_is_measured_whole(coins, rows):
    path, _, run = coins
    write(path, lines(rows, seed=7))
    report = fastmlp.evaluate(run.folder, path)
    other = fastmlp.evaluate(run.folder, shutil.copy(path, path.with_name("other.csv")))
    assert (report["rows"], report["split"]) == (rows, "all")
    assert (report["loss"], other["notes"]) == (other["loss"], [])
    assert str(path) in report["notes"][0]


@pytest.mark.parametrize("where", ["before", "behind"])
def test_rows_that_were_added_leave_the_held_out_ones(coins, where):
    path, old, run = coins
    new = lines(40, seed=9)
    write(path, new + old if where == "before" else old + new)
    assert_same_as_training(run, "test", ["(120 rows now, 80 then)"])
    assert_same_as_training(run, "validation", ["changed since training"])
    with pytest.raises(DataError, match="training rows are not these"):
        fastmlp.evaluate(run.folder, split="train")
    assert fastmlp.evaluate(run.folder, path)["rows"] == 120


def test_one_cell_of_a_held_out_row(coins):
    path, old, run = coins
    changed = list(old)
    index = held_out(run)[3]
    a, rest = changed[index].split(",", 1)
    changed[index] = f"{float(a) + 0.001:.3f},{rest}"
    write(path, changed)
    with pytest.raises(DataError, match=r"1 of its 16 test rows are not there any more"):
        fastmlp.evaluate(run.folder)
    assert_same_as_training(run, "validation", ["changed since training"])


def test_the_label_of_a_held_out_row_counts(coins):
    path, old, run = coins
    index = held_out(run)[0]
    features, _, label = old[index].rpartition(",")
    write(
        path,
        [
            f"{features},{'q' if label == 'p' else 'p'}" if number == index else row
            for number, row in enumerate(old)
        ],
    )
    with pytest.raises(DataError, match="1 of its 16 test rows"):
        fastmlp.evaluate(run.folder)


def test_one_cell_of_a_training_row(coins):
    path, old, run = coins
    index = held_out(run, "train")[5]
    write(
        path, [f"9{row.lstrip('-')}" if number == index else row for number, row in enumerate(old)]
    )
    assert_same_as_training(run, "test", ["changed since training"])
    with pytest.raises(DataError, match="training rows"):
        fastmlp.evaluate(run.folder, split="train")


def test_a_file_that_does_not_fit_any_more(coins):
    path, old, run = coins
    write(path, [row.replace(",p", ",z") for row in old])
    with pytest.raises(
        DataError, match="not what it was in training: the label 'z' does not occur"
    ):
        fastmlp.evaluate(run.folder)
    path.write_text("a,b,kind\n" + "\n".join(row.split(",", 1)[1] for row in old))
    with pytest.raises(DataError, match="not what it was in training: the data has no column 'c'"):
        fastmlp.evaluate(run.folder)


def test_arrays(tmp_path):
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(60, 4)), random.integers(0, 3, 60)
    np.savez(tmp_path / "d.npz", X=features, y=labels)
    run = fastmlp.train(tmp_path / "d.npz", out=tmp_path / "run", **HOW)
    order = random.permutation(60)
    np.savez(tmp_path / "d.npz", X=features[order], y=labels[order])
    assert_same_as_training(run, "test", ["another order"])
    np.savez(tmp_path / "d.npz", X=features[order], y=labels)
    with pytest.raises(DataError, match="test rows are not there"):
        fastmlp.evaluate(run.folder)


def test_arrays_with_a_test_set(tmp_path):
    random = np.random.default_rng(0)
    parts = {
        "x_train": random.normal(size=(60, 4)),
        "y_train": random.integers(0, 3, 60),
        "x_test": random.normal(size=(20, 4)),
    }
    parts["y_test"] = random.integers(0, 3, 20)
    np.savez(tmp_path / "d.npz", **parts)
    run = fastmlp.train(tmp_path / "d.npz", out=tmp_path / "run", **HOW)
    assert_same_as_training(run)
    order = random.permutation(60)
    turned = {"x_train": parts["x_train"][order], "y_train": parts["y_train"][order]}
    np.savez(tmp_path / "d.npz", **parts | turned)
    assert_same_as_training(run, "test", ["another order"])
    assert_same_as_training(run, "validation", ["another order"])
    np.savez(
        tmp_path / "d.npz",
        **parts | {"x_test": parts["x_train"][:20], "y_test": parts["y_train"][:20]},
    )
    with pytest.raises(DataError, match="20 of its 20 test rows"):
        fastmlp.evaluate(run.folder)
    assert_same_as_training(run, "train", ["changed since training"])


@pytest.mark.parametrize("outputs", [1, 2])
def test_quantities_and_labels(tmp_path, outputs):
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 4))
    target = (
        random.normal(size=(60, outputs)) if outputs == 1 else (features[:, :2] > 0).astype(int)
    )
    np.savez(tmp_path / "d.npz", X=features, y=target)
    run = fastmlp.train(tmp_path / "d.npz", out=tmp_path / "run", **HOW)
    np.savez(tmp_path / "d.npz", X=features[::-1], y=target[::-1])
    report = fastmlp.evaluate(run.folder)
    assert report["loss"] == pytest.approx(run.metrics["test_loss"], rel=1e-6)
    assert "another order" in report["notes"][0]
    np.savez(tmp_path / "d.npz", X=features, y=1 - target)
    with pytest.raises(DataError, match="test rows are not there"):
        fastmlp.evaluate(run.folder)


def test_pictures_with_other_names(tmp_path):
    random = np.random.default_rng(0)
    for kind in "ab":
        (tmp_path / "set" / kind).mkdir(parents=True)
        for number in range(20):
            picture = Image.fromarray(random.integers(0, 256, (6, 6), dtype=np.uint8))
            picture.save(tmp_path / "set" / kind / f"{number:02d}.png")
    run = fastmlp.train(tmp_path / "set", out=tmp_path / "run", **HOW)
    assert_same_as_training(run)
    for number in range(20):
        (tmp_path / "set" / "a" / f"{number:02d}.png").rename(
            tmp_path / "set" / "a" / f"x{19 - number:02d}.png"
        )
    assert_same_as_training(run, "test", ["another order"])
    (tmp_path / "set" / "b" / "07.png").unlink()
    report = write_report(run.folder, device="cpu")
    assert any(
        "not what it was" in problem and "(39 rows now, 40 then)" in problem
        for problem in report.problems
    )


def test_a_file_of_one_row(coins):
    path, old, run = coins
    write(path, old[:1])
    with pytest.raises(DataError, match=r"1[56] of its 16 test rows .*\(1 rows now, 80 then\)"):
        fastmlp.evaluate(run.folder)


def test_more_rows_than_hashes_are_kept_for(tmp_path, monkeypatch):
    monkeypatch.setattr("fastmlp.preparation.known_rows.MOST_ROWS", 10)
    path = write(tmp_path / "coins.csv", lines())
    run = fastmlp.train(path, out=tmp_path / "run", **HOW)
    assert not [
        name
        for name in read_model(run.folder / "model.safetensors")[0]
        if name.startswith("held_out")
    ]
    assert_same_as_training(run)
    write(path, sorted(lines()))
    with pytest.raises(DataError, match="is not kept for so many"):
        fastmlp.evaluate(run.folder)
    assert fastmlp.evaluate(run.folder, path)["split"] == "all"


def without_known_rows(folder):
    """Make a run's model one of those that do not know their rows."""
    arrays, description = read_model(folder / "model.safetensors")
    del description["known_rows"]
    kept = {name: array for name, array in arrays.items() if not name.startswith("held_out")}
    write_model(folder / "model.safetensors", kept, description)


def test_a_model_of_old(coins):
    path, old, run = coins
    without_known_rows(run.folder)
    assert_same_as_training(run)
    write(path, old[:40])
    with pytest.raises(DataError, match="its test split has 8 rows and had 16"):
        fastmlp.evaluate(run.folder)
    assert fastmlp.evaluate(run.folder, path)["rows"] == 40


def test_a_checkpoint_of_old(tmp_path):
    path = write(tmp_path / "coins.csv", lines())
    how = HOW | {"checkpoint_every": 20}
    run = fastmlp.train(path, out=tmp_path / "run", **how)
    checkpoint, _ = newest_checkpoint(run.folder)
    job = set_up(fastmlp.Settings(**run.model.settings), out=tmp_path / "again")
    checkpoint.run["data"] = sampled_fingerprint(job.data)
    write_checkpoint(run.folder, checkpoint)
    write(path, lines(seed=1))
    with pytest.raises(UsageError, match="has changed"):
        fastmlp.train(resume=run.folder, epochs=22)
    write(path, lines())
    assert fastmlp.train(resume=run.folder, epochs=22).metrics["epochs"] == 22


def test_going_on_looks_at_every_row(tmp_path):
    """It looked at a thousand of each split."""
    features = np.random.default_rng(0).normal(size=(6000, 2))
    np.savez(tmp_path / "d.npz", X=features, y=features[:, 0] > 0)
    run = fastmlp.train(
        tmp_path / "d.npz",
        out=tmp_path / "run",
        **HOW | {"epochs": 1, "checkpoint_every": 1, "normalize": "none"},
    )
    features[17:22, 1] += 1e-3  # five neighbours, of which most are training rows
    np.savez(tmp_path / "d.npz", X=features, y=features[:, 0] > 0)
    with pytest.raises(UsageError, match="has changed"):
        fastmlp.train(resume=run.folder, epochs=2)


@pytest.mark.parametrize("change", ["type", "length", "order", "sum", "no order", "not a table"])
def test_a_damaged_description_of_the_rows(coins, change):
    file = coins[2].folder / "model.safetensors"
    arrays, description = read_model(file)
    if change == "type":
        arrays["held_out_rows.test"] = arrays["held_out_rows.test"].astype(np.float64)
    elif change == "length":
        arrays["held_out_rows.test"] = arrays["held_out_rows.test"][1:]
    elif change == "order":
        description["known_rows"]["order"] = "0"
    elif change == "sum":
        description["known_rows"]["train_sum"] = "z" * 16
    elif change == "no order":
        del description["known_rows"]["order"]
    else:
        description["known_rows"] = [1]
    write_model(file, arrays, description)
    with pytest.raises(ModelFileError, match="damaged"):
        fastmlp.load(file)


def test_a_model_that_is_saved_again_still_knows(coins, tmp_path):
    path, old, run = coins
    fastmlp.load(run.folder).save(tmp_path / "copy")
    assert (tmp_path / "copy" / "model.safetensors").read_bytes() == (
        run.folder / "model.safetensors"
    ).read_bytes()
    write(path, sorted(old))
    assert fastmlp.evaluate(tmp_path / "copy")["loss"] == pytest.approx(run.metrics["test_loss"])


hashes = st.lists(st.integers(0, 5), max_size=12)


@given(hashes, hashes)
def test_each_place_is_taken_once(wanted, among):
    found = positions(np.array(wanted, np.uint64), np.array(among, np.uint64)).tolist()
    taken = [place for place in found if place >= 0]
    assert len(set(taken)) == len(taken)
    assert all(
        among[place] == value for value, place in zip(wanted, found, strict=True) if place >= 0
    )
    for value in range(6):
        there = sum(
            1 for each, place in zip(wanted, found, strict=True) if each == value and place >= 0
        )
        assert there == min(wanted.count(value), among.count(value))


def test_the_fingerprint_tells_the_splits_apart():
    one, two = np.array([1, 2], np.uint64), np.array([3], np.uint64)
    seen = {
        KnownRows.of(hashes).order
        for hashes in (
            {"train": one, "test": two},
            {"train": one, "validation": two},
            {"train": np.concatenate([one, two])},
            {"train": one[::-1], "test": two},
        )
    }
    assert len(seen) == 4
    assert (
        KnownRows.of({"train": one}).train_sum == KnownRows.of({"train": one[::-1]}).train_sum == 3
    )
    assert KnownRows.of({"train": np.full(2, 2**64 - 1, np.uint64)}).train_sum == 2**64 - 2


def shop_lines(rows=90):
    """Shops of which the target says something, in more levels than have columns of their own."""
    random = np.random.default_rng(3)
    shop = random.integers(0, 20, rows)
    kind = np.where(shop + 6 * random.normal(size=rows) > 10, "p", "q")
    return [
        f"s{number:02},{a},{label}"
        for number, a, label in zip(shop, random.normal(size=rows).round(3), kind, strict=True)
    ]


@pytest.mark.parametrize("folds", [None, 3])
def test_rows_whose_statistics_were_cross_fitted_in_training(tmp_path, folds):
    path, header = tmp_path / "shops.csv", "shop,a,kind"
    path.write_text("\n".join([header, *shop_lines()]) + "\n")
    how = {**HOW, "validation_fraction": 0.0 if folds else 0.15, "folds": folds}
    run = fastmlp.train(path, out=tmp_path / "run", target_statistics=8, max_levels=5, **how)
    assert run.model.features.output_names[-1] == "a"
    assert run.model.features.output_names[-2] == "shop:target"
    for split in ("test",) if folds else ("validation", "test"):
        assert_same_as_training(run, split)
    assert fastmlp.evaluate(run.folder, split="train")["rows"] == run.metrics["train_rows"]
    assert write_report(run.folder, device="cpu").problems == []
    path.write_text("\n".join([header, *sorted(shop_lines())]) + "\n")
    assert_same_as_training(run, "test", ["stand in another order"])
    report = fastmlp.evaluate(run.folder, split="train")
    assert report["rows"] == run.metrics["train_rows"]
    assert "stand in another order" in report["notes"][0]
