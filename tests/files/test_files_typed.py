"""Dataclasses from JSON: every entry has its field's type, or one line says which has not."""

import json
from dataclasses import dataclass, field

import pytest

from fastmlp.files.typed import built, checked


@dataclass
class Shelf:
    name: str
    width: float
    books: list[str] = field(default_factory=list)
    owner: str | None = None
    is_full: bool = False


def test_what_json_holds_comes_back():
    text = '{"name": "low", "width": 3, "books": ["a"], "owner": null, "is_full": true}'
    assert built(Shelf, json.loads(text)) == Shelf("low", 3, ["a"], None, True)
    assert built(Shelf, {"name": "", "width": 0.5}) == Shelf("", 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 5}, "name is 5"),
        ({"width": True}, "width is True"),
        ({"width": "3"}, "width is '3'"),
        ({"width": None}, "width is None"),
        ({"books": {}}, "books is {}"),
        ({"owner": 1}, "owner is 1"),
        ({"is_full": 1}, "is_full is 1"),
        ({"depth": 1}, "shelf has no 'depth'"),
        ({"name": ["x" * 100]}, r"name is \['x{48}$"),
    ],
    ids=str,
)
def test_another_type_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        built(Shelf, {"name": "low", "width": 1.0, **change})


def test_a_table_and_all_that_has_no_default_must_be_there():
    with pytest.raises(ValueError, match="shelf is"):
        built(Shelf, [])
    with pytest.raises(TypeError, match="width"):
        built(Shelf, {"name": "low"})


def test_contents_of_lists_are_left_to_the_caller():
    assert checked(list[str], "books", [1]) == [1]
