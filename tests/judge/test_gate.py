"""What lets a claim through: level, scope, controls one after another; and the numbers it is told with."""

from dataclasses import replace

import numpy as np
import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence
from scipy import stats

from circuit_claims.judge.claim import Control, Design, Outcome, Scope
from circuit_claims.judge.expectation import above, anything, below, between, negligible
from circuit_claims.judge.intervals import interval
from circuit_claims.judge.verdict import contrast, decide, family_p

SUPPORTED, REFUTED, INCONCLUSIVE = Outcome.SUPPORTED, Outcome.REFUTED, Outcome.INCONCLUSIVE
REPRODUCES, MEANS = a_claim(kind="reproduces"), a_claim(kind="means")
ZEROS = [0.0] * 5


def judged(*controls, claim=MEANS, expectation=None, level=0.95, **more):
    found = decide(claim, evidence(ONE_TO_FIVE, controls=controls, **more), expectation or above(0.5), level)
    return found.outcome, found.reason


# Controls ---------------------------------------------------------------------------------------------


def off_by(step):
    """A control that differs by -2, -1, 0, 1, 2 steps: the standard error is sqrt(2.5 / 5) = 0.7071 steps."""
    return control([value - step * k for value, k in zip(ONE_TO_FIVE, (-2, -1, 0, 1, 2), strict=True)])


def test_equal_is_shown_by_two_one_sided_tests_at_5_percent():
    """t(4) is 2.132 at 90 %, 2.776 at 95 %, 1.778 at 85 %: the bound of 0.05 is reached at 0.0332 steps."""
    assert judged(off_by(0.0325)) == (REFUTED, "specificity"), "though the 95 % interval is wider than 0.05"
    assert judged(off_by(0.0340)) == (INCONCLUSIVE, "contrast"), "though the 85 % interval is not"
    assert judged(off_by(0.0340), level=0.9) == (REFUTED, "specificity"), "at 90 % the interval is of 80 %"


def test_an_undefined_control_does_not_hide_those_after_it():
    undefined = control((), undefined="0/0", name="other clip")
    assert judged(undefined, control(ONE_TO_FIVE)) == (REFUTED, "specificity")
    assert judged(control(ZEROS), undefined) == (INCONCLUSIVE, "contrast")
    found = decide(MEANS, evidence(ONE_TO_FIVE, controls=(undefined, control(ZEROS))), above(0.5))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "contrast")
    assert [kept["control"] for kept in found.contrasts] == ["noise"]


def test_an_exceeded_control_does_not_hide_those_after_it():
    assert judged(control(ZEROS), control(ONE_TO_FIVE)) == (REFUTED, "specificity")
    assert judged(control(ZEROS), control([3.0, 3.0, 3.0, 3.0, 2.0])) == (INCONCLUSIVE, "contrast")
    assert judged(control(ZEROS), control(ZEROS)) == (SUPPORTED, "")


@pytest.mark.parametrize("scope", [Scope.NEGATIVE, Scope.EXACT])
def test_what_random_weights_may_show_needs_no_control_but_keeps_to_those_it_has(scope):
    claim = replace(MEANS, scope=scope)
    assert judged(claim=claim) == (SUPPORTED, "")
    assert judged(control(ONE_TO_FIVE), claim=claim) == (REFUTED, "specificity")
    assert judged(claim=MEANS) == (INCONCLUSIVE, "no contrast")
    assert judged(control(ONE_TO_FIVE), claim=REPRODUCES) == (SUPPORTED, ""), "controls gate meaning only"


# Families ---------------------------------------------------------------------------------------------

EIGHT = [0.9, 1.1, 1.0, 0.95, 1.05, 1.0, 0.98, 1.02]
OTHERS = [[0.1 + 0.01 * (i + j) % 3 for i in range(8)] for j in range(5)]


def family(*rows):
    return Control("the other heads", Design.FAMILY, tuple(tuple(row) for row in rows))


def test_a_member_stands_out_up_to_and_with_the_error_that_is_allowed():
    others = family(*OTHERS)
    p = family_p(evidence(EIGHT), others)
    assert (256 * p).is_integer()
    made = evidence(EIGHT, controls=(others,))
    assert decide(MEANS, made, anything(), level=1 - p).outcome is SUPPORTED
    assert decide(MEANS, made, anything(), level=1 - p / 2).reason == "contrast"


def test_a_member_above_the_mean_that_was_picked_does_not_stand_out():
    """The best of twelve members of noise: its own interval excludes zero, its max-T does not."""
    members = np.random.default_rng(0).normal(size=(12, 10))
    best, *others = members[np.argsort(-members.mean(axis=1))].tolist()
    made = evidence(best, controls=(family(*others),))
    assert contrast(made, family(*others), 0.95).low > 0
    found = decide(MEANS, made, anything())
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "contrast")
    assert found.contrasts[0]["p"] == family_p(made, family(*others)) > 0.05


def test_below_and_negligible_stand_out_downwards_and_in_size():
    higher = family(*[[value + 2 for value in row] for row in OTHERS])
    assert decide(MEANS, evidence(EIGHT, controls=(higher,)), below(1.5)).outcome is SUPPORTED
    small = [0.01, -0.01, 0.02, -0.02, 0.0, 0.01, -0.01, 0.0]
    large = family(*[[sign * (1 + 0.01 * i) for i in range(8)] for sign in (-1, 1, -1)])
    assert decide(MEANS, evidence(small, controls=(large,)), negligible(0.1)).outcome is SUPPORTED
    assert decide(MEANS, evidence(EIGHT, controls=(higher,)), anything()).reason == "specificity"


def test_a_member_is_contrasted_with_the_mean_of_all():
    found = contrast(evidence(EIGHT, seed=3), family(*OTHERS), 0.8)
    mean = np.mean([EIGHT, *OTHERS], axis=0)
    known = interval((np.array(EIGHT) - mean).tolist(), level=0.8)
    assert (found.low, found.high, found.level) == (pytest.approx(known.low), pytest.approx(known.high), 0.8)


def test_the_contrast_with_a_family_heeds_actions_clips_and_seed():
    rows = [[((3.7 * (pair + 1) * (member + 2)) % 1) ** 6 for pair in range(24)] for member in range(4)]
    rest = (np.array(rows[0]) - np.mean(rows, axis=0)).tolist()
    for labels in (
        {"groups": ("a",) * 12 + ("b",) * 12},
        {"clips": tuple((f"{pair // 2}",) for pair in range(24))},
        {"seed": 7},
    ):
        found = contrast(evidence(rows[0], **labels), family(*rows[1:]), 0.95)
        known = interval(rest, labels.get("groups"), labels.get("clips"), seed=labels.get("seed", 0))
        assert (found.low, found.high) == pytest.approx((known.low, known.high))
        plain = contrast(evidence(rows[0]), family(*rows[1:]), 0.95)
        assert (found.low, found.high) != (plain.low, plain.high), "the label matters here"


# What a verdict is told with --------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize(
    "more", [{"artifact": "identity patch"}, {"undefined": {"golf-1": "0/0"}}], ids=["artifact", "undefined"]
)
def test_what_is_not_judged_keeps_its_numbers_at_the_stated_level(more, level):
    found = decide(MEANS, evidence(ONE_TO_FIVE, controls=(control(ZEROS),), **more), above(0.5), level)
    known = interval(ONE_TO_FIVE, level=level)
    assert found.outcome in (Outcome.ARTIFACT, INCONCLUSIVE)
    assert (found.estimate, found.low, found.high) == (3.0, known.low, known.high)
    assert (found.n, found.level) == (5, level)


def test_negligible_doubles_the_error_of_any_level():
    found = decide(REPRODUCES, evidence([v - 3 for v in ONE_TO_FIVE]), negligible(2.0), level=0.9)
    assert found.level == pytest.approx(0.8)


def test_an_interval_heeds_actions_clips_and_seed():
    values = [(1.7 * pair) % 5 + (pair % 7 == 0) * 9.0 for pair in range(24)]
    plain = decide(REPRODUCES, evidence(values), above(0.0))
    for labels in (
        {"groups": ("a",) * 12 + ("b",) * 12},
        {"clips": tuple((f"{pair // 2}",) for pair in range(24))},
        {"seed": 7},
    ):
        found = decide(REPRODUCES, evidence(values, **labels), above(0.0))
        known = interval(values, labels.get("groups"), labels.get("clips"), seed=labels.get("seed", 0))
        assert (found.low, found.high, found.method) == (known.low, known.high, known.method)
        assert (found.low, found.high) != (plain.low, plain.high)


def test_too_few_pairs_keep_their_estimate():
    found = decide(REPRODUCES, evidence([1.0, 2.0]), above(0.0))
    assert (found.estimate, found.n, found.low, found.high) == (1.5, 2, None, None)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_yes_or_no_carries_the_share_and_its_exact_interval(level):
    """3 of 10 (Clopper & Pearson: beta quantiles)."""
    found = decide(REPRODUCES, evidence([1, 1, 1] + [0] * 7, "bool"), above(0.5), level)
    tail = (1 - level) / 2
    assert (found.low, found.high) == pytest.approx(
        (stats.beta.ppf(tail, 3, 8), stats.beta.ppf(1 - tail, 4, 7))
    )
    assert (found.estimate, found.n, found.level) == (0.3, 10, level)


def test_straddling_yes_or_no_says_how_many_pairs_would_decide():
    """Share 0.3, bound 0.5: sd sqrt(0.3 * 0.7) and margin 0.2 need 44 pairs by t at 80 % power."""
    told = decide(REPRODUCES, evidence([1, 1, 1] + [0] * 7, "bool"), above(0.5)).sentence
    assert "; about 44 pairs would decide." in told


@pytest.mark.parametrize(
    ("expectation", "edge"),
    [
        (between(0.0, 2.5), 2.5),
        (between(2.0, 10.0), 2.0),
        (anything(), 0.0),
        (below(10.0), 10.0),
        (negligible(1.0), 1.0),
    ],
    ids=["between, above", "between, below", "anything", "below", "negligible"],
)
def test_effect_sizes_are_taken_from_the_edge_nearest_to_the_mean(expectation, edge):
    effect = decide(REPRODUCES, evidence(ONE_TO_FIVE), expectation).effect
    assert effect["from"] == edge
    assert effect["hodges_lehmann"] == pytest.approx(3.0 - edge)


def test_a_number_is_taken_as_exact_where_no_rounding_is_published():
    assert decide(REPRODUCES, evidence([0.9999]), above(1.0)).outcome is REFUTED
