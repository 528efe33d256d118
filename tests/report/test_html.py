"""The page: what it says, that it needs nothing but itself, and that every way through it leads somewhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence, planned
from reports_by_hand import MODEL, RUN, a_report, every_verdict, judged, quantified

from circuit_claims.judge.expectation import above, anything, between, exactly
from circuit_claims.judge.ledger import NO_RECORD, Finding, Result
from circuit_claims.judge.verdict import decide
from circuit_claims.report import html, plain
from circuit_claims.report.schema import build
from circuit_claims.types import Outcome

PIXEL = b"\xff\xd8\xff\xe0jpeg"


class Page(HTMLParser):
    """Elements with their attributes, in order, and the text."""

    def __init__(self, text):
        super().__init__()
        self.source, self.elements, self.text = text, [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def of_class(self, word):
        return [attrs for _, attrs in self.elements if word in (attrs.get("class") or "").split()]


def paged(findings, **more):
    return Page(html.render(build(findings, {**RUN, **more}, [MODEL])))


@pytest.fixture(scope="module")
def page():
    return Page(html.render(a_report(), {"organism": {("golf-1", "success"): [PIXEL] * 3}}))


def test_it_needs_nothing_but_itself(page):
    assert not [
        v for _, attrs in page.elements for k, v in attrs.items() if k in ("src", "href") and "//" in v
    ]
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page.source)
    assert "https://" not in page.source
    assert not page.all("script")
    assert not page.all("link")


def test_its_content_policy_allows_one_style_sheet_and_pictures_within(page):
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not [tag for tag, attrs in page.elements if "style" in attrs], "the policy would drop it"


def test_every_name_is_there_once_and_every_link_leads_to_one(page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert link["href"].removeprefix("#") in ids
    for _, attrs in page.elements:
        for named in attrs.get("aria-labelledby", "").split():
            assert named in ids


def test_headings_are_in_order_and_the_title_is_a_question(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert "Which of these claims hold on organism?" in page.text


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(page):
    for attrs in page.of_class("wide"):
        assert attrs["tabindex"] == "0"
        assert attrs["role"] == "region"
        assert attrs.get("aria-label") or attrs.get("aria-labelledby")


def test_every_verdict_is_told_in_words_with_its_statement_and_source(page):
    shown = re.sub(r"\s+", " ", page.text)
    for entry in a_report()["claims"]:
        assert f"{plain.MARKS[entry['verdict']]} {entry['verdict']}" in shown
        assert entry["key"] in shown or entry["kind"] == "exact"
    assert "An MLP recovers 42 %." in shown
    assert "E3 section 4.4" in shown


def test_numbers_are_on_the_page_with_interval_pairs_and_published_value(page):
    shown = page.text.replace("\u00a0", " ")
    assert "57.1 %" in shown
    assert "[103.7 %, 496.3 %]" in shown
    assert "published 54.4 %" in re.sub(r"\s+", " ", shown)
    assert "golf-0: " in page.source
    assert len(page.of_class("pair")) > 20


def test_a_person_finds_why_a_claim_was_refuted(page):
    shown = re.sub(r"\s+", " ", page.text.replace("\u00a0", " "))
    assert "Refuted, because the number lies elsewhere. Observed 30 % [29.1 %, 30.9 %] n=5" in shown
    assert (
        "Refuted, because the number is not about the outcome: it is not shown to be more than in “noise”"
        in shown
    )
    assert "Against the record: recorded supported, now refuted (recorded 0.6123, now -0.1234)" in shown
    assert "Reason on record: a person's reason" in shown


def test_a_flag_is_explained_where_it_stands(page):
    assert "Flag: inert readout." in page.text
    assert "reads tokens that the classifier never looks at" in page.text


def test_frames_are_within_the_page_and_told_to_who_does_not_see_them(page):
    pictures = page.all("img")
    assert len(pictures) == 3
    assert all(picture["src"].startswith("data:image/jpeg;base64,") for picture in pictures)
    labels = [attrs["aria-label"] for _, attrs in page.elements if "aria-label" in attrs]
    assert "3 frames of the success clip of golf-1, shown to organism" in labels


def test_the_command_that_runs_a_claim_again_is_there(page):
    assert "pytest claims/test_1.py::test_growth --circuit-model organism" in page.text


def test_models_stand_side_by_side_and_a_claim_is_told_once():
    findings = [
        judged("growth", evidence(ONE_TO_FIVE), above(1.0), model="a"),
        judged("growth", evidence(ONE_TO_FIVE), above(9.0), model="b"),
    ]
    models = [{**MODEL, "name": name} for name in "ab"]
    found = Page(html.render(build(findings, RUN, models)))
    assert len(found.all("article")) == 1
    assert len(found.of_class("result")) == 2
    shown = re.sub(r"\s+", " ", found.text)
    assert "✓ supported on a " in shown
    assert "✗ refuted on b " in shown or "? inconclusive on b " in shown


def test_an_incomplete_run_says_so():
    assert "This run is incomplete" in paged(every_verdict(), complete=False).text
    assert "This run is incomplete" not in paged(every_verdict()).text


def test_the_paper_is_named_where_it_is_known():
    found = paged(every_verdict(), paper={"title": "On Circuits", "identifier": "arXiv 0000.00000"})
    assert "Which of the claims of “On Circuits” hold on organism?" in found.text
    assert "of the paper (arXiv 0000.00000)" in found.text


def test_controls_have_rows_of_their_own_with_their_pairs():
    claim = a_claim(kind="means")
    observed = evidence(ONE_TO_FIVE, controls=(control([0.1, 0.2, 0.3, 0.4, 0.5], name="other clip"),))
    verdict = decide(claim, observed, anything())
    result = Result(planned(claim), verdict, observed, anything())
    found = paged([Finding(claim, "organism", verdict, NO_RECORD, (result,), 1)])
    assert verdict.outcome is Outcome.SUPPORTED
    assert "control: other clip" in found.text
    assert "30\u00a0%, 5 pairs" in found.text
    assert "above every control" in found.text
    assert "more than in “other clip”" in found.text


def test_recovery_by_layer_is_drawn_beside_the_papers_table():
    def norm_ratio(layer):
        measured = evidence([0.1 * layer] * 5, published=0.5)
        return replace(measured, site=f"mlp_out {layer}", layer=layer, metric="norm_ratio")

    finding = quantified("mlp", *(norm_ratio(layer) for layer in (4, 5)), expectation=between(0.4, 0.6))
    found = Page(html.render(build([finding], RUN, [MODEL])))
    assert "organism in figures" in found.text
    assert "beside the paper's tables" in found.text
    assert "MLP: E3 section 4.4" in found.text
    (drawing,) = [attrs for attrs in found.of_class("figure") if attrs.get("role") == "img"]
    assert "viewbox" in drawing
    assert "The numbers of this figure" in found.text


def test_the_same_report_is_the_same_page():
    assert html.render(a_report()) == html.render(a_report())


def test_a_report_without_claims_is_a_page():
    assert "0 claims, judged" in paged([]).text


# The first screen -----------------------------------------------------------------------------------------

PAPER = {
    "title": "On Circuits",
    "identifier": "arXiv 0",
    "headline": ["b/means", "not-judged/means", "a/means"],
}


def headlined():
    low, high = evidence([0.3, 0.31, 0.29, 0.3, 0.3]), evidence(ONE_TO_FIVE)
    return [
        judged("c", high, above(0.5), kind="means"),
        judged("a", low, above(0.5), kind="means"),
        judged("b", replace(high, controls=(control([0.1] * 5),)), above(0.5), kind="means"),
    ]


def test_the_papers_main_findings_stand_first_and_in_its_own_order():
    found = paged(headlined(), paper=PAPER)
    links = [attrs["href"] for attrs in found.all("a")]
    assert links.index("#claim-b-means-organism") < links.index("#claim-a-means-organism")
    assert links.index("#claim-a-means-organism") < links.index("#claim-c-means-organism")
    assert found.text.index("The main findings") < found.text.index("The other findings")
    assert "The main findings" not in paged(headlined()).text


def test_the_paragraph_names_what_holds_and_why_one_is_refuted():
    shown = paged(headlined(), paper=PAPER).text.replace("\u00a0", " ")
    assert (
        "On organism, 1 of the paper’s 2 main findings holds (“An MLP recovers 42 %”), 1 is refuted; "
        "“An MLP recovers 42 %”, for one, is refuted (recovery: 30 %, needs more than 50 %); "
    ) in shown


def test_parts_of_different_units_have_axes_of_their_own():
    logs = replace(evidence([-0.6, -0.5, -0.7, -0.6, -0.6]), unit="log ratio", name="log growth")
    made = quantified("b", evidence([0.3, 0.31, 0.29, 0.3, 0.3]), logs, expectation=above(0.5))
    found = paged([made])
    assert len(found.of_class("axis")) >= 4, "a row and a line for each of two axes"
    shown = found.text.replace("\u00a0", " ")
    assert "Observed 30 % and ×0.549, 2 parts, n=5" in shown
    ticks = re.findall(r">([^<>]+)</text>", found.source)
    assert any("%" in text for text in ticks)
    assert any(text.startswith("×") for text in ticks)


def test_a_figure_of_two_claims_is_drawn_once_and_linked_from_the_other():
    figure = {
        "kind": "bars", "title": "some bars", "y": {"label": "recovery", "unit": "fraction"},
        "bars": [{"name": "one", "role": "claim", "value": 0.5}],
    }  # fmt: skip
    drawn = replace(evidence(ONE_TO_FIVE), figure=figure)
    found = paged([judged("a", drawn, above(0.5)), judged("b", drawn, above(0.5))])
    assert len([attrs for attrs in found.of_class("figure") if attrs.get("role") == "img"]) == 1
    assert "Figure: some bars (drawn above)." in re.sub(r"\s+", " ", found.text)
    assert found.text.count("Some bars.") == 1


def test_what_every_site_was_asked_is_a_table():
    sites = [
        {"site": f"attn_out.{n}", "closure": c, "null_effect": 0.0, "effect": e, "reads_back": True}
        for n, (c, e) in enumerate([(2e-8, 0.5), (3e-8, 0.25)])
    ]
    check = judged("e", evidence([1.0]), exactly(1.0), kind="exact")
    report = build([check], RUN, [{**MODEL, "identity": {"passed": True, "sites": sites}}])
    shown = re.sub(r"\s+", " ", Page(html.render(report)).text)
    assert "What every site of organism was asked" in shown
    row = shown[shown.index("attention’s write (attn_out)") :].split(" How this was")[0]
    assert row.replace(" ", "").startswith("attention’swrite(attn_out)23e-0800.25all2")
