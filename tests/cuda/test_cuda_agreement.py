"""The same seed on the CPU and on CUDA: the same batches and masks, training equal to rounding."""

import numpy as np
import pytest
from oracles.networks import build

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.data.mapped.reader import Stored
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.nn.activations import ACTIVATIONS
from fastmlp.nn.inputs.columns import InputColumns
from fastmlp.nn.losses import parse_loss
from fastmlp.optim.optimizers import OPTIMIZERS, Regularization, make_optimizer
from fastmlp.step.batches import Batches
from fastmlp.training.passes import Evaluation, Prediction
from fastmlp.training.recorded import RecordedStep

ROWS, BATCH, STEPS = 107, 10, 50
TARGETS = {
    "softmax_cross_entropy": ("classification", 3),
    "log_loss": ("multilabel", 3),
    "mse": ("regression", 3),
    "mae": ("regression", 3),
    "huber(0.7)": ("regression", 3),
    "pinball(0.1,0.5,0.9)": ("regression", 3),
}


def make_targets(task, random):
    if task == "classification":
        return random.integers(0, 3, ROWS).astype(np.int32)
    values = random.standard_normal((ROWS, 3))
    return (values > 0).astype(np.float64) if task == "multilabel" else values


class Training:
    """A small training run: 50 updates over five epochs, a ragged last batch in each."""

    def __init__(self, backend, dtype, optimizer="adam", loss="softmax_cross_entropy",
        reduction="mean",
                 regularization=None, scheduled=None, source=np.float64, window_bytes=None,
                 folder=None, **architecture):  # fmt: skip
        random = np.random.default_rng(11)
        self.backend, self.dtype = backend, np.dtype(dtype)
        self.network = build(
            backend, dtype, rows=ROWS, inputs=6, **{"hidden": (9, 16), **architecture}
        )
        task, outputs = TARGETS[loss]
        self.loss = parse_loss(loss, task=task, outputs=outputs, reduction=reduction)
        self.loss.bind(backend, self.dtype, ROWS, outputs)
        features = random.standard_normal((ROWS, 6))
        if source == np.uint8:
            features = random.integers(0, 256, (ROWS, 6))
        scaling = (
            {"scale": np.full(6, 1 / 64), "shift": np.full(6, -2.0)} if source == np.uint8 else {}
        )
        features = features.astype(source)
        if folder is not None:  # in which they stay
            np.save(folder / "x.npy", features)
            stored = Stored.of(np.load(folder / "x.npy", mmap_mode="r"))
            features = MappedRows.of(stored, memory=16 * features[0].nbytes * 40)
        targets = make_targets(task, random)
        self.batches = Batches(
            backend, features, targets, self.network.counters, dtype=self.dtype,
            batch_size=BATCH,
            weights=random.uniform(0.5, 1.5, ROWS), window_bytes=window_bytes, **scaling,
        )  # fmt: skip
        self.optimizer = make_optimizer(optimizer)
        how = Regularization(**(regularization or {}))
        parts = self.network, self.loss, self.optimizer, self.batches
        self.step = RecordedStep(*parts, how, scheduled=scheduled or ())
        self.training_pass, self.shares = self.step.training_pass, scheduled or {}
        self.optimizer.set_learning_rates(np.full(11, 0.01))
        self.losses = []

    def run(self, epochs=5):
        for epoch in range(epochs):
            self.batches.shuffle(3, epoch)
            self.step.start_epoch(np.full(11, 0.01), 11 * epoch, shares=self.shares)
            for _ in self.training_pass.run():
                pass
            self.losses.append(self.loss.take_sums())
        return self

    def parameters(self):
        named = self.network.named_parameters()
        return {name: self.backend.to_numpy(parameter.values) for name, parameter in named.items()}

    def bits(self):
        return {name: values.tobytes() for name, values in self.parameters().items()}


def assert_agreement(cuda, dtype=np.float64, **how):
    ours, theirs = (
        Training(backend, dtype, **how).run() for backend in (CpuBackend(threads=1), cuda)
    )
    tolerance = (
        {"rtol": 1e-10, "atol": 1e-10} if dtype == np.float64 else {"rtol": 2e-3, "atol": 2e-4}
    )
    for mine, other in zip(ours.losses, theirs.losses, strict=True):
        np.testing.assert_allclose(
            other.loss, mine.loss, rtol=1e-10 if dtype == np.float64 else 2e-4
        )
        assert other.rows == mine.rows == ROWS
        assert abs(other.right - mine.right) <= (0 if dtype == np.float64 else 1)
    for name, values in ours.parameters().items():
        np.testing.assert_allclose(theirs.parameters()[name], values, err_msg=name, **tolerance)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(cuda, dtype, optimizer):
    assert_agreement(cuda, dtype.type, optimizer=optimizer)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation(cuda, activation):
    assert_agreement(cuda, activation=activation)


@pytest.mark.parametrize("encoding", ["plain", "piecewise(4)", "periodic(5)"])
def test_encodings_and_embeddings(cuda, encoding):
    bins = (3, 0, 4) if encoding.startswith("piecewise") else ()
    columns = InputColumns((0, 2, 5), ((1, 3), (4, 2)), bins)  # codes are rounded and cut off
    how = {"input_activation": "smooth_clip(2)", "columns": columns, "embedding_width": 3}
    assert_agreement(cuda, number_encoding=encoding, optimizer="momentum", **how)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", TARGETS)
def test_every_loss(cuda, loss, reduction):
    assert_agreement(
        cuda, loss=loss, reduction=reduction, optimizer="adam" if reduction == "sum" else "sgd"
    )


@pytest.mark.parametrize("where", ["hidden", "input", "all"])
@pytest.mark.parametrize("whole_units", [False, True])
def test_batch_normalization_and_dropout(cuda, where, whole_units):
    # Not Adam: under a normalised layer the gradient of β is zero but for rounding, and Adam makes
    # steps of that.
    how = {
        "batch_norm": where,
        "dropout": (0.4,),
        "dropout_units": whole_units,
        "optimizer": "momentum",
    }
    assert_agreement(cuda, activation="gelu", **how)


@pytest.mark.parametrize("activation", ["selu", "gelu"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adamw"])
def test_learnt_factors(cuda, dtype, optimizer, activation):
    how = {"input_scale": True, "parametrization": "ntk", "activation_mix": True}
    assert_agreement(cuda, dtype.type, optimizer=optimizer, activation=activation, **how)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_scheduled_dropout_and_decay(cuda, optimizer):
    """The shares are of the epoch's tables, on both devices and in a graph's replay."""
    how = {"regularization": {"weight_decay": 0.1}, "dropout": (0.5,)}
    how |= {"scheduled": {"dropout": np.linspace(1, 0, 11), "weight_decay": np.linspace(0, 1, 11)}}
    assert_agreement(cuda, optimizer=optimizer, **how)


@pytest.mark.parametrize(
    "regularization",
    [
        {"l1": 0.01, "l2": 0.02},
        {"clip_norm": 0.1},
        {"clip_value": 0.01, "weight_decay": 0.1},
        {"l2": 0.1, "weight_decay": 0.1},
    ],
    ids=str,
)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adamw"])
def test_regularization(cuda, optimizer, regularization):
    assert_agreement(cuda, optimizer=optimizer, regularization=regularization)


@pytest.mark.parametrize("source", [np.uint8, np.float32, np.float64])
def test_every_source(cuda, dtype, source):
    assert_agreement(cuda, dtype.type, source=source, hidden=())


def test_batches_and_masks_are_the_same_to_the_bit(cuda):
    seen = []
    for backend in (CpuBackend(threads=1), cuda):
        training = Training(backend, np.float32, source=np.uint8, dropout=(0.5,))
        training.batches.shuffle(5, 2)
        training.network.counters.start_epoch(7)
        training.optimizer.begin_update(BATCH)
        x, t, w = training.batches.load(BATCH)
        training.network.forward(x, training=True)
        masks = [layer._mask for layer in training.network.layers if hasattr(layer, "_mask")]
        assert len(masks) == 2
        seen.append(
            [
                backend.to_numpy(array).tobytes()
                for array in (t, w, *(mask[:BATCH] for mask in masks))
            ]
        )
    assert seen[0] == seen[1]


def test_evaluation_and_prediction(cuda):
    found = []
    for backend in (CpuBackend(threads=1), cuda):
        training = Training(backend, np.float64, batch_norm="hidden").run(2)
        measured = Evaluation(training.network, training.loss, training.batches).run()
        found.append(
            (measured, Prediction(training.network, training.loss, training.batches).run())
        )
    (ours, ours_outputs), (theirs, theirs_outputs) = found
    np.testing.assert_allclose(theirs.loss, ours.loss, rtol=1e-10)
    assert theirs.right == ours.right
    np.testing.assert_allclose(theirs_outputs, ours_outputs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("window_bytes", [None, 6 * 8 * 25])
def test_rows_that_stay_in_their_file_give_the_same_bits(request, device, window_bytes, tmp_path):
    backend = CpuBackend(threads=1) if device == "cpu" else request.getfixturevalue("cuda")
    in_memory = Training(backend, np.float32).run()
    mapped = Training(backend, np.float32, window_bytes=window_bytes, folder=tmp_path).run()
    # A device with memory of its own takes all rows of a file if it has room for them.
    has_window = device == "cpu" or window_bytes is not None
    assert (mapped.batches.window is not None) == has_window
    assert mapped.bits() == in_memory.bits()
    assert mapped.losses == in_memory.losses


@pytest.mark.parametrize("window_bytes", [1, 6 * 8 * 25, 6 * 8 * 40])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_streamed_data_give_the_same_bits_as_resident_data(request, device, window_bytes):
    backend = CpuBackend(threads=1) if device == "cpu" else request.getfixturevalue("cuda")
    resident, streamed = (
        Training(backend, np.float32, window_bytes=size).run() for size in (None, window_bytes)
    )
    assert streamed.batches.window is not None
    assert resident.batches.window is None
    assert streamed.bits() == resident.bits()
    assert streamed.losses == resident.losses
