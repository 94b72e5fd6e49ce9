"""The house: imports point downward and in no circle, no file or folder outgrows a reader."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "fastmlp").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")])
LONGEST = 400  # lines of a file
LARGEST = 12  # modules of a folder, its __init__.py not counted

# A module may import from its own part and from those of a smaller number.
LEVELS = {
    "__main__": 13,
    "cli": 12,
    "report": 11,
    "tuning": 10,
    "experiments": 9,
    "machine": 9,
    "estimators": 9,
    "run": 8,
    "gradient_check": 8,
    "adopt": 8,
    "jobs": 8,
    "explanation": 8,
    "model": 7,
    "preparation": 6,
    "callbacks": 6,
    "export": 6,
    "settings": 5,
    "training": 5,
    "nn": 4,
    "optim": 4,
    "step": 3,
    "data": 2,
    "backend": 2,
    "files": 1,
    "ranks": 1,
    "metrics": 1,
    "display": 1,
    "kernels": 0,
}
EVERYBODY_S = {"errors", "spec"}
# What the parts above a device may know of the kernels: the numbers on which both must agree.
SHARED_NUMBERS = "fastmlp.kernels.constants"
MIDDLE = ("step", "nn", "optim", "training")


def module_name(path):
    """Return the dotted name under which a file is imported; kernels/ is fastmlp.kernels."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "fastmlp" else ("fastmlp", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_name(path): path for path in FILES}
MODULES = set(PATHS)


def imports(path):
    """Return the modules of fastmlp that a file imports, wherever; a name may be a module."""
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found.update(inside & MODULES or {base})
            found.update({base} if inside - MODULES else set())
    return {each for each in found if each == "fastmlp" or each.startswith("fastmlp.")}


def part(module):
    """Return the part of the house a module belongs to: the second word of its name."""
    words = module.split(".")
    return words[1] if len(words) > 1 else ""


def is_allowed(importer, imported):
    here, there = part(importer), part(imported)
    if not here or not there:  # fastmlp itself: imports public names late, knows the version
        return True
    if here in EVERYBODY_S:
        return there in EVERYBODY_S
    if here == there or there in EVERYBODY_S:
        return True
    if here in MIDDLE and there == "kernels":
        return imported == SHARED_NUMBERS
    return LEVELS[there] < LEVELS[here]


def relative(path):
    return path.relative_to(ROOT).as_posix()


def circle_in(graph):
    """Return modules each of which imports the next, the first again at the end; or none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1][::-1]  # graphlib names the imported before the importer
    return []


def test_imports_point_downward():
    unknown = {part(name) for name in MODULES} - {"", *LEVELS, *EVERYBODY_S}
    assert unknown == set(), "parts of the house that this test does not know"
    assert [
        f"{name} imports {imported}"
        for name, path in PATHS.items()
        for imported in sorted(imports(path))
        if not is_allowed(name, imported)
    ] == []


def test_no_imports_run_in_a_circle():
    """Late imports and those for type checking count; asking fastmlp its version does not."""
    graph = {module_name(path): imports(path) & MODULES - {"fastmlp"} for path in FILES}
    assert " -> ".join(circle_in(graph)) == ""


def test_a_circle_is_found_and_named():
    assert circle_in({"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": {"b"}}) == []
    names = circle_in({"a": {"b"}, "b": {"c", "d"}, "c": {"a"}})
    assert names[0] == names[-1]
    assert set(pairwise(names)) == {("a", "b"), ("b", "c"), ("c", "a")}


def test_files_stay_short():
    lengths = {relative(path): path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {name for name, lines in lengths.items() if lines > LONGEST} == set()


def test_folders_stay_small():
    folders = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert {relative(path) for path, count in folders.items() if count > LARGEST} == set()


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("fastmlp.cli.commands.train", "fastmlp.run.train", True),
        ("fastmlp.cli.commands.train", "fastmlp.kernels.cpu", True),
        ("fastmlp.run.train", "fastmlp.cli.commands.train", False),
        ("fastmlp.training.trainer", "fastmlp.nn.losses", True),
        ("fastmlp.nn.losses", "fastmlp.training.trainer", False),
        ("fastmlp.nn.losses", "fastmlp.optim.schedules", False),
        ("fastmlp.step.batches", "fastmlp.nn.losses", False),
        ("fastmlp.nn.losses", "fastmlp.kernels.constants", True),
        ("fastmlp.nn.losses", "fastmlp.kernels.cpu.losses", False),
        ("fastmlp.nn.losses", "fastmlp.kernels.operation", False),
        ("fastmlp.nn.losses", "fastmlp.nn.network", True),
        ("fastmlp.backend.cpu.backend", "fastmlp.kernels.cpu.losses", True),
        ("fastmlp.kernels.cpu.losses", "fastmlp.backend.cpu.backend", False),
        ("fastmlp.kernels.cpu.losses", "fastmlp.errors", True),
        ("fastmlp.errors", "fastmlp.nn.losses", False),
        ("fastmlp.spec", "fastmlp.errors", True),
    ],
)
def test_the_rule_itself(importer, imported, allowed):
    assert is_allowed(importer, imported) == allowed


def test_imports_are_found_wherever_they_stand(tmp_path, monkeypatch):
    source = """
import fastmlp.nn.losses
if TYPE_CHECKING:
    from fastmlp.optim import schedules
def late():
    from ..kernels import cpu
    from .other import x
    from . import devices
"""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "fastmlp" / "backend").mkdir(parents=True)
    path = tmp_path / "fastmlp" / "backend" / "made_up.py"
    path.write_text(source)
    expected = {
        "fastmlp.nn.losses",
        "fastmlp.optim.schedules",
        "fastmlp.kernels.cpu",
        "fastmlp.backend.other",
        "fastmlp.backend.devices",
    }
    assert imports(path) == expected


def test_a_kernel_file_without_a_twin_is_accounted_for():
    here, there = (
        {path.stem for path in (ROOT / "kernels" / side).iterdir()} for side in ("cpu", "cuda")
    )
    said = ast.get_docstring(
        ast.parse((ROOT / "kernels" / "__init__.py").read_text(encoding="utf-8"))
    )
    alone = {stem for stem in here - there if not stem.startswith("__")}
    assert alone
    assert {stem for stem in alone if f"``{stem}``" not in said} == set()
