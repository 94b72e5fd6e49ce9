"""The words of ``augment``: what they say, and what is refused."""

import pytest

from fastmlp.errors import UsageError
from fastmlp.step.augmentation import WORDS, Augmentation, parse_augmentation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flip", Augmentation(flip=True)),
        ("shift(2)", Augmentation(shift=2)),
        (" Rotate( 10 ) , scale(0.1)", Augmentation(rotate=10, scale=0.1)),
        ("elastic(34,4)", Augmentation(alpha=34, sigma=4)),
        (
            "flip,elastic(8,2.5),scale(0),rotate(180),shift(0.5)",
            Augmentation(0.5, 180, 0, 8, 2.5, True),
        ),
    ],
)
def test_words(text, expected):
    assert parse_augmentation(text) == expected


@pytest.mark.parametrize("text", ["none", " None "])
def test_none_is_nothing(text):
    assert parse_augmentation(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rotat(3)", "'rotat' is not known; did you mean 'rotate'?"),
        ("flip,", "cannot be read"),
        ("", "cannot be read"),
        ("flip flip", "cannot be read"),
        ("shift", r"has 0 argument\(s\); shift takes 1"),
        ("shift(1,2)", r"has 2 argument\(s\); shift takes 1"),
        ("elastic(34)", r"has 1 argument\(s\); elastic takes 2"),
        ("flip(1)", r"has 1 argument\(s\); flip takes 0"),
        ("shift(much)", "'much' is not a number"),
        ("shift(-1)", r"'shift\(-1\)': the number of pixels must be at least 0"),
        ("rotate(181)", "the number of degrees must be at least 0 and at most 180; got 181"),
        ("scale(1)", "the share must be at least 0 and less than 1; got 1"),
        ("elastic(34,0)", "sigma must be at least 0.5"),
        ("elastic(-1,4)", "alpha must be at least 0"),
        ("flip,shift(1),flip", "has flip twice; give it once"),
    ],
)
def test_what_cannot_be_is_one_line(text, said):
    with pytest.raises(UsageError, match=said) as error:
        parse_augmentation(text)
    assert "\n" not in str(error.value)


def test_every_word_is_in_the_help():
    from fastmlp.settings.settings import Settings

    words = Settings.__dataclass_fields__["augment"].metadata["help"]
    assert all(name in words for name in WORDS)
