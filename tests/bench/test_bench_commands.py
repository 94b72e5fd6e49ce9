"""``python -m bench.train``, ``predict``, ``scaling`` from end to end, without PyTorch and JAX."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from oracles.command_line import captured

from bench import agreement, predict, scaling, train
from fastmlp.errors import UsageError

ROOT = Path(__file__).parent.parent.parent
QUICK = ("--rounds", 2, "--seconds", 0.001, "--threads", 1)
pytestmark = pytest.mark.usefixtures("without_peers")


@pytest.fixture
def small_product(monkeypatch):
    """A peak that is found in no time."""
    monkeypatch.setattr(train, "peak_size", lambda place: 32)


@pytest.mark.usefixtures("small_product")
def test_train(tiny, invoke, tmp_path):
    files = tmp_path / "train.json", tmp_path / "train.png"
    result = invoke(
        train.command, "--shapes", "tiny", *QUICK, "--json", files[0], "--plot", files[1]
    )
    assert result.exception is None, result.output
    assert result.return_value == 0
    report = json.loads(files[0].read_text())
    assert set(report["missing"]) == {"torch", "jax"}
    for line in report["missing"].values():
        assert "pip install 'fastmlp[bench]'" in line
        assert line in result.stdout
    assert set(report["peak_gigaflops"]) == {"fastmlp tiles", "numpy"}
    entry = report["shapes"]["tiny"]
    assert [each["contender"] for each in entry["results"]] == ["fastmlp", "sklearn"]
    assert [each["is_peer"] for each in entry["results"]] == [False, True]
    for each in entry["results"]:
        assert len(each["seconds"]) == 2
        assert each["min"] <= each["median"] <= each["max"]
        assert each["microseconds_per_step"] == pytest.approx(1e6 * each["median"] / tiny.steps)
        assert each["peak_bytes"] > 10e6
        peak = 1e9 * max(report["peak_gigaflops"].values())
        assert each["share_of_peak"] == pytest.approx(
            tiny.flops_per_step * tiny.steps / each["median"] / peak
        )
    own, peer = entry["results"]
    assert own["times_best_peer"] == pytest.approx(peer["median"] / own["median"])
    assert peer["times_best_peer"] == 1.0
    assert [each["contender"] for each in entry["agreement"]] == ["fastmlp", "sklearn"]
    [summary] = report["summary"]
    assert summary["geometric_mean"] == pytest.approx(own["times_best_peer"])
    assert "losses agree: fastmlp, sklearn" in result.stdout
    assert files[1].read_bytes().startswith(b"\x89PNG")


def test_train_compares_whole_epochs(tiny, invoke, tmp_path):
    file = tmp_path / "check.json"
    words = ("--shapes", "tiny", "--check", "--gemm", "tiles,blas", *QUICK, "--json", file)
    result = invoke(train.command, *words)
    assert result.return_value == 0, result.output
    entry = json.loads(file.read_text())["shapes"]["tiny"]
    assert entry["results"] == []
    assert [each["contender"] for each in entry["agreement"]] == [
        "fastmlp tiles",
        "fastmlp blas",
        "sklearn",
    ]
    for each in entry["agreement"]:
        assert len(each["values"]) == agreement.EPOCHS
        assert each["values"][1] < each["values"][0]  # it learns


def test_a_disagreement_is_told(tiny, invoke, monkeypatch):
    monkeypatch.setattr(train, "TOLERANCE", -1.0)
    result = invoke(train.command, "--shapes", "tiny", "--check", *QUICK)
    assert result.return_value == 1
    assert "losses DISAGREE" in result.stdout


def test_two_different_trainings_disagree():
    results = {"first": [2.0, 1.0], "same": [2.0, 1.0001], "other": [2.0, 1.01]}
    compared = agreement._compared(results, 1e-3, relative=True)
    assert [each.agrees for each in compared] == [True, True, False]
    assert compared[2].difference == pytest.approx(0.01)


def test_sklearn_is_not_compared_for_two_classes(tiny):
    from bench.contenders import TRAINING_PEERS, find_peers, own_training

    found, _ = find_peers(TRAINING_PEERS, TRAINING_PEERS, 1)
    contenders = [*own_training(["auto"], 1), *found]
    agreements, failures = agreement.check_training(
        contenders, replace(tiny, widths=(5, 7, 2)), whole_epochs=False
    )
    assert ([each.contender for each in agreements], failures) == (["fastmlp"], [])


def test_predict(tiny, invoke, tmp_path):
    files = tmp_path / "predict.json", tmp_path / "predict.svg"
    words = (
        *"--shapes tiny --batches 1,5,all".split(),
        *QUICK,
        "--json",
        files[0],
        "--plot",
        files[1],
    )
    result = invoke(predict.command, *words)
    assert result.return_value == 0, (result.output, result.exception)
    report = json.loads(files[0].read_text())
    assert set(report["missing"]) == {"torch", "jax", "onnxruntime"}
    entry = report["shapes"]["tiny"]
    assert list(entry["results"]) == ["1", "5", "all"]
    for results in entry["results"].values():
        assert [each["contender"] for each in results] == ["fastmlp", "fastmlp program", "sklearn"]
    for each in entry["agreement"]:
        assert each["agrees"]
        assert sum(each["values"]) == pytest.approx(1.0, abs=1e-5)
    assert len(entry["agreement"]) == 3
    assert b"<svg" in files[1].read_bytes()


def test_scaling(invoke, tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "ROWS", 128)
    files = tmp_path / "scaling.json", tmp_path / "scaling.pdf"
    words = ("--axes", "width,batch", "--points", 2, "--peers", "sklearn", *QUICK)
    result = invoke(scaling.command, *words, "--json", files[0], "--plot", files[1])
    assert result.return_value == 0, (result.output, result.exception)
    report = json.loads(files[0].read_text())
    assert list(report["axes"]) == ["width", "batch"]
    for entry in report["axes"].values():
        assert set(entry["contenders"]) == {"fastmlp", "sklearn"}
        for line in entry["contenders"].values():
            assert len(line["sizes"]) == len(line["seconds"]) == 2
            assert isinstance(line["exponent"], float)
    assert files[1].read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("axis", "size"), [("width", 32), ("depth", 5), ("batch", 16), ("rows", 1024)]
)
def test_one_size_grows_and_the_others_stay(axis, size):
    shape = scaling.shape_at(axis, size)
    hidden = shape.widths[1:-1]
    found = {"width": hidden[0], "depth": len(hidden), "batch": shape.batch, "rows": shape.rows}
    usual = {
        "width": scaling.WIDTH,
        "depth": scaling.DEPTH,
        "batch": scaling.BATCH,
        "rows": scaling.ROWS,
    }
    assert found == {**usual, axis: size}
    assert len(set(hidden)) == 1


@pytest.mark.parametrize("axis", scaling.AXES)
def test_every_size_divides_the_rows(axis):
    for size in scaling.AXES[axis].sizes:
        shape = scaling.shape_at(axis, size)
        assert shape.rows % shape.batch == 0  # a scan of JAX needs it


@pytest.mark.parametrize(
    ("module", "words", "named"),
    [
        (train, ["--shapes", "tinny"], "shape 'tinny'"),
        (train, ["--peers", "tensorflow"], "Accepted: torch, jax, sklearn"),
        (train, ["--peers", "onnxruntime"], "Accepted: torch, jax, sklearn"),
        (train, ["--gemm", "cublas"], "Accepted: auto, tiles, blas"),
        (train, ["--seconds", "nan"], "--seconds"),
        (train, ["--plot", "picture.bmp"], "png, svg, pdf"),
        (train, ["--json", "no/such/folder/file.json"], "folder"),
        (predict, ["--batches", "0"], "'0'"),
        (predict, ["--batches", "1,many"], "'many'"),
        (scaling, ["--axes", "weight"], "Accepted: rows, width, depth, batch"),
    ],
)
def test_what_is_wrong_is_told_before_the_work(module, words, named, invoke):
    result = invoke(module.command, *words)
    assert isinstance(result.exception, UsageError)
    assert named in str(result.exception)


@pytest.mark.parametrize("module", ["train", "predict", "scaling"])
def test_as_a_module_an_error_is_one_line(module):
    words = [sys.executable, "-m", f"bench.{module}", "--rounds", "0"]
    done = captured(words, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
