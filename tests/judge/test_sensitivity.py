"""What a verdict needs beside its interval: an assay that can see."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence

from circuit_claims.judge.expectation import above, negligible
from circuit_claims.judge.verdict import decide
from circuit_claims.types import Outcome, PositiveControl

REPRODUCES, MEANS = a_claim(kind="reproduces"), a_claim(kind="means")
SMALL = [0.01, -0.01, 0.02, -0.02, 0.0, 0.01]
LARGE = [1.0, 1.1, 0.9, 1.05, 0.95]


def positive(values, expectation=None):
    return PositiveControl("the whole clip", evidence(values), expectation or above(0.5))


def judged(claim, values, expectation, **more):
    found = decide(claim, replace(evidence(values), **more), expectation)
    return found.outcome, found.reason


# Positive controls and jitter -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (LARGE, (Outcome.SUPPORTED, "")),
        (SMALL, (Outcome.INCONCLUSIVE, "insensitive")),
        ([0.3, 0.7, 0.4, 0.6, 0.5], (Outcome.INCONCLUSIVE, "insensitive")),
    ],
    ids=["seen", "not seen", "straddles"],
)
def test_nothing_is_negligible_where_the_positive_control_is_not_seen(seen, expected):
    assert judged(REPRODUCES, SMALL, negligible(0.1), positive=(positive(seen),)) == expected


def test_an_effect_that_is_seen_needs_no_positive_control():
    found = judged(REPRODUCES, LARGE, negligible(0.1), positive=(positive(SMALL),))
    assert found == (Outcome.REFUTED, "value")


def test_a_control_that_is_no_less_refutes_only_where_the_assay_sees_something():
    equal = {"controls": (control(ONE_TO_FIVE),)}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **equal) == (Outcome.REFUTED, "specificity")
    blind = {**equal, "positive": (positive(SMALL),)}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **blind) == (Outcome.INCONCLUSIVE, "insensitive")


@pytest.mark.parametrize(("jitter", "outcome"), [(0.09, Outcome.SUPPORTED), (0.11, Outcome.INCONCLUSIVE)])
def test_a_window_that_moves_the_number_by_more_than_the_bound_leaves_nothing_negligible(jitter, outcome):
    found = decide(REPRODUCES, replace(evidence(SMALL), jitter=(jitter,) * 5), negligible(0.1))
    assert found.outcome is outcome
    assert ("moving the window" in found.sentence) is (outcome is Outcome.INCONCLUSIVE)


def test_jitter_is_judged_on_average():
    found = judged(REPRODUCES, SMALL, negligible(0.1), jitter=(0.3, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert found == (Outcome.SUPPORTED, "")


def test_jitter_does_not_unsettle_an_effect_that_is_seen():
    assert judged(REPRODUCES, LARGE, above(0.5), jitter=(9.0,) * 5) == (Outcome.SUPPORTED, "")


def test_a_jittery_assay_shows_no_control_equal():
    equal = {"controls": (control(ONE_TO_FIVE),), "margin": 0.05}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **equal, jitter=(0.04,) * 5)[1] == "specificity"
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **equal, jitter=(0.06,) * 5) == (
        Outcome.INCONCLUSIVE,
        "contrast",
    )


def test_a_control_that_is_shown_to_be_more_refutes_whatever_the_jitter():
    more = {"controls": (control([value + 1 for value in ONE_TO_FIVE]),), "jitter": (9.0,) * 5}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **more) == (Outcome.REFUTED, "specificity")


# The level, the edge and the units of what a verdict needs ----------------------------------------------


def test_a_positive_control_on_one_pair_is_judged_by_its_value():
    assert judged(REPRODUCES, SMALL, negligible(0.1), positive=(positive([0.6]),)) == (Outcome.SUPPORTED, "")
    assert judged(REPRODUCES, SMALL, negligible(0.1), positive=(positive([0.4]),))[1] == "insensitive"


def test_a_positive_control_is_judged_at_the_claims_own_level():
    """One to five is above 1 at 95 % and not at 99.9 %; the claim is so at both."""
    made = replace(evidence(LARGE), positive=(positive(ONE_TO_FIVE, above(1.0)),))
    assert decide(REPRODUCES, made, above(0.1)).outcome is Outcome.SUPPORTED
    assert decide(REPRODUCES, made, above(0.1), level=0.999).reason == "insensitive"


def test_a_jitter_as_large_as_the_bound_is_not_more_than_it():
    found = judged(REPRODUCES, SMALL, negligible(0.5), jitter=(0.5,) * 5)
    assert found == (Outcome.SUPPORTED, "")


@pytest.mark.parametrize("n", [1, 3])
def test_nothing_on_few_pairs_stands_only_where_the_assay_sees_something(n):
    seen, unseen = (positive([value] * n) for value in (0.6, 0.4))
    assert judged(REPRODUCES, SMALL[:n], negligible(0.1), positive=(seen,)) == (Outcome.SUPPORTED, "")
    assert judged(REPRODUCES, SMALL[:n], negligible(0.1), positive=(unseen,))[1] == "insensitive"
    assert judged(REPRODUCES, SMALL[:n], negligible(0.1), jitter=(0.2,) * n)[1] == "insensitive"
