"""Names and messages with markup, quotes or control characters are shown as text by every renderer."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hostile import EVERYTHING, LONG, SCRIPT, hostile_report, hostile_result
from markdown_it import MarkdownIt
from reports_by_hand import VALIDATOR

from circuit_claims.judge.plain import to_plain
from circuit_claims.report import derived, figures, github, html, junit, markdown, terminal
from circuit_claims.report.failure import failure
from circuit_claims.report.reading import read
from circuit_claims.report.schema import write
from circuit_claims.report.text import visible

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "section",
        "article",
        "div",
        "span",
    ),
    *("p", "a", "h1", "h2", "h3", "h4", "strong", "code", "time", "dl", "dt", "dd", "details", "summary"),
    *(
        "table",
        "caption",
        "colgroup",
        "col",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "br",
    ),
    *("svg", "g", "path", "defs", "use", "rect", "circle", "line", "text", "tspan", "clippath"),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports") / "latest.json"
    write(path, hostile_report())
    return read(path)


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text = set(), [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def is_harmless(text):
    """No character that a terminal, or the direction of a line, obeys."""
    return all(character.isprintable() or character in "\n\u00a0" for character in text)


def test_the_fixture_holds_what_it_should(report):
    assert VALIDATOR.is_valid(report)
    text = json.dumps(report, ensure_ascii=False)
    assert SCRIPT in text
    assert LONG in text
    assert len(LONG) >= 300


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_obeys_none_of_it(report, width, colour):
    text = terminal.render(report, width=width, colour=colour, verbose=2) + terminal.header(report)
    assert is_harmless(re.sub(r"\x1b\[[0-9;]*m", "", text) if colour else text)
    assert "evil.example" in re.sub(r"\s", "", text), "it is shown"
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()[:-1]) <= width


def test_a_failure_obeys_none_of_it():
    assert is_harmless(failure(hostile_result(), "pytest 'a\x1b[31m'"))


@pytest.mark.parametrize("render", [html.render, html.fragment], ids=["page", "notebook"])
def test_html_is_made_of_our_own_tags_and_attributes(report, render):
    page = Page(render(report))
    assert page.tags <= TAGS
    names = {name for name, _ in page.attributes}
    assert not [name for name in names if name.startswith("on")]
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href")]
    assert all(link.startswith("#") for link in links), links
    assert SCRIPT in page.text, "it is shown"
    assert "{{ 7 * 7 }}" in page.text or render is html.fragment, "it is not filled in"
    assert "\\x1b[31m" in page.text
    assert is_harmless(page.text)


def test_the_style_of_the_page_is_not_left_early(report):
    text = html.render(report)
    assert text.count("</style>") == text.count("<style>") == 1


def test_markdown_shows_it_as_text(report):
    text = markdown.render(report)
    assert is_harmless(text)
    tokens = [
        child for token in MarkdownIt().enable("table").parse(text) for child in (token.children or [token])
    ]
    raw = {token.content for token in tokens if token.type in ("html_inline", "html_block")}
    assert raw <= {"<br>"}
    assert not [token for token in tokens if token.type in ("link_open", "image", "code_inline")]
    shown = "".join(token.content for token in tokens if token.type == "text")
    assert SCRIPT in shown
    assert "[click](javascript:alert(3))" in shown
    assert "@user" not in text, "nobody is called by a summary"


def test_markdown_keeps_its_tables_whole(report):
    for line in markdown.render(report).splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    tables = [t for t in MarkdownIt().enable("table").parse(markdown.render(report)) if t.type == "tr_open"]
    assert len(tables) >= 4


def test_an_annotation_is_one_line_and_one_command(report):
    lines = github.annotations(report)
    assert len(lines) == 2
    for line in lines:
        assert is_harmless(line)
        assert "\n" not in line
        head, _, message = line.removeprefix("::").partition("::")
        assert head.startswith("error ")
        assert "forged" in line, "it is shown, within the message or a property"
        assert not re.search(r"(^|\n)::(error|warning)", message)
        for part in head.removeprefix("error ").split(","):
            assert part.split("=")[0] in ("file", "title")


def test_junit_is_xml_and_json():
    text = junit.said(to_plain(hostile_result()), root=None)
    element = ET.Element("property", value=text)
    assert json.loads(ET.fromstring(ET.tostring(element)).get("value"))["schema"] == "circuit-claims/result"
    assert is_harmless(text), "control characters are escaped by JSON"


def test_a_figure_shows_it_as_text(report):
    (figure,) = report["claims"][0]["figures"]
    drawn = figures.svg(figures.draw(figure), figure["title"])
    assert Page(drawn).tags <= TAGS
    assert "\\x1b[31mred" in Page(drawn).text
    assert "$" in Page(drawn).text, "no formula is read into a name"
    assert ET.fromstring(drawn) is not None
    assert derived.figures(report, report["models"][0]["name"]) == []


@pytest.mark.parametrize("text", EVERYTHING, ids=range(len(EVERYTHING)))
def test_visible_text_is_printable_and_all_there(text):
    shown = visible(text)
    assert all(character.isprintable() for character in shown.replace("\u00a0", " "))
    assert [c for c in text if c.isprintable()] == [c for c in text if c.isprintable() and c in shown]
