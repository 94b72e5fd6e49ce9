"""A job: two ranks train on a device each, and the first also alone; prints how far apart."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).parents[1] / "ranks"))

import numpy as np
from compared_cases import alone, apart, data
from oracles.ranks import checked_alike

import fastmlp
from fastmlp.ranks.joining import here

HOW = {
    "preset": "plain", "hidden": "7", "dropout": "0.3", "batch_size": 17, "epochs": 3,
    "dtype": "float64", "seed": 5, "device": "cuda", "batch_norm": "hidden",
}  # fmt: skip


def train():
    with TemporaryDirectory() as folder:
        run = fastmlp.train(dataset=data("classes"), out=folder, **HOW)
        backend = run.model.network.backend
        return backend.name, run.metrics["how"], run.model.network.store.snapshot()


ranks = here()
name, how, together = train()
checked_alike(ranks, together)
number = ranks.total(np.eye(ranks.size)[ranks.rank] * int(name[-1]))
if ranks.is_first:
    with alone():
        single = train()[-1]
    devices = [f"cuda:{int(each)}" for each in number]
    print(
        json.dumps({"devices": devices, "how": how, "apart": apart(list(single), list(together))})
    )
