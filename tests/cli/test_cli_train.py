"""``fastmlp train``: what it prints, what it writes, and which settings count."""

import json
import os
import re
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from cli_support import PLAIN, command, environment
from oracles.command_line import captured

JSON_KEYS = {
    "run_dir", "device", "epochs", "best_epoch", "train_loss", "train_accuracy", "test_loss",
    "test_accuracy",
    "train_seconds", "compile_seconds", "samples_per_second", "parameters",
}  # fmt: skip


def epoch_lines(text):
    return [line for line in text.splitlines() if re.match(r"\s*\d+/\d+ ", line)]


def test_digits_reach_the_promised_accuracy_as_json(process, here):
    outcome = process("train", "--dataset", "digits", "--seed", "0", "--json", "--out", "run")
    assert outcome.code == 0
    assert outcome.out.count("\n") == 1
    result = outcome.json
    assert set(result) >= JSON_KEYS
    assert result["test_accuracy"] >= 0.975
    assert result["parameters"] == 64 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    assert result == json.loads((here / "run" / "metrics.json").read_text())
    assert len(epoch_lines(outcome.err)) == result["epochs"]


def test_a_second_run_compiles_nothing(process):
    process("train", "--epochs", "1", "--quiet")
    assert "compil" not in process("train", "--epochs", "1").out.replace(
        "kernels compiled or loaded in", ""
    )


@pytest.mark.parametrize(
    ("words", "preset", "network"),
    [("", "tables", "5 × "), ("--preset plain", "plain", ""), ("--folds 3", "tables", "3 × ")],
)
def test_a_table_is_trained_with_its_preset(fastmlp, flowers_csv, words, preset, network):
    said = f"{words} --epochs 1 --hidden 4 --quiet --out run".split()
    assert fastmlp("train", flowers_csv, *said).code == 0
    report = fastmlp("train", flowers_csv, *said[:-3]).out.splitlines()
    facts = {line.split()[0]: " ".join(line.split()[1:]) for line in report if line.strip()}
    assert facts["preset"] == preset
    columns = facts["network"].removeprefix(network)
    assert facts["network"].startswith(network)
    assert columns.startswith("3-4-3")
    config = tomllib.loads(Path("run/config.toml").read_text())
    assert (config["preset"], config["hidden"]) == (preset, "4")


def test_the_start_tells_where_and_on_what(fastmlp, flowers_csv):
    words = "--hidden 16,8 --epochs 2 --validation-fraction 0.1 --threads 1"
    text = fastmlp("train", flowers_csv, *PLAIN, *words.split()).out
    facts = {
        line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line.strip()
    }
    assert facts["device"].startswith("cpu (chosen by auto: ")
    assert facts["dtype"] == "float32"
    assert facts["threads"] == "1"
    assert facts["BLAS"]
    assert facts["data"] == "60 rows × 3 features × 3 classes"
    assert facts["split"] == "train 42, validation 6, test 12"
    assert facts["seed"] == "0"
    assert facts["dense_0.weight"] == "3×16 48"
    assert facts["dense_2.bias"] == "3 3"
    assert facts["total"] == str(48 + 16 + 128 + 8 + 24 + 3)
    assert "fastmlp evaluate runs/" in text
    assert "fastmlp predict runs/" in text


def test_a_star_marks_the_best_epoch_of_a_validation_set_only(fastmlp, flowers_csv, here):
    with_validation = fastmlp(
        "train", flowers_csv, *PLAIN, "--epochs", "12", "--validation-fraction", "0.3", "--out", "v"
    ).out
    lines = epoch_lines(with_validation)
    marked = [index for index, line in enumerate(lines, start=1) if "*" in line]
    history = [json.loads(line) for line in (here / "v" / "history.jsonl").read_text().splitlines()]
    losses = [record["validation_loss"] for record in history]
    assert marked == [
        i + 1 for i, loss in enumerate(losses) if loss < min([*losses[:i], float("inf")])
    ]
    assert (
        f"best epoch  {losses.index(min(losses)) + 1} of 12 (told by validation)" in with_validation
    )
    without = fastmlp("train", flowers_csv, *PLAIN, "--epochs", "3").out
    assert "*" not in "".join(epoch_lines(without))
    assert "test loss" in without


def test_columns_are_aligned(fastmlp, prices_csv):
    text = fastmlp("train", prices_csv, *PLAIN, "--epochs", "30").out
    lines = epoch_lines(text)
    heading = text.splitlines()[text.splitlines().index(lines[0]) - 1]
    assert heading.split() == [
        *"epoch train loss test loss rmse R² lr samples/s elapsed remaining".split()
    ]
    ends = [[match.end() for match in re.finditer(r"\S+", line)] for line in lines]
    assert all(end == ends[0] for end in ends)
    assert heading.index("elapsed") + len("elapsed") in ends[0]


@pytest.mark.parametrize(
    ("epochs", "every", "shown"), [(100, 1, 100), (101, 2, 52), (2000, 20, 101)]
)
def test_very_many_epochs_are_thinned_out(fastmlp, epochs, every, shown):
    text = fastmlp(
        "train", "xor", "--test-fraction", 0, "--hidden", "2", "--epochs", epochs, "--batch-size", 0
    ).out
    lines = epoch_lines(text)
    assert len(lines) == shown
    assert lines[0].split()[0] == f"1/{epochs}"
    assert lines[-1].split()[0] == f"{epochs}/{epochs}"
    assert (f"every {every:,}th is shown" in text) == (every > 1)


def test_the_last_epoch_is_shown_where_training_stops_early(fastmlp, flowers_csv):
    words = [*"--epochs 5000 --early-stopping 3 --lr 0.01 --validation-fraction 0.2".split()]
    text = fastmlp("train", flowers_csv, *PLAIN, *words).out
    best, epochs = map(int, re.search(r"best epoch  (\d+) of (\d+)", text).groups())
    assert epochs == best + 3
    assert epoch_lines(text)[-1].split()[0] == f"{epochs}/5000"
    assert "stopped: no improvement for 3 epochs" in text


def test_updates_are_shown_too(fastmlp, flowers_csv):
    text = fastmlp(
        "train", flowers_csv, *PLAIN, "--epochs", "2", "--batch-size", "8", "--log-every", "4"
    ).out
    assert re.findall(r"^\s*(@\d+|\d+/2) ", text, re.MULTILINE) == ["@4", "1/2", "@8", "@12", "2/2"]


def test_what_is_typed_counts_more_than_the_config_and_that_more_than_defaults(
    fastmlp, here, flowers_csv
):
    (here / "c.toml").write_text(
        "lr = 0.5\nhidden = [4, 5]\nshuffle = false\nepochs = 3\n"
        "early-stopping = 2\ndtype = 'float64'\n"
    )
    typed = "--lr 0.25 --epochs 2 --early-stopping auto --dtype float32"
    outcome = fastmlp("train", flowers_csv, *PLAIN, *f"--config c.toml {typed} --out run".split())
    assert outcome.code == 0, outcome.err
    written = dict(
        re.findall(r"^(\w+) = (.*)$", (here / "run" / "config.toml").read_text(), re.MULTILINE)
    )
    assert written["lr"] == "0.25"  # typed
    assert written["epochs"] == "2"
    assert written["dtype"] == '"float32"'  # typed, though it is the default
    assert written["hidden"] == '"4,5"'  # from the file
    assert written["shuffle"] == "false"
    assert written["momentum"] == "0.9"  # default
    assert "early_stopping" not in written  # the choice was given back


def test_a_runs_config_runs_it_again_to_the_bit(fastmlp, here, flowers_csv):
    words = "--dropout 0.2 --batch-norm hidden --seed 7 --epochs 4 --hidden 8 --out a --json"
    first = fastmlp("train", flowers_csv, *PLAIN, *words.split()).json
    second = fastmlp("train", "--config", "a/config.toml", "--out", "b", "--json").json
    assert (here / "a" / "model.safetensors").read_bytes() == (
        here / "b" / "model.safetensors"
    ).read_bytes()
    assert first["test_loss"] == second["test_loss"]


def test_a_run_folder_holds_four_files_and_is_never_written_over(fastmlp, here, flowers_csv):
    words = ["train", flowers_csv, *PLAIN, "--epochs", "2", "--json", "--out", "run"]
    first, second = fastmlp(*words).json, fastmlp(*words).json
    assert (first["run_dir"], second["run_dir"]) == ("run", "run-2")
    told = "note: run was there before and is left as it is; the folder of this run is run-3.\n"
    assert (
        fastmlp("train", flowers_csv, *PLAIN, "--epochs", "2", "--quiet", "--out", "run").err
        == told
    )
    assert (
        fastmlp("train", flowers_csv, *PLAIN, "--epochs", "2", "--quiet", "--out", "./other/").err
        == ""
    )
    for name in ("run", "run-2"):
        names = sorted(path.name for path in (here / name).iterdir())
        assert names == ["config.toml", "history.jsonl", "metrics.json", "model.safetensors"]


def test_regression_as_json(fastmlp, prices_csv):
    result = fastmlp("train", prices_csv, *PLAIN, "--epochs", "60", "--json").json
    assert result["task"] == "regression"
    assert result["test_r2"] > 0.9
    assert 0 < result["test_rmse"] < 20
    assert "test_accuracy" not in result


def test_quiet_prints_nothing_and_with_json_one_line(fastmlp, flowers_csv):
    quiet = fastmlp("train", flowers_csv, *PLAIN, "--epochs", "2", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    both = fastmlp("train", flowers_csv, *PLAIN, "--epochs", "2", "--quiet", "--json")
    assert both.err == ""
    assert both.out.count("\n") == 1


def test_compiling_is_announced_and_timed_apart(here, flowers_csv):
    cache = environment(NUMBA_CACHE_DIR=str(here / "cache"))
    words = command(
        "train",
        flowers_csv.name,
        *PLAIN,
        *"--hidden none --optimizer sgd --epochs 1 --out run".split(),
    )
    outputs = [captured(words, cwd=here, env=cache, check=True).stdout for _ in range(2)]
    assert outputs[0].startswith("compiling kernels (once; cached) …\ncompiled ")
    assert "compiling" not in outputs[1]
    metrics = json.loads((here / "run" / "metrics.json").read_text())
    assert metrics["compile_seconds"] > 0.5 > metrics["train_seconds"]


def test_a_diverged_run_keeps_weights_that_predict(fastmlp, flowers_csv):
    words = [*"--optimizer sgd --lr 1e30 --normalize none --epochs 20 --json --out run".split()]
    outcome = fastmlp("train", flowers_csv, *PLAIN, *words)
    assert outcome.code == 1
    assert outcome.json["diverged"]
    complaint = next(line for line in outcome.err.splitlines() if line.startswith("error: "))
    assert "the loss became NaN or infinite in epoch" in complaint
    assert "learning rate 1e+30 is too large" in complaint
    assert fastmlp("evaluate", "run").code == 0


def test_raw_pixels_are_named_as_the_cause(fastmlp, here):
    import numpy as np

    generator = np.random.default_rng(0)
    np.savez(
        here / "raw.npz", X=generator.integers(0, 256, (80, 16), np.uint8), y=np.arange(80) % 4
    )
    words = [*"--normalize none --lr 10 --optimizer sgd --epochs 20 --task regression".split()]
    outcome = fastmlp("train", "raw.npz", *words, "--quiet")
    assert outcome.code == 1
    assert outcome.out == ""
    assert "the input is not normalised" in outcome.err
    assert "--normalize standard" in outcome.err


def test_ctrl_c_keeps_what_was_learnt(here):
    process = subprocess.Popen(
        command("train", "digits", "--epochs", "1000000", "--json", "--out", "run"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here,
        env=environment(PYTHONUNBUFFERED="1"),
        # What runs in the background ignores Ctrl-C, and so would its children: give it its usual
        # meaning.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    for line in process.stderr:
        if re.match(r"\s*1/1000000 ", line):
            break
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: what was learnt so far is kept in run." in err
    assert "Traceback" not in err
    metrics = json.loads(out.splitlines()[-1])
    assert metrics["stop_reason"] == "interrupted"
    assert metrics["epochs"] >= 1
    assert (here / "run" / "model.safetensors").is_file()


def test_ctrl_c_before_training(fastmlp, monkeypatch):
    import fastmlp.run.train as job

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "set_up", interrupt)
    outcome = fastmlp("train")
    assert outcome.code == 130
    assert outcome.err.strip() == "error: interrupted."


XOR = [*"train xor --test-fraction 0 --batch-size 0 --dtype float64 --quiet --out run".split()]


def test_xor_as_regression(fastmlp):
    words = [
        *"--task regression --hidden 3 --activation leaky_relu(0.5) --epochs 2000 --lr 0.01".split()
    ]
    assert fastmlp(*XOR, *words).code == 0
    assert fastmlp("evaluate", "run", "--split", "train", "--json").json["rmse"] < 0.05


def test_xor_as_classification(fastmlp):
    assert (
        fastmlp(
            *XOR, "--hidden", "8", "--activation", "tanh", "--epochs", "1500", "--lr", "0.01"
        ).code
        == 0
    )
    assert fastmlp("evaluate", "run", "--split", "train", "--json").json["accuracy"] == 1
