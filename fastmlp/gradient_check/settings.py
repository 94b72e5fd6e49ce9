"""Which settings of training have a part in a gradient, and with what a gradient check begins;
imports nothing heavy.
"""

from __future__ import annotations

# A small network, whose biases differ from 0, so that they matter.
DEFAULTS = {
    "hidden": "5,3",
    "activation": "tanh",
    "bias_init": "normal(0, 0.3)",
    "dtype": "float64",
}
ARCHITECTURE = (
    "activation",
    "output_activation",
    "init",
    "bias_init",
    "dropout_units",
    "batch_norm",
    "decay_biases",
)
LOSS = ("loss", "reduction", "label_smoothing", "l1", "l2")
MACHINE = ("seed", "dtype", "device", "gemm")
ACCEPTED = ("hidden", "dropout", *ARCHITECTURE, *LOSS, *MACHINE)
