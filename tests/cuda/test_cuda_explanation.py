"""Explanations on a GPU: the same shuffles and grids, and numbers that agree with the CPU's."""

import numpy as np

import fastmlp
from fastmlp.model.model import load_model


def test_a_gpu_finds_what_the_cpu_finds(cuda, tmp_path):
    draw = np.random.default_rng(6)
    features = draw.normal(size=(300, 4))
    target = 3 * features[:, 0] - features[:, 1] + features[:, 2] ** 2
    run = fastmlp.train(
        (features, target), hidden="8", epochs=10, lr=0.02, out=tmp_path / "run", device="cpu"
    )
    given = features + 0.01, target
    here = fastmlp.explain(run.model, *given, points=5)
    there = fastmlp.explain(load_model(run.folder, cuda), *given, points=5)
    assert here.rows == there.rows == 300  # one full block of 256 rows, and a ragged one
    assert [each.column for each in there.importances] == [each.column for each in here.importances]
    for one, other in zip(there.importances, here.importances, strict=True):
        np.testing.assert_allclose(one.losses, other.losses, rtol=1e-4, atol=1e-6)
    for one, other in zip(there.dependences, here.dependences, strict=True):
        assert one.values == other.values
        np.testing.assert_allclose(one.means, other.means, rtol=1e-4, atol=1e-5)
