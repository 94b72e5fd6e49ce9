"""What the tests of searches share: a small space, a small search, and a trial without Optuna."""

import subprocess
import sys

from fastmlp.settings.settings import settings_from
from fastmlp.tuning.api import make_options, set_up_search

SPACE = {
    "lr": {"low": 0.001, "high": 0.1, "log": True},
    "hidden": {"depth": {"low": 1, "high": 2}, "width": {"low": 4, "high": 12, "step": 4}},
    "activation": {"choices": ["relu", "tanh"]},
}
SMALL = {
    "preset": "plain", "hidden": "8", "epochs": 3, "batch_size": 16, "threads": "1",
    "validation_fraction": 0.2,
}  # fmt: skip

# A search that stops answering in its trial of this number, as a process that hangs does.
HANGING = """
import json, sys, time
from fastmlp.settings.settings import settings_from
from fastmlp.training.callbacks import Callback
from fastmlp.tuning.api import make_options, set_up_search
told = json.loads(sys.argv[1])
class Hangs(Callback):
    seen = 0
    def training_started(self, trainer):
        Hangs.seen += 1
        if Hangs.seen == told["hangs"]:
            print("hangs", flush=True)
            time.sleep(600)
options = make_options(trials=9, time=None, **told["options"])
set_up_search(settings_from(told["settings"]), told["space"], options).run(watchers=[Hangs()])
"""


class Picks:
    """Stands for a trial: picks an end of each range, or what it is told by name."""

    def __init__(self, high=False, **told):
        self.high, self.told, self.asked = high, told, []

    def _pick(self, name, low, high):
        self.asked.append(name)
        return self.told.get(name.replace(".", "_"), high if self.high else low)

    def suggest_int(self, name, low, high, *, step=1, log=False):
        assert isinstance(low, int)
        assert isinstance(high, int)
        return self._pick(name, low, high)

    def suggest_float(self, name, low, high, *, step=None, log=False):
        return self._pick(name, low, high)

    def suggest_categorical(self, name, choices):
        return self._pick(name, choices[0], choices[-1])


def small_search(dataset, space=None, *, settings=None, trials=4, time=None, **options):
    """Return a search of small networks, ready to run."""
    given = {**SMALL, "dataset": str(dataset), **(settings or {})}
    how = make_options(trials=trials, time=time, **{"pruner": "none", **options})
    return set_up_search(settings_from(given), SPACE if space is None else space, how)


def start_python(script, *words, **options):
    """Start a script in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, text=True, **options
    )
