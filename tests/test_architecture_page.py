"""The page on the architecture: its rooms, variables, words and picture are those of the code."""

import re
from pathlib import Path
from xml.etree import ElementTree

from test_architecture import LEVELS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FIGURES = ROOT / "docs" / "figures"
PACKAGE = [
    path.read_text(encoding="utf-8")
    for folder in ("fastmlp", "kernels")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".cu", ".cuh"}
]
OTHERS = [
    path.read_text(encoding="utf-8")
    for folder in ("bench", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
OWN = re.compile(r"\bFASTMLP_[A-Z_]+")
FOREIGN = re.compile(r'"((?:NUMBA|XDG|OMP|OPENBLAS|MKL|CUDA|CUPY)_[A-Z_]+)"')
EMULATION = "FASTMLP_EMULATION_"  # the beginning of the names of the emulated device's settings


def section(heading):
    """Return the text from a heading to the next one of its rank."""
    return re.search(rf"^## \d+\. {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]


def found(pattern, texts):
    return {name for text in texts for name in pattern.findall(text)}


def test_the_table_of_rooms_is_the_rule():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| \S", section("The rooms"), re.MULTILINE)
    assert {room: int(level) for level, room in rows} == LEVELS
    assert [int(level) for level, _ in rows] == sorted(LEVELS.values(), reverse=True)


def test_the_variables_of_fastmlp_are_those_that_it_reads():
    table = re.findall(
        r"^\| `(FASTMLP_\w+…?)` \| .* \| `(\w+)` \|$", section("Environment variables"), re.M
    )
    rows = {folder: {name for name, where in table if where == folder} for _, folder in table}
    assert rows["fastmlp"] == found(OWN, PACKAGE)
    mentioned = found(OWN, OTHERS) - rows["fastmlp"]
    known = rows["tests"] - {f"{EMULATION}…"}
    assert {name for name in mentioned if not name.startswith(EMULATION)} <= known
    assert known <= mentioned
    assert len(rows["tests"]) == len(known) + 1


def test_the_variables_of_others_are_those_that_it_reads():
    text = section("Environment variables")
    named = set(re.findall(r"`([A-Z_]+)`", text[text.index("Variables of others") :]))
    assert named == found(FOREIGN, PACKAGE)


def test_the_words_of_the_glossary_are_in_use():
    first = re.findall(r"^\| ([a-z, ]+?)(?: \(.*\))? \| \S", section("Glossary"), re.MULTILINE)
    words = [word for cell in first for word in cell.split(", ") if word != "word"]
    assert len(words) >= 40
    used = "\n".join(PACKAGE).lower()
    assert [word for word in words if not re.search(rf"\b{word}", used)] == []


def test_each_picture_is_drawn_from_its_source():
    sources = sorted(FIGURES.glob("*.dot"))
    assert sources
    for source in sources:
        labels = re.findall(r'\blabel="(.*?)"', source.read_text(encoding="utf-8"))
        lines = [line.strip() for label in labels for line in label.split("\\n")]
        drawn = ElementTree.parse(source.with_suffix(".svg")).iter(
            "{http://www.w3.org/2000/svg}text"
        )
        assert sorted(text.text.strip() for text in drawn) == sorted(lines), "run make figures"
