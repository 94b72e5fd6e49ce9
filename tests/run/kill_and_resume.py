"""Kills a run again and again, at random moments, and lets it go on; the model must be that of a
run that nobody disturbed.

``python tests/run/kill_and_resume.py [--kills 20] [--seed 0]`` prints each kill and compares
model.safetensors byte for byte.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTINGS = [
    "digits", "--hidden=256,128", "--dropout=0.2", "--batch-norm=hidden", "--epochs=400",
    "--early-stopping=400", "--checkpoint-every=1", "--log-every=7", "--seed=4",
]  # fmt: skip


def start(folder, *arguments):
    """Begin a run in a folder, or what ``arguments`` say."""
    words = arguments or (*SETTINGS, "--out", str(folder))
    return subprocess.Popen(
        [sys.executable, "-m", "fastmlp", "train", *words, "--quiet"], stderr=subprocess.DEVNULL
    )


def kill_until_done(start, folder, kills, seed, tell=lambda text: None):
    """Kill a run ``kills`` times after its first checkpoint, each time at a random moment; then let
    it end.

    Returns how often it was killed: fewer times only if it ended before.
    """
    moments, done = random.Random(seed), 0
    process = start(folder)
    while done < kills:
        before = newest(folder)
        while newest(folder) == before and process.poll() is None:
            time.sleep(0.002)  # it goes on a little each time, so that the end is reached
        time.sleep(moments.uniform(0, 0.15))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        done += 1
        if (folder / "metrics.json").exists():  # written last: it was killed on its way out
            return done
        tell(
            f"kill {done}: after {newest(folder)}, left aside: {len(list(folder.rglob('.*.tmp')))}"
        )
        process = start(folder, "--resume", str(folder))
    if process.wait() != 0:
        raise RuntimeError(f"the run failed with status {process.returncode}")
    return done


def newest(folder):
    """Return the name of the newest checkpoint."""
    return max((path.name for path in (folder / "checkpoints").glob("update-*")), default="")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        whole, killed = Path(place) / "whole", Path(place) / "killed"
        if start(whole).wait() != 0:
            return 1
        kills = kill_until_done(start, killed, options.kills, options.seed, print)
        same = (whole / "model.safetensors").read_bytes() == (
            killed / "model.safetensors"
        ).read_bytes()
    print(f"killed {kills} times; the model's bytes are {'the same' if same else 'DIFFERENT'}")
    return 0 if same and kills == options.kills else 1


if __name__ == "__main__":
    sys.exit(main())
