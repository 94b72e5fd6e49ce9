"""Training with products of bfloat16: it learns, no float32 slips in, a run keeps what it took."""

import numpy as np
import pytest

import fastmlp
from fastmlp.errors import UsageError
from fastmlp.kernels.cpu.compiling.processor import has_bfloat16
from fastmlp.run.train import set_up
from fastmlp.settings.config import read_config
from fastmlp.settings.settings import settings_from
from fastmlp.training.callbacks import Callback

pytestmark = pytest.mark.skipif(
    not has_bfloat16(), reason="the processor that Numba compiles for lacks AVX512-BF16"
)
HOW = {
    "dataset": "digits",
    "hidden": "32,16",
    "epochs": 4,
    "seed": 3,
    "matmul_precision": "medium",
    "device": "cpu",
}


class StopAfter(Callback):
    """Asks for a stop as Ctrl-C does, in the second epoch."""

    def progressed(self, trainer, progress):
        if progress.epoch == 2 and progress.step >= 5:
            trainer._interrupts.requested = True


def model_bits(run):
    return (run.folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_step_has_no_product_of_float32(optimizer, tmp_path):
    job = set_up(settings_from(HOW | {"optimizer": optimizer}), out=tmp_path / "run")
    products = [name for name in job.trainer.training_pass.operations if "gemm" in name]
    assert products
    assert all(name.startswith(("bfloat16_gemm_", "amx_gemm_")) for name in products)


def test_it_learns_nearly_what_float32_learns(tmp_path):
    accuracy = {
        precision: fastmlp.train(
            **HOW | {"matmul_precision": precision, "epochs": 20}, out=tmp_path / precision
        ).metrics["test_accuracy"]
        for precision in ("highest", "medium")
    }
    assert accuracy["highest"] > 0.9
    assert abs(accuracy["highest"] - accuracy["medium"]) < 0.02


def test_threads_do_not_change_a_bit(tmp_path):
    runs = [fastmlp.train(**HOW, threads=threads, out=tmp_path / threads) for threads in ("1", "2")]
    parameters = [run.model.network.named_parameters() for run in runs]
    for name, array in parameters[0].items():
        np.testing.assert_array_equal(array.values, parameters[1][name].values)


def test_a_run_keeps_it_and_goes_on_with_it(tmp_path):
    undisturbed = fastmlp.train(**HOW, out=tmp_path / "undisturbed")
    assert undisturbed.model.settings["matmul_precision"] == "medium"
    stopped = fastmlp.train(**HOW, out=tmp_path / "stopped", callbacks=[StopAfter()])
    assert read_config(stopped.folder / "config.toml")["matmul_precision"] == "medium"
    assert model_bits(fastmlp.train(resume=stopped.folder)) == model_bits(undisturbed)


def test_a_run_may_go_on_with_float32(tmp_path):
    stopped = fastmlp.train(**HOW, out=tmp_path / "stopped", callbacks=[StopAfter()])
    run = fastmlp.train(resume=stopped.folder, matmul_precision="highest")
    assert run.metrics["resumes"][0]["changed"] == {"matmul_precision": "highest"}


def test_a_run_does_not_go_on_with_what_the_device_lacks(tmp_path):
    stopped = fastmlp.train(**HOW, out=tmp_path / "stopped", callbacks=[StopAfter()])
    with pytest.raises(UsageError, match=r"'high' \(TF32\) is not for CPU"):
        fastmlp.train(resume=stopped.folder, matmul_precision="high")


def test_a_model_predicts_in_float32(tmp_path):
    run = fastmlp.train(**HOW, out=tmp_path / "run")
    loaded = fastmlp.load(run.folder)
    assert "bfloat16" not in loaded.network.backend.describe()["blas"]
