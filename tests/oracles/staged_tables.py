"""Tables with something of everything, and data prepared whole and in parts to be compared."""

import numpy as np
import polars

from fastmlp.preparation.prepare import prepare
from fastmlp.preparation.staged import Staging
from fastmlp.settings.settings import settings_from


def mixed_table(rows, seed=0):
    """Numbers, gaps, dates in doubt, decimal commas, levels, many texts, an identifier, …"""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    days = random.integers(0, 9999, rows)
    commas = [f"{value:.3f}".replace(".", ",") for value in random.normal(size=rows)]
    label = np.array(["no", "yes", "maybe"])[(x > 0) * 1 + (random.random(rows) < 0.2)]
    return polars.DataFrame(
        {
            "x": x,
            "count": random.integers(0, 9, rows),
            "when": [f"{1 + day % 12:02d}.{1 + day % 11:02d}.20{10 + day % 10}" for day in days],
            "then": [f"{1 + day % 28:02d}/{1 + day % 12:02d}/2021" for day in days],
            "town": [f"town {number}" for number in random.integers(0, 30, rows)],
            "street": [f"s{number}" for number in random.integers(0, rows // 5, rows)],
            "comma": [
                None if day % 9 == 0 else each for day, each in zip(days, commas, strict=True)
            ],
            "odd": ["n/a" if day % 50 == 0 else str(day) for day in days],
            "flag": np.where(days % 3 == 0, "true", "false"),
            "gap": ["n/a" if day % 7 == 0 else f"g{day % 4}" for day in days],
            "far": 1e9 + x,
            "id": np.arange(rows),
            "only": ["c"] * rows,
            "label": [None if number == 5 else each for number, each in enumerate(label.tolist())],
        }
    )


def whole(monkeypatch, **settings):
    """Return data that are prepared as a whole, whatever the settings say."""
    with monkeypatch.context() as patch:
        patch.setattr(Staging, "of", lambda *_, **__: None)
        return prepare(settings_from(settings))


def in_parts(**settings):
    """Return data that are prepared in parts, with the notes that this adds taken off."""
    data = prepare(settings_from(settings))
    assert "in parts" in "".join(data.notes)
    return data


def assert_same(ours, theirs):
    """Two prepared data are the same, to the bit and the last note."""
    for name in ("train", "validation", "test", "stacked"):
        part, other = ({**each.parts, "stacked": each.stacked}[name] for each in (ours, theirs))
        assert (part is None) == (other is None), name
        if part is None:
            continue
        features, others = part.features[:], other.features[:]
        assert (features.dtype, features.shape) == (others.dtype, others.shape)
        assert features.tobytes() == others.tobytes(), name
        assert part.targets.dtype == other.targets.dtype
        assert part.targets.tobytes() == other.targets.tobytes(), name
    assert ours.features.to_dict() == theirs.features.to_dict()
    assert ours.targets.to_dict() == theirs.targets.to_dict()
    for name in ("weights", "folds", "train_hashes"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert (mine is None) == (other is None)
        assert mine is None or mine.tobytes() == other.tobytes()
    assert ours.known_rows.to_dict() == theirs.known_rows.to_dict()
    assert ours.settings == theirs.settings
    assert (ours.name, ours.target_name) == (theirs.name, theirs.target_name)
    assert ours.notes == theirs.notes[: len(ours.notes)]
    assert len(theirs.notes) <= len(ours.notes) + 3
