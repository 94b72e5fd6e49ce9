"""Groups: columns of a table by name, blocks of pixels that cover a picture once."""

import numpy as np
import pytest

from fastmlp.data.features.inputs import InputColumn
from fastmlp.errors import UsageError
from fastmlp.explanation.groups import groups_of_columns, groups_of_pixels

INPUTS = (
    InputColumn("size", "number", 0),
    InputColumn("colour", "text", 1, ("blue", "red", "(missing)")),
    InputColumn("day", "date", 4, origin=19000.0),
)


def test_a_column_has_all_of_its_places():
    groups = groups_of_columns(INPUTS)
    assert [each.name for each in groups] == ["size", "colour", "day"]
    assert [each.places.tolist() for each in groups] == [[0], [1, 2, 3], [4]]
    assert [each.column for each in groups] == list(INPUTS)


def test_columns_are_chosen_by_name_each_once():
    assert [each.name for each in groups_of_columns(INPUTS, ["day", "size", "day"])] == [
        "day",
        "size",
    ]


def test_columns_of_one_name_are_all_there():
    twice = (InputColumn("a", "number", 0), InputColumn("a", "number", 1))
    assert [each.places.tolist() for each in groups_of_columns(twice)] == [[0], [1]]


@pytest.mark.parametrize(
    ("chosen", "words"), [(["colur"], "did you mean 'colour'"), ([], "names none")]
)
def test_a_column_that_is_not_there_is_named(chosen, words):
    with pytest.raises(UsageError, match=words) as caught:
        groups_of_columns(INPUTS, chosen)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "side", "blocks"),
    [
        ((8, 8), None, (8, 8)),
        ((28, 28), None, (7, 7)),
        ((32, 32, 3), None, (8, 8)),
        ((5, 9), 4, (2, 3)),
        ((1, 1), 1, (1, 1)),
        ((3, 20), 20, (1, 1)),
        ((6, 4, 3), 3, (2, 2)),
    ],
)
def test_blocks_cover_each_pixel_once(shape, side, blocks):
    groups, found = groups_of_pixels(shape, side)
    assert found == blocks
    assert len(groups) == np.prod(blocks)
    covered = np.concatenate([each.places for each in groups])
    assert np.sort(covered).tolist() == list(range(np.prod(shape)))
    picture = np.zeros(int(np.prod(shape)))
    for number, each in enumerate(groups):
        picture[each.places] = number
    picture = picture.reshape(*shape[:2], -1)
    assert (picture == picture[:, :, :1]).all()  # the channels of a pixel lie in one block
    assert (np.diff(picture, axis=1) >= 0).all()
    assert (np.diff(picture, axis=0) >= 0).all()


def test_a_block_is_named_by_its_pixels():
    groups, _ = groups_of_pixels((5, 9), 4)
    assert groups[0].name == "lines 1-4, columns 1-4"
    assert groups[-1].name == "lines 5, columns 9"


@pytest.mark.parametrize("side", [0, -1, 10])
def test_a_block_that_does_not_fit_is_refused(side):
    with pytest.raises(UsageError, match=f"block {side} does not fit pictures of 5×9"):
        groups_of_pixels((5, 9), side)
