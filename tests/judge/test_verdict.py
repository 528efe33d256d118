"""From evidence to verdict: every branch, with numbers worked out by hand, and what must always hold."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.effects import pairs_needed
from circuit_claims.judge.expectation import above, anything, below, between, exactly, negligible
from circuit_claims.judge.gate import contrasts
from circuit_claims.judge.intervals import interval
from circuit_claims.judge.shares import share
from circuit_claims.judge.verdict import MIN_PAIRS, decide, judged_by_points
from circuit_claims.types import Design, Outcome, Scope

SUPPORTED, REFUTED, INCONCLUSIVE = Outcome.SUPPORTED, Outcome.REFUTED, Outcome.INCONCLUSIVE
REPRODUCES, MEANS, EXACT, FORENSIC = (a_claim(kind=k) for k in ("reproduces", "means", "exact", "forensic"))
ZEROS = (0.0,) * 5
quarters = st.integers(-40, 40).map(lambda i: i / 4)
few = settings(max_examples=min(40, settings.default.max_examples))
samples = st.lists(quarters, min_size=MIN_PAIRS, max_size=9)


def outcome(claim, values, expectation, unit="fraction", level=0.95, **more):
    found = decide(claim, evidence(values, unit, **more), expectation, level)
    return found.outcome, found.reason


# Intervals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        (above(1.03), (SUPPORTED, "")),
        (above(1.04), (INCONCLUSIVE, "straddles")),
        (above(4.97), (REFUTED, "value")),
        (below(4.97), (SUPPORTED, "")),
        (below(4.96), (INCONCLUSIVE, "straddles")),
        (below(1.03), (REFUTED, "value")),
        (between(1.03, 4.97), (SUPPORTED, "")),
        (between(1.1, 4.97), (INCONCLUSIVE, "straddles")),
        (between(5.0, 6.0), (REFUTED, "value")),
        (between(0.0, 1.03), (REFUTED, "value")),
    ],
    ids=lambda value: getattr(value, "words", None),
)
def test_one_to_five_is_judged_by_its_t_interval(expectation, expected):
    assert outcome(REPRODUCES, ONE_TO_FIVE, expectation) == expected


def test_verdict_carries_the_numbers_that_decided():
    found = decide(REPRODUCES, evidence(ONE_TO_FIVE), above(1.0))
    assert found.estimate == 3.0
    assert (found.low, found.high) == pytest.approx((1.03676, 4.96324), abs=1e-5)
    assert (found.n, found.level, found.method, found.bound) == (5, 0.95, "skew-adjusted t", found.low)
    assert found.sentence == "Recovery is 3 [1.04, 4.96], n = 5, which is > 1."
    refuted = decide(REPRODUCES, evidence(ONE_TO_FIVE), below(1.0))
    assert refuted.sentence == "Recovery is 3 [1.04, 4.96], n = 5; asserted is < 1."


def test_straddling_says_how_many_pairs_would_decide():
    assert "straddles > 2.5; about " in decide(REPRODUCES, evidence(ONE_TO_FIVE), above(2.5)).sentence
    needed = [
        int(decide(REPRODUCES, evidence(ONE_TO_FIVE), above(b)).sentence.split("about ")[1].split()[0])
        for b in (2.5, 2.8)
    ]
    assert 5 < needed[0] < needed[1], "the nearer the bound, the more pairs"
    nearer = decide(REPRODUCES, evidence(ONE_TO_FIVE), between(-9.0, 3.5)).sentence
    assert nearer.endswith(f"straddles [-9, 3.5); about {needed[0]} pairs would decide.")


def test_pairs_that_would_decide_are_told_only_where_they_are_more():
    """A mean of 0.45 lies 1.3 sd from 1.5, which six pairs without a tail would show; these are eight."""
    tailed = [0.0, 0.0, 0.1, 0.1, 0.2, 0.3, 0.5, 2.4]
    assert pairs_needed(interval(tailed), 1.5) < 8
    found = decide(REPRODUCES, evidence(tailed), below(1.5))
    assert found.reason == "straddles"
    assert found.sentence.endswith(", n = 8, which straddles < 1.5.")


def test_an_interval_heeds_actions_and_clips():
    values = [(1.7 * pair) % 5 + (pair % 7 == 0) * 9.0 for pair in range(24)]
    plain = decide(REPRODUCES, evidence(values), above(0.0))
    for labels in (
        {"groups": ("a",) * 12 + ("b",) * 12},
        {"clips": tuple((f"{pair // 2}",) for pair in range(24))},
    ):
        found = decide(REPRODUCES, evidence(values, **labels), above(0.0))
        known = interval(values, labels.get("groups"), labels.get("clips"))
        assert (found.low, found.high, found.method) == (known.low, known.high, known.method)
        assert (found.low, found.high) != (plain.low, plain.high)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.0, (SUPPORTED, "")), (1.0, (REFUTED, "value")), (0.5, (REFUTED, "value"))],
)
def test_a_sample_without_spread_is_judged_by_its_value(value, expected):
    assert outcome(REPRODUCES, [value] * 5, above(1.0)) == expected


# Yes or no --------------------------------------------------------------------------------------------


def test_yes_or_no_is_judged_by_the_exact_binomial_interval():
    """10 of 10 lie in [0.025 ** 0.1, 1] = [0.6915, 1] (Clopper & Pearson)."""
    found = decide(REPRODUCES, evidence([1] * 10, "bool"), above(0.69))
    assert (found.outcome, found.method) == (SUPPORTED, "exact binomial")
    assert (found.low, found.high) == pytest.approx((0.025**0.1, 1.0))
    assert outcome(REPRODUCES, [1] * 10, above(0.7), "bool") == (INCONCLUSIVE, "straddles")
    assert outcome(REPRODUCES, [0] * 10, above(0.31), "bool") == (REFUTED, "value")


def test_yes_or_no_on_shared_clips_is_judged_by_its_clips():
    """Thirty pairs on six clips are six: [0.025 ** (1 / 6), 1] = [0.5407, 1]."""
    clips = tuple((f"strike-{pair % 6}", f"gutter-{pair}") for pair in range(30))
    assert outcome(REPRODUCES, [1] * 30, above(0.54), "bool", clips=clips) == (SUPPORTED, "")
    assert outcome(REPRODUCES, [1] * 30, above(0.55), "bool", clips=clips) == (INCONCLUSIVE, "straddles")
    assert decide(REPRODUCES, evidence([1] * 30, "bool", clips=clips), above(0.5)).n == 6


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


# Negligible: by the size and by the pair ----------------------------------------------------------------


def test_an_effect_is_negligible_where_its_size_is_and_most_pairs_are():
    """Sizes 0.1 to 0.6: mean 0.35, sd sqrt(0.035), t(5) = 2.5706: up to 0.5463. 0 of 6 are below 0.459."""
    values = [0.1, -0.2, 0.3, -0.4, 0.5, -0.6]
    found = decide(REPRODUCES, evidence(values), negligible(0.61))
    assert (found.outcome, found.reason, found.estimate) == (SUPPORTED, "", pytest.approx(0.35))
    assert (found.high, found.level) == (pytest.approx(0.5463, abs=1e-4), 0.95)
    assert found.sentence == (
        "Recovery is 0.35 [0.154, 0.546] in size, n = 6, beyond the bound in 0 of 6, which is |·| < 0.61."
    )
    beyond = decide(REPRODUCES, evidence(values), negligible(0.55))
    assert (beyond.outcome, beyond.reason) == (INCONCLUSIVE, "straddles"), "1 of 6 beyond: up to 0.64"
    assert "beyond the bound in 1 of 6, which straddles" in beyond.sentence


def test_large_effects_of_both_signs_are_not_negligible():
    """Every pair moves by 12 %, half of them up and half down: the mean is zero, and nothing negligible."""
    assert outcome(REPRODUCES, [0.12, -0.12] * 20, negligible(0.05)) == (REFUTED, "value")


@pytest.mark.parametrize("n", [5, 6])
def test_five_pairs_show_no_majority_and_six_do(n):
    """0 of 5 leave a share of up to 0.522, 0 of 6 of up to 0.459."""
    expected = (SUPPORTED, "") if n == 6 else (INCONCLUSIVE, "straddles")
    assert outcome(REPRODUCES, [0.01] * n, negligible(0.05)) == expected
    assert outcome(REPRODUCES, [0.01] * n, negligible(0.05), level=0.9) == (SUPPORTED, ""), "0 of 5: 0.451"
    clips = tuple((f"{min(i, 4)}",) for i in range(6))
    assert outcome(REPRODUCES, [0.01] * 6, negligible(0.05), clips=clips) == (INCONCLUSIVE, "straddles")


def test_most_pairs_beyond_the_bound_refute_what_the_mean_size_leaves_open():
    """Of 20 pairs 18 at 0.06 and two at 0: mean 0.054; 18 of 20 are more than 0.68."""
    values = [0.06] * 18 + [0.0] * 2
    assert interval(values).low < 0.05
    assert outcome(REPRODUCES, values, negligible(0.05)) == (REFUTED, "value")


def test_a_mean_size_beyond_the_bound_refutes_what_most_pairs_leave_open():
    values = [0.9, 1.0, -1.1, 1.2, 0.8, -1.0, 1.0, 0.02, 0.01, -0.02, 0.0, 0.01]
    assert share([float(abs(v) >= 0.1) for v in values]).low < 0.5
    assert outcome(REPRODUCES, values, negligible(0.1)) == (REFUTED, "value")
    assert outcome(REPRODUCES, [0.05] * 8, negligible(0.05)) == (REFUTED, "value"), "the bound is beyond"


def test_the_bound_itself_is_beyond():
    """Five pairs on it show no majority (from 0.478 on), and a size that is not below it."""
    assert outcome(REPRODUCES, [0.25] * 5, negligible(0.25)) == (REFUTED, "value")
    found = decide(REPRODUCES, evidence([0.25] * 2 + [0.01] * 10), negligible(0.25))
    assert "beyond the bound in 2 of 12" in found.sentence


def test_a_few_large_pairs_leave_it_open_whatever_the_others_are():
    assert outcome(REPRODUCES, [0.001] * 12 + [0.3] * 3, negligible(0.05)) == (INCONCLUSIVE, "straddles")


# Few pairs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [REPRODUCES, FORENSIC])
def test_a_reproduction_on_one_pair_is_judged_by_its_value_at_the_published_rounding(claim):
    assert outcome(claim, [0.4196], between(0.42, 0.61), rounding=0.0005) == (SUPPORTED, "")
    assert outcome(claim, [0.4196], between(0.42, 0.61), rounding=0.0003) == (REFUTED, "value")
    assert outcome(claim, [0.9999], above(1.0)) == (REFUTED, "value"), "exact where no rounding is published"
    found = decide(claim, evidence([1.02]), above(1.0))
    assert (found.outcome, found.reason) == (SUPPORTED, "")
    assert (found.estimate, found.method, found.n, found.bound) == (1.02, "point value", 1, 1.02)
    assert (found.low, found.high) == (None, None)
    assert found.sentence == "Recovery is 1.02 on the one pair; asserted is > 1 (few pairs)."


@pytest.mark.parametrize("claim", [REPRODUCES, FORENSIC])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_reproduction_on_few_pairs_is_judged_by_all_of_its_values(claim, n):
    within, beyond = [2.0, 1.5, 3.0, 9.0][:n], [0.5, 0.25, 1.0, -3.0][:n]
    assert outcome(claim, within, above(1.0)) == (SUPPORTED, "")
    assert outcome(claim, beyond, above(1.0)) == (REFUTED, "value")
    assert outcome(claim, [*within[:-1], 0.5], above(1.0)) == (INCONCLUSIVE, "few pairs")
    assert outcome(claim, [0.41] * n, between(0.42, 0.61), rounding=0.015) == (SUPPORTED, "")
    found = decide(claim, evidence(within), above(1.0))
    assert (found.low, found.high, found.n, found.method) == (min(within), max(within), n, "point values")
    assert (found.estimate, found.bound) == (pytest.approx(sum(within) / n), min(within))


def test_what_is_said_of_few_pairs():
    assert decide(REPRODUCES, evidence([2.0, 3.0]), above(1.0)).sentence == (
        "Recovery is 2 to 3 on 2 pairs; asserted is > 1 (few pairs)."
    )
    assert decide(REPRODUCES, evidence([2.0, 3.0, 0.5]), above(1.0)).sentence == (
        "Recovery is 0.5 to 3 on 3 pairs; asserted is > 1, which 2 of them are (few pairs)."
    )
    assert decide(REPRODUCES, evidence([0.5, 3.0]), above(1.0)).sentence == (
        "Recovery is 0.5 to 3 on 2 pairs; asserted is > 1, which 1 of them is (few pairs)."
    )


def test_the_value_nearest_to_an_edge_is_the_bound_of_few_pairs():
    assert decide(REPRODUCES, evidence([0.5, 0.6, 0.43]), between(0.42, 0.65)).bound == 0.43
    assert decide(REPRODUCES, evidence([0.5, 0.6, 0.64]), between(0.42, 0.65)).bound == 0.64
    widened = decide(REPRODUCES, evidence([0.41, 0.50]), between(0.42, 0.55), 0.95)
    assert widened.bound == 0.41
    assert decide(REPRODUCES, evidence([0.1] * 3), above(0.0)).estimate == 0.1, "a sum of them is not 0.3"


def test_five_pairs_on_three_units_are_few():
    shared = (("a", "b"), ("b", "c"), ("c", "d"), ("e", "f"), ("g", "h"))
    made = evidence(ONE_TO_FIVE, clips=shared)
    found = decide(REPRODUCES, made, above(0.0))
    assert (found.outcome, found.n, found.method) == (SUPPORTED, 3, "point values")
    assert [judged_by_points(claim, made) for claim in (REPRODUCES, FORENSIC, MEANS, EXACT)] == [
        True,
        True,
        False,
        False,
    ]
    assert not judged_by_points(REPRODUCES, evidence(ONE_TO_FIVE))
    assert judged_by_points(REPRODUCES, evidence(ONE_TO_FIVE[:4]))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_few_pairs_decide_no_scientific_claim_and_say_how_many_are_needed(n):
    found = decide(MEANS, evidence([9.0] * n, controls=(control([0.0] * n),)), above(0.0))
    assert (found.outcome, found.reason, found.n) == (INCONCLUSIVE, "too few pairs", n)
    assert (found.estimate, found.method, found.low, found.high) == (9.0, "point value", None, None)
    told = "1 pair decides nothing" if n == 1 else f"{n} pairs decide nothing"
    more = "" if n == 1 else "; about 5 pairs would decide"
    assert found.sentence == f"{told}: at least 5 are needed (estimate 9){more}."


def test_too_few_pairs_tell_how_many_are_independent_and_how_many_would_do():
    shared = (("a", "b"), ("b", "c"), ("c", "d"), ("e", "f"), ("g", "h"))
    found = decide(MEANS, evidence(ONE_TO_FIVE, clips=shared, controls=(control(ZEROS),)), above(2.9))
    assert found.reason == "too few pairs"
    assert found.sentence.startswith("5 pairs on shared clips, 3 of them independent, decide nothing")
    number = int(found.sentence.split("about ")[1].split()[0])
    assert number > 100, "a mean of 3 lies 0.1 from what is asserted"
    assert "would decide" not in decide(MEANS, evidence([9.0] * 4), anything()).sentence


# Undefined values, artifacts ----------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [REPRODUCES, MEANS, EXACT, FORENSIC])
def test_an_undefined_pair_leaves_any_claim_undecided(claim):
    found = decide(claim, evidence(ONE_TO_FIVE, undefined={"golf-1": "nothing to recover (0/0)"}), above(0.0))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "undefined")
    assert found.sentence == "Undefined for 1 of 6 pairs: nothing to recover (0/0)."


@pytest.mark.parametrize("claim", [REPRODUCES, MEANS, EXACT])
def test_nothing_measured_is_undecided_with_the_reasons(claim):
    found = decide(claim, evidence([], undefined={"a": "0/0", "b": "0/0", "c": "x/0"}), above(0.0))
    assert (found.outcome, found.reason, found.estimate) == (INCONCLUSIVE, "undefined", None)
    assert found.sentence == "The measurement is undefined: 0/0; x/0."
    assert "nothing was measured" in decide(claim, evidence([]), above(0.0)).sentence


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("claim", [REPRODUCES, MEANS, EXACT])
def test_what_is_no_number_is_a_defect_and_never_a_verdict(claim, bad):
    with pytest.raises(ValueError, match=r"recovery holds (nan|-?inf), which is not a number to judge"):
        decide(claim, evidence([1.0, bad, 1.0, 1.0, 1.0]), above(0.0))


@pytest.mark.parametrize("bound", [0.0, 2.9, 100.0])
def test_an_artifact_is_never_supported_whatever_its_value(bound):
    zero = evidence(ONE_TO_FIVE, controls=(control(ZEROS),), artifact="every patch of the stream gives 1")
    found = decide(MEANS, zero, above(bound))
    assert (found.outcome, found.reason, found.estimate) == (Outcome.ARTIFACT, "method", 3.0)
    assert "follows from the method, not from the model: every patch" in found.sentence


@pytest.mark.parametrize("claim", [REPRODUCES, FORENSIC])
def test_artifacts_gate_scientific_claims_only(claim):
    assert outcome(claim, ONE_TO_FIVE, above(0.0), artifact="identity patch") == (SUPPORTED, "")


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


# Contrasts with controls --------------------------------------------------------------------------------


def gated(*controls, values=ONE_TO_FIVE, expectation=None, claim=MEANS, level=0.95, **more):
    return decide(claim, evidence(values, controls=controls, **more), expectation or above(0.5), level)


def said(*controls, **more):
    found = gated(*controls, **more)
    return found.outcome, found.reason


HIGHER = control([value + 1 for value in ONE_TO_FIVE], name="higher")
OPEN = control([3.0, 3.0, 3.0, 3.0, 2.0], name="open")


def test_means_is_supported_when_it_exceeds_every_control():
    found = gated(control(ZEROS), control([0.1] * 5, name="other clip"))
    assert (found.outcome, found.reason) == (SUPPORTED, "")
    assert found.sentence == (
        "Recovery is 3 [1.04, 4.96], n = 5, which is > 0.5, and exceeds noise, other clip by 0.05."
    )
    assert [c["control"] for c in found.contrasts] == ["noise", "other clip"]
    assert found.contrasts[0]["low"] == pytest.approx(1.03676, abs=1e-5)
    bare = gated(control(ZEROS), margin=0.0)
    assert bare.sentence.endswith("and exceeds noise.")


def test_a_control_that_is_exceeded_by_less_than_the_margin_refutes_specificity():
    """However many pairs show it, and however surely: 0.04 is less than 0.05."""
    near = control([v - 0.04 for v in ONE_TO_FIVE])
    assert said(near) == (REFUTED, "specificity")
    assert said(near, margin=0.03) == (SUPPORTED, "")
    assert gated(near).sentence == (
        "Recovery is 3 [1.04, 4.96], n = 5, but it does not exceed noise "
        "(difference 0.04 [0.04, 0.04]) by 0.05."
    )


def test_means_without_a_control_says_what_is_missing():
    found = gated()
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "no contrast")
    assert found.sentence.endswith(
        "which is > 0.5, but it was contrasted with no control, so it is not shown to be about the outcome."
    )
    assert said(expectation=above(2.5)) == (INCONCLUSIVE, "straddles")


@pytest.mark.parametrize("scope", [Scope.NEGATIVE, Scope.EXACT])
def test_what_random_weights_may_show_needs_no_control_but_keeps_to_those_it_has(scope):
    claim = replace(MEANS, scope=scope)
    assert said(claim=claim) == (SUPPORTED, "")
    assert said(control(ONE_TO_FIVE), claim=claim) == (REFUTED, "specificity")
    assert said(control(ONE_TO_FIVE), claim=REPRODUCES) == (SUPPORTED, ""), "controls gate meaning only"


@pytest.mark.parametrize("order", [1, -1])
def test_every_control_counts_wherever_it_stands(order):
    weak, undefined = control(ZEROS, name="weak"), control((), undefined="0/0", name="other clip")

    def of(*controls):
        return said(*controls[::order])

    assert of(weak, HIGHER) == of(HIGHER, undefined) == of(HIGHER, OPEN) == (REFUTED, "specificity")
    assert of(weak, undefined) == of(weak, OPEN) == of(OPEN, undefined) == (INCONCLUSIVE, "contrast")
    assert of(weak, weak) == (SUPPORTED, "")


def test_what_is_said_of_controls_that_are_not_exceeded_and_of_open_ones():
    weak, undefined = control(ZEROS, name="weak"), control((), undefined="0/0", name="other clip")
    refuted = gated(weak, HIGHER, OPEN)
    assert "but it does not exceed higher (difference -1 [-1, -1]) by 0.05." in refuted.sentence
    open_ = gated(weak, undefined, OPEN)
    assert "but it is not shown to exceed other clip (0/0), open (difference 0.2 [" in open_.sentence
    assert open_.sentence.endswith(" pairs would decide) by 0.05.")
    assert "weak" not in open_.sentence
    assert [kept["control"] for kept in open_.contrasts] == ["weak", "open"]
    both = gated(HIGHER, replace(HIGHER, name="also higher"))
    assert "does not exceed higher (difference -1 [-1, -1]), also higher (difference" in both.sentence


def test_specificity_is_refuted_even_where_the_value_straddles():
    assert said(control(ONE_TO_FIVE), expectation=above(2.5)) == (REFUTED, "specificity")
    assert said(control(ONE_TO_FIVE), expectation=above(10.0)) == (REFUTED, "value"), (
        "which needs no contrast"
    )


def test_a_straddling_value_stays_so_beside_a_good_or_an_open_contrast():
    for other in (control(ZEROS), OPEN):
        found = gated(other, expectation=above(2.5))
        assert (found.outcome, found.reason) == (INCONCLUSIVE, "straddles")
        assert len(found.contrasts) == 1


def test_the_contrast_follows_the_kind_of_the_expectation():
    assert gated(control([6, 7, 8, 9, 10]), expectation=below(5.5)).outcome is SUPPORTED
    assert said(control(ZEROS), expectation=below(5.5)) == (REFUTED, "specificity")


def test_a_verdict_keeps_its_contrasts_at_its_level():
    made = evidence(ONE_TO_FIVE, controls=(control(ZEROS), OPEN))
    for level in (0.95, 0.8):
        found = decide(MEANS, made, above(0.5), level)
        assert found.contrasts == tuple(one.plain() for one in contrasts(made, "above", level))


def of_seeds(*means, name="random weights", n=5):
    return control(*([mean] * n for mean in means), design=Design.SEEDS, name=name)


WIDE = (-0.6, -0.3, 0.0, 0.3, 0.6)


def test_seeds_of_random_weights_are_exceeded_where_one_more_of_them_would_be():
    assert said(of_seeds(0.0, 0.1, -0.1, 0.05, -0.05)) == (SUPPORTED, "")
    assert said(of_seeds(*WIDE)) == (INCONCLUSIVE, "contrast")
    found = gated(of_seeds(0.0))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "contrast")
    assert (found.contrasts[0]["low"], found.contrasts[0]["high"]) == (None, None)


def test_more_seeds_are_wanted_where_nothing_else_is_open():
    also = of_seeds(*WIDE, name="other weights")
    assert gated(of_seeds(*WIDE)).wants_seeds == ("random weights",)
    assert gated(of_seeds(*WIDE), control(ZEROS), also).wants_seeds == ("random weights", "other weights")
    assert gated(of_seeds(*WIDE), OPEN).wants_seeds == (), "more seeds would leave it open"
    assert gated(of_seeds(*WIDE), HIGHER).wants_seeds == (), "it is decided"
    assert gated(of_seeds(*WIDE), expectation=above(2.5)).wants_seeds == (), "the value is open"
    assert gated(of_seeds(0.0, 0.1, -0.1, 0.05, -0.05)).wants_seeds == ()


# Effect sizes -----------------------------------------------------------------------------------------


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


def test_effect_sizes_by_hand():
    effect = decide(REPRODUCES, evidence(ONE_TO_FIVE), above(1.0)).effect
    assert effect["g"] == pytest.approx(2.0 / 2.5**0.5 * (1 - 3 / 15))
    assert (effect["above"], effect["n"], effect["hodges_lehmann"]) == (0.8, 5, 2.0)
    assert decide(REPRODUCES, evidence([2.0] * 5), above(1.0)).effect["g"] is None
    clips = tuple((f"{i // 2}",) for i in range(10))
    shared = decide(REPRODUCES, evidence([2.0] * 10, clips=clips), above(1.0)).effect
    assert shared["above_low"] == pytest.approx(0.025 ** (1 / 5)), "five units"


# What must always hold ----------------------------------------------------------------------------------


@few
@given(samples, quarters)
def test_a_value_is_never_shown_both_above_and_below(values, bound):
    up = decide(REPRODUCES, evidence(values), above(bound)).outcome
    down = decide(REPRODUCES, evidence(values), below(bound)).outcome
    assert not (up is SUPPORTED and down is SUPPORTED)
    assert (up is SUPPORTED) <= (down is REFUTED)
    assert (down is SUPPORTED) <= (up is REFUTED)


KINDS = st.sampled_from([above, below, lambda b: negligible(abs(b) + 0.25), lambda b: between(b, b + 2)])


@few
@given(samples, quarters, KINDS, st.sampled_from([0.5, 0.8, 0.99]), st.integers(-8, 8))
def test_no_level_refutes_what_another_supports(values, bound, kind, level, shift):
    made = evidence(values, controls=(control([v - shift / 4 * (i + 1) for i, v in enumerate(values)]),))
    for claim in (REPRODUCES, MEANS):
        found = {decide(claim, made, kind(bound), at).outcome for at in (0.95, level)}
        assert found != {SUPPORTED, REFUTED}


@few
@given(samples, quarters, st.integers(1, 40).map(lambda i: i / 2), st.booleans())
def test_higher_values_never_make_above_less_supported(values, bound, shift, with_control):
    order = [REFUTED, INCONCLUSIVE, SUPPORTED]
    claim = MEANS if with_control else REPRODUCES
    controls = (control([0.0] * len(values)),) if with_control else ()
    before, after = (
        decide(claim, evidence([v + by for v in values], controls=controls), above(bound)).outcome
        for by in (0.0, shift)
    )
    assert order.index(after) >= order.index(before)


@few
@given(samples, quarters, st.floats(0, 2), st.floats(0, 2), st.data())
def test_a_larger_margin_never_supports_more_nor_refutes_less(values, bound, margin, more, data):
    order = [REFUTED, INCONCLUSIVE, SUPPORTED]
    others = tuple(
        control([v - data.draw(quarters) / 8 for v in values]) for _ in range(data.draw(st.integers(1, 3)))
    )
    small, large = (
        decide(MEANS, evidence(values, controls=others, margin=m), above(bound)).outcome
        for m in (margin, margin + more)
    )
    assert order.index(large) <= order.index(small)


@few
@given(samples, quarters)
def test_means_without_controls_is_never_supported(values, bound):
    for expectation in (above(bound), below(bound), between(bound, bound + 9)):
        assert decide(MEANS, evidence(values), expectation).outcome is not SUPPORTED


@few
@given(samples, quarters)
def test_means_against_itself_is_always_refuted(values, bound):
    assert gated(control(values), values=values, expectation=above(bound)).outcome is REFUTED


@few
@given(st.lists(quarters, min_size=1, max_size=9), st.permutations(range(9)), quarters, KINDS)
def test_the_order_of_pairs_does_not_matter(values, order, bound, kind):
    shuffled = [values[i] for i in order if i < len(values)]
    first, second = (decide(REPRODUCES, evidence(v), kind(bound)) for v in (values, shuffled))
    assert (first.outcome, first.n) == (second.outcome, second.n)
    assert first.estimate == pytest.approx(second.estimate)


@few
@given(st.lists(quarters, min_size=1, max_size=9), quarters, KINDS, st.integers(2, 3))
def test_pairs_that_repeat_their_clip_say_nothing_new(values, bound, kind, times):
    clips = tuple((f"{i}",) for i in range(len(values))) * times
    other = [v / 2 + (-1) ** i for i, v in enumerate(values)]
    for claim in (REPRODUCES, MEANS):
        one = decide(claim, evidence(values, controls=(control(other),)), kind(bound))
        again = evidence(values * times, clips=clips, controls=(control(other * times, clips=clips),))
        two = decide(claim, again, kind(bound))
        assert (one.outcome, one.reason, one.n) == (two.outcome, two.reason, two.n)


# Exactness --------------------------------------------------------------------------------------------


def test_exact_claims_need_every_value_and_show_the_worst():
    assert outcome(EXACT, [1.0, 1.0 + 1e-7], exactly(1.0, within=1e-6)) == (SUPPORTED, "")
    found = decide(EXACT, evidence([1.0, 1.2, 0.9]), exactly(1.0, within=0.1))
    assert (found.outcome, found.reason, found.estimate) == (REFUTED, "value", 1.2)
    assert found.sentence == "Recovery is not = 1 ± 0.1 in 1 of 3: worst 1.2."
    assert outcome(EXACT, [0.5], exactly(0.0)) == (REFUTED, "value"), "one value is enough for exactness"


@pytest.mark.parametrize(
    ("values", "expectation", "said", "worst"),
    [
        ([1.0, 0.95, 1.02], exactly(1.0, within=0.1), (SUPPORTED, ""), 0.95),
        ([-1.0, -1.04, -0.97], exactly(-1.0, within=0.1), (SUPPORTED, ""), -1.04),
        ([1.0, 0.7, 1.2], exactly(1.0, within=0.1), (REFUTED, "value"), 0.7),
        ([2.0, 9.0, 3.0], above(1.0), (SUPPORTED, ""), 9.0),
        ([0.5, 0.1, 0.3], below(1.0), (SUPPORTED, ""), 0.1),
    ],
)
def test_exact_verdicts_carry_the_value_farthest_from_the_middle(values, expectation, said, worst):
    found = decide(EXACT, evidence(values), expectation)
    assert (found.outcome, found.reason) == said
    assert (found.estimate, found.bound, found.n) == (worst, worst, 3)
    undefined = decide(EXACT, evidence(values, undefined={"golf-1": "0/0"}), expectation)
    assert (undefined.estimate, undefined.bound, undefined.n) == (worst, None, 3)


def test_values_as_far_to_either_side_are_told_by_the_lower_one():
    """Rounded or not: 0.3 - 0.2 is 0.09999999999999998, and a report keeps 0.1."""
    for values in ([0.1, 0.2 - 0.3], [0.3 - 0.2, -0.1], [0.1, -0.1]):
        found = decide(EXACT, evidence(values), between(-0.15, 0.15))
        assert found.estimate == pytest.approx(-0.1)
