"""Programs on CUDA: graphs, how they are checked before they are trusted, and what failures do."""

import numpy as np
import pytest
from test_cuda_agreement import Training

from fastmlp.backend.cuda.program import STEPS_PER_GRAPH, does_the_same
from fastmlp.errors import DeviceError

MANY = 2 * STEPS_PER_GRAPH + 3


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_captured_and_launched_steps_give_the_same_bits(cuda, monkeypatch, optimizer):
    how = {"optimizer": optimizer, "dropout": (0.3,), "batch_norm": "hidden"}
    captured = Training(cuda, np.float32, **how).run()
    assert "graph" in captured.training_pass.execution
    monkeypatch.setenv("FASTMLP_GRAPH", "0")
    launched = Training(cuda, np.float32, **how).run()
    assert "launches a step: FASTMLP_GRAPH=0" in launched.training_pass.execution
    assert captured.bits() == launched.bits()
    assert captured.losses == launched.losses


@pytest.mark.parametrize("steps", [1, 2, STEPS_PER_GRAPH, STEPS_PER_GRAPH + 1, MANY])
def test_a_replay_of_many_steps(cuda, steps):
    counters, rates, rate = (
        cuda.zeros((4,), np.int64),
        cuda.from_numpy(np.arange(200.0)),
        cuda.zeros((1,), np.float64),
    )
    with cuda.record() as program:
        cuda.ops.begin_update(counters, 3, rates, rate)
    program.replay(steps)
    program.replay(0)
    np.testing.assert_array_equal(
        cuda.to_numpy(counters), [steps, steps, 3 * (steps - 1), 3 * steps]
    )
    assert cuda.to_numpy(rate)[0] == steps - 1


def test_an_empty_program(cuda):
    with cuda.record() as program:
        cuda.ops.add_bias(cuda.zeros((0, 3), np.float32), cuda.zeros((3,), np.float32))
    assert len(program) == 0
    program.replay(5)


def test_recordings_do_not_nest(cuda):
    with cuda.record(), pytest.raises(RuntimeError, match="nest"), cuda.record():
        pass


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 8])
def test_nodes_of_a_step(cuda, layers):
    """6L+3 nodes for L layers with SGD is the promise."""
    training = Training(
        cuda, np.float32, optimizer="sgd", source=np.uint8, hidden=(5,) * (layers - 1)
    )
    training.run(1)
    nodes = (
        len(training.training_pass._full) - 1
    )  # the weights of the rows are a choice of this test
    print(f"{layers} layers: {nodes} nodes a step")
    assert nodes == 5 * layers + 4
    assert nodes <= 6 * layers + 3


class TestLadder:
    @pytest.mark.parametrize(
        ("failure", "reason"),
        [
            ("begin-capture", "the graph could not be made"),
            ("capture", "the graph could not be made"),
            (
                "replay",
                "differed from the launches",
            ),  # a graph that does something else is not trusted
        ],
    )
    def test_a_graph_that_fails_falls_back_and_says_so(
        self, cuda, emulated, monkeypatch, failure, reason
    ):
        expected = Training(cuda, np.float32).run(2)
        monkeypatch.setattr(cuda, "notices", [])
        with emulated.failing(failure):
            training = Training(cuda, np.float32).run(2)
        assert reason in training.training_pass.execution
        assert any("launches one by one" in notice and reason in notice for notice in cuda.notices)
        assert training.bits() == expected.bits()

    def test_a_long_graph_that_fails_leaves_the_short_one(self, cuda, emulated):
        counters = cuda.zeros((4,), np.int64)
        with cuda.record() as program:
            cuda.ops.begin_batch(counters, 3)
        program.replay(2)
        with emulated.failing("capture"):
            program.replay(MANY)
        program.replay(MANY)
        assert "graph" in program.execution
        assert cuda.to_numpy(counters)[3] == 3 * (2 + 2 * MANY)

    def test_a_lost_context_is_an_error(self, cuda, emulated):
        training = Training(cuda, np.float32)
        with (
            emulated.failing("launch", status=700),
            pytest.raises(DeviceError, match="can no longer use it"),
        ):
            training.run(1)


class TestComparison:
    start, wanted = np.array([1.0, 2.0, np.nan]), np.array([1.001, 2.002, np.inf])

    def test_the_same_is_the_same(self):
        assert does_the_same(self.start, self.wanted, self.wanted.copy())

    def test_rounding_is_allowed(self):
        assert does_the_same(self.start, self.wanted, self.wanted * (1 + 1e-14))

    def test_a_step_that_did_nothing_is_seen(self):
        assert not does_the_same(self.start, self.wanted, np.array([1.0, 2.0, np.inf]))

    def test_what_became_infinite_must_be_the_same(self):
        assert not does_the_same(self.start, self.wanted, np.array([1.001, 2.002, 0.0]))

    def test_whole_numbers_are_exact(self):
        assert not does_the_same(np.array([1]), np.array([5]), np.array([6]))
        assert does_the_same(np.array([1]), np.array([5]), np.array([5]))
