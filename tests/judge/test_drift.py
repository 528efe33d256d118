"""Drift from a record: what fails with the same weights, what fails with others, and what is only said."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, a_record, evidence
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.judge import tolerance
from circuit_claims.judge.drift import (
    Comparison,
    Drift,
    Guard,
    Held,
    Move,
    Standing,
    Weights,
    compare,
    paired_move,
)
from circuit_claims.judge.intervals import interval
from circuit_claims.judge.record import Entry
from circuit_claims.judge.tolerance import declared_tolerance, numeric_tolerance
from circuit_claims.types import Outcome, Verdict

SUPPORTED, REFUTED, INCONCLUSIVE = Outcome.SUPPORTED, Outcome.REFUTED, Outcome.INCONCLUSIVE
CLAIM, FIVE = a_claim(), ("a", "b", "c", "d", "e")
ARITHMETIC = Standing(arithmetic=True)
SAME, OTHER, BY_HAND = (Standing(weights) for weights in (Weights.SAME, Weights.OTHER, Weights.UNKNOWN))
NUMERIC = numeric_tolerance("fraction", 0.5)


def entry(outcome=REFUTED, estimate=0.5, bound=0.52, tolerance=0.005, unit="fraction"):
    return Entry(outcome, "", estimate, bound, tolerance, unit=unit)


def judged(outcome, estimate, bound=None):
    return Verdict(outcome, "", "", estimate=estimate, bound=bound)


def measured(values, unit="fraction", **more):
    return evidence(values, unit, pairs=FIVE[: len(values)], **more)


# A record that names no weights ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "outcome", "estimate", "bound", "drift"),
    [
        (None, REFUTED, 0.5, 0.5, Drift.UNRECORDED),
        (entry(), REFUTED, 0.5, 0.52, Drift.AS_RECORDED),
        (entry(), REFUTED, 0.5049, 0.6, Drift.AS_RECORDED),
        (entry(), REFUTED, 0.5051, 0.52, Drift.MOVED),
        (entry(), REFUTED, 0.4949, 0.52, Drift.MOVED),
        (entry(), REFUTED, None, None, Drift.MOVED),
        (entry(), SUPPORTED, 0.5049, 0.5249, Drift.BORDERLINE),
        (entry(), SUPPORTED, 0.5051, 0.52, Drift.FLIPPED),
        (entry(), SUPPORTED, 0.5, 0.5251, Drift.FLIPPED),
        (entry(), SUPPORTED, 0.5, None, Drift.FLIPPED),
        (entry(bound=None), SUPPORTED, 0.5, 0.52, Drift.FLIPPED),
        (entry(estimate=None), REFUTED, 0.9, 0.9, Drift.AS_RECORDED),
        (entry(estimate=None), SUPPORTED, 0.9, 0.52, Drift.FLIPPED),
        (entry(tolerance=None), REFUTED, 0.5 + 1e-6, 0.52, Drift.AS_RECORDED),
        (entry(tolerance=None), REFUTED, 0.5001, 0.52, Drift.MOVED),
        (entry(estimate=0.5, tolerance=0.25), REFUTED, 0.75, 0.52, Drift.AS_RECORDED),
        (entry(estimate=0.0, tolerance=None), REFUTED, 1e-12, 0.52, Drift.AS_RECORDED),
        (entry(INCONCLUSIVE), SUPPORTED, 0.6, 0.6, Drift.FLIPPED),
        (Entry(Outcome.NOT_APPLICABLE), Outcome.NOT_APPLICABLE, None, None, Drift.AS_RECORDED),
        (Entry(Outcome.NOT_APPLICABLE), SUPPORTED, 0.5, 0.5, Drift.FLIPPED),
    ],
)
def test_a_record_written_by_hand_is_held_to_its_declared_tolerance(
    recorded, outcome, estimate, bound, drift
):
    found = compare(recorded, CLAIM, judged(outcome, estimate, bound), BY_HAND)
    assert found.drift is drift
    assert found.entry == recorded


def test_drift_names_both_numbers():
    def said(*numbers) -> str:
        return compare(entry(), CLAIM, judged(*numbers), BY_HAND).sentence

    assert said(REFUTED, 0.4, 0.41) == (
        "refuted, as recorded, but the estimate moved: recorded 0.5, now 0.4 (tolerance 0.005)"
    )
    assert said(SUPPORTED, 0.9, 0.8) == "recorded refuted, now supported (recorded 0.5, now 0.9)"
    borderline = said(SUPPORTED, 0.501, 0.521)
    assert borderline.startswith("borderline: recorded refuted, now supported")
    assert "recorded 0.5, now 0.501" in borderline


outcomes, numbers = st.sampled_from(list(Outcome)), st.floats(-1e6, 1e6)
entries = st.builds(
    Entry, outcomes, estimate=st.none() | numbers, bound=st.none() | numbers,
    tolerance=st.none() | st.floats(0, 1), unit=st.sampled_from(["", "fraction", "ratio", "count"]),
)  # fmt: skip
standings = st.builds(Standing, st.sampled_from(Weights), st.booleans(), st.sampled_from(Guard))


@given(entries, outcomes, numbers, numbers, standings)
def test_a_finding_never_drifts_from_itself_and_a_flip_is_always_said(recorded, other, estimate, bound, how):
    same = compare(recorded, CLAIM, judged(recorded.verdict, recorded.estimate, recorded.bound), how)
    assert same.drift is Drift.AS_RECORDED
    if other is not recorded.verdict:
        flipped = compare(recorded, CLAIM, judged(other, estimate, bound), how)
        assert flipped.drift in (Drift.FLIPPED, Drift.BORDERLINE)
        assert f"recorded {recorded.verdict}, now {other}" in flipped.sentence


# The cause of a verdict -----------------------------------------------------------------------------------


def by_cause(why, reason, standing, estimate=0.5, bound=0.52, outcome=REFUTED):
    recorded = replace(entry(outcome), why=why)
    now = replace(judged(outcome, estimate, bound), reason=reason)
    return compare(recorded, CLAIM, now, standing, measured([estimate] * 5))


@pytest.mark.parametrize("standing", [SAME, OTHER, BY_HAND])
def test_a_changed_cause_is_a_changed_verdict(standing):
    """Refuted by its value and refuted by its specificity say different things of a model."""
    assert by_cause("value", "value", standing).drift is Drift.AS_RECORDED
    flipped = by_cause("value", "specificity", standing, 0.9, 0.8)
    assert flipped.drift is Drift.FLIPPED
    assert flipped.sentence.startswith(
        "recorded refuted (value), now refuted (specificity) (recorded 0.5, now 0.9)"
    )
    near = by_cause("value", "specificity", standing)
    assert near.drift is Drift.BORDERLINE
    assert near.sentence == (
        "borderline: recorded refuted (value), now refuted (specificity), with the estimate within tolerance "
        "(recorded 0.5, now 0.5)"
    )
    assert by_cause("contrast", "", standing, 0.9, outcome=INCONCLUSIVE).sentence.startswith(
        "recorded inconclusive (contrast), now inconclusive (no cause)"
    )


@pytest.mark.parametrize("standing", [SAME, OTHER, BY_HAND])
def test_a_record_written_by_hand_may_leave_out_the_cause(standing):
    assert by_cause("", "specificity", standing).drift is Drift.AS_RECORDED


def test_the_cause_of_a_claim_without_numbers_and_of_a_calibration_counts_too():
    recorded = replace(entry(INCONCLUSIVE, None, None), why="undefined")
    changed = compare(recorded, CLAIM, replace(judged(INCONCLUSIVE, None), reason="too few pairs"), SAME)
    assert changed.drift is Drift.FLIPPED
    assert changed.sentence.endswith("(recorded nothing, now nothing)")
    each = a_claim(each="layer")
    parts = replace(entry(), why="value")
    assert (
        compare(parts, each, replace(judged(REFUTED, 0.9), reason="value"), SAME).drift is Drift.AS_RECORDED
    )
    assert (
        compare(parts, each, replace(judged(REFUTED, 0.9), reason="specificity"), SAME).drift is Drift.FLIPPED
    )


# The same weights: the environment ------------------------------------------------------------------------


def test_with_the_same_weights_an_estimate_keeps_to_the_numeric_tolerance():
    def drift(by: float, standing: Standing = SAME) -> Comparison:
        return compare(entry(), CLAIM, judged(REFUTED, 0.5 + by, 0.52), standing, measured([0.5] * 5))

    assert drift(0.9 * NUMERIC).drift is Drift.AS_RECORDED
    moved = drift(1.1 * NUMERIC)
    assert moved.drift is Drift.MOVED, "well within the declared tolerance, and yet"
    assert moved.sentence.endswith("the weights are the same, so the environment changed and not the model")
    assert drift(1.1 * NUMERIC, Standing(Weights.SAME, elsewhere=True)).drift is Drift.AS_RECORDED


def test_numbers_of_another_precision_may_lie_two_points_away_or_as_far_as_a_person_allows():
    def drift(by: float, tolerance: float = 0.0005) -> Drift:
        there, recorded = Standing(Weights.SAME, elsewhere=True), entry(tolerance=tolerance)
        return compare(recorded, CLAIM, judged(REFUTED, 0.5 + by, 0.52), there, measured([0.5] * 5)).drift

    assert drift(0.0199) is Drift.AS_RECORDED
    assert drift(0.0201) is Drift.MOVED
    assert drift(0.0201, tolerance=0.1) is Drift.AS_RECORDED


def test_a_calibrations_residue_is_compared_by_its_verdict_alone():
    residue = entry(SUPPORTED, 1.038e-6, 1.038e-6, 1.038e-8)
    exact, seen = a_claim(kind="exact"), measured([1.095e-6])
    for standing in (SAME, OTHER, BY_HAND):
        assert compare(residue, exact, judged(SUPPORTED, 0.3), standing, seen).drift is Drift.AS_RECORDED
        assert compare(residue, exact, judged(REFUTED, 1.038e-6), standing, seen).drift is Drift.FLIPPED


def test_arithmetic_on_published_tables_is_compared_by_its_digits():
    printed, exact = entry(REFUTED, 2.69, 2.69, None), a_claim(kind="exact")
    assert compare(printed, exact, judged(REFUTED, 2.69, 2.69), ARITHMETIC).drift is Drift.AS_RECORDED
    assert compare(printed, exact, judged(REFUTED, 2.7, 2.7), ARITHMETIC).drift is Drift.MOVED


def test_a_tolerance_wider_than_the_effect_hides_it(monkeypatch):
    """A wrong head's slice moves a recovery by 0.0008: the default sees it, one of 0.005 did not."""
    effect = compare(entry(), CLAIM, judged(REFUTED, 0.5008, 0.52), SAME, measured([0.5] * 5))
    assert effect.drift is Drift.MOVED
    monkeypatch.setitem(tolerance.SPREAD, "fraction", 0.005)
    hidden = compare(entry(), CLAIM, judged(REFUTED, 0.5008, 0.52), SAME, measured([0.5] * 5))
    assert hidden.drift is Drift.AS_RECORDED


# Other weights: the model ---------------------------------------------------------------------------------


def moved_by(differences, guard=Guard.ESTIMATE, recorded=ONE_TO_FIVE, outcome=REFUTED):
    """A finding whose value moved by so much in each pair."""
    now = measured([was + by for was, by in zip(recorded, differences, strict=True)])
    then = dict(zip(FIVE, recorded, strict=True))
    mean = sum(now.values) / len(now.values)
    held = entry(estimate=3.0, bound=4.9)
    return compare(held, CLAIM, judged(outcome, mean, 4.9), Standing(Weights.OTHER, guard=guard), now, then)


def test_other_weights_fail_where_the_paired_difference_leaves_the_tolerance_with_its_interval():
    """All five pairs moved by 0.02 or so: between pairs values differ by 1, within a pair by little."""
    found = moved_by([0.019, 0.02, 0.021, 0.02, 0.02])
    assert found.drift is Drift.MOVED
    assert found.move.low > 0.005
    assert "by 0.02 [0.01912, 0.02088] over 5 pairs, each by 0.02 on average" in found.sentence


def test_a_move_that_the_pairs_do_not_show_is_noted_and_fails_nothing():
    found = moved_by([0.3, 0.0, -0.001, 0.0, 0.0])
    assert found.drift is Drift.AS_RECORDED
    assert (found.move.mean, found.move.n) == (pytest.approx(0.0598), 5)
    assert found.move.low < 0 < found.move.high
    assert found.move.largest == pytest.approx(0.3)


def test_pairs_that_move_up_and_down_are_seen_by_the_size_of_their_moves():
    """The mean stays where it was, and every pair is another one."""
    found = moved_by([0.12, -0.11, 0.13, -0.12, 0.10])
    assert found.move.low < 0 < found.move.high
    assert (found.move.size, found.drift) == (pytest.approx(0.116), Drift.MOVED)
    assert "each by 0.116 on average, beyond the declared tolerance of 0.005" in found.sentence


def test_one_pair_that_did_not_move_is_a_tail_that_five_pairs_cannot_tell_from_chance():
    found = moved_by([0.12, -0.12, 0.12, -0.12, 0.001])
    assert (found.move.size, found.drift) == (pytest.approx(0.0962), Drift.AS_RECORDED)
    assert found.move.size_low < 0.005


def test_a_move_within_the_tolerance_is_noted_and_fails_nothing():
    found = moved_by([0.004] * 5)
    assert found.drift is Drift.AS_RECORDED
    assert (found.move.low, found.move.high) == (pytest.approx(0.004), pytest.approx(0.004))


def test_guarding_verdicts_alone_lets_every_number_move():
    assert moved_by([0.02] * 5, Guard.VERDICT).drift is Drift.AS_RECORDED
    assert moved_by([0.02] * 5, Guard.VERDICT).move.beyond(0.005), "it is said all the same"
    assert moved_by([0.02] * 5, Guard.VERDICT, outcome=SUPPORTED).drift is Drift.FLIPPED


@pytest.mark.parametrize(("now", "drift"), [(0.5049, Drift.AS_RECORDED), (0.5051, Drift.MOVED)])
def test_without_recorded_values_estimates_are_compared(now, drift):
    assert compare(entry(), CLAIM, judged(REFUTED, now), OTHER, measured([now] * 5), {}).drift is drift


def test_a_claim_of_several_parts_is_compared_by_its_verdict_and_its_parts_by_their_moves():
    each = a_claim(each="layer")
    for standing in (SAME, OTHER, BY_HAND):
        assert compare(entry(), each, judged(REFUTED, 0.9), standing).drift is Drift.AS_RECORDED
        assert compare(entry(), each, judged(SUPPORTED, 0.9), standing).drift is Drift.FLIPPED
    near = compare(entry(), each, judged(SUPPORTED, 0.5, 0.52), SAME)
    assert near.drift is Drift.BORDERLINE


def test_a_move_is_taken_over_the_pairs_that_both_have():
    now = measured(ONE_TO_FIVE)
    assert paired_move(now, {"c": 1.0}) is None, "one pair has no interval"
    found = paired_move(now, {"a": 0.0, "c": 2.5, "gone": 7.0})
    assert (found.mean, found.n) == (pytest.approx(0.75), 2)


def test_pairs_that_share_a_clip_move_together():
    clips = tuple((f"strike-{number // 2}", f"gutter-{number}") for number in range(4))
    now = replace(measured([1.1, 2.1, 3.3, 4.3]), clips=clips)
    found = paired_move(now, dict(zip(FIVE, (1.0, 2.0, 3.0, 4.0), strict=False)))
    assert found.n == 2


@pytest.mark.parametrize(
    ("low", "high", "size_low", "shifted", "beyond"),
    [
        (0.006, 0.009, 0.0, True, True),
        (-0.009, -0.006, 0.0, True, True),
        (0.005, 0.009, 0.005, False, False),
        (-0.009, -0.005, 0.005, False, False),
        (-0.1, 0.1, 0.006, False, True),
    ],
)
def test_a_move_is_beyond_a_tolerance_with_its_whole_interval(low, high, size_low, shifted, beyond):
    move = Move((low + high) / 2, low, high, 0.01, size_low, 0.1, 5)
    assert (move.shifted(0.005), move.beyond(0.005)) == (shifted, beyond)


def test_a_move_heeds_actions_clips_and_level():
    """Differences of 0 and 1 by action, but for a little: the mean is 0.5 and the actions are no noise."""
    now = measured([0.0, 0.1, 1.0, 1.2], groups=("a", "a", "b", "b"))
    then = dict.fromkeys("abcd", 0.0)
    values = list(now.values)
    for level in (0.95, 0.8):
        found, known = paired_move(now, then, level), interval(values, now.groups, level=level)
        assert (found.low, found.high, found.size_low) == (known.low, known.high, known.low)
    few = paired_move(now, {"a": 0.0, "c": 0.0, "d": 0.0})
    assert few.low == interval([0.0, 1.0, 1.2], ["a", "b", "b"]).low


def test_a_record_is_held_with_its_values_by_pair():
    """The estimate is as recorded; by pair everything moved by 0.5, one up and one down."""
    record = a_record({("mlp-42/reproduces", "layer=4"): entry(estimate=3.0)}).record
    then = dict(zip(FIVE, (1.5, 1.5, 3.5, 3.5, 5.0), strict=True))
    held = Held(record, OTHER, {("mlp-42/reproduces", "layer=4"): then})
    found = held.against(CLAIM, "layer=4", judged(REFUTED, 3.0), measured(ONE_TO_FIVE))
    assert found.move == paired_move(measured(ONE_TO_FIVE), then)
    assert found.move.largest == 0.5


def test_a_record_is_asked_for_the_claim_and_its_part():
    held = a_record({("mlp-42/reproduces", "layer=4"): entry()})
    assert held.against(CLAIM, "layer=4", judged(REFUTED, 0.5)).drift is Drift.AS_RECORDED
    assert held.against(CLAIM, "", judged(REFUTED, 0.5)).drift is Drift.UNRECORDED


# What a comparison rests on and carries -------------------------------------------------------------------


def test_other_weights_flip_where_the_deciding_bound_moved_though_the_estimate_did_not():
    near = compare(entry(), CLAIM, judged(SUPPORTED, 0.501, 0.521), OTHER)
    assert near.drift is Drift.BORDERLINE
    far = compare(entry(), CLAIM, judged(SUPPORTED, 0.501, 0.6), OTHER)
    assert far.drift is Drift.FLIPPED
    assert far.sentence == "recorded refuted, now supported (recorded 0.5, now 0.501)"


def test_without_a_declared_tolerance_other_weights_may_not_move_at_all():
    undeclared = entry(tolerance=None)
    assert compare(undeclared, CLAIM, judged(REFUTED, 0.51), OTHER).drift is Drift.MOVED
    assert compare(undeclared, CLAIM, judged(REFUTED, 0.5), OTHER).drift is Drift.AS_RECORDED


@pytest.mark.parametrize("guard", Guard)
@pytest.mark.parametrize("by", [0.001, 0.02])
def test_a_comparison_carries_its_entry(guard, by):
    assert moved_by([by] * 5, guard).entry == entry(estimate=3.0, bound=4.9)
    standing = Standing(Weights.OTHER, guard=guard)
    assert compare(entry(), CLAIM, judged(REFUTED, 0.5 + by), standing).entry == entry()


def test_a_number_that_is_gone_is_told_as_nothing():
    found = compare(entry(), CLAIM, judged(REFUTED, None), BY_HAND)
    assert "recorded 0.5, now nothing (tolerance 0.005)" in found.sentence


ELSEWHERE = Standing(Weights.SAME, elsewhere=True)


@pytest.mark.parametrize(
    ("unit", "recorded", "by", "drift"),
    [
        ("", 0.3, 0.0199, Drift.AS_RECORDED),
        ("", 0.3, 0.0201, Drift.MOVED),
        ("ratio", 8.0, 0.9 * tolerance.elsewhere_tolerance("ratio", 8.0), Drift.AS_RECORDED),
        ("ratio", 8.0, 1.1 * tolerance.elsewhere_tolerance("ratio", 8.0), Drift.MOVED),
    ],
)
def test_without_evidence_the_entrys_unit_or_a_fractions_holds_elsewhere(unit, recorded, by, drift):
    held = entry(estimate=recorded, unit=unit, tolerance=None)
    assert compare(held, CLAIM, judged(REFUTED, recorded + by), ELSEWHERE).drift is drift


def test_the_evidences_unit_and_values_set_the_numeric_tolerance():
    """Of logits of -+2 the rounding is that of 2, though their mean is next to nothing."""
    wide = numeric_tolerance("logits", 1e-3, (2.0, -2.0))
    held, values = entry(estimate=1e-3, unit="", tolerance=None), [2.0, -2.0]
    for by, drift in ((0.9 * wide, Drift.AS_RECORDED), (1.1 * wide, Drift.MOVED)):
        now = judged(REFUTED, 1e-3 + by)
        assert compare(held, CLAIM, now, SAME, measured(values, "logits")).drift is drift
    large = entry(estimate=40.0, tolerance=None)
    at = numeric_tolerance("fraction", 40.0)
    for by, drift in ((0.9 * at, Drift.AS_RECORDED), (1.1 * at, Drift.MOVED)):
        assert compare(large, CLAIM, judged(REFUTED, 40.0 + by), SAME).drift is drift


# Tolerances -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "estimate", "tolerance"),
    [
        ("fraction", 0.5, 0.005),
        ("fraction", -0.9, 0.005),
        ("fraction", None, 0.005),
        ("fraction", 0.034, 0.00068),
        ("fraction", 0.001, 0.0005),
        ("log ratio", 3.0, 0.01),
        ("ratio", -4.0, 0.04),
        ("ratio", None, 0.01),
        ("norm", 5.0, 0.05),
        ("logits", 0.0, 0.0),
        ("bool", 0.5, 0),
        ("count", 7, 0),
    ],
)
def test_the_declared_tolerance_is_in_the_claims_own_unit(unit, estimate, tolerance):
    assert declared_tolerance(unit, estimate) == pytest.approx(tolerance)


@pytest.mark.parametrize("unit", [*tolerance.DECLARED, "norm"])
def test_a_numeric_tolerance_is_eight_spreads_and_within_the_declared_one(unit):
    spread = tolerance.SPREAD.get(unit, tolerance.SPREAD["ratio"])
    assert numeric_tolerance(unit, 1.0) == pytest.approx(8 * spread)
    assert numeric_tolerance(unit, 1.0) <= declared_tolerance(unit, 1.0)


def test_rounding_is_relative_to_the_numbers_that_were_summed():
    """A mean of logits near zero has the rounding of the logits, and a share of 40 that of 40."""
    share = 8 * tolerance.SPREAD["ratio"]
    assert numeric_tolerance("logits", 1e-6) == pytest.approx(share * 1e-6)
    assert numeric_tolerance("logits", 1e-6, (2.0, -2.0)) == pytest.approx(share * 2.0)
    assert numeric_tolerance("fraction", 0.01, (0.5, -0.48)) == pytest.approx(share)
    assert numeric_tolerance("fraction", 40.0) == pytest.approx(share * 40.0)
    assert numeric_tolerance("count", 7.0) == 0.0


def test_the_words_for_drift_that_reports_print():
    words = ["unrecorded", "as recorded", "borderline", "moved", "flipped"]
    assert [str(drift) for drift in Drift] == words
