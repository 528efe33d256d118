"""Plain words: the paragraph that a person can quote, and why a verdict is what it is."""

import pytest
from claims_by_hand import ONE_TO_FIVE, control, evidence, finding
from reports_by_hand import MODEL, RUN, a_report, fractions, judged, quantified, unjudged

from circuit_claims.judge.expectation import above, anything, below, between, exactly, negligible
from circuit_claims.report import html, markdown, plain, summary, wording
from circuit_claims.report.schema import build
from circuit_claims.types import Outcome


def one(made):
    return build([made], RUN, [MODEL])["claims"][0]


def some_findings(model="organism"):
    equal = evidence(ONE_TO_FIVE, controls=(control(ONE_TO_FIVE),))
    more = evidence(ONE_TO_FIVE, controls=(control([0.1] * 5),))
    return [
        judged("a", more, above(0.5), kind="means", model=model),
        judged("b", equal, above(0.5), kind="means", model=model),
        judged("c", more, above(9.0), kind="means", model=model),
        judged("d", fractions(0.3, 0.31, 0.29, 0.3, 0.3), above(0.5), model=model),
        judged("e", evidence([1.0, 1.0]), exactly(1.0), kind="exact", model=model),
    ]


PAPERS = {**RUN, "paper": {"title": "A paper", "identifier": "arXiv 0"}}


def test_claims_of_ones_own_are_no_papers():
    open_one = judged("g", evidence([0.4, 0.6, 0.5, 0.45, 0.55]), above(0.5), kind="means")
    assert summary.paragraph(build([open_one], RUN, [MODEL])) == [
        "On organism, 1 finding is left open, 1 is inconclusive."
    ]
    tables = judged("f", evidence([0.6]), above(0.95), kind="exact", model="")
    absent = [unjudged("h", Outcome.NOT_APPLICABLE, "no such layer", kind) for kind in ("means", "exact")]
    told = summary.paragraph(build([*some_findings(), tables, *absent], RUN, [MODEL]))
    assert told == [
        "On organism, 1 of 3 findings holds, 2 are refuted (1 because the number lies elsewhere, "
        "1 because controls show it as well); 1 number does not hold, 1 is refuted (1 because the number "
        "lies elsewhere); 2 claims do not apply.",
        "1 statement does not hold, without a model.",
        "The checks of the instrument that apply hold.",
    ]
    assert "paper" not in " ".join(told)


def test_a_page_of_ones_own_claims_names_no_paper():
    for page in (
        markdown.render(build(some_findings(), RUN, [MODEL])),
        html.render(build(some_findings(), RUN, [MODEL])),
    ):
        assert "paper says" not in page
        assert "published number" not in page.lower().split("<style")[0]
        assert "the paper" not in page.lower()


def test_the_paragraph_counts_what_holds_and_why_the_rest_does_not():
    tables = judged("f", evidence([0.6]), above(0.95), kind="exact", model="")
    assert summary.paragraph(build([*some_findings(), tables], PAPERS, [MODEL])) == [
        "On organism, 1 of the paper’s 3 findings holds, 2 are refuted (1 because the number lies elsewhere, "
        "1 because controls show it as well); its 1 published number is not reproduced.",
        "The paper's text agrees with its own tables in 0 of 1 statement.",
        "All checks of the instrument hold.",
    ]


def test_several_models_have_a_sentence_each():
    findings = [*some_findings("one"), *some_findings("two")]
    models = [{**MODEL, "name": name} for name in ("one", "two", "not judged")]
    assert summary.paragraph(build(findings, PAPERS, models))[:2] == [
        "On one, 1 of the paper’s 3 findings holds, 2 are refuted; its 1 published number is not reproduced.",
        "On two, 1 of 3 findings holds, 2 are refuted; 1 published number is not reproduced.",
    ]


def test_a_failed_check_of_the_instrument_is_said_to_spoil_the_rest():
    checks = [judged(id, evidence([v]), exactly(1.0), kind="exact") for id, v in (("e", 0.5), ("f", 1.0))]
    assert summary.paragraph(build(checks, RUN, [MODEL])) == [
        "On organism, of 2 claims: 1 supported and 1 refuted.",
        "On organism, 1 of 2 checks of the instrument does not hold: no other number of it counts.",
    ]


def test_a_cell_says_what_was_observed_and_what_is_needed():
    cells = {entry["key"]: plain.brief(entry) for entry in build(some_findings(), RUN, [MODEL])["claims"]}
    assert cells["a/means"] == "found 300 %, needs more than 50 %"
    assert cells["b/means"] == "found 300 %, no more than in “noise”"
    assert cells["d/reproduces"] == "found 30 %, needs more than 50 %"
    straddling = judged("g", fractions(0.1, 0.9, 0.5, 0.3, 0.8), above(0.45))
    assert plain.brief(one(straddling)).startswith("found 52 % ["), "its interval is what leaves it open"


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (above(0.5), "more than 50 %"),
        (below(0.5), "less than 50 %"),
        (between(0.4, 0.6), "40 % to 60 %"),
        (negligible(0.05), "no more than 5 % either way"),
        (exactly(1.0), "exactly 100 %"),
        (anything(), "more than its controls show"),
    ],
)
def test_what_a_claim_asks_is_told_in_words(expectation, words):
    assert plain.wanted(one(judged("a", fractions(0.3, 0.31, 0.29, 0.3, 0.3), expectation))) == words


def test_why_a_claim_is_refuted_names_the_control_or_the_range():
    equal = evidence(ONE_TO_FIVE, controls=(control(ONE_TO_FIVE, name="other clip"),))
    assert plain.why(one(judged("a", equal, above(0.5), kind="means"))).startswith(
        "Refuted, because the number is not about the outcome: it is not shown to be more than in "
        "“other clip”."
    )
    low, high = fractions(0.3, 0.31, 0.29, 0.3, 0.3), fractions(*[0.7] * 5)
    parts = quantified("b", low, high, expectation=above(0.5))
    assert plain.why(one(parts)) == (
        "Refuted, because the number lies elsewhere. Observed 30 % to 70 %, 2 parts, n=5; the claim needs "
        "more than 50 % in each of 2 parts (layer). 1 of 2 parts is refuted."
    )


def test_why_a_claim_is_open_says_how_many_pairs_would_do():
    entry = one(judged("a", fractions(0.1, 0.9, 0.5, 0.3, 0.8), above(0.45)))
    assert entry["verdict"] == "inconclusive"
    assert "the interval reaches across the edge of what is claimed" in plain.why(entry)
    assert plain.why(entry).endswith("pairs would decide.")


def test_every_verdict_has_a_reason_a_mark_and_a_meaning():
    for entry in a_report()["claims"]:
        assert plain.why(entry)
        assert plain.brief(entry)
        assert entry["verdict"] in plain.MARKS
        assert entry["verdict"] in plain.VERDICTS


def test_a_flag_that_is_known_is_explained():
    assert plain.flag("inert readout: x")[1].startswith("The published metric reads tokens")
    assert plain.flag("something else") == ("something else", "")


# Wording ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.051, "fraction", "5.1 %"),
        (1.0188, "fraction", "101.9 %"),
        (0.0, "log ratio", "x1"),
        (11.05, "log ratio", "x62900"),
        (2.688, "ratio", "2.69"),
        (None, "ratio", ""),
    ],
)
def test_numbers_are_said_in_the_unit_that_people_use(value, unit, words):
    assert wording.number(value, unit) == words


def test_differences_are_points_or_factors():
    assert wording.difference(0.021, "fraction") == "+2.1 points"
    assert wording.difference(-0.5, "ratio") == "-0.5"
    assert wording.difference(0.0953, "log ratio") == "x1.1"
    found = {"estimate": 0.021, "low": 0.01, "high": None}
    assert wording.contrast(found, "fraction") == "+2.1 points [unbounded]"


def test_the_command_to_run_again_has_the_tests_and_the_model():
    entry = one(quantified("b", *[fractions(*ONE_TO_FIVE)] * 2, expectation=above(0.5)))
    assert wording.rerun(entry, "--circuit-seed=3") == (
        "pytest claims/test_1.py::test_b --circuit-model organism --circuit-seed=3"
    )


def test_a_change_within_the_digits_of_a_record_is_none():
    assert wording.change(one(finding("supported"))) == "new"


def test_an_effect_size_is_a_sentence_in_the_unit_of_the_number():
    measured = one(judged("a", fractions(*ONE_TO_FIVE), above(0.5)))["measurements"][0]
    assert plain.effect(measured).startswith("100 % [47.8 %, 100 %] of 5 above 50 %; Hedges’ g from there ")
    assert plain.effect(measured).endswith("Hodges-Lehmann +250 points")


def test_an_artifact_is_told_by_its_parts():
    parts = quantified("b", *[fractions(*ONE_TO_FIVE)] * 2, expectation=above(0.5))
    entry = one(parts)
    for part in entry["parts"]:
        part.update(verdict="artifact", sentence="It follows from the method.")
    entry["verdict"] = "artifact"
    assert plain.brief(entry) == "It follows from the method."
    assert plain.why(entry).startswith("It follows from the method. Observed 300 %")


def test_ranges_are_of_numbers_of_one_unit():
    entry = one(quantified("b", *[fractions(*ONE_TO_FIVE)] * 3, expectation=above(0.5)))
    entry["measurements"][2] |= {"unit": "log ratio", "value": 0.0}
    assert wording.observed(entry) == "300 % and x1, 3 parts, n=5"


DECODERS = [
    {"decoder": "decord2 3.4.0", "clips": 64, "why": ""},
    {"decoder": "av 18.1.0", "clips": 2, "why": "an edit list hides some of its packets"},
]


def test_a_second_decoder_is_named_with_its_reasons():
    more = [*DECODERS, {"decoder": "av 18.1.0", "clips": 1, "why": "it is interlaced"}]
    assert plain.taken_over({"decoders": more}) == (
        "av 18.1.0 read 3 of 67 clips: an edit list hides some of its packets (2); it is interlaced (1)"
    )
    assert plain.taken_over({"decoders": DECODERS[:1]}) == plain.taken_over({}) == ""


@pytest.mark.parametrize("page", [html.render, lambda report: markdown.render(report).replace("\\", "")])
def test_a_page_says_which_clips_another_decoder_read(page):
    told = "av 18.1.0 read 2 of 66 clips: an edit list hides some of its packets (2)"
    one = build(some_findings(), RUN, [{**MODEL, "decoders": DECODERS}])
    assert told in page(one)
    assert "read 2 of" not in page(build(some_findings(), RUN, [{**MODEL, "decoders": DECODERS[:1]}]))
