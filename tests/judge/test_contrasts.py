"""Claim minus control: on the same pairs, and on pairs of its own, with what the two sides share."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.contrasts import paired_contrast, two_sample_contrast
from circuit_claims.judge.intervals import SKEW, Interval, Moments, bounds, interval

numbers = st.floats(-100, 100).map(lambda x: round(x, 2))
some = st.lists(numbers, min_size=2, max_size=8)
CLAIM = [0.52, 0.61, 0.47, 0.55, 0.58, 0.49]
CONTROL = [0.31, 0.30, 0.36, 0.24, 0.33, 0.40]
EVEN = [1.0, 2.0, 3.0, 4.0, 5.0]
"""Without skew, so that every bound is Student's or Welch's own."""


# On the same pairs --------------------------------------------------------------------------------------


def test_a_paired_contrast_is_scipys_paired_t_where_nothing_is_skewed() -> None:
    control = [0.5, 0.1, 0.9, 0.3, 0.7]
    claim = [c + d for c, d in zip(control, EVEN, strict=True)]
    known = stats.ttest_rel(claim, control).confidence_interval(0.95)
    found = paired_contrast(claim, control)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


@pytest.mark.parametrize(
    "labels", [{}, {"groups": list("aaabbb")}, {"clusters": [0, 0, 1, 2, 3, 4]}, {"level": 0.8}]
)
def test_a_paired_contrast_is_the_interval_of_the_differences(labels) -> None:
    shared = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
    found = paired_contrast([a + b for a, b in zip(CLAIM, shared, strict=True)], shared, **labels)
    alone = interval(CLAIM, **labels)
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
    assert (found.level, found.n, found.method) == (alone.level, alone.n, alone.method)


# On pairs of its own ------------------------------------------------------------------------------------


def test_an_unpaired_contrast_is_welchs_where_nothing_is_skewed() -> None:
    claim, control = [4.0, 5.0, 6.0, 7.0, 8.0], [0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3]
    known = stats.ttest_ind(claim, control, equal_var=False).confidence_interval(0.95)
    found = two_sample_contrast(claim, control)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert (found.n, found.method) == (5, "skew-adjusted Welch t")


def test_welch_carries_its_level_number_and_spread() -> None:
    # se = sqrt(5/2/5 + 5/2/5) = 1 with df 8, five on a side: one unit spreads by sqrt(5).
    found = two_sample_contrast([4.0, 5.0, 6.0, 7.0, 8.0], EVEN, level=0.8)
    reach = stats.t.ppf(0.9, 8)
    assert (found.low, found.high) == pytest.approx((3 - reach, 3 + reach))
    assert (found.estimate, found.level, found.n) == (3.0, 0.8, 5)
    assert found.sd == pytest.approx(math.sqrt(5))


def test_within_actions_the_difference_of_actions_is_no_noise() -> None:
    claim, control = [1.0, 2.0, 101.0, 102.0], [0.0, 1.0, 100.0, 101.0]
    groups = ["a", "a", "b", "b"]
    found = two_sample_contrast(claim, control, groups, groups)
    # Four cells of variance 1/2, each 1/4 * (1/2) / 2 = 1/16: se 1/2, and four equal parts with 1 df: df 4.
    reach = 0.5 * stats.t.ppf(0.975, 4)
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach))
    assert found.method == "skew-adjusted Welch t, stratified by 2 actions"
    assert (found.n, found.sd) == (4, pytest.approx(1.0))


def by_loop(claim, control, ours, theirs, level=0.95):
    """One action by plain loops: what each unit adds to the difference of means, squared and cubed.

    Sides that share a unit have the degrees of freedom of the smaller one, others those of Welch.
    """

    def added(values, units):
        n, mean = len(set(units)), sum(values) / len(values)
        scale = math.sqrt(n / (n - 1)) / len(values)
        return {
            u: scale * sum(v - mean for v, other in zip(values, units, strict=True) if other == u)
            for u in units
        }, n

    (one, n), (two, m) = added(claim, ours), added(control, theirs)
    each = [one.get(unit, 0.0) - two.get(unit, 0.0) for unit in one.keys() | two.keys()]
    variance, smaller = sum(x**2 for x in each), min(n, m)
    if one.keys() & two.keys():
        df = smaller - 1
    else:
        v, w = (sum(x**2 for x in side.values()) for side in (one, two))
        df = variance**2 / (v**2 / (n - 1) + w**2 / (m - 1))
    skewness = sum(x**3 for x in each) / variance**1.5
    skewness *= math.sqrt(smaller * (smaller - 1)) / (smaller - 2) if smaller > 2 else 0
    estimate = sum(claim) / len(claim) - sum(control) / len(control)
    return bounds(estimate, Moments(math.sqrt(variance), df, skewness), level)


SHARED = (
    [("x",), ("x", "y"), ("z",), ("w",), ("v",), ("q",), ("r",), ("s",)],
    [("z",), ("w", "u"), ("v",), ("u",), ("o",), ("p",)],
)
"""Claim and control pairs: units x+y, z, w+u, v, q, r, s, o, p; three of them are on both sides."""
UNITS = (list("xxzwvqrs"), list("zwvwop"))


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_shares_a_clip_on_either_side_is_one_unit_by_a_plain_loop(level, sign) -> None:
    generator = np.random.default_rng(2)
    claim, control = (sign * generator.exponential(size=n) for n in (8, 6))
    claim, control = claim.tolist(), control.tolist()
    found = two_sample_contrast(
        claim, control, claim_clusters=SHARED[0], control_clusters=SHARED[1], level=level
    )
    assert (found.low, found.high) == pytest.approx(by_loop(claim, control, *UNITS, level))
    assert (found.n, found.method) == (5, "skew-adjusted Welch t, pairing what shares a clip")
    apart = two_sample_contrast(claim, control, level=level)
    assert (apart.low, apart.high) == pytest.approx(by_loop(claim, control, range(8), range(10, 16), level))
    assert apart.n == 6


def test_pairs_that_all_share_their_clip_with_one_control_pair_are_a_paired_test() -> None:
    """Same clips on both sides: what they share cancels, as it does for paired controls."""
    noise = [0.0, 9.0, -4.0, 13.0, 2.0]
    claim = [n + d for n, d in zip(noise, EVEN, strict=True)]
    clips = [(f"clip {i}",) for i in range(5)]
    found = two_sample_contrast(claim, noise, claim_clusters=clips, control_clusters=clips)
    known = paired_contrast(claim, noise)
    assert (found.low, found.high, found.sd) == pytest.approx((known.low, known.high, known.sd))
    apart = two_sample_contrast(claim, noise)
    assert apart.high - apart.low > 3 * (found.high - found.low)


def test_sharing_that_turns_the_sign_widens_the_interval() -> None:
    """Where a clip raises one side and lowers the other, Welch's interval is too narrow: 9 % missed."""
    noise = [0.0, 9.0, -4.0, 13.0, 2.0]
    clips = [(f"clip {i}",) for i in range(5)]
    turned = [-value for value in noise]
    found = two_sample_contrast(noise, turned, claim_clusters=clips, control_clusters=clips)
    apart = two_sample_contrast(noise, turned)
    assert found.sd > 1.3 * apart.sd


def test_misses_at_a_negative_correlation_stay_at_the_level() -> None:
    """12 units on both sides at a correlation of -0.6: 1,000 runs; 68 is 2.6 standard errors above 50."""
    generator, missed = np.random.default_rng(3), {True: 0, False: 0}
    clips = [(f"clip {i}",) for i in range(12)]
    for _ in range(1_000):
        one, two = generator.multivariate_normal([0, 0], [[1, -0.6], [-0.6, 1]], size=12).T.tolist()
        for shared in missed:
            labels = {"claim_clusters": clips, "control_clusters": clips} if shared else {}
            missed[shared] += two_sample_contrast(one, two, **labels).excludes(0.0)
    assert missed[True] <= 68 < missed[False]


def test_a_unit_with_pairs_on_one_side_twice_counts_as_its_mean() -> None:
    found = two_sample_contrast(
        [1.0, 3.0, 4.0, 4.0], [0.0, 1.0], claim_clusters=[("x",), ("x", "y"), ("z",), ("w",)]
    )
    assert found.n == 2
    assert found.estimate == 2.5, "the plain mean over pairs, as everywhere"
    # Units add 4 - 6, 1 and 1 to the claim's total: (4 + 1 + 1) / 16 * 3/2; the control (1/4 + 1/4) / 4 * 2.
    assert (found.sd / math.sqrt(2)) ** 2 == pytest.approx(6 / 16 * 1.5 + 0.25)


@given(some, some, st.integers(2, 3))
def test_pairs_that_repeat_their_unit_say_nothing_new(claim, control, times) -> None:
    one = two_sample_contrast(claim, control)
    two = two_sample_contrast(
        claim * times,
        control * times,
        claim_clusters=[f"a{i}" for i in range(len(claim))] * times,
        control_clusters=[f"b{i}" for i in range(len(control))] * times,
    )
    assert (two.low, two.high) == pytest.approx((one.low, one.high), abs=1e-6 * (1 + one.high - one.low))
    assert two.n == one.n


@given(some, some)
def test_swapping_claim_and_control_turns_the_sign(claim, control) -> None:
    one, two = two_sample_contrast(claim, control), two_sample_contrast(control, claim)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low), abs=1e-7)


@given(some, some, st.floats(0.1, 20), st.floats(-50, 50))
def test_scale_and_shift_of_both_sides(claim, control, scale, shift) -> None:
    one = two_sample_contrast(claim, control)
    two = two_sample_contrast([scale * v + shift for v in claim], [scale * v + shift for v in control])
    tolerance = 1e-6 * (1 + scale * (one.high - one.low))
    assert (two.low, two.high) == pytest.approx((scale * one.low, scale * one.high), abs=tolerance)


@given(some, some, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(claim, control, random) -> None:
    sides = []
    for side, values in (("a", claim), ("b", control)):
        rows = [(v, (f"{side if i % 3 else ''}{i}",)) for i, v in enumerate(values)]
        sides.append((rows, random.sample(rows, len(rows))))
    found = [
        two_sample_contrast(
            [v for v, _ in one],
            [v for v, _ in two],
            claim_clusters=[c for _, c in one],
            control_clusters=[c for _, c in two],
        )
        for one, two in zip(*sides, strict=True)
    ]
    width = found[0].high - found[0].low
    assert found[1].n == found[0].n
    assert (found[1].low, found[1].high) == pytest.approx(
        (found[0].low, found[0].high), abs=1e-6 * (1 + width)
    )


# Actions ------------------------------------------------------------------------------------------------


def test_an_action_without_a_control_is_left_out() -> None:
    found = two_sample_contrast([1.0, 2.0, 50.0, 60.0], [0.0, 1.0], ["a", "a", "b", "b"], ["a", "a"])
    assert (found.estimate, found.n) == (1.0, 2)
    assert found.method == "skew-adjusted Welch t"


def test_the_actions_weigh_as_the_claims_pairs() -> None:
    claim, groups = [1.0, 3.0, 2.0, 2.5, 10.0, 14.0], list("aaaabb")
    control, theirs = [0.0, 1.0, 5.0, 6.0, 7.0], list("aabbb")
    found = two_sample_contrast(claim, control, groups, theirs)
    assert found.estimate == pytest.approx(4 / 6 * (2.125 - 0.5) + 2 / 6 * (12 - 6))
    # Variances of the means: a (41/48)/4 and (1/2)/2, b 8/2 and 1/3.
    parts = [
        (4 / 6) ** 2 * np.var(claim[:4], ddof=1) / 4,
        (4 / 6) ** 2 * 0.25,
        (2 / 6) ** 2 * 4.0,
        (2 / 6) ** 2 / 3,
    ]
    df = sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, (4, 2, 2, 3), strict=True))
    assert found.sd == pytest.approx(math.sqrt(sum(parts) * 5))
    quantile = stats.t.ppf(0.975, df)
    assert found.high >= found.estimate + quantile * math.sqrt(sum(parts)) - 1e-9
    assert found.low == pytest.approx(found.estimate - quantile * math.sqrt(sum(parts)))


def test_skewness_is_added_over_actions() -> None:
    """Each action has a claim of 3 pairs with a tail and a control that is constant."""
    tail = [0.0, 0.0, 3.0]
    found = two_sample_contrast(tail * 2, [0.0] * 4, list("aaabbb"), list("aabb"))
    # By action: residuals -1, -1, 2 over 3, times sqrt(3/2): variance 6/9 * 3/2 = 1, third moment
    # 6/27 * (3/2)^1.5; the control has two units, whose skewness nobody knows, so that none is taken.
    reach = math.sqrt(0.5) * stats.t.ppf(0.975, 4)
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach))
    three = two_sample_contrast(tail * 2, [0.0] * 6, list("aaabbb"), list("aaabbb"))
    third = 6 / 27 * 1.5**1.5 * math.sqrt(6)
    expected = bounds(1.0, Moments(math.sqrt(0.5), 4, 2 * (0.5**3 * third) / 0.5**1.5), 0.95)
    assert (three.low, three.high) == pytest.approx(expected)
    assert three.high > found.high
    assert SKEW > 1


def test_actions_with_one_pair_are_compared_action_by_action() -> None:
    groups = ["a", "b", "c"]
    for level in (0.95, 0.8):
        found = two_sample_contrast([1.0, 20.0, 301.0], [0.0, 19.5, 300.5], groups, groups, level=level)
        known = interval([1.0, 0.5, 0.5], level=level)
        assert replace(found, method=known.method) == known
        assert found.method == "skew-adjusted t, differences of 3 actions"


def test_too_few_actions_are_pooled_and_strangers_are_named() -> None:
    pooled = two_sample_contrast([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], ["a", "a", "b"], ["a", "b", "b"])
    assert pooled == two_sample_contrast([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    strangers = two_sample_contrast([1.0, 2.0], [0.0, 1.0], ["a", "a"], ["b", "b"])
    assert strangers.method == "skew-adjusted Welch t, actions not matched"
    assert two_sample_contrast([1.0, 2.0], [0.0, 1.0], ["a", "a"]).method == "skew-adjusted Welch t"
    assert two_sample_contrast([1.0, 2.0], [0.0, 1.0], None, ["a", "a"]).method == "skew-adjusted Welch t"


def test_pooled_actions_are_those_of_both_sides() -> None:
    found = two_sample_contrast([1.0, 2.0, 3.0, 99.0], [0.0, 1.0, 2.0], list("aabx"), list("abb"))
    assert found == two_sample_contrast([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])


def test_a_clip_that_is_shared_across_actions_pools_them() -> None:
    claim, control, groups = [1.0, 2.0, 11.0, 13.0], [0.0, 0.5, 9.0, 10.0], ["a", "a", "b", "b"]
    clips = [("x",), ("y",), ("y", "z"), ("w",)]
    found = two_sample_contrast(claim, control, groups, groups, claim_clusters=clips)
    assert found == two_sample_contrast(claim, control, claim_clusters=clips)
    across = two_sample_contrast(claim, control, groups, groups, list("abcd"), ["b", "x1", "x2", "x3"])
    assert "stratified by 2 actions" in across.method, "y is in action a on both sides"


def test_single_pairs_of_three_actions_that_share_a_clip_are_no_three_units() -> None:
    groups, clip = ["a", "b", "c"], [("x",)] * 3
    found = two_sample_contrast([1.0, 2.0, 3.5], [0.0, 1.0, 2.0], groups, groups, clip)
    assert (found.n, found.bounded) == (1, False)
    found = two_sample_contrast([1.0, 2.0, 3.5], [0.0, 1.0, 2.0], groups, groups, None, ["x", "x", "y"])
    assert (found.n, found.method) == (2, "skew-adjusted Welch t")


# Odd samples --------------------------------------------------------------------------------------------


def test_one_unit_on_a_side_gives_no_interval() -> None:
    nothing = Interval(2.0, -math.inf, math.inf, 0.8, 1, "none: a single unit", math.inf)
    assert two_sample_contrast([3.0], [1.0], level=0.8) == nothing
    assert two_sample_contrast([3.0, 3.0], [1.0] * 4, None, None, ["x", "x"], level=0.8) == nothing


def test_samples_without_spread_give_their_difference_exactly() -> None:
    """0.1 is no binary fraction: a mean by summing would not be 0.1, nor its variance 0."""
    found = two_sample_contrast([0.1] * 3, [0.0] * 4, level=0.8)
    assert found == Interval(0.1, 0.1, 0.1, 0.8, 3, "no spread", 0.0)
    assert paired_contrast([1.0] * 4, [0.25] * 4).high == 0.75
    half = two_sample_contrast([1.0] * 5, EVEN)
    known = interval([-value for value in EVEN])
    assert (half.low, half.high) == pytest.approx((1 + known.low, 1 + known.high))


def test_equal_and_opposite_parts_of_a_unit_leave_no_spread() -> None:
    clips = ["x", "y", "z"]
    found = two_sample_contrast([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], None, None, clips, clips)
    assert (found.low, found.high, found.method) == (1.0, 1.0, "no spread, pairing what shares a clip")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    for function in (paired_contrast, two_sample_contrast):
        for sides in (([1.0, bad], [1.0, 2.0]), ([1.0, 2.0], [1.0, bad])):
            with pytest.raises(ValueError, match="NaN or infinite"):
                function(*sides)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="2 claim and 1 control"):
        paired_contrast([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no values"):
        two_sample_contrast([], [1.0])
    for labels in ({"claim_groups": ["a"]}, {"claim_clusters": ["a"]}):
        with pytest.raises(ValueError, match="2 values need as many groups and clusters"):
            two_sample_contrast([1.0, 2.0], [1.0], **labels)
