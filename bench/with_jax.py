"""JAX as a contender: an epoch is one compiled scan over gathered batches, its state donated."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

from fastmlp.errors import DeviceError
from fastmlp.machine.throughput import Shape

from .place import CPU
from .problem import Orders, Problem, RowCalls
from .vectors import Report

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Training:
    """Epochs, each one call of a compiled function.

    Parameters
    ----------
    device, precision
        Of a Place.
    steps
        How many steps stand one after the other in the body of the compiled loop.
    """

    def __init__(
        self,
        problem: Problem,
        threads: int,
        shuffle: bool,
        device: str = CPU,
        precision: str = "highest",
        steps: int = 1,
    ):
        self._device = _use(device, precision)
        shape = problem.shape
        if shape.rows % shape.batch:
            raise ValueError(
                f"a scan needs batches of one size; {shape.rows} rows are no multiple of"
                f" {shape.batch}"
            )
        self._orders = Orders(shape.rows, shuffle)
        self._data = jnp.asarray(problem.features), jnp.asarray(problem.labels)
        self._state = _initial_state(shape, problem)
        start = time.perf_counter()
        epoch = jax.jit(_epoch(shape, steps), donate_argnums=0)
        self._epoch = epoch.lower(
            self._state, *self._data, np.zeros(shape.rows, np.int32)
        ).compile()
        self.compile_seconds = time.perf_counter() - start

    def run(self, epochs: int) -> list[float]:
        """Train; return each epoch's mean loss."""
        losses = []
        for _ in range(epochs):
            order = self._orders.next().astype(np.int32)
            self._state, loss = self._epoch(self._state, *self._data, order)
            losses.append(float(loss))  # waits, as a user does who prints the loss of an epoch
        jax.block_until_ready(self._state)
        return losses

    @property
    def device_bytes(self) -> int:
        """The most that JAX has taken of the GPU's memory; 0 on the CPU."""
        known = self._device.memory_stats() or {}
        return known.get("peak_pool_bytes") or known.get("peak_bytes_in_use", 0)


class Prediction:
    """Calls of a compiled function from NumPy rows to NumPy probabilities."""

    def __init__(self, problem: Problem, threads: int, batch: int):
        _use()
        self._calls = RowCalls(problem.features, batch)
        self._parameters = jax.tree.map(jnp.array, problem.parameters)
        start = time.perf_counter()
        predict = jax.jit(lambda parameters, x: nn.softmax(_forward(parameters, x)))
        self._predict = predict.lower(self._parameters, self._calls.next()).compile()
        self.compile_seconds = time.perf_counter() - start

    def run(self, calls: int) -> list[list[float]]:
        """Predict; return the last call's first row of probabilities."""
        for _ in range(calls):
            outputs = np.asarray(self._predict(self._parameters, self._calls.next()))
        return outputs[:1].tolist()


class Device:
    """Says which GPU JAX finds."""

    compile_seconds = 0.0

    def __init__(self, threads: int, device: str, precision: str):
        self._device = _use(device, precision)

    def run(self, count: int) -> list[dict[str, str]]:
        """Return the device's name and what JAX runs on it with."""
        platform = self._device.client.platform_version.partition("\n")[0]
        return [
            {"device": self._device.device_kind, "libraries": f"JAX {jax.__version__}, {platform}"}
        ]


def vectors() -> list[Report]:
    """Return the vectors in what XLA compiles, and whether products go to YNNPACK."""
    product = jax.jit(lambda x: jnp.maximum(x @ x, 0) + x).lower(jnp.ones((256, 256)))
    with tempfile.TemporaryDirectory() as folder:
        text = product.compile(compiler_options={"xla_dump_to": folder}).as_text()
        code = "".join(file.read_text() for file in Path(folder).glob("*ir-with-opt.ll"))
    bits = max((32 * int(lanes) for lanes in re.findall(r"<(\d+) x float>", code)), default=None)
    reports = [Report("XLA", f"vectors of {bits} bits" if bits else "does not say", bits)]
    # YNNPACK asks the processor itself and does not say what it was told.
    return (
        [*reports, Report("YNNPACK", "does not say", None)] if "__ynn_fusion" in text else reports
    )


def _use(device: str = CPU, precision: str = "highest") -> jax.Device:
    """Make a device and its way to multiply those of this process.

    Raises
    ------
    DeviceError
        If JAX cannot use the device: why, and what to do.
    """
    if device == CPU:
        jax.config.update("jax_platforms", CPU)  # or JAX would take a GPU where it finds one
        return jax.devices()[0]
    try:
        found = jax.devices("cuda")
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()) or "no reason is given"
        raise DeviceError(
            f"JAX {jax.__version__} finds no GPU: {reason}. Install its CUDA plugin: pip install"
            " 'jax[cuda12]' (or cuda13)."
        ) from None
    index = int(device.partition(":")[2])
    if index >= len(found):
        raise DeviceError(
            f"JAX {jax.__version__} finds {len(found)} GPU(s), not one of number {index}."
        )
    jax.config.update("jax_default_device", found[index])
    jax.config.update("jax_default_matmul_precision", precision)  # JAX's own default is TF32
    return found[index]


def _forward(parameters, x):
    for weight, bias in parameters[:-1]:
        x = nn.relu(x @ weight + bias)
    weight, bias = parameters[-1]
    return x @ weight + bias


def _mean_loss(parameters, x, labels):
    # A one-hot product rather than a look-up: the derivative of a look-up is a scatter, which is
    # slow on a CPU.
    logits = _forward(parameters, x)
    return -jnp.mean(jnp.sum(nn.one_hot(labels, logits.shape[1]) * nn.log_softmax(logits), axis=1))


def _epoch(shape: Shape, steps: int):
    """Return the function of an epoch: (state, features, labels, order) → (state, mean loss)."""
    update = {"sgd": _sgd, "momentum": _momentum, "adam": _adam}[shape.optimizer](shape)

    def epoch(state, features, labels, order):
        def step(state, rows):
            loss, gradients = jax.value_and_grad(_mean_loss)(state[0], features[rows], labels[rows])
            return update(state, gradients), loss

        state, losses = lax.scan(step, state, order.reshape(-1, shape.batch), unroll=steps)
        return state, losses.mean()

    return epoch


def _initial_state(shape: Shape, problem: Problem):
    """Return the parameters and the update rule's state, in arrays that may be donated."""
    parameters = jax.tree.map(jnp.array, problem.parameters)
    slots = {"sgd": 0, "momentum": 1, "adam": 2}[shape.optimizer]
    count = [jnp.zeros((), jnp.int32)] if shape.optimizer == "adam" else []
    return parameters, *(jax.tree.map(jnp.zeros_like, parameters) for _ in range(slots)), *count


def _sgd(shape: Shape):
    def update(state, gradients):
        [parameters] = state
        return (jax.tree.map(lambda w, g: w - shape.learning_rate * g, parameters, gradients),)

    return update


def _momentum(shape: Shape):
    def update(state, gradients):
        parameters, velocity = state
        velocity = jax.tree.map(lambda v, g: shape.momentum * v + g, velocity, gradients)
        return jax.tree.map(
            lambda w, v: w - shape.learning_rate * v, parameters, velocity
        ), velocity

    return update


def _adam(shape: Shape):
    def update(state, gradients):
        parameters, first, second, count = state
        count = count + 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
        first_scale, second_scale = 1 / (1 - BETA1**count), 1 / (1 - BETA2**count)

        def moved(w, m, v):
            return w - shape.learning_rate * (m * first_scale) / (
                jnp.sqrt(v * second_scale) + EPSILON
            )

        return jax.tree.map(moved, parameters, first, second), first, second, count

    return update
