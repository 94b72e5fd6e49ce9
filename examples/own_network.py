"""A network trained from plain Python: layers, loss and optimizer recorded once, then replayed.

Run it with ``python examples/own_network.py``. docs/architecture.md explains what happens.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastmlp.backend import open_backend
from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import Regularization, make_optimizer
from fastmlp.step.batches import Batches

ROWS, EPOCHS, SEED = 64, 20, 0  # rows of a batch

pixels, digits = load_digits(return_X_y=True)
x_train, x_test, t_train, t_test = train_test_split(
    pixels.astype(np.float32) / 16, digits.astype(np.int32), test_size=0.2, random_state=SEED
)

# 1. A device, and on it a network, a loss, an optimizer and the data. "cuda" works the same way.
backend, _ = open_backend("cpu")
architecture = Architecture(inputs=64, hidden=(64, 32), outputs=10, activation="relu")
network = Network(architecture, backend, np.float32, SEED)
network.bind(ROWS)  # allocates buffers for batches of up to so many rows
network.initialize()
loss = parse_loss("softmax_cross_entropy", task="classification", outputs=10)
loss.bind(backend, np.float32, ROWS, 10)
optimizer = make_optimizer("adam")
optimizer.bind(backend, network.store, network.counters, Regularization())
batches = Batches(backend, x_train, t_train, network.counters, dtype=np.float32, batch_size=ROWS)
steps = len(x_train) // ROWS
optimizer.set_learning_rates(np.full(steps, 0.002))  # one for each update of an epoch

# 2. One training step, written down. Nothing is computed in here.
with backend.record() as program:
    optimizer.begin_update(ROWS)
    x, t, weights = batches.load(ROWS)
    outputs = network.forward(x, training=True)
    network.backward(loss.backward(outputs, t, weights))
    optimizer.update()
print(f"one step: {len(program.operations)} operations, the last is {program.operations[-1]}")

# 3. An epoch is one replay. Only the order of the rows and the counters change in between.
for epoch in range(EPOCHS):
    batches.shuffle(SEED, epoch)
    network.counters.start_epoch(update=epoch * steps)
    program.replay(steps)
    seen = loss.take_sums()  # of the rows of this epoch, while the weights moved
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2}: loss {seen.loss:.2f}, accuracy {seen.accuracy:.2f}")

# 4. Outside a recording the same layers work at once.
network.bind(len(x_test))  # larger buffers; the weights stay
logits = backend.to_numpy(network.forward(backend.from_numpy(x_test), training=False))
print(f"test rows: accuracy {np.mean(logits.argmax(axis=1) == t_test):.2f}")
