"""npz, text and JSON: the numbers come back exactly, and with the description they predict what the
model predicts.
"""

import json

import numpy as np
import pytest
from export_support import linear, random_state, rows, softmax

import fastmlp
from fastmlp.errors import UsageError
from fastmlp.files.atomic import WriteError

FORMATS = ["npz", "text", "json"]


def read(path, kind):
    """Return arrays and description with standard means alone."""
    if kind == "npz":
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        return arrays, json.loads(str(arrays.pop("description")))
    if kind == "text":
        arrays = {file.stem: np.loadtxt(file, ndmin=1) for file in path.glob("*.txt")}
        return arrays, json.loads((path / "description.json").read_text())
    content = json.loads(path.read_text())
    return {name: np.array(values) for name, values in content["arrays"].items()}, content[
        "description"
    ]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["digits", "regression"])
def test_every_number_comes_back(kind, name, request, tmp_path):
    model = request.getfixturevalue(name)
    path = model.export(tmp_path / "out", kind).paths[0]
    arrays, description = read(path, kind)
    expected = {
        key: parameter.values for key, parameter in model.network.named_parameters().items()
    }
    expected |= {"scale": model.features.scale, "shift": model.features.shift}
    assert set(arrays) == set(expected)
    for key, values in expected.items():
        assert np.array_equal(arrays[key].astype(values.dtype), values), key
    assert description["features"] == model.features.to_dict()
    assert description["targets"] == model.targets.to_dict()
    assert description["architecture"]["batch_norm"] == model.network.architecture.batch_norm


@pytest.mark.parametrize("kind", FORMATS)
def test_the_arrays_predict_what_the_model_predicts(digits, kind, tmp_path):
    arrays, _ = read(digits.export(tmp_path / "out", kind).paths[0], kind)
    x = rows(30, 64)
    a = x * arrays["scale"] + arrays["shift"]
    for index in range(3):
        a = a @ arrays[f"dense_{index}.weight"] + arrays[f"dense_{index}.bias"]
        a = np.maximum(a, 0) if index < 2 else softmax(a)
    assert np.allclose(digits.predict_outputs(x), a, atol=1e-5)


def test_the_format_is_told_by_the_name_or_by_the_usual_one(digits, tmp_path):
    names = {"a.npz": "npz", "a.json": "json", "a.onnx": "onnx", "a.SAFETENSORS": "torch"}
    for name, kind in names.items():
        if kind != "onnx":
            assert digits.export(tmp_path / name).format == kind
    assert digits.export(tmp_path, "json").paths == (tmp_path / "model.json",)
    for name in ("a", "a.txt", "a.pt"):
        with pytest.raises(UsageError, match="does not tell a format; give one of: onnx, torch"):
            digits.export(tmp_path / name)
    with pytest.raises(UsageError, match="did you mean 'onnx'"):
        digits.export(tmp_path / "a", "onxn")
    with pytest.raises(UsageError, match="opset belongs to the format onnx"):
        digits.export(tmp_path / "a", "npz", opset=17)


def test_a_text_export_replaces_an_earlier_one_and_nothing_else(digits, tmp_path):
    folder = tmp_path / "texts"
    fastmlp.from_torch(random_state([2] * 9 + [3]), activation="relu", task="regression").export(
        folder, "text"
    )
    digits.export(folder, "text")
    assert len(list(folder.glob("dense_*"))) == 6
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="holds other files"):
        digits.export(tmp_path / "mine", "text")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        digits.export(tmp_path / "file", "text")
    (tmp_path / "empty").mkdir()
    digits.export(tmp_path / "empty", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "mine", "texts"]


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def exported_with(name):
    """Return what puts a file of the user's own into an earlier export."""

    def add(folder, model):
        model.export(folder, "text")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("precious")

    return add


def described_as(text, *names):
    """Return what makes a folder of the user's own that holds a description.json."""

    def make(folder, model):
        folder.mkdir()
        (folder / "description.json").write_text(text)
        for name in names:
            (folder / name).write_text("precious")

    return make


OWN_FOLDERS = {
    "a description and data": described_as('{"title": "my data"}', "data.csv"),
    "a description alone": described_as('{"title": "my data"}'),
    "a description and names of arrays": described_as(
        '{"title": "my data"}', "dense_0.weight.txt", "scale.txt"
    ),
    "a list": described_as("[1]"),
    "a text": described_as('"architecture dtype features targets"'),
    "no JSON": described_as("title: my data"),
    "deep": described_as("[" * 100_000),
    "a file in an export": exported_with("data.csv"),
    "a text file in an export": exported_with("notes.txt"),
    "a hidden file in an export": exported_with(".git"),
    "a folder in an export": exported_with("mine/data.csv"),
    "a name like an array's": exported_with("dense_0.weight.txt.bak"),
}


@pytest.mark.parametrize("name", OWN_FOLDERS)
def test_a_folder_with_files_of_one_s_own_is_left_as_it_is(digits, name, tmp_path):
    folder = tmp_path / "mine"
    OWN_FOLDERS[name](folder, digits)
    before = content(tmp_path)
    with pytest.raises(UsageError, match="holds other files") as caught:
        digits.export(folder, "text")
    assert "\n" not in str(caught.value)
    assert content(tmp_path) == before


def test_links_are_followed_and_kept(digits, tmp_path):
    digits.export(tmp_path / "real", "text")
    before = content(tmp_path / "real")
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    (tmp_path / "real" / "scale.txt").unlink()
    digits.export(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == before
    (tmp_path / "data.csv").write_text("precious")
    (tmp_path / "real" / "shift.txt").unlink()
    (tmp_path / "real" / "shift.txt").symlink_to("../data.csv")
    with pytest.raises(UsageError, match=r"shift\.txt"):
        digits.export(tmp_path / "real", "text")


def test_where_one_stands_is_not_replaced(digits, tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    with pytest.raises(UsageError, match="is where you stand"):
        digits.export(".", "text")
    with pytest.raises(UsageError, match="holds other files"):
        digits.export("..", "text")
    assert (tmp_path / "a" / "b").is_dir()


def test_an_earlier_export_comes_back_where_the_new_one_cannot_take_its_place(
    digits, tmp_path, monkeypatch
):
    from pathlib import Path

    folder, replace = tmp_path / "texts", Path.replace
    digits.export(folder, "text")
    before = content(tmp_path)

    def fails_once(path, target):
        if path.name.endswith(".tmp") and path.is_dir():
            raise OSError(5, "Input/output error")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fails_once)
    with pytest.raises(WriteError, match="Input/output error"):
        digits.export(folder, "text")
    assert content(tmp_path) == before


def test_a_python_file_of_one_s_own_is_not_replaced_by_the_one_beside_torch_s_weights(
    digits, tmp_path
):
    (tmp_path / "train.py").write_text("precious")
    with pytest.raises(UsageError, match=r"train\.py is there already"):
        digits.export(tmp_path / "train.safetensors", "torch")
    assert content(tmp_path) == {(tmp_path / "train.py").relative_to(tmp_path): b"precious"}
    for _ in range(2):
        digits.export(tmp_path / "other.safetensors", "torch")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_earlier_export_survives_a_failure(digits, kind, tmp_path, monkeypatch):
    path = digits.export(tmp_path / "out", kind).paths[0]
    before = read(path, kind)[0]

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    for name in ("savez", "savetxt"):
        monkeypatch.setattr(np, name, full_disk)
    monkeypatch.setattr("pathlib.Path.write_text", full_disk)
    with pytest.raises(WriteError, match="No space left"):
        digits.export(tmp_path / "out", kind)
    assert list(tmp_path.iterdir()) == [path]
    assert all(np.array_equal(array, before[name]) for name, array in read(path, kind)[0].items())


def test_text_files_are_for_reading(tmp_path):
    state = random_state([2, 3])
    fastmlp.from_torch(state, task="regression").export(tmp_path / "t", "text")
    lines = (tmp_path / "t" / "dense_0.weight.txt").read_text().splitlines()
    assert [len(line.split()) for line in lines] == [3, 3]
    assert np.allclose(
        linear(np.eye(2), {"0.weight": np.loadtxt(lines).T, "0.bias": np.zeros(3)}, "0"),
        state["0.weight"].T,
    )


def test_learnt_factors_in_every_format(learnt_factors, tmp_path):
    """The arrays are there under the layers' names; what they mean, the description says."""
    learnt_factors.export(tmp_path / "model.npz")
    learnt_factors.export(tmp_path / "texts", "text")
    learnt_factors.export(tmp_path / "texts", "text")  # replaces its own files
    with np.load(tmp_path / "model.npz") as kept:
        names, described = set(kept), json.loads(str(kept["description"]))
        for name in ("scale_0.factors", "mixed_activation_1.mix"):
            values = learnt_factors.network.named_parameters()[name].values
            np.testing.assert_array_equal(kept[name], values)
            text = np.loadtxt(tmp_path / "texts" / f"{name}.txt")
            np.testing.assert_array_equal(text.astype(np.float32), values)
    assert {"scale_0.factors", "mixed_activation_0.mix", "mixed_activation_1.mix"} <= names
    assert described["architecture"]["parametrization"] == "ntk"
    limits = [each.tolist() for each in learnt_factors.targets.limits]
    assert described["targets"]["limits"] == limits
