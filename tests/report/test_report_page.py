"""Pages in a browser: an empty console, one request, nothing too wide, no markup of users."""

import base64
import re

import pytest
from browser import DESK, PHONE
from report_support import HOSTILE_NAMES

from fastmlp.display.html import Html, element, joined
from fastmlp.report.html import page, table

PAGES = ("of_images", "hostile", "of_quantities", "of_two_classes", "experiment")
TOO_WIDE = """[...document.querySelectorAll("body *")].filter(each =>
    !each.closest(".scroll, .skip") && each.getBoundingClientRect().right > innerWidth + 1
).map(each => each.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_a_browser(browser, request, name, size, dark):
    path = request.getfixturevalue(name).report.path
    browser.open(path, size, dark)
    assert browser.said == []
    assert [address for address in browser.asked if not address.startswith("data:")] == [
        path.resolve().as_uri()
    ]
    assert browser.evaluate("document.documentElement.scrollWidth") == size[0]
    assert browser.evaluate(TOO_WIDE) == []
    assert browser.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )
    assert browser.evaluate("document.images.length") == len(
        request.getfixturevalue(name).report.pictures
    )


def test_the_style_is_let_through_and_follows_the_dark(browser, of_table):
    colours = []
    for dark in (False, True):
        browser.open(of_table.report.path, dark=dark)
        colours.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1]
    light, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert light > 600 > 150 > dark


def test_pictures_follow_the_dark(browser, of_table, tmp_path):
    svg = next(a["src"] for a in of_table.page.attributes("img") if "epochs" in a["alt"])
    (tmp_path / "picture.html").write_text(f"<img src='{svg}'>")
    shots = []
    for dark in (False, True):
        browser.open(tmp_path / "picture.html", dark=dark)
        browser.screenshot(tmp_path / "shot.png", whole=False)
        shots.append((tmp_path / "shot.png").read_bytes())
    assert shots[0] != shots[1]


def test_a_page_without_its_hash_would_not_be_styled(browser, of_table, tmp_path):
    """The policy is in force: a style that was changed afterwards is refused on the console."""
    changed = of_table.report.path.read_text().replace("--ground: #f6f6f3", "--ground: #ff0000")
    (tmp_path / "changed.html").write_text(changed)
    browser.open(tmp_path / "changed.html")
    assert any("Content Security Policy" in line for line in browser.said)


def test_the_policy_forbids_everything_remote(of_table):
    policy = next(a["content"] for a in of_table.page.attributes("meta") if a.get("http-equiv"))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", [*PAGES, "of_table", "of_labels"])
def test_a_page_asks_for_nothing(request, name):
    page = request.getfixturevalue(name).page
    assert not {"script", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes)
        for key in ("src", "href"):
            if key in attributes and not attributes[key].startswith(("data:image/", "#")):
                assert re.match(r"(figures/|\./)", attributes[key]), attributes[key]
    pictures = [
        base64.b64decode(a["src"].partition(",")[2]).decode() for a in page.attributes("img")
    ]
    assert all('href="http' not in svg and "<script" not in svg for svg in pictures)


def test_links_and_contents_lead_somewhere(of_images, experiment):
    for reported in (of_images, experiment):
        identifiers = [
            attributes["id"] for _, attributes in reported.page.elements if "id" in attributes
        ]
        assert len(identifiers) == len(set(identifiers))
        for attributes in reported.page.attributes("a"):
            if attributes["href"].startswith("#"):
                assert attributes["href"][1:] in identifiers
            else:
                assert (reported.report.path.parent / attributes["href"]).exists(), attributes[
                    "href"
                ]


def test_hostile_names_are_text(browser, hostile):
    html = hostile.report.path.read_text()
    assert "<script" not in html
    assert "<b>bold" not in html
    assert "<img src=x" not in html
    assert "in a picture is the class in that place of the table" in hostile.page.text
    classes = {row[0] for row in hostile.page.rows if row}
    assert set(HOSTILE_NAMES) - {"\x1b[31mred"} <= classes
    browser.open(hostile.report.path)
    assert browser.said == []
    assert browser.evaluate("document.title") == "Report on run"
    assert "<b>width</b>" in browser.evaluate("document.body.textContent")
    assert browser.evaluate("document.querySelectorAll('b').length") == 0


def test_elements_escape_what_is_not_markup():
    assert element("p", "<b>", Html("<i>x</i>"), None, ["&", 3]) == "<p>&lt;b&gt;<i>x</i>&amp;3</p>"
    assert element("a", "x", href="\"'>", class_="c", data_x="1", hidden=True, title=None) == (
        '<a href="&quot;&#x27;&gt;" class="c" data-x="1" hidden>x</a>'
    )
    assert element("meta", name="n") == '<meta name="n">'
    assert joined([]) == ""


def test_tables_say_which_columns_are_numbers():
    markup = table("what", ("a", "b"), [("x", 1)])
    assert "<caption>what</caption>" in markup
    assert '<th scope="row">x</th><td class="number">1</td>' in markup
    assert "<td>1</td>" in table("what", ("a", "b"), [("x", 1)], texts=(0, 1))


def test_empty_sections_are_left_out():
    html = page("title", [], [("a", "Here", ["text"]), ("b", "Not here", [None, []])])
    assert "Here" in html
    assert "Not here" not in html
