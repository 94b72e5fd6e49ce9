"""PyTorch and JAX as contenders, where installed: every variant computes the same losses."""

import pytest

from bench.problem import make_problem
from fastmlp.errors import DeviceError
from fastmlp.machine.throughput import Shape

EPOCHS = 3
RULES = [("sgd", 0.0), ("momentum", 0.5), ("adam", 0.0)]


@pytest.fixture(params=RULES, ids=[rule for rule, _ in RULES])
def problem(request):
    """37 steps an epoch: two graphs of 16, and 5 steps more."""
    rule, momentum = request.param
    return make_problem(Shape("any", (5, 7, 3), 4, rule, 0.05, momentum, rows=4 * 37))


@pytest.fixture
def expected(problem):
    from bench.with_fastmlp import Training

    return Training(problem, 1, shuffle=False).run(EPOCHS)


class Torch:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("torch", reason="PyTorch is not installed (the extra bench)")


class TestTorch(Torch):
    def test_eager(self, problem, expected):
        from bench.with_torch import Training

        assert Training(problem, 1, shuffle=False).run(EPOCHS) == pytest.approx(expected, rel=1e-5)

    def test_without_cuda_it_says_so(self, problem):
        import torch

        from bench.with_torch import Device

        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
        with pytest.raises(DeviceError, match=r"built without CUDA|finds no GPU"):
            Device(1, "cuda:0", "highest")


class TestTorchGraphs(Torch):
    """A capture needs a GPU; in its place the steps that it would hold are run."""

    @pytest.fixture(autouse=True)
    def _without_capture(self, _installed, monkeypatch):
        from bench import with_torch_graphs

        class Steps:
            def __init__(self, step, count):
                self.step, self.count = step, count

            def replay(self):
                for _ in range(self.count):
                    self.step.run()

        def warm_up(step):
            for _ in range(with_torch_graphs.WARM_UP_STEPS):
                step.rewind()
                step.run()

        monkeypatch.setattr(with_torch_graphs, "captured", Steps)
        monkeypatch.setattr(with_torch_graphs, "warm_up", warm_up)

    @pytest.mark.parametrize("steps", [1, 16, 37, 100])
    def test_the_warm_up_leaves_no_trace(self, problem, expected, steps):
        from bench.with_torch_graphs import Training

        training = Training(problem, 1, shuffle=False, device="cpu", steps=steps)
        assert training.run(EPOCHS) == pytest.approx(expected, rel=1e-5)
        assert training.device_bytes == 0

    def test_orders_are_followed(self, problem):
        from bench import with_torch, with_torch_graphs

        eager = with_torch.Training(problem, 1, shuffle=True).run(EPOCHS)
        graphs = with_torch_graphs.Training(problem, 1, shuffle=True, device="cpu", steps=16).run(
            EPOCHS
        )
        assert graphs == pytest.approx(eager, rel=1e-5)

    def test_a_ragged_batch_is_refused(self):
        from bench.with_torch_graphs import Training

        ragged = make_problem(Shape("ragged", (5, 7, 3), 4, "sgd", 0.05, rows=9))
        with pytest.raises(ValueError, match="no multiple"):
            Training(ragged, 1, shuffle=False, device="cpu")


class TestJax:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("jax", reason="JAX is not installed (the extra bench)")

    @pytest.mark.parametrize("steps", [1, 16])
    def test_training(self, problem, expected, steps):
        from bench.with_jax import Training

        training = Training(problem, 1, shuffle=False, steps=steps)
        assert training.run(EPOCHS) == pytest.approx(expected, rel=1e-5)
        assert training.device_bytes == 0

    def test_without_a_plugin_it_says_so(self):
        from bench.with_jax import Device

        with pytest.raises(DeviceError, match=r"finds no GPU: .*pip install 'jax\[cuda12\]'"):
            Device(1, "cuda:0", "highest")
