"""The interval of a mean over pairs: known answers, Hall's bounds by plain loops, symmetries, odd samples."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from circuit_claims.judge.intervals import SKEW, Interval, Moments, bounds, finite, interval

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
samples = st.lists(numbers, min_size=2, max_size=12)
SKEWED = [0.0, 0.0, 0.1, 0.1, 0.2, 0.3, 0.5, 2.4]


def close(found: Interval, low: float, high: float, tolerance: float = 1e-9) -> bool:
    return found.low == pytest.approx(low, abs=tolerance) and found.high == pytest.approx(high, abs=tolerance)


def halls(values, actions=None, units=None, level=0.95):
    """Low and high by plain loops, and by solving Hall's cubic for the quantile instead of inverting it."""
    actions, units = actions or [0] * len(values), units or list(range(len(values)))
    variance = third = 0.0
    parts = []
    for action in dict.fromkeys(actions):
        rows = [(v, u) for v, a, u in zip(values, actions, units, strict=True) if a == action]
        mean = sum(v for v, _ in rows) / len(rows)
        adds = [sum(v - mean for v, other in rows if other == unit) for unit in {u for _, u in rows}]
        n, share = len(adds), len(rows) / len(values)
        # n / (n - 1) for the variance, n^2 / ((n - 1)(n - 2)) for the third moment: Fisher's k-statistics.
        parts.append((share**2 * n / (n - 1) * sum((a / len(rows)) ** 2 for a in adds), n - 1))
        if n > 2:
            third += share**3 * n**2 / ((n - 1) * (n - 2)) * sum((a / len(rows)) ** 3 for a in adds)
    variance = sum(part for part, _ in parts)
    quantile = stats.t.ppf((1 + level) / 2, variance**2 / sum(part**2 / df for part, df in parts))
    se = math.sqrt(variance)
    a = SKEW * third / se**3

    def solved(target):
        return optimize.brentq(
            lambda t: t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6 - target, -1e6, 1e6, xtol=1e-12
        )

    estimate = sum(values) / len(values)
    low = max(quantile, solved(quantile))
    high = min(-quantile, solved(-quantile))
    return estimate - se * low, estimate - se * high


# Known answers ----------------------------------------------------------------------------------------


def test_a_sample_without_skew_gets_students_interval() -> None:
    values = [1.0 + d for d in (-0.3, -0.1, -0.2, 0.1, 0.2, 0.3)]
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = interval(values)
    assert close(found, known.low, known.high)
    assert (found.method, found.n, found.level) == ("skew-adjusted t", 6, 0.95)
    assert found.sd == pytest.approx(np.std(values, ddof=1))


def test_a_long_tail_on_the_right_moves_the_upper_bound_only() -> None:
    """The lower bound of such a sample is Student's, which is the wider one there."""
    known = stats.ttest_1samp(SKEWED, 0).confidence_interval(0.95)
    found = interval(SKEWED)
    assert found.low == pytest.approx(known.low)
    assert found.high > known.high + 0.2


def test_halls_bounds_by_hand() -> None:
    """Skewness 2 of nine values with se 1: a = 1.25 * 2/3 = 5/6; t(8) = 2.306 at 95 %.

    The upper bound is where T + a T^2 / 3 + a^2 T^3 / 27 + a / 6 = -2.306.
    """
    a, quantile = 1.25 * 2 / 3, stats.t.ppf(0.975, 8)
    low, high = bounds(0.0, Moments(1.0, 8.0, 2 / 3), 0.95)
    assert low == pytest.approx(-quantile)
    t = -high
    assert t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6 == pytest.approx(-quantile)
    assert high > quantile
    mirrored = bounds(0.0, Moments(1.0, 8.0, -2 / 3), 0.95)
    assert mirrored == pytest.approx((-high, -low))


def test_next_to_no_skew_the_bounds_are_students() -> None:
    quantile = stats.t.ppf(0.9, 5)
    for skewness in (0.0, 1e-13, -1e-13, 1e-7, -1e-7):
        assert bounds(3.0, Moments(2.0, 5.0, skewness), 0.8) == pytest.approx(
            (3 - 2 * quantile, 3 + 2 * quantile), abs=1e-6
        )


@given(st.floats(-2, 2), st.integers(2, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_bound_is_never_within_students(skewness: float, df: int, level: float) -> None:
    low, high = bounds(0.0, Moments(1.0, df, skewness), level)
    quantile = stats.t.ppf((1 + level) / 2, df)
    assert low <= -quantile + 1e-9
    assert high >= quantile - 1e-9


@given(st.lists(numbers, min_size=4, max_size=12), st.sampled_from([0.8, 0.95]))
def test_the_interval_is_halls_by_a_plain_loop(values: list[float], level: float) -> None:
    assume(np.ptp(values) > 0.01)
    low, high = halls(values, level=level)
    assert close(interval(values, level=level), low, high, 1e-6 * (high - low))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("sizes", [(5, 4), (3, 7, 4), (2, 6)], ids=str)
def test_actions_and_units_together_are_halls_by_a_plain_loop(sign: int, sizes: tuple[int, ...]) -> None:
    generator = np.random.default_rng(len(sizes))
    values, actions, units = [], [], []
    for k, size in enumerate(sizes):
        for unit in range(size):
            for _ in range(1 + unit % 3):
                values.append(float(sign * generator.exponential(1 + k) + 10 * k))
                actions.append(f"action {k}")
                units.append(f"unit {k} {unit}")
    found = interval(values, actions, units)
    assert close(found, *halls(values, actions, units))
    assert found.n == sum(sizes)
    assert close(interval(values, None, units), *halls(values, None, units))


def test_stratified_by_hand() -> None:
    # Two actions of two: means 1 and 11, variances 2 and 8; Var = (2/2 + 8/2) / 4 = 1.25,
    # df = 1.25^2 / (0.25^2 + 1^2) = 1.470588; differences between actions are no noise, two pairs no skew.
    found = interval([0, 2, 9, 13], ["a", "a", "b", "b"])
    reach = stats.t.ppf(0.975, 1.25**2 / (0.25**2 + 1)) * math.sqrt(1.25)
    assert close(found, 6 - reach, 6 + reach)
    assert (found.method, found.sd) == ("skew-adjusted t, stratified by 2 actions", math.sqrt(5.0))


def test_clusters_of_unequal_size_keep_the_plain_mean() -> None:
    found = interval([1.0, 1.0, 1.0, 5.0], clusters=[0, 0, 0, 1])
    assert found.estimate == 2.0
    # Linearised ratio: residuals 3 (1 - 2) = -3 and 1 (5 - 2) = 3; Var = 2 (9 + 9) / 4^2 = 2.25, se 1.5.
    assert found.high - found.estimate == pytest.approx(1.5 * stats.t.ppf(0.975, 1))


def test_the_error_that_the_skew_correction_is_for() -> None:
    """Means of 12 exponential values: Student's t misses in about 8 %, this in under 6.

    2,000 runs: 6.5 % is four standard errors above 5 %, and Student's lies beyond it.
    """
    draws = np.random.default_rng(1).exponential(size=(2_000, 12))
    missed = sum(interval(row.tolist()).excludes(1.0) for row in draws)
    reach = stats.t.ppf(0.975, 11) * draws.std(axis=1, ddof=1) / math.sqrt(12)
    assert missed <= 0.065 * 2_000 < np.sum(np.abs(draws.mean(axis=1) - 1) > reach)


# Symmetries -------------------------------------------------------------------------------------------


@given(samples, st.floats(0.1, 50), st.floats(-100, 100))
def test_scaling_and_shifting_the_values_does_so_to_the_interval(
    values: list[float], scale: float, shift: float
) -> None:
    one, two = interval(values), interval([scale * value + shift for value in values])
    tolerance = 1e-6 * (1 + scale * (1e3 + one.high - one.low))
    assert close(two, scale * one.low + shift, scale * one.high + shift, tolerance)


@given(samples)
def test_the_sign_of_the_values_is_a_convention(values: list[float]) -> None:
    one, two = interval(values), interval([-value for value in values])
    # A cube root near zero keeps a third of the digits.
    assert close(two, -one.high, -one.low, 1e-4 * (one.high - one.low) + 1e-9)


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(values: list[float], random: object) -> None:
    labelled = [(value, index % 2, index % 5) for index, value in enumerate(values)]
    shuffled = list(labelled)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = (
        interval([v for v, _, _ in rows], [a for _, a, _ in rows], [u for _, _, u in rows])
        for rows in (labelled, shuffled)
    )
    if one.bounded:
        assert close(two, one.low, one.high, 1e-6 * (1 + one.high - one.low))
    assert one.n == two.n


@given(samples)
def test_the_interval_holds_its_estimate_and_grows_with_the_level(values: list[float]) -> None:
    found = [interval(values, level=level) for level in (0.5, 0.8, 0.95, 0.99)]
    for narrow, wide in pairwise(found):
        assert wide.low <= narrow.low + 1e-9
        assert narrow.high <= wide.high + 1e-9
    assert found[0].low <= found[0].estimate <= found[0].high


@given(samples, st.integers(2, 4))
def test_pairs_that_repeat_their_unit_say_nothing_new(values: list[float], times: int) -> None:
    repeated, units = values * times, list(range(len(values))) * times
    one, two = interval(values), interval(repeated, clusters=units)
    assert close(two, one.low, one.high, 1e-6 * (1 + one.high - one.low))
    assert (two.n, two.estimate) == (one.n, pytest.approx(one.estimate))


# Odd samples ------------------------------------------------------------------------------------------


def test_pairs_that_share_a_clip_are_one_unit() -> None:
    # Three clips, each reused by two pairs: as wide as the three means.
    found = interval([1.0, 1.2, 3.0, 3.2, 5.0, 5.2], clusters=["x", "x", "y", "y", "z", "z"])
    known = interval([1.1, 3.1, 5.1])
    assert found.n == 3
    assert close(found, known.low, known.high)


def test_an_action_with_one_pair_makes_it_unstratified_and_wider() -> None:
    values = [0.0, 0.1, 10.0]
    assert interval(values, ["a", "a", "b"]) == interval(values)
    assert interval([*values, 10.2], ["a", "a", "b", "b"]) != interval([*values, 10.2])


def test_a_unit_that_spans_actions_makes_it_unstratified() -> None:
    values, clips = [0.0, 2.0, 9.0, 13.0, 1.0, 11.0], [0, 1, 1, 2, 3, 4]
    shared = interval(values, list("aabbab"), clusters=clips)
    assert shared == interval(values, clusters=clips)


@pytest.mark.parametrize("n", [2, 7, 20, 40])
@pytest.mark.parametrize("value", [0.1, 100.0 / 3, 0.0, -1e-12])
def test_a_sample_without_spread_is_its_value(n: int, value: float) -> None:
    found = interval([value] * n)
    assert found == Interval(value, value, value, 0.95, n, "no spread", 0.0)


def test_actions_that_differ_without_spread_inside() -> None:
    found = interval([1.0, 1.0, 3.0, 3.0], ["a", "a", "b", "b"])
    assert (found.low, found.high) == (2.0, 2.0)
    assert found.method == "no spread, stratified by 2 actions"
    one_spreads = interval([1.0, 1.0, 3.0, 5.0], ["a", "a", "b", "b"])
    # b alone: variance 2, Var = (1/2)^2 * 2 / 2 = 1/4, df 1.
    assert one_spreads.high - 2.5 == pytest.approx(0.5 * stats.t.ppf(0.975, 1))


def test_a_single_unit_decides_nothing() -> None:
    found = interval([7.0], level=0.8)
    assert found == Interval(7.0, -math.inf, math.inf, 0.8, 1, "none: a single unit", math.inf)
    assert not found.bounded
    assert not found.excludes(1e9)
    assert interval([7.0, 8.0], clusters=["same", "same"]).n == 1


def test_the_smallest_numbers_keep_their_skew() -> None:
    """Cubes of 1e-120 are no floats; the interval of a scaled sample is the scaled interval all the same."""
    one, two = interval(SKEWED), interval([1e-120 * value for value in SKEWED])
    assert (two.low, two.high) == pytest.approx((1e-120 * one.low, 1e-120 * one.high), rel=1e-9)


def test_units_of_other_sizes_are_compared_by_their_means() -> None:
    """One pair of 4, and two of 1 that share a clip: means 4 and 1, and a mean of 2 over the three pairs."""
    found = interval([4.0, 1.0, 1.0], clusters=[0, 1, 1])
    assert found.estimate == 2.0
    assert found.low < 2.0 < found.high
    constant = interval([0.1] * 3, clusters=[0, 1, 1])
    assert (constant.estimate, constant.low, constant.high, constant.sd) == (0.1, 0.1, 0.1, 0.0)


@pytest.mark.parametrize("bad", [[], [math.nan], [1.0, math.inf], [1.0, math.nan, 2.0]])
def test_what_is_no_number_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="value"):
        interval(bad)


def test_labels_are_checked() -> None:
    with pytest.raises(ValueError, match="groups has 1 labels for 2 values"):
        interval([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="clusters has 3 labels"):
        interval([1.0, 2.0], clusters=["a", "b", "c"])


@pytest.mark.parametrize("level", [-0.5, 0.0, 1.0, 1.5, 95])
def test_an_impossible_level_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        interval([1.0, 2.0], level=level)


def test_the_ends_of_an_interval_belong_to_it() -> None:
    found = Interval(0.5, 0.0, 1.0, 0.95, 5, "t", 1.0)
    assert [value for value in (-0.1, 0.0, 0.5, 1.0, 1.1) if found.excludes(value)] == [-0.1, 1.1]
    assert found.bounded
    assert not Interval(0.5, -math.inf, 1.0, 0.95, 5, "t", 1.0).bounded
    assert not Interval(0.5, 0.0, math.inf, 0.95, 5, "t", 1.0).bounded


def test_whole_numbers_are_judged_as_floats() -> None:
    assert finite([1, 2]).dtype == np.float64
