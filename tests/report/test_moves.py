"""The table of moves: which estimates of a new version moved, by how much, and which of them fail the run."""

from __future__ import annotations

import json
from typing import Any

from claims_by_hand import ONE_TO_FIVE, a_claim, a_record, evidence, planned
from reports_by_hand import MODEL, RUN, VALIDATOR

from circuit_claims.judge.drift import Held, Standing, Weights
from circuit_claims.judge.expectation import above
from circuit_claims.judge.ledger import Result, settle
from circuit_claims.judge.record import Entry
from circuit_claims.judge.verdict import decide
from circuit_claims.report.html import render
from circuit_claims.report.markdown import render as markdown
from circuit_claims.report.moves import moves, sentence
from circuit_claims.report.schema import build
from circuit_claims.types import Outcome

PAIRS = ("a", "b", "c", "d", "e")


def a_report(*differences: float, parts: int = 1) -> dict[str, Any]:
    """A claim whose five values moved by so much against their record, in each of its parts."""
    claim = a_claim(each="layer") if parts > 1 else a_claim()
    names = [f"layer={n}" for n in range(parts)] if parts > 1 else [""]
    now = evidence([was + by for was, by in zip(ONE_TO_FIVE, differences, strict=True)], pairs=PAIRS)
    entries = {(claim.key, name): Entry(Outcome.SUPPORTED, "", 3.0, 1.0, 0.005) for name in ("", *names)}
    values = {(claim.key, name): dict(zip(PAIRS, ONE_TO_FIVE, strict=True)) for name in names}
    held = Held(a_record(entries).record, Standing(Weights.OTHER), values)
    expectation = above(0.0)
    results = []
    for name in names:
        verdict = decide(claim, now, expectation)
        comparison = held.against(claim, name, verdict, now)
        results.append(Result(planned(claim, name, parts), verdict, now, expectation, comparison))
    findings = settle([result.planned for result in results], results, {"organism": held})
    report = build(findings, RUN, [MODEL])
    VALIDATOR.validate(report)
    return json.loads(json.dumps(report))


def test_the_same_values_moved_nowhere():
    found, compared = moves(a_report(*[1e-6] * 5), "organism")
    assert (found, compared) == ([], 1)
    assert sentence(found, compared) == (
        "0 of 1 recorded estimate moved with these weights: the values of all pairs are the recorded ones, "
        "up to rounding"
    )


def test_a_move_beyond_its_tolerance_names_interval_size_and_tolerance():
    found, compared = moves(a_report(0.02, 0.021, 0.019, 0.02, 0.02), "organism")
    assert found[0].failed
    assert found[0].cells == (
        "mlp-42/reproduces", "300 %", "302 %", "+2 points [+1.91, +2.09] n=5, each by 2 points", "0.5 points",
    )  # fmt: skip
    assert sentence(found, compared).endswith(
        "1 of 1 recorded estimate moved with these weights, 1 beyond its tolerance"
    )


def test_a_value_that_moved_by_more_than_rounding_is_listed_and_fails_nothing():
    found, compared = moves(a_report(0.001, -0.001, 0.0, 0.0, 0.0), "organism")
    assert [one.failed for one in found] == [False]
    assert sentence(found, compared).endswith("moved with these weights, 0 beyond their tolerance")


def test_each_part_of_a_claim_moves_by_itself_and_other_models_are_left_out():
    report = a_report(*[0.02] * 5, parts=3)
    found, compared = moves(report, "organism")
    assert [one.name for one in found] == [f"mlp-42/reproduces layer={n}" for n in range(3)]
    assert compared == 3
    assert moves(report, "another") == ([], 0)


def test_the_page_and_the_summary_have_the_table():
    report = a_report(*[0.02] * 5)
    page, text = render(report), markdown(report)
    assert "What moved: organism against organism.toml" in page
    assert "<strong>exceeded</strong>" in page
    assert "## Moves of organism" in text
    assert "2 points" in text
    assert "<details><summary>1 estimate that moved within its tolerance" not in page
    within = render(a_report(*[0.001] * 5))
    assert "<strong>exceeded</strong>" not in within
    assert "<details><summary>1 estimate that moved within its tolerance" in within
