"""Division among threads: whatever order the threads of a section run in, the result is that of the
recording, to the bit.
"""

import itertools
import threading

import numpy as np
import pytest

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.backend.cpu.program import Table, packed
from fastmlp.backend.cpu.sections import LINE, sections
from fastmlp.backend.cpu.team import Team

OPERATIONS = [
    "add_bias",
    "bias_gradient",
    "product",
    "gradient",
    "softmax",
    "backward",
    "sgd",
    "sums",
    "transpose",
]


class Recording:
    """Buffers, and random operations on them that read what others wrote."""

    def __init__(self, seed, threads, length=25):
        self.backend = CpuBackend(threads=threads)
        random = np.random.default_rng(seed)
        make = self.backend.empty
        self.square = [make((37, 37), np.float32) for _ in range(4)]
        self.vectors = [make((37,), np.float32) for _ in range(3)]
        self.flat = [square.reshape(-1) for square in self.square]
        self.one, self.zero = np.ones(1, np.float32), np.zeros(1, np.float32)
        self.sums, self.rate = (
            self.backend.zeros((3,), np.float64),
            self.backend.from_numpy(np.array([0.01])),
        )
        self.losses = [self.backend.zeros((37,), np.float64) for _ in range(2)]
        for array in (*self.square, *self.vectors):
            array[...] = random.uniform(-0.1, 0.1, array.shape)
        with self.backend.record() as self.program:
            for name in random.choice(OPERATIONS, length):
                self.launch(name, random)

    def launch(self, name, random):
        ops = self.backend.ops
        a, b, c = (self.square[i] for i in random.permutation(4)[:3])
        vector = self.vectors[random.integers(3)]
        rows = int(random.integers(1, 38))
        match name:
            case "add_bias":
                ops.add_bias(a[:rows], vector)
            case "bias_gradient":
                ops.bias_gradient(a[:rows], vector, self.one, self.zero, vector)
            case "product":
                self.backend.matmul("nn", a[:rows], b, c[:rows])
            case "gradient":
                self.backend.matmul("tn", a[:rows], b[:rows], c)
            case "softmax":
                ops.softmax_forward(a[:rows], b[:rows])
            case "backward":
                ops.softmax_backward(a[:rows], b[:rows])
            case "sgd":
                ops.sgd(a.reshape(-1), b.reshape(-1), self.rate, 0.0)
            case "sums":
                ops.accumulate_sums(*self.losses, self.sums)
            case "transpose":
                ops.transpose(a, b)

    def bits(self):
        return [array.tobytes() for array in (*self.square, *self.vectors, self.sums)]


def run_sections(recording, threads, order):
    """Run a section's threads one after the other in ``order``: what they leave behind must not
    depend on it.
    """
    for section in sections(recording.program.calls, threads):
        for thread in order:
            for call in section:
                span = call.spans(threads)[thread]
                if span is not None:
                    Table([packed(call, span, recording.backend.compiler)]).run(1)
    return recording.bits()


@pytest.mark.parametrize("seed", range(8))
def test_threads_of_a_section_may_run_in_any_order(seed):
    reference = Recording(seed, 1)
    reference.program.replay()
    for threads in (2, 3):
        for order in itertools.permutations(range(threads)):
            recording = Recording(seed, 1)
            assert run_sections(recording, threads, order) == reference.bits(), (
                f"{threads} threads in the order {order}"
            )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_at_once_give_the_same_bits(seed, threads):
    one, several = Recording(seed, 1), Recording(seed, threads)
    one.program.replay(20)
    several.program.replay(15)
    several.program.replay(5)
    assert several.bits() == one.bits()


@pytest.mark.parametrize("late", [0, 1])
def test_a_thread_that_is_late_is_waited_for(late):
    one, two = Recording(0, 1), Recording(0, 2)
    one.program.replay(3)
    tables = two.program._divide(2)
    early = threading.Thread(target=tables[1 - late].run, args=(3,), daemon=True)
    early.start()
    early.join(0.02)  # longer than it spins before it yields
    assert early.is_alive()
    tables[late].run(3)
    early.join()
    assert two.bits() == one.bits()


def test_sections_keep_every_call_and_join_what_is_independent():
    backend = CpuBackend(threads=2)
    z, bias, sums = np.zeros((40, 8)), np.zeros(8), np.zeros(8)
    with backend.record() as program:
        backend.ops.add_bias(z, bias)  # by row
        backend.ops.softmax_forward(z, z)  # by row: each thread goes on with its own rows
        backend.ops.bias_gradient(
            z, sums, np.ones(1), np.zeros(1), sums
        )  # by column: needs the rows of all
    names = [[call.operation.name for call in section] for section in sections(program.calls, 2)]
    assert names == [["add_bias", "softmax_forward"], ["bias_gradient"]]


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [1, 2, 6, 37])
def test_spans_divide_the_axis_without_gap_or_overlap(threads, rows):
    backend = CpuBackend(threads=threads)
    flat = np.zeros(rows * 10, np.float32)
    with backend.record() as program:
        backend.ops.add_bias(np.zeros((rows, 10)), np.zeros(10))
        sums, one, zero = (np.zeros(n, np.float32) for n in (rows, 1, 1))
        backend.ops.bias_gradient(np.zeros((3, rows), np.float32), sums, one, zero, sums)
        backend.ops.clip_by_value(flat, 1.0)
    for call, extent, grain in zip(
        program.calls, (rows, rows, flat.size), (1, LINE // 4, LINE // 4), strict=True
    ):
        spans = call.spans(threads)
        assert len(spans) == threads
        given = [span for span in spans if span is not None]
        assert [i for start, stop in given for i in range(start, stop)] == list(range(extent))
        assert all(start % grain == 0 for start, _ in given)


class TestTeam:
    def test_every_job_runs_once(self):
        done, team = [], Team()
        for count in (1, 3, 2, 5):
            done.clear()
            team.run([lambda i=i: done.append(i) for i in range(count)])
            assert sorted(done) == list(range(count))

    def test_an_error_in_a_thread_comes_back(self):
        def fail():
            raise ZeroDivisionError

        team = Team()
        with pytest.raises(ZeroDivisionError):
            team.run([lambda: None, fail])
        done = []
        team.run([lambda: done.append(0), lambda: done.append(1)])  # it still works
        assert sorted(done) == [0, 1]
