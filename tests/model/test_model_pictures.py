"""What was decided on pictures in training holds for every picture that a model sees later, also
from its file.
"""

import json

import numpy as np
import PIL.Image
import pytest

from fastmlp import load, train
from fastmlp.data.pictures.reading import PictureReading
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.errors import ModelFileError
from fastmlp.model.evaluate import evaluate
from fastmlp.model.predict import predict

RANDOM = np.random.default_rng(6)


def drawing(kind):
    """Return a line, upright or level, of white ink on a transparent ground."""
    alpha = np.zeros((10, 10), np.uint8)
    place = RANDOM.integers(2, 7)
    alpha[
        (slice(1, 9), slice(place, place + 2))
        if kind == "upright"
        else (slice(place, place + 2), slice(1, 9))
    ] = 255
    return np.dstack([np.full((10, 10, 3), 255, np.uint8), alpha])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on white ink on a transparent ground, with 12-bit pictures of the same among them."""
    root = tmp_path_factory.mktemp("drawings")
    for kind in ("upright", "level"):
        (root / "set" / kind).mkdir(parents=True)
        for number in range(24):
            picture = drawing(kind)
            if number % 3 == 0:  # white on black, as 12 bits
                picture = picture[..., 3].astype(np.uint16) * 16 + 15
                picture[picture < 255] = 0
            PIL.Image.fromarray(picture).save(root / "set" / kind / f"{number}.png")
    return train(
        dataset=str(root / "set"),
        hidden=[16],
        lr=0.01,
        epochs=60,
        batch_size=8,
        seed=0,
        out=root / "run",
    ), root


def test_a_model_says_how_it_reads_pictures(trained):
    run, root = trained
    assert run.model.features.pictures == PictureReading(0, (0, 4095), None)
    assert load(root / "run", device="cpu").features.pictures == run.model.features.pictures
    assert run.metrics["test_accuracy"] == 1


def test_each_picture_alone_is_predicted_as_among_the_others(trained):
    _, root = trained
    together = predict(root / "run", root / "set")
    columns = together.columns
    assert [name.split("/")[0] for name in columns["file"]] == columns["label"].tolist()
    for number in range(0, 48, 5):
        alone = predict(root / "run", root / "set" / columns["file"][number])
        assert alone.columns["p_level"].tolist() == [columns["p_level"][number]]


def test_evaluation_reads_other_pictures_as_training_did(trained, tmp_path):
    _, root = trained
    for kind in ("upright", "level"):
        (tmp_path / kind).mkdir()
        picture = PIL.Image.fromarray(drawing(kind))
        picture.save(tmp_path / kind / "1.png")
    assert evaluate(root / "run", tmp_path)["accuracy"] == 1
    assert evaluate(root / "run")["accuracy"] == 1
    # Two pictures of black ink alone would be laid over white; the model's are laid over black, on
    # which none shows.
    for kind in ("upright", "level"):
        pixels = drawing(kind)
        pixels[..., :3] = 0
        PIL.Image.fromarray(pixels).save(tmp_path / kind / "1.png")
    outputs = predict(root / "run", tmp_path).columns["p_level"]
    assert outputs[0] == outputs[1]


def test_the_ground_is_a_setting(trained, tmp_path):
    _, root = trained
    run = train(
        dataset=str(root / "set"), hidden=[2], epochs=1, ground="white", out=tmp_path / "run"
    )
    assert run.model.features.pictures.ground == 255
    assert load(tmp_path / "run", device="cpu").settings["ground"] == "white"


def test_files_of_earlier_versions(trained):
    """They say nothing of pictures: alpha was dropped, and 16 bits were read whole."""
    run, _ = trained
    kept = json.loads(json.dumps(run.model.features.to_dict()))
    assert kept["pictures"] == {"ground": 0, "integers": [0, 4095], "floats": None}
    assert FeaturePreprocessor.from_dict(kept).pictures == run.model.features.pictures
    assert FeaturePreprocessor.from_dict({**kept, "pictures": None}).pictures is None
    del kept["pictures"]
    assert FeaturePreprocessor.from_dict(kept).pictures == PictureReading()


@pytest.mark.parametrize(
    "pictures", [{"ground": 300}, [], "white", 7, {"ground": 0, "integers": [5, 1], "floats": None}]
)
def test_damaged_entries_are_refused(trained, pictures):
    run, _ = trained
    with pytest.raises(ModelFileError, match="damaged"):
        FeaturePreprocessor.from_dict({**run.model.features.to_dict(), "pictures": pictures})
