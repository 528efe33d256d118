"""A verdict on few pairs says so where it is shown."""

import pytest

from circuit_claims.judge.verdict import FEW_PAIRS
from circuit_claims.report.wording import short_verdict


@pytest.mark.parametrize(
    ("verdict", "reason", "flags", "shown"),
    [
        ("supported", "", [FEW_PAIRS], "supported (few pairs)"),
        ("refuted", "value", ["inert readout", FEW_PAIRS], "refuted (value, few pairs)"),
        ("inconclusive", "few pairs", [FEW_PAIRS], "inconclusive (few pairs)"),
        ("supported", "", ["inert readout"], "supported"),
        ("refuted", "value", [], "refuted (value)"),
    ],
)
def test_few_pairs_stand_beside_the_verdict(verdict, reason, flags, shown):
    assert short_verdict({"verdict": verdict, "reason": reason, "flags": flags}) == shown


def test_a_part_has_no_flags_of_its_own():
    assert short_verdict({"verdict": "refuted", "reason": "value"}) == "refuted (value)"
