"""Markdown and front matter: whatever a text holds, it stays a text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fastmlp.report.cards.markdown import code, escaped, front_matter, table


def words(markdown):
    """Return the texts that a reader sees, and the kinds of everything that is no text."""
    texts, kinds = [], set()

    def look(tokens):
        for token in tokens:
            if token.children:
                look(token.children)
            elif token.type in ("text", "code_inline"):
                texts.append(token.content)
            elif token.type not in ("inline", "softbreak"):
                kinds.add(token.type)

    look(MarkdownIt("commonmark").enable("table").parse(markdown))
    return "".join(texts), kinds


@given(st.text(max_size=80))
def test_any_text_is_shown_as_it_is(text):
    shown, kinds = words(f"x{escaped(text)}")
    assert kinds <= {"paragraph_open", "paragraph_close"}
    expected = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    assert shown == f"x{' '.join(expected.split())}".rstrip() or " " in text


@pytest.mark.parametrize(
    "text",
    ["# a", "1. a", "- a", "=== ", "> a", "<b>", "[a](javascript:x)", "a|b", "![a](b)", "`a`",
     "https://a.example", "www.a.example", "a@b.example", "&lt;", "---", "_a_", "2) a", "-"],
)  # fmt: skip
def test_what_begins_something_begins_nothing(text):
    shown, kinds = words(escaped(text))
    assert kinds <= {"paragraph_open", "paragraph_close"}
    assert shown == " ".join(text.split())


def test_a_table_has_as_many_cells_as_it_was_given():
    text = table(("a", "b"), [("x|y", "1\n2"), ("", "`")])
    shown, kinds = words(text)
    assert {"table_open", "td_open"} <= kinds
    assert shown == "abx|y1\\n2`"
    assert text.count("\n") == 3


def test_code_holds_backticks():
    assert code("a ``` b", "py") == "````py\na ``` b\n````"


def test_front_matter_is_what_json_says():
    values = {
        "tags": ["a", "no"],
        "name": "x: {y} # 'z' \"\n---\n",
        "model-index": [{"name": "a", "results": [{"metrics": [{"value": 0.5}, {"value": 1}]}]}],
    }
    text = front_matter(values)
    yaml = pytest.importorskip("yaml")
    [first, inside, last] = text.split("---\n", 2)[0], text[4:-4], text[-3:]
    assert first == ""
    assert last == "---"
    assert yaml.safe_load(inside) == json.loads(json.dumps(values))
    assert inside.count("\n---") == 0


def test_keys_are_our_own():
    with pytest.raises(ValueError, match="no key"):
        front_matter({"a: b": 1})
