"""The pages of docs/: their commands print what is shown, and each link to a line points at the
function that it names.

Run as a script, it writes what the commands print, and the lines of the links, into the pages.
"""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest
from oracles.pages import BLOCK, masked, run_block, write_outputs

from fastmlp.nn.activations import ACTIVATIONS
from fastmlp.nn.losses import LOSSES
from fastmlp.optim.optimizers import OPTIMIZERS

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
LESSON = ROOT / "docs" / "backpropagation.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
EXACT = {LESSON.name}  # their numbers have so few digits that every processor prints the same
LINK = re.compile(r"\[`([\w.]+)`\]\(([^)#\s]+\.py)#L(\d+)\)")
LINE_LINK = re.compile(r"\]\([^)\s]+#L\d+\)")
FILE_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
SESSION = re.compile(r"```pycon\n(.*?)```", re.DOTALL)
SECTION_LINK = re.compile(r"\]\(#([^)\s]+)\)")


def line_of(path: Path, name: str) -> int:
    """Return the line on which a function or class, ``adam`` or ``Dense.backward``, begins."""
    scope: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    for word in name.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        [scope] = [node for node in scope.body if isinstance(node, kinds) and node.name == word]
    return scope.lineno


def anchor(heading: str) -> str:
    """Return the name under which a heading can be reached."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def ids(page):
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_a_page_shows_what_its_commands_print(page, tmp_path):
    seen = str if page.name in EXACT else masked
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        assert seen(run_block(kind, text, tmp_path)) == seen(text)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if SESSION.search(page.read_text(encoding="utf-8"))], ids=ids
)
def test_a_session_shows_what_python_prints(page):
    session = "\n".join(SESSION.findall(page.read_text(encoding="utf-8")))
    test = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    printed: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=printed.append)
    assert test.examples
    assert not printed, "".join(printed)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_to_lines_point_at_the_function_they_name(page):
    text = page.read_text(encoding="utf-8")
    links = LINK.findall(text)
    assert len(links) == len(LINE_LINK.findall(text)), (
        "a link to a line must name a function in backticks"
    )
    wrong = [
        f"{name}: L{line}"
        for name, path, line in links
        if line_of(page.parent / path, name) != int(line)
    ]
    assert not wrong, f"run python {Path(__file__).relative_to(ROOT)}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    assert all((page.parent / path).exists() for path in FILE_LINK.findall(text))
    headings = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert set(SECTION_LINK.findall(text)) <= headings


def test_the_lesson_derives_everything_that_the_library_has():
    named = {name for name, _, _ in LINK.findall(LESSON.read_text(encoding="utf-8"))}
    kernels = {"tanh": "hyperbolic_tangent"}
    assert {
        f"{kernels.get(name, name)}_derivative" for name in ACTIVATIONS if name != "softmax"
    } <= named
    assert {"softmax_backward", "softmax_cross_entropy", "softmax_cross_entropy_soft"} <= named
    assert {f"{name}_derivative" for name in LOSSES if name != "softmax_cross_entropy"} <= named
    assert set(OPTIMIZERS) - {"adamw"} <= named
    assert {
        "Dense.backward",
        "batch_normalization_backward",
        "dropout_backward",
        "piecewise_backward",
        "periodic_backward",
        "embedding_backward",
        "add_penalty",
        "clip_by_norm",
    } <= named


def test_a_function_is_found_on_its_own_line():
    path = Path(__file__)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[line_of(path, "test_a_function_is_found_on_its_own_line") - 1].startswith(
        "def test_a_function"
    )
    with pytest.raises(ValueError, match="not enough values"):
        line_of(path, "no_such_function")


def write_lines(page: Path) -> None:
    """Write into a page's links the lines on which their functions begin."""

    def renewed(match: re.Match) -> str:
        return f"[`{match[1]}`]({match[2]}#L{line_of(page.parent / match[2], match[1])})"

    page.write_text(LINK.sub(renewed, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    for each in PAGES:
        write_outputs(each)
        write_lines(each)
