"""What a failed claim says: one screen, both numbers, and the command that runs it again."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence, planned
from reports_by_hand import every_verdict, fractions

from circuit_claims.judge.drift import Comparison, Drift
from circuit_claims.judge.expectation import above
from circuit_claims.judge.ledger import Result
from circuit_claims.judge.record import Entry
from circuit_claims.judge.verdict import decide
from circuit_claims.report.failure import failure
from circuit_claims.types import Design, Outcome, Verdict

AGAIN = "pytest 'claims/test_3.py::test_mlp[layer4]' --circuit-model organism"


def full():
    """As much as there can be to say."""
    claim = a_claim(kind="means", each="layer")
    observed = replace(
        fractions(*ONE_TO_FIVE),
        controls=tuple(control(ONE_TO_FIVE, name=f"control {i}") for i in range(5)),
        experiment={"model": "organism", "patch": "mlp_out 4", "readout": "summary", "metric": "projection"},
        flags=("inert readout", "wrong label in 3 of 5 pairs"),
    )
    drift = Comparison(
        Drift.FLIPPED,
        "recorded supported, now refuted (recorded 0.6123, now 3)",
        Entry(Outcome.SUPPORTED, reason="seen in March"),
    )
    return Result(
        planned(claim, "layer=4", 7), decide(claim, observed, above(0.5)), observed, above(0.5), drift
    )


def test_all_that_can_be_said_fits_one_screen_and_ends_with_the_command():
    text = failure(full(), AGAIN)
    lines = text.splitlines()
    assert len(lines) <= 30
    assert lines[0] == f"mlp-42/means (layer=4): {full().comparison.sentence}", (
        "pytest's summary shows this line"
    )
    assert lines[-1] == f"  again: {AGAIN}"


@pytest.mark.parametrize(
    "said",
    [
        "claimed    An MLP recovers 42 %.",
        "source     E3 section 4.4",
        "model      organism",
        "found      Refuted, because the number is not about the outcome: it is not shown to be more than in "
        "“control 0”,",
        "Observed 300 % [103.7 %, 496.3 %] n=5; the claim needs more than 50 %.",
        "measured   recovery: 300 % [103.7 %, 496.3 %] n=5",
        "record     recorded supported, now refuted (recorded 0.6123, now 3)",
        "reason on record: seen in March",
        "asserted   > 50 %",
        "published  54.4 %",
        "patch      mlp_out 4",
        "flag       inert readout",
        "minus control 4: +0 points [+0, +0]",
    ],
)
def test_it_says(said):
    assert said in failure(full(), AGAIN)


def test_every_verdict_can_be_told():
    for finding in every_verdict():
        for part in finding.parts:
            text = failure(part, AGAIN)
            drifted = part.comparison.drift in (Drift.MOVED, Drift.FLIPPED)
            told = part.comparison.sentence if drifted else str(part.verdict.outcome).upper()
            assert text.splitlines()[0].endswith(told)


def test_an_error_before_any_measurement_tells_its_cause():
    result = Result(
        planned(a_claim()), Verdict(Outcome.ERROR, "ClipError", "a.mp4: is empty; render it again")
    )
    text = failure(result, AGAIN)
    assert "mlp-42/reproduces: ERROR" in text
    assert "found      a.mp4: is empty; render it again" in text


def test_a_contrast_without_bounds_can_be_told():
    """One seed of random weights bounds nothing; a record that said otherwise makes it a failure."""
    claim = a_claim(kind="means")
    observed = evidence(ONE_TO_FIVE, controls=(control([0.0] * 5, design=Design.SEEDS, name="random"),))
    flipped = Comparison(Drift.FLIPPED, "recorded supported, now inconclusive")
    result = Result(planned(claim), decide(claim, observed, above(0.5)), observed, above(0.5), flipped)
    assert "minus random: +300 points [unbounded]" in failure(result, AGAIN)
