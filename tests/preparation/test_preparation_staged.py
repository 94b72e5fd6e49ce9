"""Data that are read in parts are prepared as in memory, to the bit; and are kept for next time."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import fields

import numpy as np
import PIL.Image
import polars
import pytest
from oracles.staged_tables import assert_same, in_parts, mixed_table, whole

from fastmlp.data.features import blocks
from fastmlp.data.staged import columns, text
from fastmlp.errors import DataError
from fastmlp.files.atomic import WriteError
from fastmlp.preparation import prepare as preparing
from fastmlp.preparation import staged
from fastmlp.preparation.prepare import prepare
from fastmlp.settings.settings import Settings, settings_from

ROWS = 900
TABLES = {"target_statistics": 8, "folds": 3, "missing": "indicator", "max_levels": 12}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Many pieces, blocks and batches, though the tables are small."""
    monkeypatch.setattr(text, "PIECE_BYTES", 7001)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr(columns, "BATCH_ROWS", 101)


def write(folder, form, table):
    """Write a table in one of the forms; return what names it."""
    if form == "csv":
        table.write_csv(folder / "table.csv", separator=";")
        return folder / "table.csv"
    if form == "gz":
        packed = gzip.compress(table.write_csv(separator=",").encode())
        (folder / "table.csv.gz").write_bytes(packed)
        return folder / "table.csv.gz"
    if form in ("parquet", "arrow"):
        write = table.write_parquet if form == "parquet" else table.write_ipc
        write(folder / f"table.{form}")
        return folder / f"table.{form}"
    parts = folder / "parts"
    parts.mkdir()
    for number, start in enumerate(range(0, table.height, 400)):
        part = table.slice(start, 400)
        if number == 1:
            part = part.select(reversed(part.columns)).with_columns(polars.col("count").cast(float))
        if form == "glob":
            part.write_csv(parts / f"p{number}.csv")
        else:
            part.write_parquet(parts / f"p{number}.parquet")
    return parts / "*.csv" if form == "glob" else parts


@pytest.mark.parametrize("form", ["csv", "gz", "parquet", "arrow", "folder", "glob"])
def test_every_form_is_prepared_as_in_memory(tmp_path, monkeypatch, form):
    data = write(tmp_path, form, mixed_table(ROWS))
    settings = {"dataset": str(data), "preset": "plain", "validation_fraction": 0.2}
    settings |= {"cache_dir": str(tmp_path / "cache")}
    assert_same(whole(monkeypatch, **settings), in_parts(**settings))


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "tables"},
        {"preset": "plain", **TABLES, "embed_above": 20, "class_weight": "balanced"},
        {"preset": "plain", "target": "x", "dtype": "float64", "normalize": "robust"},
        {"preset": "plain", "target": "count", "task": "classification", "test_fraction": 0},
        {"preset": "plain", "na_values": "g1,n/a", "categorical": "count", "drop": "far"},
        {"preset": "plain", "target_statistics": 5, "level_rows": 3, "dates": "then=dmy"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_every_encoding_is_as_in_memory(tmp_path, monkeypatch, changes):
    data = write(tmp_path, "csv", mixed_table(ROWS))
    settings = {"dataset": str(data), "cache_dir": str(tmp_path / "cache"), **changes}
    assert_same(whole(monkeypatch, **settings), in_parts(**settings))


def test_a_long_table_is_as_in_memory(tmp_path, monkeypatch):
    """Columns of so many rows are looked at by their different texts."""
    monkeypatch.setattr(text, "PIECE_BYTES", 200_001)
    data = write(tmp_path, "csv", mixed_table(12_000))
    settings = {"dataset": str(data), "preset": "plain", "memory": "2MB", **TABLES}
    assert_same(whole(monkeypatch, **settings), in_parts(**settings))


def test_a_test_table_is_read_as_the_training_table_was(tmp_path, monkeypatch):
    data = write(tmp_path, "csv", mixed_table(ROWS))
    later = mixed_table(300, seed=4).with_columns(
        town=polars.lit("nowhere"), comma=polars.lit("1,5"), count=polars.lit("x")
    )
    later = later.with_columns(count=polars.when(polars.col("id") > 20).then(3).otherwise("count"))
    later.drop("only").write_csv(tmp_path / "later.csv")
    settings = {"dataset": str(data), "test": str(tmp_path / "later.csv"), "preset": "plain"}
    settings |= {"cache_dir": str(tmp_path / "cache")}
    assert_same(whole(monkeypatch, **settings), in_parts(**settings))


def test_the_budget_decides(tmp_path, monkeypatch):
    data = str(write(tmp_path, "parquet", mixed_table(ROWS)))
    settings = {"dataset": data, "preset": "plain"}
    inside = prepare(settings_from(settings | {"memory": "1GB"}))
    assert not (tmp_path / ".fastmlp-cache").exists()
    beyond = in_parts(**settings, memory="100kB")
    said = [note for note in beyond.notes if "in parts" in note]
    assert said == [
        f"{data} would take about {said[0].split('about ')[1].split(' of memory')[0]} of memory, "
        "and the data may take 100 kB (100kB): it is read in parts."
    ]
    assert (tmp_path / ".fastmlp-cache").is_dir()
    assert beyond.train.features[:].tobytes() == inside.train.features.tobytes()


def test_a_budget_of_no_column_is_refused(tmp_path):
    data = str(write(tmp_path, "parquet", mixed_table(ROWS)))
    with pytest.raises(
        DataError, match=r"900 rows, of which a column at a time needs about 57.6 kB"
    ):
        prepare(settings_from({"dataset": data, "memory": "50kB"}))
    assert not list((tmp_path / ".fastmlp-cache").iterdir())


def write_pictures(folder):
    random = np.random.default_rng(3)
    for label in ("ants", "bees"):
        (folder / label).mkdir(parents=True)
        for number in range(30):
            pixels = random.integers(0, 256, (6, 5, 4), dtype=np.uint8)
            mode = "RGBA" if number % 3 else "RGB"
            picture = PIL.Image.fromarray(pixels).convert(mode)
            picture.save(folder / label / f"{number}.png")
    return str(folder)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("memory", ["3kB", "auto"])
def test_pictures_are_prepared_as_in_memory(tmp_path, monkeypatch, colour, memory):
    folder = write_pictures(tmp_path / "pictures")
    settings = {"dataset": folder, "colour": colour, "memory": memory, "validation_fraction": 0.2}
    settings |= {"cache_dir": str(tmp_path / "cache")}
    theirs = in_parts(**settings)
    assert_same(whole(monkeypatch, **settings), theirs)
    assert theirs.train.features.dtype == np.uint8


@pytest.fixture
def cached(tmp_path):
    """Settings of data that are in the cache, whose only folder is returned too."""
    data = write(tmp_path, "csv", mixed_table(ROWS))
    settings = {"dataset": str(data), "preset": "plain", "cache_dir": str(tmp_path / "cache")}
    settings |= TABLES
    in_parts(**settings)
    (folder,) = (tmp_path / "cache").iterdir()
    return settings, folder


def unread(*_, **__):
    raise AssertionError("the data are read, though they are in the cache")


def test_what_is_kept_is_not_made_again(cached, monkeypatch):
    settings, _ = cached
    theirs = whole(monkeypatch, **settings)
    monkeypatch.setattr(preparing, "read_source", unread)
    again = in_parts(**settings)
    assert_same(theirs, again)
    assert "were there from before" in again.notes[-1]
    assert in_parts(**settings, lr=0.5, hidden="7", epochs=3).settings.lr == 0.5


@pytest.mark.parametrize(
    "change",
    [{"seed": 2}, {"normalize": "unit"}, {"early_stopping": 3}, {"task": "classification"}],
)
def test_another_encoding_is_another_entry(cached, change):
    settings, folder = cached
    in_parts(**settings | change)
    assert len(list(folder.parent.iterdir())) == 2


def test_another_cell_is_another_entry(cached):
    """Though size, time and inode are as they were."""
    settings, folder = cached
    path = settings["dataset"]
    status = os.stat(path)  # noqa: PTH116
    with open(path, "r+b") as file:  # noqa: PTH123
        content = file.read()
        file.seek(content.index(b"town 7"))
        file.write(b"town 8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    in_parts(**settings)
    assert len(list(folder.parent.iterdir())) == 2


def test_every_setting_counts_or_does_not():
    """A new setting has to be entered here or in the key of the cache."""
    others = (
        "dataset test data_dir cache_dir memory shuffle_block hidden activation output_activation "
        "input_activation number_encoding embedding_width init bias_init dropout dropout_schedule "
        "dropout_units batch_norm batch_norm_decay member_weights input_scale parametrization "
        "activation_mix reduction label_smoothing threshold lr momentum beta1 beta2 rho epsilon "
        "weight_decay weight_decay_schedule l1 l2 decay_biases clip_value schedule warmup "
        "batch_size epochs effort time_limit shuffle augment drop_last watch metric "
        "average_weights checkpoint_every log_every device threads matmul_precision gemm"
    )
    known = [*staged.ENCODING, *staged.GIVEN, *others.split()]
    assert sorted(known) == sorted(each.name for each in fields(Settings))


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.unlink()])
@pytest.mark.parametrize(
    "name", ["train.npy", "stacked.npy", "test_targets.npy", "train_hashes.npy", "description.json"]
)
def test_a_damaged_entry_is_made_anew(cached, damage, name):
    settings, folder = cached
    before = (folder / "train.npy").read_bytes()
    damage(folder / name)
    again = in_parts(**settings)
    assert any("is made anew" in note for note in again.notes)
    assert (folder / "train.npy").read_bytes() == before
    assert "from before" in in_parts(**settings).notes[-1]


def test_a_pickle_in_the_cache_is_not_opened(cached):
    settings, folder = cached
    np.save(folder / "folds.npy", np.array([{}], object))
    assert any("is made anew" in note for note in in_parts(**settings).notes)


def test_two_at_once_leave_one_entry(cached, monkeypatch):
    settings, folder = cached
    kept = folder.rename(folder.with_name("first"))
    make = preparing.prepare_source

    def make_slowly(*arguments):
        data = make(*arguments)
        shutil.copytree(kept, folder)  # another process is done in the meantime
        return data

    monkeypatch.setattr(preparing, "prepare_source", make_slowly)
    theirs = in_parts(**settings)
    assert theirs.train.features[:].tobytes() == np.load(folder / "train.npy").tobytes()
    assert sorted(folder.parent.iterdir()) == sorted([folder, kept])


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    data = write(tmp_path, "csv", mixed_table(ROWS))
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"cannot write .*file.*Give another --cache-dir"):
        prepare(settings_from({"dataset": str(data), "cache_dir": str(tmp_path / "file")}))


def test_the_users_cache_stands_in(tmp_path, monkeypatch):
    data = write(tmp_path, "csv", mixed_table(ROWS))
    (tmp_path / ".fastmlp-cache").write_text("")  # so no folder can be there
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    notes = in_parts(dataset=str(data), preset="plain", memory="200kB").notes
    assert any(
        f"the cache is in {tmp_path / 'home' / 'fastmlp' / 'rows'}" in each for each in notes
    )


KILLED = """
    import os, signal, sys
    from fastmlp.data.features import blocks
    from fastmlp.preparation.prepare import prepare
    from fastmlp.settings.settings import settings_from
    blocks.BLOCK_BYTES = 1 << 16
    def report(what, done, total):
        if what == "encoding" and done > 300:
            os.kill(os.getpid(), signal.SIGKILL)
    prepare(settings_from({"dataset": sys.argv[1], "cache_dir": sys.argv[2]}), report=report)
"""


def test_a_killed_run_leaves_nothing_that_is_believed(tmp_path):
    data = str(write(tmp_path, "csv", mixed_table(ROWS)))
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), data, str(cache)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = cache.iterdir()
    assert left.name.startswith(".making-")
    in_parts(dataset=data, cache_dir=str(cache), preset="plain")
    (entry,) = cache.iterdir()
    assert entry.name.startswith("rows-")
