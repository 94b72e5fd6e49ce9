"""Jobs that end otherwise than after all epochs: ``python ending_jobs.py KIND FOLDER``."""

import os
import signal
import sys
import threading
import time

from compared_cases import data

import fastmlp
from fastmlp.errors import FastMLPError
from fastmlp.ranks.joining import here
from fastmlp.training.callbacks import Callback

# Far too many epochs to end by themselves.
HOW = {
    "preset": "plain", "hidden": "32", "batch_size": 10, "epochs": 100_000, "threads": "1",
    "device": "cpu", "dtype": "float64", "dropout": "0.2", "schedule": "constant",
}  # fmt: skip
RESUMED = {**HOW, "epochs": 6, "optimizer": "momentum", "batch_norm": "hidden"}


class At(Callback):
    """Does something after so many epochs; callbacks are told on the first rank alone."""

    def __init__(self, epoch, act):
        self.epoch, self.act = epoch, act

    def recorded(self, trainer, record):
        if record.epoch == self.epoch:
            self.act(trainer)


class Interrupt(Callback):
    """Asks for a stop inside an epoch, as Ctrl-C does."""

    def progressed(self, trainer, progress):
        if progress.epoch == 3 and progress.step >= 2:
            trainer.interrupt()


def later(act):
    """Do something on another thread in a while."""
    thread = threading.Timer(1.0, act)
    thread.daemon = True
    thread.start()


def fail(trainer):
    raise ValueError("a callback of the first rank's own")


def stop(trainer):
    trainer.stop_reason = "a callback says so"


def say(text):
    """Print a line in one piece: that of another rank may come at the same time."""
    os.write(1, f"{text}\n".encode())


def alike(ranks, folder):
    """What all ranks meet alike, one after the other: two errors, and two ends."""
    for how in (
        {"hidden": "none at all", "dataset": data("classes")},
        {"dataset": data("prices" if ranks.rank else "classes")},
    ):
        try:
            fastmlp.train(**{**HOW, **how}, out=folder)
        except FastMLPError as error:
            say(f"rank {ranks.rank} is told: {error}")
    time.sleep(0.3 * ranks.rank)  # clocks differ
    for how in ({"callbacks": [At(2, stop)]}, {"time_limit": 0.3}):
        run = fastmlp.train(dataset=data("classes"), out=folder, **HOW, **how)
        say(f"rank {ranks.rank} trained: {run.metrics['stop_reason']}")


def main(kind, folder):
    ranks, how, callbacks = here(), dict(HOW), []
    if kind == "alike":
        alike(ranks, folder)
        return
    if kind == "resume":
        run = fastmlp.train(resume=folder, dataset=data("classes"))
        say(f"rank {ranks.rank} resumed: {run.metrics['epochs']} epochs, {ranks.size} ranks")
        return
    if kind == "raise-in-callback":
        callbacks = [At(2, fail)]
    elif kind == "kill" and ranks.rank == 1:
        later(lambda: os.kill(os.getpid(), signal.SIGKILL))
    elif kind == "other-file" and ranks.rank == 1:
        how["test"] = "nowhere.csv"
    elif kind == "uncaught" and ranks.rank == 1:
        raise RuntimeError("before any training")
    elif kind == "interrupt":
        how, callbacks = dict(RESUMED), [Interrupt()]
    elif kind == "undisturbed":
        how = dict(RESUMED)
    run = fastmlp.train(dataset=data("classes"), **how, out=folder, callbacks=callbacks)
    say(f"rank {ranks.rank} trained: {run.metrics['stop_reason']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
