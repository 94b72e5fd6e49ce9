"""Bad inputs: each gets one clear line and exit code 2, and what existed stays as it was."""

import gzip
import resource
import signal
import struct

import numpy as np
import pytest
from cli_support import PLAIN, flowers, write


def lines(path, *rows):
    return write(path, rows)


def idx_folder(folder, images=10, written=None):
    """IDX files of 4×4 images, of which only ``written`` bytes of pixels are there."""
    folder.mkdir()
    pixels = bytes(images * 16 if written is None else written)
    (folder / "train-images-idx3-ubyte").write_bytes(
        struct.pack(">IIII", 0x803, images, 4, 4) + pixels
    )
    (folder / "train-labels-idx1-ubyte").write_bytes(
        struct.pack(">II", 0x801, images) + bytes(range(images))
    )
    return folder


def image_folder(folder):
    """Two classes of pictures, one of them cut off."""
    from PIL import Image

    for name in "ab":
        (folder / name).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    whole = (folder / "a" / "2.png").read_bytes()
    (folder / "a" / "2.png").write_bytes(whole[: len(whole) // 2])
    return folder


def _bytes(path, content):
    path.write_bytes(content)
    return path


# For each: what makes the data in a folder, more words behind ``fastmlp train DATA``, what the line
# must say.
BAD_DATA = {
    "missing file": (lambda f: f / "missing.csv", [], ["missing.csv", "neither a file"]),
    "misspelt data set": (lambda f: "digit", [], ["'digit'", "did you mean 'digits'?"]),
    "empty file": (lambda f: _bytes(f / "e.csv", b""), [], ["e.csv", "empty"]),
    "no rows": (lambda f: lines(f / "h.csv", "a,b"), [], ["h.csv has no rows"]),
    "no target": (lambda f: write(f / "d.csv", flowers()), ["--target", "specis"],
        ["'specis'", "did you mean 'species'?"]),
    "text as quantity": (
        lambda f: write(f / "d.csv", flowers()), ["--task", "regression"],
        ["'species' must be numbers", "(line 2)"],
    ),
    "one class": (lambda f: write(f / "d.csv", flowers(labels="x")), [], ["one class only, 'x'"]),
    "fewer rows than classes": (lambda f: lines(f / "d.csv", "a,s", "1,x", "2,y", "3,z"), [],
        ["of 3 rows", "3 classes"]),
    "truncated IDX": (lambda f: idx_folder(f / "idx", written=100), [],
        ["train-images-idx3-ubyte", "too short"]),
    "truncated picture": (lambda f: image_folder(f / "pictures"), [], ["2.png", "damaged"]),
    "no CSV at all": (lambda f: _bytes(f / "d.parquet", b"PAR1 is not enough"), [],
        ["d.parquet cannot be read"]),
    "truncated gzip": (lambda f: _bytes(f / "d.csv.gz",
            gzip.compress("\n".join(flowers()).encode())[:40]), [], ["d.csv.gz"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(fastmlp, here, case):
    make, options, words = BAD_DATA[case]
    fastmlp("train", make(here), *options).is_refused(*words)
    assert not (here / "runs").exists()


BAD_OPTIONS = {
    "negative lr": (["--lr", "-0.1"], ["lr must be greater than 0", "-0.1"]),
    "lr no number": (["--lr", "fast"], ["--lr", "'fast'"]),
    "lr infinite": (["--lr", "inf"], ["lr must be a finite number"]),
    "hidden zero": (["--hidden", "64,0"], ["hidden", "at least 1", "'0'"]),
    "hidden word": (["--hidden", "64,x"], ["hidden", "'x'"]),
    "hidden immense": (["--hidden", "1000000,1000000"],
        ["1,000,076,000,010 parameters", "of memory"]),
    "unknown option": (["--hiden", "3"], ["--hiden", "--hidden"]),
    "unknown word": (["--optimizer", "adm"], ["optimizer 'adm'", "did you mean 'adam'?"]),
    "unknown activation": (["--activation", "rellu"], ["'rellu'", "did you mean 'relu'?"]),
    "unknown schedule": (["--schedule", "cosin"], ["'cosin'", "did you mean 'cosine'?"]),
    "fractions": (["--test-fraction", "0.6", "--validation-fraction", "0.5"], ["less than 1"]),
    "data twice": (["--dataset", "xor"], ["given twice", "'digits'", "'xor'"]),
    "seed": (["--seed", "-1"], ["seed must be at least 0"]),
    "threads": (["--threads", "0"], ["threads must be auto or a whole number"]),
    "batch": (["--batch-size", "-3"], ["batch_size must be at least 0"]),
    "epochs": (["--epochs", "0"], ["epochs must be at least 1"]),
    "dropout": (["--dropout", "1"], ["dropout", "less than 1"]),
    "dropout of three layers": (["--dropout", "0.1,0.1,0.1"],
        ["dropout has 3 values for 2 hidden"]),
    "device": (["--device", "gpu"], ["device 'gpu'", "cuda:N"]),
    "cuda": (["--device", "cuda"], ["cuda", "cannot be used", "--device cpu"]),
    "class weight": (["--class-weight", "11=2"], ["'11'", "target lacks"]),
    "label smoothing": (
        ["--loss", "mse", "--label-smoothing", "0.1"],
        ["label_smoothing", "squared_error"],
    ),
    "loss of the task": (["--task", "regression", "--loss", "softmax_cross_entropy"],
        ["softmax_cross_entropy", "regression"]),
    "out below a file": (["--out", "/dev/null/run"], ["/dev/null/run", "Choose another --out"]),
    "out where nobody may write": (["--out", "/proc/run"], ["/proc/run", "Choose another --out"]),
    "config missing": (["--config", "none.toml"], ["none.toml", "No such file"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(fastmlp, here, case):
    options, words = BAD_OPTIONS[case]
    fastmlp("train", "digits", *options).is_refused(*words)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hiden = '3'", ["'hiden'", "did you mean 'hidden'?"]),
        ("a = = 3", ["is not TOML"]),
        ("a = " + "[" * 50_000, ["is not TOML"]),
        ("lr = 'fast'", ["lr must be a number", "'fast'"]),
        ("epochs = 2.5", ["epochs must be a whole number", "2.5"]),
        ("shuffle = 1", ["shuffle must be true or false"]),
        ("[network]\nhidden = 3", ["'network' is not known"]),
    ],
)
def test_bad_config(fastmlp, here, text, words):
    (here / "c.toml").write_text(text)
    fastmlp("train", "--config", "c.toml").is_refused(*words)


BAD_MODELS = {
    "missing": (lambda whole: None, ["No such file"]),
    "empty": (lambda whole: b"", ["damaged"]),
    "foreign": (lambda whole: b"this is no model at all", ["damaged"]),
    "truncated": (lambda whole: whole[: len(whole) - 50], ["damaged"]),
    "truncated in its header": (lambda whole: whole[:500], ["damaged"]),
    "header of immense length": (
        lambda whole: struct.pack("<Q", 2**60) + whole[8:],
        ["header does not fit"],
    ),
    "of another program": (lambda whole: _safetensors(), ["not a fastmlp model"]),
}


def _safetensors():
    from safetensors.numpy import save

    return save({"weight": np.zeros((2, 2), np.float32)})


@pytest.mark.parametrize("case", BAD_MODELS)
@pytest.mark.parametrize(
    "words", [["evaluate"], ["predict", "flowers.csv"], ["info"]], ids=lambda words: words[0]
)
def test_bad_model(fastmlp, here, flower_run, flowers_csv, case, words):
    change, said = BAD_MODELS[case]
    content = change((flower_run / "model.safetensors").read_bytes())
    if content is not None:
        (here / "model.safetensors").write_bytes(content)
    name, *rest = words
    fastmlp(name, "model.safetensors", *rest).is_refused("model.safetensors", *said)


def test_bad_words_to_evaluate_and_predict(fastmlp, here, flower_run, flowers_csv, prices_csv):
    unseen = write(here / "unseen.csv", flowers(labels="xyw"))
    fastmlp("evaluate", flower_run, unseen).is_refused("label 'w'", "'x', 'y', 'z'")
    fastmlp("evaluate", flower_run, prices_csv).is_refused("no column 'species'")
    fastmlp("evaluate", flower_run, flowers_csv, "--target", "spec").is_refused(
        "'spec'", "did you mean 'species'?"
    )
    fastmlp("evaluate", flower_run, "--split", "tst").is_refused(
        "split 'tst'", "did you mean 'test'?"
    )
    fastmlp("predict", flower_run).is_refused("DATA")
    fastmlp("predict", flower_run, "missing.csv").is_refused("missing.csv")
    fastmlp("predict", flower_run, prices_csv).is_refused("no column 'c'")
    fastmlp("predict", flower_run, flowers_csv, "-o", "answers.json").is_refused(
        "answers.json", ".csv or .parquet"
    )
    fastmlp("predict", flower_run, flowers_csv, "-o", "/proc/answers.csv").is_refused(
        "/proc/answers.csv"
    )
    fastmlp("predict", flower_run, flowers_csv, "-o", "missing/answers.csv").is_refused(
        "missing/answers.csv"
    )


def test_a_failure_leaves_the_existing_file_alone(fastmlp, here, flower_run, flowers_csv):
    (here / "answers.csv").write_text("mine")
    bad = write(here / "bad.csv", ["a,b,c", "1,2,many"])
    fastmlp("predict", flower_run, bad, "-o", "answers.csv").is_refused("many")
    assert (here / "answers.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "missing.csv"], "missing.csv"),
        (["train", "flowers.csv", "--lr", "-1"], "lr must be greater than 0"),
        (["train", "--config", "flowers.csv"], "is not TOML"),
        (["train", "--hiden", "3"], "--hidden"),
        (["train", "--out", "/proc/run"], "/proc/run"),
        (["evaluate", "flowers.csv"], "damaged"),
        (["info", "missing"], "missing"),
    ],
)
def test_bad_inputs_in_a_process_of_its_own(process, flowers_csv, words, said):
    before = flowers_csv.read_bytes()
    process(*words).is_refused(said)
    assert flowers_csv.read_bytes() == before


def _small_disk(size):
    """Let the process write no file of more than ``size`` bytes, as on a full disk."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_full_disk_while_training(process, here, flower_run, flowers_csv):
    # Whatever has to be compiled is compiled before: the compiler's cache is a file too.
    settings = ["--hidden", "16", "--epochs", "3", "--test-fraction", "0"]
    assert process("train", flowers_csv, *PLAIN, *settings, "--out", "first").code == 0
    outcome = process(
        "train",
        flowers_csv,
        *PLAIN,
        *settings,
        "--out",
        "second",
        "--quiet",
        preexec_fn=_small_disk(2000),
    )
    outcome.is_refused("second/model.safetensors", "Free space")
    assert sorted(path.name for path in (here / "second").iterdir()) == [
        "config.toml",
        "history.jsonl",
    ]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_full_disk_while_predicting(process, here, flower_run, flowers_csv, suffix):
    answers = here / f"answers{suffix}"
    answers.write_text("mine")
    outcome = process(
        "predict", flower_run, flowers_csv, "-o", answers, preexec_fn=_small_disk(1000)
    )
    outcome.is_refused(answers.name, "Free space")
    assert answers.read_text() == "mine"
    assert sorted(path.name for path in here.iterdir()) == [answers.name, "flowers.csv"]
