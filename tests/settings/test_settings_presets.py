"""Presets: settings that are known, that a run accepts, and each with its reason beside it."""

import inspect
from itertools import pairwise

from fastmlp.settings import presets
from fastmlp.settings.settings import Settings, settings_from


def test_a_run_accepts_them():
    for layers in ((presets.IMAGES,), (presets.IMAGES, presets.DISTORTED)):
        settings = settings_from(*layers)
        settings.check_words()
        assert settings.hidden_widths == (512, 512)
        assert bool(settings.dropout_rates) == (settings.make_augmentation() is None)


def test_what_is_given_counts_more():
    assert settings_from(presets.IMAGES, {"epochs": 3, "augment": "flip"}).epochs == 3


def test_each_is_another_choice_than_the_default():
    for name, value in presets.IMAGES.items():
        assert value != getattr(Settings, name), name


def test_each_has_a_comment_of_its_own():
    lines = inspect.getsource(presets).splitlines()
    for before, line in pairwise(lines):
        if line.startswith('    "'):
            assert before.strip().startswith("#"), line
