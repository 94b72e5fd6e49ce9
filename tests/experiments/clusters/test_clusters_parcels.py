"""Parcels: the same data where the files are not, and a run's files back, whole or not at all."""

import os
import shutil

import numpy as np
import polars
import pytest

from fastmlp.data.sources import datasets
from fastmlp.experiments.clusters import parcels
from fastmlp.files.atomic import WriteError
from fastmlp.preparation.prepare import read_source
from fastmlp.settings.settings import settings_from


@pytest.fixture(autouse=True)
def _nothing_unpacked(monkeypatch):
    monkeypatch.setattr(parcels, "_unpacked", {})


@pytest.fixture
def table(here):
    frame = polars.DataFrame({"size": [1.5, 2.5, 3.5, 4.5] * 3, "label": ["a", "b", "a", "b"] * 3})
    (here / "parts").mkdir()
    frame.write_csv(here / "sizes, all.csv")
    for number in range(2):
        frame.write_csv(here / "parts" / f"{number}.csv")
    np.save(here / "x.npy", np.arange(24.0).reshape(12, 2))
    np.save(here / "y.npy", np.arange(12) % 2)
    (here / "idx").mkdir()
    return here


def write_idx(folder):
    for name, array in zip(
        datasets.PARTS,
        (np.arange(36, dtype=np.uint8).reshape(4, 3, 3), np.arange(4, dtype=np.uint8) % 2) * 2,
        strict=True,
    ):
        header = bytes([0, 0, 8, array.ndim])
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / name).write_bytes(header + sizes + array.tobytes())


def same(first, second):
    assert first.name == second.name
    assert first.target_name == second.target_name
    assert first.row_names == second.row_names
    assert np.array_equal(np.asarray(first.features), np.asarray(second.features))
    assert np.array_equal(first.target, second.target)


@pytest.mark.parametrize(
    "said",
    [
        {"dataset": "sizes, all.csv"},
        {"dataset": "parts"},
        {"dataset": "parts/*.csv"},
        {"dataset": "p*/1.csv"},
        {"dataset": "x.npy,y.npy"},
        {"dataset": "parts/0.csv", "test": "parts/1.csv"},
        {"dataset": "mnist", "data_dir": "idx"},
    ],
    ids=lambda said: said["dataset"],
)
def test_what_is_sent_is_read_as_if_it_were_here(said, table, monkeypatch):
    write_idx(table / "idx")
    settings = settings_from(said)
    wanted = parcels.described(settings)
    before = read_source(settings)
    parcel = parcels.pack_data(settings)
    elsewhere = table / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert not parcels.sees(settings, wanted)
    assert parcels.unpacked(wanted, None) is None
    given = parcels.unpacked(wanted, parcel)
    after = read_source(settings, given)
    same(before, after)
    assert (before.test is None) == (after.test is None)
    if before.test is not None:
        same(before.test, after.test)
    assert parcels.unpacked(wanted, None).dataset == given.dataset  # kept by the process


def test_what_comes_along_is_not_sent(here):
    assert parcels.described(settings_from({"dataset": "digits"})) == {}


def test_files_that_differ_are_not_those_wanted(table):
    settings = settings_from({"dataset": "parts"})
    wanted = parcels.described(settings)
    assert parcels.sees(settings, wanted)
    os.utime(table / "parts" / "1.csv", ns=(0, 0))
    assert not parcels.sees(settings, wanted)
    shutil.rmtree(table / "parts")
    assert not parcels.sees(settings, wanted)
    assert not parcels.sees(settings_from({"dataset": "mnist", "data_dir": "gone"}), wanted)


def test_a_run_takes_the_place_of_what_was_there(here):
    folder = here / "runs" / "lr"
    folder.mkdir(parents=True)
    (folder / "left.txt").write_text("of an earlier one")
    made = {"metrics.json": b"{}", "checkpoints/1": b"\0"}
    parcels.unpack_run(folder, made)
    assert parcels.pack_run(folder) == made
    assert [path.name for path in (here / "runs").iterdir()] == ["lr"]
    parcels.unpack_run(folder, {})
    assert parcels.pack_run(folder) == {}


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "", "a\0b"])
def test_no_file_leads_out_of_its_folder(here, name):
    with pytest.raises(ValueError, match="leads out"):
        parcels.unpack_run(here / "run", {"fine": b"", name: b"bad"})
    assert not list(here.rglob("out"))


def test_a_folder_that_cannot_be_written_gets_one_line(here):
    (here / "file").write_text("")
    with pytest.raises(WriteError, match="choose another --out"):
        parcels.unpack_run(here / "file" / "run", {"a": b""})
