"""The directional check: the loss's slope along random directions, against the gradients."""

import numpy as np

STEP = 1e-5
SMALLEST_SIZE = 1e-3  # of a slope: what rounding leaves of the differences is about 1e-10


def slope_by_differences(loss_along):
    """Return the slope at 0 of a function of one number, by central differences of fourth order."""
    near = loss_along(STEP) - loss_along(-STEP)
    far = loss_along(2 * STEP) - loss_along(-2 * STEP)
    return (8 * near - far) / (12 * STEP)


def check_gradients(network, loss, x, targets, weights, *, training=True, tolerance=1e-6):
    """Compare the gradient of each parameter, and of x, with differences of the loss; in float64.

    The first layer must have been bound with ``needs_input_gradient``. What is differentiated is
    taken from the losses of the rows, so that the reduction is checked too.
    """
    store, random = network.store, np.random.default_rng(7)
    statistics = store.statistics.copy()

    def gradient_of_outputs(inputs):
        store.statistics[...] = statistics  # a training pass moves the running averages
        return loss.backward(network.forward(inputs, training), targets, weights)

    def value(inputs):
        gradient_of_outputs(inputs)
        total = loss.row_losses(len(inputs)).sum()
        return total / len(inputs) if loss.reduction == "mean" else total

    input_gradient = network.backward(gradient_of_outputs(x)).copy()
    gradients = {
        name: (parameter.values, parameter.gradient.copy())
        for name, parameter in network.named_parameters().items()
        if parameter.gradient is not None
    }
    assert any(np.abs(gradient).max() > 1e-3 for _, gradient in gradients.values()), (
        "nothing would be checked"
    )
    for name, (values, gradient) in gradients.items():
        kept, direction = values.copy(), random.standard_normal(values.shape)

        def along(t, values=values, kept=kept, direction=direction):
            values[...] = kept + t * direction
            return value(x)

        expected = slope_by_differences(along)
        values[...] = kept
        _compare(name, gradient, direction, expected, tolerance)
    direction = random.standard_normal(x.shape)
    expected = slope_by_differences(lambda t: value(x + t * direction))
    _compare("the input", input_gradient, direction, expected, tolerance)


def _compare(what, gradient, direction, expected, tolerance):
    # A gradient may vanish by right (a shift below a batch normalisation): then so must the
    # differences.
    slope, size = (
        (gradient * direction).sum(),
        max(np.abs(gradient * direction).sum(), SMALLEST_SIZE),
    )
    error = abs(slope - expected) / size
    assert error < tolerance, (
        f"{what}: slope {slope!r}, by differences {expected!r}, error {error:.2e}"
    )
