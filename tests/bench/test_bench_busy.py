"""``python -m bench.busy``: three ways, processes that spin beside them, what is compared."""

import json
import os

import pytest

from bench import busy
from bench.busy import ALL, AUTO, ONE, spinning
from bench.problem import make_problem
from bench.rounds import Measurement
from bench.with_all_threads import Training
from fastmlp.errors import UsageError


def test_the_table_tells_medians(tiny, invoke, tmp_path):
    file = tmp_path / "busy.json"
    words = "--shapes tiny --neighbours 0,1 --rounds 2 --seconds 0.001 --threads 2"
    result = invoke(busy.command, *words.split(), "--json", file)
    assert result.return_value == 0, (result.output, result.exception)
    entries = json.loads(file.read_text())["shapes"]["tiny"]
    assert [entry["neighbours"] for entry in entries] == [0, 1]
    for entry in entries:
        assert list(entry["seconds"]) == [ONE, ALL, AUTO]
        assert f"{entry['ratio']:.2f}" in result.stdout
        for each in entry["results"]:
            assert entry["seconds"][each["contender"]] == pytest.approx(each["median"] / tiny.steps)


def test_the_choice_is_set_against_the_better_way():
    def measured(name, *seconds):
        return Measurement(name, "", False, 0.0, list(seconds))

    entry = busy._compared(
        [measured(ONE, 8.0, 2.0, 4.0), measured(ALL, 10.0), measured(AUTO, 5.0)], steps=2
    )
    assert entry["seconds"] == {ONE: 2.0, ALL: 5.0, AUTO: 2.5}
    assert entry["ratio"] == 1.25
    assert busy._compared([measured(ONE, 8.0), measured(AUTO, 5.0)], steps=2)["ratio"] is None


def test_all_threads_are_taken_where_one_would_do(tiny):
    training = Training(make_problem(tiny), threads=3, shuffle=True)
    first, second = training.run(2)
    assert second < first
    assert training._trainer.training_pass.threads == 3


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="no process is held to a core here"
)
def test_neighbours_are_held_to_a_core_and_end():
    cores = sorted(os.sched_getaffinity(0))
    with spinning(len(cores) + 1) as processes:
        held = [os.sched_getaffinity(process.pid) for process in processes]
        assert all(process.poll() is None for process in processes)
    assert held == [{core} for core in [*cores, cores[0]]]
    assert all(process.poll() is not None for process in processes)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--neighbours", "1,few"], "'few'"),
        (["--neighbours", "65"], "'65'"),
        (["--shapes", "depe"], "shape 'depe'"),
        (["--seconds", "0"], "--seconds"),
    ],
)
def test_what_is_wrong_is_told_before_the_work(words, named, invoke):
    result = invoke(busy.command, *words)
    assert isinstance(result.exception, UsageError)
    assert named in str(result.exception)
