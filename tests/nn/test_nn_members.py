"""Members of an ensemble: gradients by differences, the shared ones' too, and what they predict
against plain NumPy.
"""

import numpy as np
import pytest
from oracles.activations import VALUES
from oracles.networks import build
from scipy import special

from fastmlp.errors import UsageError
from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture
from fastmlp.training.recorded import bind

INPUTS, OUTPUTS, ROWS = 4, 3, 5
KINDS = {
    "own": {"members": 3},
    "shared": {"members": 3, "sharing": 3},
    "folds that share": {"members": 6, "sharing": 3},
}
LOSSES = {
    "softmax_cross_entropy": "classification",
    "log_loss": "multilabel",
    "squared_error": "regression",
    "poisson": "regression",
}


def made(backend, kind, loss="softmax_cross_entropy", **more):
    """Return a network of members with every parameter at random, and its loss."""
    how = {"hidden": (6, 5), "activation": "tanh", **more}
    network = build(backend, input_gradient=True, inputs=INPUTS, **how, **KINDS[kind])
    loss = parse_loss(loss, task=LOSSES[loss], outputs=OUTPUTS)
    bind(network, loss, ROWS)
    network.initialize()
    random = np.random.default_rng(1)
    for layer in network.layers:
        layer.unsettle(random)
    return network, loss


def targets_of(loss, rows, random):
    if loss == "softmax_cross_entropy":
        return random.integers(0, OUTPUTS, rows).astype(np.int32)
    if loss == "log_loss":
        return (random.random((rows, OUTPUTS)) < 0.5).astype(np.float64)
    return random.poisson(2.0, (rows, OUTPUTS)).astype(np.float64)


def row_losses(loss, z, t):
    """Return each row's loss, from the formulas."""
    if loss == "softmax_cross_entropy":
        return special.logsumexp(z, axis=1) - z[np.arange(len(z)), t]
    if loss == "log_loss":
        return (np.logaddexp(0, z) - t * z).sum(axis=1)
    if loss == "squared_error":
        return ((z - t) ** 2).mean(axis=1)
    return (np.exp(z) - t * z + special.xlogy(t, t) - t).sum(axis=1)


def arrays(network):
    return {name: np.array(p.values) for name, p in network.named_parameters().items()}


def member_outputs(held, kind, member, x, activation="tanh"):
    """Return a member's outputs from the arrays alone: the oracle."""
    if kind == "own":
        names, scales = [f"member_{member}.dense_{i}" for i in range(3)], None
    else:
        fold, place = divmod(member, 3)
        before = f"fold_{fold}." if kind == "folds that share" else ""
        names = [f"{before}dense_0", f"{before}dense_1", f"{before}member_{place}.dense_0"]
        scales = [f"{before}member_scale_{i}" for i in range(4)]
    for index, name in enumerate(names):
        weight, bias = held[f"{name}.weight"], held.get(f"{name}.bias")
        if scales and index < 2:
            r, s = (held[f"{scales[2 * index + i]}.scale"][place] for i in (0, 1))
            x = ((x * r) @ weight) * s + held[f"{scales[2 * index + 1]}.bias"][place]
        else:
            x = x @ weight + bias
        x = VALUES[{"tanh": "hyperbolic_tangent"}[activation]](x) if index < 2 else x
    return x


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_rows_of_their_own_and_of_the_same_rows(backend, random, kind):
    network, _ = made(backend, kind)
    members, held = KINDS[kind]["members"], arrays(network)
    x = random.standard_normal((members * ROWS, INPUTS))
    expected = [
        member_outputs(held, kind, member, x[member * ROWS : (member + 1) * ROWS])
        for member in range(members)
    ]
    np.testing.assert_allclose(network.forward(x, training=False), np.vstack(expected), atol=1e-12)
    same = x[: ROWS - 1]
    expected = [member_outputs(held, kind, member, same) for member in range(members)]
    np.testing.assert_allclose(network.forward_same(same), np.vstack(expected), atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_every_member(backend, random, kind, loss):
    """The loss is written anew: of each network the mean over its rows, of networks the sum."""
    network, own = made(backend, kind, loss)
    members, networks = KINDS[kind]["members"], network.architecture.networks
    x = random.standard_normal((members * ROWS, INPUTS))
    t = targets_of(loss, len(x), random)

    def value():
        held = arrays(network)
        blocks = [slice(m * ROWS, (m + 1) * ROWS) for m in range(members)]
        losses = [
            row_losses(loss, member_outputs(held, kind, m, x[block]), t[block]).mean()
            for m, block in enumerate(blocks)
        ]
        return sum(losses) * networks / members

    outputs = network.forward(x, training=True)
    dx = network.backward(own.backward(outputs, t, np.ones(len(x))))
    gradients = {name: np.array(p.gradient) for name, p in network.named_parameters().items()}
    for name, parameter in network.named_parameters().items():
        flat = parameter.values.reshape(-1)
        for place in random.permutation(flat.size)[:4]:
            kept, step = flat[place], 1e-5
            flat[place] = kept + step
            above = value()
            flat[place] = kept - step
            below = value()
            flat[place] = kept
            slope = (above - below) / (2 * step)
            assert gradients[name].reshape(-1)[place] == pytest.approx(slope, rel=1e-5, abs=1e-8), (
                name
            )
    for place in random.permutation(x.size)[:8]:
        at = np.unravel_index(place, x.shape)
        kept = x[at]
        x[at] = kept + 1e-5
        above = value()
        x[at] = kept - 1e-5
        below = value()
        x[at] = kept
        assert dx[at] == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_outputs_give_the_mean_prediction(backend, random, kind, loss):
    network, own = made(backend, kind, loss)
    x = random.standard_normal((ROWS, INPUTS))
    z = np.array(network.forward_same(x)).reshape(-1, ROWS, OUTPUTS)
    link = {
        "softmax_cross_entropy": lambda z: special.softmax(z, axis=-1),
        "log_loss": special.expit,
        "squared_error": lambda z: z,
        "poisson": np.exp,
    }[loss]
    mixed = np.array(own.mix(network.forward_same(x)))
    np.testing.assert_allclose(link(mixed), link(z).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(own.mix(network.forward_same(x[:1])), mixed[:1], rtol=1e-12)


def test_what_starts_how(backend):
    how = {"members": 4, "sharing": 4, "hidden": (30, 20), "bias_init": "zeros"}
    held = arrays(build(backend, inputs=50, **how))
    assert held["member_scale_0.scale"].shape == (4, 50)
    assert set(np.unique(held["member_scale_0.scale"])) == {-1.0, 1.0}
    for number in (1, 2, 3):
        assert (held[f"member_scale_{number}.scale"] == 1).all()
    assert (held["member_scale_1.bias"] == 0).all()
    assert "dense_0.bias" not in held
    firsts = [held[f"member_{number}.dense_0.weight"] for number in range(4)]
    assert (firsts[0] != firsts[1]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_counted(backend, kind):
    network, _ = made(backend, kind)
    assert network.architecture.parameters == network.parameter_count()


@pytest.mark.parametrize("kind", ["own", "shared", "folds that share"])
def test_results_do_not_depend_on_threads(kind):
    from fastmlp.backend.cpu.backend import CpuBackend

    found = []
    for threads in (1, 2):
        backend = CpuBackend(threads=threads)
        network, own = made(backend, kind, hidden=(40, 30), dropout=(0.3,))
        random = np.random.default_rng(7)
        x = random.standard_normal((KINDS[kind]["members"] * ROWS, INPUTS))
        t = random.integers(0, OUTPUTS, len(x)).astype(np.int32)
        ones = np.ones(len(x))
        with backend.record() as program:
            network.backward(own.backward(network.forward(x, training=True), t, ones))
        program.hold(threads)
        program.replay()
        named = network.named_parameters()
        found.append([np.array(p.gradient).tobytes() for p in named.values()])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"members": 6, "sharing": 4}, "6 members cannot share weights by 4"),
        ({"members": 2, "sharing": 2, "hidden": ()}, "there is none"),
        ({"members": 2, "sharing": 2, "hidden": (3,), "batch_norm": "all"}, "batch_norm"),
        ({"members": 0}, "members"),
        ({"sharing": 0}, "sharing"),
    ],
)
def test_what_cannot_be_shared_is_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        Architecture(**{"inputs": 3, "outputs": 2, **wrong})
