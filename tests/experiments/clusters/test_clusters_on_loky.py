"""joblib's processes: the same numbers, and a process that dies."""

import os
import signal
import threading
import time

import psutil
from clusters_support import numbers, run_on, without_folder
from experiments_support import RECIPE, run


def test_the_same_numbers(data_npz):
    here, _ = run(out="here")
    there, ran, notes = run_on("loky", out="there", jobs=2)
    assert len(ran) == 3
    assert notes == ["they run on the loky on this machine (2 processes)."]
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")


def test_a_process_that_dies_is_said_and_its_run_tried_again(data_npz):
    text = RECIPE.replace("epochs = 2", "epochs = 2000")
    killed = []

    def kill():
        children = psutil.Process().children
        before = {child.pid for child in children()}
        while not killed:
            for child in children():
                busy = child.pid not in before and child.cpu_times().user > 0.5
                if busy and "loky" in " ".join(child.cmdline()):
                    killed.append(child.pid)
                    os.kill(child.pid, signal.SIGKILL)
                    return
            time.sleep(0.02)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    experiment, _, notes = run_on("loky", text, jobs=1)
    killer.join()
    assert {variant.status for variant in experiment.variants} == {"done"}
    assert len(notes) == 2
    assert notes[1].endswith("died; the run is tried once more.")
