"""One loop behind two faces: what callbacks see of ``fastmlp train`` they see of an estimator."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from small_data import save_classes

import fastmlp
from fastmlp.training.callbacks import Callback, Training
from fastmlp.training.checkpoint import Checkpointer, newest_checkpoint


class Witness(Callback):
    """Notes at each call which attributes of Training there are, and what some of them say."""

    def __init__(self):
        self.calls, self.lacking, self.places = [], set(), []

    def _note(self, call, trainer):
        self.calls.append(call)
        names = {*Training.__annotations__, *(name for name in vars(Training) if name[0] != "_")}
        self.lacking |= {name for name in names if not hasattr(trainer, name)}
        self.places.append((trainer.position.epoch, trainer.position.step, trainer.update))

    def training_started(self, trainer):
        self._note("started", trainer)

    def recorded(self, trainer, record):
        self._note("recorded", trainer)

    def epoch_ended(self, trainer, result):
        self._note("epoch", trainer)

    def interrupted(self, trainer, result):
        self._note("interrupted", trainer)

    def training_ended(self, trainer, result):
        self._note("ended", trainer)


class StopAt(Callback):
    """Ends training inside an epoch, or after it at step 0."""

    def __init__(self, epoch, step):
        self.epoch, self.step = epoch, step

    def progressed(self, trainer, progress):
        if progress.epoch == self.epoch and progress.step >= self.step > 0:
            trainer.interrupt()

    def epoch_ended(self, trainer, result):
        if result.epochs == self.epoch and not self.step:
            trainer.stop_reason = "enough"


class GoOnFrom(Callback):
    """Goes on from a folder's newest checkpoint."""

    def __init__(self, folder):
        self.folder = folder

    def training_started(self, trainer):
        trainer.load(newest_checkpoint(self.folder)[0].state)


def of_a_run(tmp_path, callbacks):
    data = save_classes(tmp_path / "data.npz")
    how = {"hidden": [4], "epochs": 4, "batch_size": 10, "threads": "1", "test_fraction": 0.0}
    fastmlp.train(dataset=data, **how, out=tmp_path / "run", callbacks=callbacks)


def of_an_estimator(tmp_path, callbacks):
    data = np.load(save_classes(tmp_path / "data.npz"))
    how = {"max_iter": 4, "batch_size": 10, "early_stopping": False}
    fastmlp.MLPClassifier((4,), **how, callbacks=callbacks).fit(data["X"], data["y"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("train", [of_a_run, of_an_estimator])
def test_a_callback_sees_the_same(train, tmp_path):
    witness = Witness()
    train(tmp_path, [witness, StopAt(3, 1)])
    assert not witness.lacking
    ended = ["recorded", "epoch"]
    assert witness.calls == ["started", *ended, *ended, "interrupted", "ended"]
    assert witness.places[:5] == [(1, 0, 0), (2, 0, 6), (2, 0, 6), (3, 0, 12), (3, 0, 12)]
    epoch, step, update = witness.places[5]
    assert (epoch, update) == (3, 12)
    assert 1 <= step <= 6


WAYS = {
    "adam": {},
    "dropout": {"dropout": 0.3, "batch_norm": "hidden"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "plateau": {"learning_rate": "plateau(1,0.5)", "alpha": 0.01},
    "early stopping": {"early_stopping": True, "learning_rate_init": 0.05},
    "no shuffle": {"shuffle": False, "solver": "rmsprop"},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_estimator_goes_on_from_a_checkpoint_to_the_same_bits(way, step, tmp_path):
    X, y = load_digits(return_X_y=True)
    X, y = X[:210], y[:210]

    def fit(*callbacks):
        how = {"max_iter": 6, "batch_size": 40, "random_state": 3, **way}
        return fastmlp.MLPClassifier((9,), callbacks=callbacks, **how).fit(X, y)

    undisturbed = fit()
    stopped = fit(Checkpointer(tmp_path, None if step else 1, {}), StopAt(3, step))
    resumed = fit(GoOnFrom(tmp_path))
    assert stopped.n_iter_ < undisturbed.n_iter_
    assert resumed.n_iter_ == undisturbed.n_iter_ - (2 if step else 3)
    for one, other in zip(undisturbed.coefs_, resumed.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.loss_curve_ == undisturbed.loss_curve_[-resumed.n_iter_ :]
    assert resumed.best_loss_ == undisturbed.best_loss_
    assert resumed.best_validation_score_ == undisturbed.best_validation_score_
