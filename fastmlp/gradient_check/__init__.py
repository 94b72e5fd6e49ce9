"""The gradient lesson: hand-written gradients against differences, layer by layer."""

# A small network, whose biases differ from 0, so that they matter.
DEFAULTS = {
    "hidden": "5,3",
    "activation": "tanh",
    "bias_init": "normal(0, 0.3)",
    "dtype": "float64",
}
