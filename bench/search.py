"""``python -m bench.search``: GridSearchCV over 24 networks on digits, with fastmlp's MLPClassifier
and scikit-learn's.

Every turn is a process of its own, so that what starting joblib's workers costs is part of each, as
it is in a user's script.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import warnings
from typing import Any

import click

from fastmlp.cli.console import Console
from fastmlp.errors import FastMLPError, choose

from .machine import describe_machine, machine_lines
from .options import json_option, run, tell_progress, words_option, write_results

CONTENDERS = ("fastmlp", "scikit-learn")
GRIDS = {
    "plain": {
        "hidden_layer_sizes": [(50,), (100,), (100, 50)],
        "activation": ["relu", "tanh"],
        "alpha": [1e-4, 1e-2],
        "learning_rate_init": [1e-3, 3e-3],
    },
    "scaled": {
        "hidden_layer_sizes": [(32,), (64,), (100,), (64, 32)],
        "activation": ["relu", "tanh"],
        "alpha": [1e-4, 1e-3, 1e-2],
    },
}
FOLDS = 5


def search(grid: str, contender: str, jobs: int) -> dict[str, float]:
    """Search one grid with one library; return how long it took and the best mean score."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if contender == "fastmlp":
        from fastmlp import MLPClassifier
    else:
        from sklearn.neural_network import MLPClassifier
    warnings.filterwarnings(
        "ignore"
    )  # 200 epochs are not enough for some of the candidates, of either library
    features, labels = load_digits(return_X_y=True)
    steps = [StandardScaler()] if grid == "scaled" else []
    pipeline = make_pipeline(*steps, MLPClassifier(random_state=0))
    candidates = {f"mlpclassifier__{name}": values for name, values in GRIDS[grid].items()}
    start = time.perf_counter()
    found = GridSearchCV(pipeline, candidates, cv=FOLDS, n_jobs=jobs).fit(features / 16, labels)
    return {"seconds": time.perf_counter() - start, "score": float(found.best_score_)}


def in_a_process(grid: str, contender: str, jobs: int) -> dict[str, float]:
    """Search in a process of its own."""
    words = [
        sys.executable,
        "-m",
        "bench.search",
        "--grids",
        grid,
        "--jobs",
        str(jobs),
        "--alone",
        contender,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FastMLPError(
            f"{contender} failed on {grid}:"
            f" {(done.stderr.strip() or 'no message').splitlines()[-1]}"
        )
    return json.loads(done.stdout)


def compare(grids: list[str], rounds: int, jobs: int) -> list[dict[str, Any]]:
    """Let both search each grid in turn; return a result a grid."""
    results = []
    for grid in grids:
        turns: dict[str, list[dict[str, float]]] = {contender: [] for contender in CONTENDERS}
        tell_progress(
            f"{grid}: fastmlp once beforehand, since the first time it compiles its kernels"
        )
        in_a_process(grid, "fastmlp", jobs)
        for number in range(rounds):
            for contender in CONTENDERS:
                tell_progress(f"{grid}: round {number + 1} of {rounds}, {contender}")
                turns[contender].append(in_a_process(grid, contender, jobs))
        seconds = {who: [turn["seconds"] for turn in taken] for who, taken in turns.items()}
        ours, theirs = (statistics.median(seconds[contender]) for contender in CONTENDERS)
        scores = {who: taken[0]["score"] for who, taken in turns.items()}
        results.append({"grid": grid, "seconds": seconds, "scores": scores, "ratio": theirs / ours})
    return results


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@words_option(
    "--grids", ",".join(GRIDS), "Of 24 candidates each: plain, and scaled, behind a StandardScaler."
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    metavar="N",
    help="Turns of each.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="GridSearchCV's n_jobs.",
)
@json_option
@click.option(
    "--alone",
    "contender",
    type=click.Choice(CONTENDERS),
    hidden=True,
    help="Search once, print JSON.",
)
def command(
    grids: list[str], rounds: int, jobs: int, json_file: str | None, contender: str | None
) -> None:
    """Search for the best of 24 networks on digits, with 5 folds, and compare how long it takes."""
    for grid in grids:
        choose("--grids: grid", grid, tuple(GRIDS))
    if contender is not None:
        print(json.dumps(search(grids[0], contender, jobs)))
        return
    console, machine = Console(), describe_machine()
    for line in machine_lines(machine):
        console.line(line)
    results = compare(grids, rounds, jobs)
    console.line()
    console.line("grid    fastmlp s  scikit-learn s  ratio  best scores")
    for result in results:
        ours, theirs = (statistics.median(result["seconds"][who]) for who in CONTENDERS)
        scores = " and ".join(f"{result['scores'][who]:.4f}" for who in CONTENDERS)
        console.line(
            f"{result['grid']:6s}  {ours:9.1f}  {theirs:14.1f}  {result['ratio']:5.2f}  {scores}"
        )
    write_results(
        {"machine": machine, "jobs": jobs, "results": results},
        json_file,
        None,
        draw=lambda report: None,
    )


if __name__ == "__main__":
    run(command)
