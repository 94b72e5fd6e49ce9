"""Object code on disk: linked in another process, found only where everything is as it was, never
trusted when damaged.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from numba import cfunc, types
from numba.core import config

from fastmlp.kernels.cpu.compiling import object_code, private_files
from fastmlp.kernels.cpu.compiling.object_code import ObjectStore
from fastmlp.kernels.cpu.compiling.private_files import turn

INTEGER = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


def compiled(function):
    return cfunc(types.int64(types.int64), nopython=True)(function)


def doubled(x):
    return 2 * x


def tripled(x):
    return 3 * x


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "kept")


@pytest.fixture
def kept(store):
    store.save("doubled", compiled(doubled))
    return next(store.folder.iterdir())


def test_another_process_links_it_without_compiling(store, kept):
    program = (
        "import ctypes, pathlib, sys\n"
        "from fastmlp.kernels.cpu.compiling.object_code import ObjectStore\n"
        "address = ObjectStore(pathlib.Path(sys.argv[1])).load('doubled')\n"
        "print(ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(21))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(store.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "42\n"


def test_what_is_not_kept_is_not_found(store, kept):
    assert store.load("tripled") is None
    assert ObjectStore(store.folder / "elsewhere").load("doubled") is None


@pytest.mark.parametrize("flip", [0x01, 0x20, 0xFF])  # 0x20: the other case of a letter
def test_a_file_with_a_wrong_byte_anywhere_is_not_linked(store, kept, flip):
    content = kept.read_bytes()
    for position in range(len(content)):
        wrong = bytearray(content)
        wrong[position] ^= flip
        kept.write_bytes(wrong)
        assert store.load("doubled") is None, position
    kept.write_bytes(content)
    assert INTEGER(store.load("doubled"))(4) == 8


def test_a_file_that_was_cut_short_is_not_linked(store, kept):
    content = kept.read_bytes()
    for size in range(len(content)):
        kept.write_bytes(content[:size])
        assert store.load("doubled") is None, size


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"3",
        b'{"symbol": "x"}',
        b"\xff",
        json.dumps({"sha256": "0"}).encode(),
        b'{"symbol": 3}',
        b"[" * 10**5,
    ],
)
def test_a_header_that_says_nothing_is_not_believed(store, kept, header):
    kept.write_bytes(header + b"\n" + kept.read_bytes().split(b"\n", 1)[1])
    assert store.load("doubled") is None


def test_a_header_in_other_words_is_not_believed(store, kept):
    header, code = kept.read_bytes().split(b"\n", 1)
    kept.write_bytes(
        json.dumps(json.loads(header), indent="\t").replace("\n", "").encode() + b"\n" + code
    )
    assert store.load("doubled") is None


def test_another_functions_file_is_not_linked(store, kept):
    content = kept.read_bytes()
    store.save("tripled", compiled(tripled))
    shutil.copy(
        next(path for path in store.folder.iterdir() if path.name.startswith("tripled")), kept
    )
    assert store.load("doubled") is None
    kept.write_bytes(content)
    assert INTEGER(store.load("doubled"))(4) == 8


def test_a_symbol_that_the_code_lacks_is_not_called(store, kept):
    code = kept.read_bytes().split(b"\n", 1)[1]
    kept.write_bytes(object_code._header("doubled", "missing", code) + b"\n" + code)
    assert store.load("doubled") is None


def test_what_cannot_be_relied_on_is_compiled_anew(store, kept):
    content = kept.read_bytes()
    kept.write_bytes(content.replace(b"sha256", b"sha257"))
    address, is_new = store.provide("doubled", lambda: compiled(doubled))
    assert is_new
    assert INTEGER(address)(4) == 8
    assert INTEGER(store.load("doubled"))(4) == 8


def test_a_damaged_file_is_written_anew(store, kept):
    kept.write_bytes(b"")
    store.save("doubled", compiled(doubled))
    assert INTEGER(store.load("doubled"))(4) == 8


@pytest.fixture
def elsewhere(monkeypatch):
    """A way to let this process take itself for one with other sources or another processor."""

    def move(name):
        monkeypatch.setattr(object_code, name, lambda: "another")
        object_code._hash_of_circumstances.cache_clear()

    yield move
    monkeypatch.undo()
    object_code._hash_of_circumstances.cache_clear()


@pytest.mark.parametrize("name", ["source_fingerprint", "target_name", "target_features"])
def test_other_sources_and_another_processor_have_files_of_their_own(store, kept, elsewhere, name):
    elsewhere(name)
    assert store.load("doubled") is None
    store.save("doubled", compiled(doubled))
    other = next(path for path in store.folder.iterdir() if path != kept)
    kept.replace(other)  # renamed to ours, it is still not ours
    assert store.load("doubled") is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[("OPT", config._OptLevel(value)) for value in ("0", "1", "2", "max")],
        ("LOOP_VECTORIZE", 0), ("SLP_VECTORIZE", 1), ("USING_SVML", "another"), ("BOUNDSCHECK", 1),
        ("DEBUGINFO_DEFAULT", 1), ("EXTEND_VARIABLE_LIFETIMES", 1), ("LLVM_REFPRUNE_PASS", 0),
        ("LLVM_REFPRUNE_FLAGS", "per_bb"), ("DEBUG_JIT", 1), ("DEBUG_NRT", 1),
    ],
)  # fmt: skip
def test_what_changes_the_code_has_files_of_its_own(store, kept, monkeypatch, setting, value):
    monkeypatch.setattr(config, setting, value)
    assert store.load("doubled") is None
    monkeypatch.undo()
    assert store.load("doubled") is not None


@pytest.mark.parametrize(
    "setting", ["NUMBA_NUM_THREADS", "FULL_TRACEBACKS", "CACHE_DIR", "THREADING_LAYER"]
)
def test_what_does_not_change_the_code_has_not(store, kept, monkeypatch, setting):
    monkeypatch.setenv(f"NUMBA_{setting.removeprefix('NUMBA_')}", "7")
    monkeypatch.setattr(config, setting, 7)
    assert store.load("doubled") is not None


def test_a_folder_that_cannot_be_written_to_costs_only_time(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    store = ObjectStore(blocked / "kept")
    store.save("doubled", compiled(doubled))
    assert store.load("doubled") is None


def test_a_function_that_needs_numbas_memory_is_not_kept(store):
    def allocates(x):
        return np.arange(x).sum()

    store.save("allocates", compiled(allocates))
    assert store.load("allocates") is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_to_is_not_linked(store, kept, mode):
    kept.chmod(mode)
    assert store.load("doubled") is None
    kept.chmod(0o644)
    assert store.load("doubled") is not None


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_used(store, kept, mode):
    kept_code = kept.read_bytes()
    store.folder.chmod(mode)
    assert store.load("doubled") is None
    address, is_new = store.provide("tripled", lambda: compiled(tripled))
    assert is_new
    assert INTEGER(address)(4) == 12
    assert {path.name: path.read_bytes() for path in store.folder.iterdir()} == {
        kept.name: kept_code
    }


def lock_of(store, name):
    return store._path(name).with_suffix(".lock")


def test_what_another_process_is_compiling_is_waited_for(store, monkeypatch):
    inside = turn(lock_of(store, "doubled"), 0)
    assert inside.__enter__()

    def finish(seconds):
        store.save("doubled", compiled(doubled))
        inside.__exit__(None, None, None)

    monkeypatch.setattr(private_files.time, "sleep", finish)
    address, is_new = store.provide("doubled", lambda: pytest.fail("compiled, too"))
    assert not is_new
    assert INTEGER(address)(4) == 8
    assert [path.suffix for path in store.folder.iterdir()] == [".kernel"]


def test_a_process_that_does_not_finish_is_waited_for_once(store, monkeypatch):
    impatient = ObjectStore(store.folder, patience=0.05)
    with turn(lock_of(store, "doubled"), 0), turn(lock_of(store, "tripled"), 0):
        address, is_new = impatient.provide("doubled", lambda: compiled(doubled))
        assert is_new
        assert INTEGER(address)(4) == 8
        monkeypatch.setattr(
            private_files.time, "sleep", lambda seconds: pytest.fail("waited again")
        )
        address, is_new = impatient.provide("tripled", lambda: compiled(tripled))
        assert is_new
        assert INTEGER(address)(4) == 12
    assert {path.suffix for path in store.folder.iterdir()} == {".kernel"}


def test_parts_that_a_killed_process_left_are_removed_in_time(store, kept):
    old, young, foreign = (
        store.folder / name for name in ("fastmlp-a.part", "fastmlp-b.part", "c.part")
    )
    for path in (old, young, foreign):
        path.write_bytes(b"half")
    yesterday = time.time() - 86400
    os.utime(old, (yesterday, yesterday))
    os.utime(foreign, (yesterday, yesterday))
    store.save("tripled", compiled(tripled))
    assert [path.exists() for path in (old, young, foreign)] == [False, True, True]


def test_what_cannot_be_put_in_place_leaves_nothing(store, kept):
    kept.unlink()
    kept.mkdir()
    store.save("doubled", compiled(doubled))
    assert list(store.folder.iterdir()) == [kept]


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """The folder of the kernels' sources, in which no function is kept yet."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(object_code, "CPU_KERNELS", tmp_path / "cpu")
    folder = tmp_path / "cpu"
    folder.mkdir(mode=0o755)
    return folder


def test_the_folder(sources, tmp_path, monkeypatch):
    assert object_code.cache_folder() == sources / "__pycache__"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert object_code.cache_folder() == tmp_path / "fastmlp"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(object_code.os, "access", lambda path, mode: False)
    assert object_code.cache_folder() == tmp_path / "cache" / "fastmlp"
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(object_code.Path, "home", homeless)
    assert object_code.cache_folder() == sources / "__pycache__"


def test_sources_that_others_may_write_to_are_left_for_the_users_own_folder(sources, tmp_path):
    own = tmp_path / "cache" / "fastmlp"
    beside = sources / "__pycache__"
    beside.mkdir(mode=0o755)
    assert object_code.cache_folder() == beside
    beside.chmod(0o775)
    assert object_code.cache_folder() == own
    beside.rmdir()
    sources.chmod(0o777)
    assert object_code.cache_folder() == own
