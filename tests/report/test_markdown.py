"""Markdown for a step's summary: verdicts first, whole tables, and never more than GitHub takes."""

import html
import re

import pytest
from claims_by_hand import evidence
from markdown_it import MarkdownIt
from reports_by_hand import MODEL, RUN, a_report, every_verdict, judged

from circuit_claims.judge.expectation import above
from circuit_claims.report.markdown import LIMIT, escaped, render, write
from circuit_claims.report.schema import build


def unescaped(text):
    return html.unescape(text.replace("\\", ""))


def test_verdicts_come_first_then_the_reasons():
    text = unescaped(render(a_report()))
    assert text.startswith("# Claims, judged\n\n12 claims: 1 supported, 5 refuted (1 as recorded)")
    assert text.index("## The numbers") < text.index("## Why") < text.index("### ✗ ")
    assert "| An MLP recovers 42 %. | ✓ **supported**<br>found 3704, needs more than 1 |" in text
    assert "Against the record: recorded supported, now refuted (recorded 0.6123, now -0.1234)" in text
    assert "Reason on record: a person's reason" in text
    assert "| layer=5 | 45.4 % [45.4 %, 45.5 %] n=5 | 54.4 % | supported |" in text


def test_supported_claims_have_a_row_and_no_section():
    text = unescaped(render(a_report()))
    assert "### ✓" not in text
    assert text.count("###") == 11


def many(count):
    one = build([judged("claim", evidence([0.3, 0.31, 0.29, 0.3, 0.3]), above(0.5))], RUN, [MODEL])
    (entry,) = one["claims"]
    return {**one, "claims": [{**entry, "key": f"claim-{n}/reproduces"} for n in range(count)]}


@pytest.mark.parametrize("limit", [400, 5_000, 20_000])
def test_what_is_too_long_is_cut_between_claims_with_a_link(limit):
    text = render(many(200), limit)
    assert len(text.encode()) <= limit
    *_, last = text.rstrip().splitlines()
    assert re.fullmatch(
        r"\*Cut here: \d+ more sections are in \[latest.html\]\(latest.html\), written by the same run.\*",
        last,
    )
    body = text.split("*Cut here")[0]
    assert render(many(200)).startswith(body.rstrip("\n")), "what is kept is kept as it is"


def test_a_summary_of_thousands_of_claims_is_less_than_github_takes():
    text = render(many(3000))
    assert 0.8 * LIMIT < len(text.encode()) <= LIMIT


def test_tables_are_read_as_tables():
    kinds = [token.type for token in MarkdownIt().enable("table").parse(render(a_report()))]
    assert kinds.count("table_open") >= 3


@pytest.mark.parametrize("text", ["a|b", "*a*", "`a`", "[a](b)", "<b>", "a_b_c", "# a", "$x$", "1 < 2 & 3"])
def test_escaped_text_is_read_as_it_was_written(text):
    (inline,) = [token for token in MarkdownIt().parse(escaped(text)) if token.type == "inline"]
    assert all(child.type == "text" for child in inline.children)
    assert "".join(child.content for child in inline.children) == text


def test_a_file_is_written(tmp_path):
    write(tmp_path / "reports" / "latest.md", build(every_verdict(), RUN, [MODEL]))
    assert (tmp_path / "reports" / "latest.md").read_text().startswith("# Claims")
