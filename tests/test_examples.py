"""The examples run as they stand, in a process of their own, and learn."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_own_network(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "own_network.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"one step: \d+ operations, the last is adam\n", done.stdout)
    losses = [float(loss) for loss in re.findall(r"loss (\d\.\d+)", done.stdout)]
    assert len(losses) == 4
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.1
    assert float(done.stdout.split()[-1]) >= 0.95


@pytest.fixture(scope="module")
def executed():
    """The notebook after a kernel has run all of its cells: each code cell's outputs."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its event loop and its sockets
        nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def texts(outputs):
    return [output.data["text/plain"] for output in outputs if "data" in output]


def test_notebook(executed):
    first, predicted, model, shorter, pipeline, score = executed
    line, run = first
    # One line that changed in place; the last state is what a notebook keeps.
    assert re.match(
        r"epoch 20/20  train loss 0\.\d+, accuracy [01]\.\d+  test loss .* s$",
        line.data["text/plain"],
    )
    assert run.data["text/plain"].startswith("fastmlp TrainedRun: classification")
    assert run.data["text/html"].count("<svg") == 2
    [digits] = texts(predicted)
    right = zip(digits, "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", strict=True)
    assert sum(said != true for said, true in right) <= 1
    assert "fastmlp Model: classification" in model[0].data["text/plain"]
    assert "stopped: accurate enough" in texts(shorter)[0]
    assert texts(shorter)[-1] == "('accurate enough', True)"
    assert "MLPClassifier" in pipeline[-1].data["text/html"]
    assert texts(score) == ["True"]
    assert not [o for outputs in executed for o in outputs if o.output_type == "stream"]


def test_every_example_has_a_test():
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    examples = [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ipynb")]
    assert {path.stem for path in examples} <= tests
