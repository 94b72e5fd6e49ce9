"""An ensemble in one Program is its members trained one by one, and its out-of-fold predictions are
those of members that did not see the row.
"""

import numpy as np
import pytest

import fastmlp
from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.errors import UsageError
from fastmlp.metrics.table import parse_metric
from fastmlp.nn.losses import parse_loss
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import make_optimizer
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.training.members import MemberRows, MembersOrder, OutOfFold, held_out_visits, in_blocks
from fastmlp.training.recorded import RecordedStep, bind

ROWS, COLUMNS, CLASSES, MEMBERS, SIZE = 50, 4, 3, 3, 8


def data(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(ROWS, COLUMNS)), random.integers(0, CLASSES, ROWS).astype(np.int32)


def built(members, **more):
    backend = CpuBackend(threads=2)
    architecture = Architecture(COLUMNS, CLASSES, (6, 5), "tanh", members=members, **more)
    network = Network(architecture, backend, np.dtype(np.float64), seed=3)
    loss = parse_loss("auto", task="classification", outputs=CLASSES)
    bind(network, loss, SIZE)
    network.initialize()
    return network, loss


def recorded(network, loss, rule="adam", visits=None, decay=0.1):
    from fastmlp.optim.optimizers import Regularization

    x, t = data()
    members = network.architecture.members
    batches = Batches(
        network.backend,
        x,
        t,
        network.counters,
        dtype=np.dtype(np.float64),
        batch_size=members * SIZE,
        visits=visits,
    )
    return RecordedStep(
        network, loss, make_optimizer(rule), batches, Regularization(l2=0.01, weight_decay=decay)
    )


def epochs(step, orders, rate=0.05):
    update = 0
    for order in orders:
        step.batches.set_order(order)
        steps = step.training_pass.steps
        step.start_epoch(np.full(steps, rate), update)
        list(step.training_pass.run())
        update += steps


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam", "adamw"])
def test_members_are_networks_trained_one_by_one(rule):
    rows = MemberRows(MEMBERS, ROWS, np.arange(ROWS) % MEMBERS)
    order = MembersOrder(7, rows)
    network, loss = built(MEMBERS)
    step = recorded(network, loss, rule, rows.visits)
    together = network.named_parameters()
    alone = []
    for member in range(MEMBERS):
        single, single_loss = built(1)
        for name, parameter in single.named_parameters().items():
            single.backend.assign(
                parameter.values, np.array(together[f"member_{member}.{name}"].values)
            )
        own = recorded(single, single_loss, rule, rows.per_epoch)
        epochs(own, [order._of_member(member, epoch) for epoch in (1, 2)])
        alone.append(single)
    for epoch in (1, 2):
        order.start_epoch(step.batches, epoch, 0)
        step.start_epoch(np.full(step.training_pass.steps, 0.05), (epoch - 1) * 5)
        list(step.training_pass.run())
    assert step.training_pass.steps == 5  # 33 rows each: four batches of 8, and one row
    for member, single in enumerate(alone):
        for name, parameter in single.named_parameters().items():
            np.testing.assert_allclose(
                together[f"member_{member}.{name}"].values, parameter.values, rtol=1e-12, atol=1e-14
            )


def test_each_member_visits_its_own_rows_only_and_all_of_a_smallest_one():
    fold = np.arange(17) % 5
    rows = MemberRows(10, 17, fold)
    assert (rows.folds, rows.per_epoch, rows.visits) == (5, 13, 130)

    class Taken:
        batch_size = 40

        def set_order(self, order):
            self.order = order

    taken, seen = Taken(), []
    for epoch in (1, 2):
        MembersOrder(0, rows).start_epoch(taken, epoch, 0)
        blocks = [taken.order[start : start + 40].reshape(10, 4) for start in (0, 40, 80)]
        blocks.append(taken.order[120:].reshape(10, 1))
        own = np.hstack(blocks)
        for member in range(10):
            assert len(set(own[member])) == 13
            assert not set(own[member]) & set(np.flatnonzero(fold == member // 2))
        seen.append(own)
    assert (seen[0] != seen[1]).any()
    assert (seen[0][0] != seen[0][1]).any()  # two members of a fold have orders of their own


def test_rows_in_stacks_are_the_same_rows():
    fold = np.random.default_rng(2).permutation(np.arange(17) % 5)
    plain, stacked = MemberRows(10, 17, fold), MemberRows(10, 17, fold, stacked=True)
    assert (stacked.per_epoch, stacked.visits) == (plain.per_epoch, plain.visits)
    for member in range(10):
        start = member // 2 * 17
        assert (stacked.learnt(member) - start).tolist() == plain.learnt(member).tolist()
        assert (stacked.held_out(member) - start).tolist() == plain.held_out(member).tolist()


def test_blocks_of_an_order():
    order = in_blocks([np.arange(5), np.arange(10, 15)], 2)
    assert order.tolist() == [0, 1, 10, 11, 2, 3, 12, 13, 4, 14]


@pytest.mark.parametrize("members", [3, 6])
def test_out_of_fold_predictions_are_those_of_members_that_did_not_see_the_row(members):
    fold = np.random.default_rng(1).permutation(np.arange(ROWS) % 3)
    rows = MemberRows(members, ROWS, fold)
    network, loss = built(members)
    x, t = data()
    batches = Batches(
        network.backend,
        x,
        None,
        Counters(network.backend),
        dtype=np.dtype(np.float64),
        batch_size=members * 4,
        visits=held_out_visits(rows),
    )
    encoder = TargetEncoder().fit(np.arange(CLASSES).repeat(2), "classification")
    measure = OutOfFold(network, loss, batches, rows, encoder, t, parse_metric("log_loss"))
    found = measure.predictions()
    expected = np.zeros((ROWS, CLASSES))
    for member in range(members):
        stack = network.layers[0].stacks[member]
        for row in np.flatnonzero(fold == member * 3 // members):
            signal = x[row]
            for layer in stack:
                signal = signal @ np.array(layer.weight.values) + np.array(layer.bias.values)
                signal = np.tanh(signal) if layer is not stack[-1] else signal
            expected[row] += np.exp(signal) / np.exp(signal).sum() / (members // 3)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    numbers = measure.run()
    truth = expected[np.arange(ROWS), t]
    assert numbers["loss"] == pytest.approx(-np.log(truth).mean(), rel=1e-12)
    assert numbers["log_loss"] == pytest.approx(numbers["loss"])
    assert numbers["accuracy"] == pytest.approx((expected.argmax(axis=1) == t).mean())


def test_the_ensemble_predicts_the_mean_of_its_members(tmp_path):
    random = np.random.default_rng(2)
    x = random.normal(size=(300, 3)).astype(np.float32)
    y = np.where(x[:, 0] * x[:, 1] > 0, "yes", "no")
    run = fastmlp.train(
        (x, y), folds=4, hidden="8", epochs=3, batch_size=16, out=tmp_path / "run", seed=1
    )
    model, layers = run.model, run.model.network.layers[0].stacks
    scaled = (x.astype(np.float64) * model.features.scale + model.features.shift)[:40]
    means = np.zeros((40, 2))
    for first, last in layers:
        hidden = np.maximum(scaled @ np.array(first.weight.values) + np.array(first.bias.values), 0)
        z = hidden @ np.array(last.weight.values) + np.array(last.bias.values)
        means += np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) / 4
    np.testing.assert_allclose(model.predict_proba(x[:40]), means, rtol=2e-5, atol=1e-6)
    again = fastmlp.load(tmp_path / "run")
    assert np.array_equal(again.predict_proba(x), model.predict_proba(x))
    assert run.metrics["validation_accuracy"] > 0


def test_what_does_not_go_with_members_is_refused():
    for given, words in [
        ({"folds": 3, "members": 4}, "multiple of folds"),
        ({"folds": 3, "validation_fraction": 0.2}, "exclude each other"),
        ({"members": 2, "clip_norm": 1.0}, "clip_norm"),
        ({"folds": 1}, "folds"),
    ]:
        with pytest.raises(UsageError, match=words):
            fastmlp.Settings(**given)
