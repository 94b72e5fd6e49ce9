"""CONTRIBUTING.md: each list of what to touch names every file that knows its example."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LISTS = dict(re.findall(r"^## To add ([^\n]*)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
PACKAGES, SUFFIXES = ("fastmlp", "kernels"), {".py", ".cu", ".cuh"}
# What to search for, and in how many files it may be named.
EXAMPLES = {
    "an activation": ("mish", 5),
    "a loss": ("huber", 5),
    "an optimizer": ("adagrad", 4),
    "a layer": ("batch_norm|BatchNorm", 14),
    "an option of train": ("label_smoothing", 7),
    "an operation": ("dropout_forward", 3),
}


def named(text):
    """Return the files that a list names: the beginning of each of its points."""
    return set(re.findall(r"^- `([^`]+)`: \S", text, re.MULTILINE))


def knowing(pattern):
    """Return the files of the package in which a pattern is found."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    return {
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix in SUFFIXES and re.search(pattern, path.read_text(encoding="utf-8"))
    }


def test_there_is_a_list_for_each():
    assert set(LISTS) == set(EXAMPLES)


@pytest.mark.parametrize("thing", EXAMPLES)
def test_a_list_names_every_file_that_knows_its_example(thing):
    pattern, _ = EXAMPLES[thing]
    listed, found = named(LISTS[thing]), knowing(pattern)
    assert all(f"`{word}`" in LISTS[thing] for word in pattern.split("|"))
    assert not found ^ listed, (
        f"to add {thing}: {pattern} is named, but not listed, in {sorted(found - listed)}; "
        f"listed, but not named, in {sorted(listed - found)}"
    )


@pytest.mark.parametrize("thing", EXAMPLES)
def test_a_thing_is_said_in_few_places(thing):
    pattern, most = EXAMPLES[thing]
    found = knowing(pattern)
    assert len(found) <= most, f"{pattern} is named in {len(found)} files: {sorted(found)}"


def test_every_path_on_the_page_exists():
    """Those of the lists are the other test's."""
    others = re.sub(r"^- `[^`]+`", "", PAGE, flags=re.MULTILINE)
    paths = re.findall(r"`((?:fastmlp|kernels|tests|bench|docs)/[\w/.]*)`", others)
    assert len(paths) >= 12
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert links
    assert [path for path in [*paths, *links] if not (ROOT / path).exists()] == []
