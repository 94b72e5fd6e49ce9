"""Runs from strangers: whatever a checkpoint or a history says, going on ends in one line, or
trains inside its arrays.
"""

import copy
import json
import math
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_data import save_classes

import fastmlp
from fastmlp.errors import FastMLPError, ModelFileError
from fastmlp.files.tensors import read_model, write_model
from fastmlp.run.resume import resume
from fastmlp.training.checkpoint import (
    CHECKPOINT_FORMAT,
    digest,
    newest_checkpoint,
    read_checkpoint,
)

GONE = object()
WRONG = [
    GONE, None, True, "x", "", [], [1], {}, {"a": 1}, -1, -0.5, 2.5, -(10**6), 10**6, 2**31,
    2**53 + 1, 2**63 - 1, 2**64, 10**400, -(10**400), 1e308, -1e308,
]  # fmt: skip


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A resumed run that Ctrl-C stopped inside its third epoch, of 54 rows in steps of 8."""
    from fastmlp.training.callbacks import Callback

    class Stop(Callback):
        def __init__(self, epoch):
            self.epoch = epoch

        def progressed(self, trainer, progress):
            trainer._interrupts.requested = progress.epoch == self.epoch and progress.step >= 3

    folder = tmp_path_factory.mktemp("forged")
    how = {
        "hidden": [4],
        "epochs": 4,
        "batch_size": 8,
        "threads": "1",
        "log_every": 1,
        "validation_fraction": 0.1,
    }
    data = save_classes(folder / "classes.npz")
    fastmlp.train(dataset=data, **how, early_stopping=9, out=folder / "run", callbacks=[Stop(1)])
    fastmlp.train(resume=folder / "run", lr=0.01, callbacks=[Stop(3)])
    for path in sorted((folder / "run" / "checkpoints").iterdir())[:-1]:
        path.unlink()
    return folder / "run"


@pytest.fixture
def run(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "run")


def checkpoint_of(folder):
    [path] = (folder / "checkpoints").iterdir()
    return path


def forge(folder, change, *, sealed=True):
    """Rewrite the one checkpoint of a run; the digest is made anew, as whoever means it would."""
    path = checkpoint_of(folder)
    arrays, description = read_model(path, CHECKPOINT_FORMAT)
    change(arrays, description)
    if sealed:
        said = {name: description[name] for name in ("numbers", "run") if name in description}
        description["sha256"] = digest(arrays, said)
    write_model(path, arrays, description, CHECKPOINT_FORMAT)


def replace_entry(description, path, value):
    *above, last = path
    for key in above:
        description = description[key]
    if value is GONE:
        del description[last]
    else:
        description[last] = value


def paths_of(value, above=()):
    """Yield the way to everything that a description holds."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*above, key)
        if isinstance(item, (dict, list)):
            yield from paths_of(item, (*above, key))


def set_up_or_refused(run):
    """Return the run, set up to go on; None where that was refused in one line that is not too
    long.
    """
    try:
        return resume(run)
    except FastMLPError as error:
        refusal = error
    assert refusal.exit_code == 2
    assert "\n" not in str(refusal)
    assert len(str(refusal)) < 400 + 3 * len(str(run))
    return None


REALS_THAT_MAY_BE_LESS_THAN_ZERO = {"loss_sum", "best_value", "last_watched", "best"}
REALS = REALS_THAT_MAY_BE_LESS_THAN_ZERO | {"seconds", "train_seconds", "samples_per_second"}
OPTIONAL = {"best_value", "last_watched", "best"}


def may_stand(path, value):
    """Return whether a training could have left this number: the rules once more, by name."""
    name = path[-1]
    if "changed" in path:  # settings are checked elsewhere
        return True
    if name == "data" and isinstance(value, str):
        return True  # and is then not that of the data
    if path == ("run", "resumes"):
        return value == []
    if (
        path[:2] == ("run", "resumes") and len(path) == 3
    ):  # an item that is removed leaves a shorter list
        return value is GONE
    if path[:2] == ("run", "resumes") and name in ("epoch", "step"):
        return type(value) is int and int(name == "epoch") <= value < 2**53
    if path[:2] == ("numbers", "patience"):  # none, or of another name: begins anew
        return value is GONE or isinstance(value, str if len(path) == 3 else dict)
    if value is None:
        return name in OPTIONAL
    is_number = type(value) in (int, float) and not abs(value) > sys.float_info.max
    if name in REALS:
        return is_number and (name in REALS_THAT_MAY_BE_LESS_THAN_ZERO or value >= 0)
    return (
        name == "rows" and path[-2] == "stretch" and type(value) is int and 10**6 <= value < 2**53
    ) or (name == "right" and is_number and 0 <= value <= 2.5)


def all_paths(folder):
    return list(paths_of(read_model(checkpoint_of(folder), CHECKPOINT_FORMAT)[1]))


def test_every_entry_is_checked_before_it_is_used(run):
    """Each removed, and each replaced by all that is wrong; what a training may have left stands
    inside the rows.
    """
    whole = checkpoint_of(run).read_bytes()
    tried = stood = 0
    for path in all_paths(run):
        for value in WRONG:
            checkpoint_of(run).write_bytes(whole)
            if path == ("sha256",):
                forge(
                    run,
                    lambda _, said, path=path, value=value: replace_entry(said, path, value),
                    sealed=False,
                )
            else:
                forge(run, lambda _, said, path=path, value=value: replace_entry(said, path, value))
            tried += 1
            job = set_up_or_refused(run)
            if job is None:
                continue
            assert may_stand(path, value), (path, value)
            stood += 1
            at = job.trainer.position
            assert 0 <= at.step <= job.trainer.training_pass.steps
            assert at.total.rows == min(8 * at.step, job.trainer.training_pass.rows)
    assert tried > 600
    assert 20 < stood < tried / 4


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_json_in_any_place_is_one_line_or_a_sound_position(run, data):
    whole = checkpoint_of(run).read_bytes()
    path = data.draw(st.sampled_from(all_paths(run)))
    value = data.draw(JSON)
    forge(run, lambda _, said: replace_entry(said, path, value))
    job = set_up_or_refused(run)
    checkpoint_of(run).write_bytes(whole)
    if job is not None:
        at = job.trainer.position
        assert 0 <= at.step <= 7
        assert at.total.rows == min(8 * at.step, 49)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", -1), ("step", -(10**6)), ("step", 8), ("step", 10**6), ("step", 2**53),
        ("update", -5), ("update", 2**53), ("epoch", 0), ("epoch", -3), ("epoch", 10**9),
    ],
)  # fmt: skip
def test_a_position_outside_of_the_rows_never_reaches_a_kernel(run, field, value):
    """In a process of its own: a kernel would end it with SIGSEGV."""
    forge(run, lambda _, said: replace_entry(said, ("numbers", "position", field), value))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "fastmlp", "train", "--resume", str(run), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("error: ")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_steps_must_have_visited_the_rows_that_are_summed(run):
    def change(_, said):
        position = said["numbers"]["position"]
        position["step"] += 1

    forge(run, change)
    with pytest.raises(ModelFileError, match=r"4 steps of an epoch visit 32 rows, not 24"):
        resume(run)


def test_another_batch_size_in_the_config_alone(run):
    config = run / "config.toml"
    config.write_text(config.read_text().replace("batch_size = 8", "batch_size = 4"))
    with pytest.raises(ModelFileError, match=r"3 steps of an epoch visit 12 rows, not 24"):
        resume(run)
    assert resume(run, {"batch_size": 7}).trainer.position.step == 0


@pytest.mark.parametrize("name", ["values", "statistics", "best.values", "last_good.values"])
@pytest.mark.parametrize("what", ["missing", "nan", "inf", "longer", "another type"])
def test_arrays_that_do_not_fit(run, name, what):
    def change(arrays, _):
        array = arrays[name]
        if what == "missing":
            del arrays[name]
        elif what == "longer":
            arrays[name] = np.append(array, array[:1] if array.size else np.zeros(1, array.dtype))
        elif what == "another type":
            arrays[name] = array.astype(np.float64)
        else:
            arrays[name] = (
                np.full_like(array, float(what)) if array.size else np.zeros(1, array.dtype)
            )

    forge(run, change)
    if what == "missing" and name == "last_good.values":  # the parameters at hand take its place
        assert resume(run).run()["epochs"] == 4
        return
    with pytest.raises(ModelFileError, match="does not fit this network"):
        resume(run)


def test_a_changed_digit_falls_back_to_the_checkpoint_before(stopped, tmp_path):
    """The digest is of the entries too: a number that is possible, but not the one that was
    written.
    """
    folder = shutil.copytree(stopped, tmp_path / "run")
    older = checkpoint_of(folder)
    newer = older.with_name("update-0000009999.safetensors")
    shutil.copyfile(older, newer)
    arrays, said = read_model(newer, CHECKPOINT_FORMAT)
    said["numbers"]["train_seconds"] += 1
    write_model(newer, arrays, said, CHECKPOINT_FORMAT)
    with pytest.raises(ModelFileError, match="its content is not what was written"):
        read_checkpoint(newer)
    checkpoint, notes = newest_checkpoint(folder)
    assert checkpoint.state.numbers == read_checkpoint(older).state.numbers
    assert [newer.name in note for note in notes] == [True]


def test_a_checkpoint_whose_digest_is_of_the_arrays_alone_is_read(run):
    """As it was written before the digest was of the entries too."""

    def change(arrays, said):
        said["sha256"] = digest(arrays)

    forge(run, change, sealed=False)
    resume(run).run()


def test_what_is_no_file_is_no_checkpoint(run):
    (run / "checkpoints" / "update-9999999999.safetensors").mkdir()
    assert resume(run).run()["epochs"] == 4


def test_going_on_removes_nothing_but_what_a_killed_run_was_writing(run):
    own = [
        run / ".history.jsonl.12.tmp",
        run / "checkpoints" / ".update-0000000007.safetensors.3.tmp",
    ]
    mine = [run / ".notes.tmp", run / ".thesis.txt.1.tmp", run / "mine" / ".history.jsonl.1.tmp"]
    folder = run / ".model.safetensors.5.tmp"
    folder.mkdir()
    (run / "mine").mkdir()
    for path in own + mine:
        path.write_text("x")
    resume(run)
    assert [path.exists() for path in own] == [False, False]
    assert all(path.exists() for path in [*mine, folder])


def record(kind='"epoch"', epoch="1", update="1", more=""):
    return f'{{"kind":{kind},"epoch":{epoch},"update":{update}{more}}}'.encode()


LINES = [
    b'{"kind":"epoch","epoch":1}', b'{"kind":"epoch","update":1}', b'{"epoch":1,"update":1}',
    record(kind='"x"'), record(kind="[]"), record(epoch='"1"'), record(epoch="true"),
    record(epoch="0"), record(epoch="{}"), record(epoch="1.5"), record(update='"1"'),
    record(update="null"), record(update="-1"), record(update="1.0"), record(update="9" * 400),
    record(update="9" * 5000), record(more=',"train_loss":NaN'), record(more=',"train_loss":1e999'),
    record(more=',"train_loss":[1]'), record(more=',"train_loss":{"a":1}'),
    record(more=',"a\\nb":[]'), b"[]", b"1", b"null", b'"x"', b"", b"\xff", b"\0" * 9, b"{",
    b"[" * 990, b"[" * 100_000, b" " * (2 << 20),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: repr(line[:70]))
def test_a_line_of_the_history_that_fastmlp_does_not_write(run, line):
    history = run / "history.jsonl"
    whole = history.read_bytes()
    for content in (whole + line + b"\n", line + b"\n" + whole):
        history.write_bytes(content)
        with pytest.raises(
            ModelFileError, match=r"history\.jsonl cannot be read: line \d+"
        ) as caught:
            resume(run)
        assert "\n" not in str(caught.value)
        assert history.read_bytes() == content


def test_half_a_line_at_the_end_is_what_a_killed_run_leaves(run):
    history = run / "history.jsonl"
    history.write_bytes(history.read_bytes() + b'{"kind":"ep')
    assert resume(run).run()["epochs"] == 4
    records = [json.loads(line) for line in history.read_text().splitlines()]
    assert [record["epoch"] for record in records if record["kind"] == "epoch"] == [1, 2, 3, 4]


@pytest.mark.parametrize("policy", ["order", "rates", "patience", "reported"])
def test_what_an_estimator_s_training_remembers_is_no_run_s(run, policy):
    for value in (1, "x", [], None):
        forge(run, lambda _, said: replace_entry(said, ("numbers", policy), value))  # noqa: B023
        assert set_up_or_refused(run) is None
    forge(run, lambda _, said: replace_entry(said, ("numbers", policy), {"drops": [[]]}))
    assert set_up_or_refused(run).run()["epochs"] == 4


def test_a_watched_number_that_is_not_finite_is_kept(run):
    """The loss of the validation rows may be infinite while training goes on."""
    trainer = resume(run).trainer
    for watched in (None, math.inf, 0.25):
        trainer.last_watched = watched
        kept = copy.copy(trainer).state().numbers["last_watched"]
        assert kept == (0.25 if watched == 0.25 else None)


def test_a_stop_after_a_loss_that_is_not_finite_leaves_no_checkpoint(run, monkeypatch):
    job = resume(run)
    sums = type(job.trainer.stretch)
    monkeypatch.setattr(job.trainer.loss, "read_sums", lambda: sums(math.inf, 0.0, 32))
    job.trainer._interrupts.requested = True
    assert job.run()["stop_reason"] == "interrupted"
    assert len(list((run / "checkpoints").iterdir())) == 1
