"""Intervals and tests of a mean over pairs: known answers, symmetries, and samples that break naive code."""

import math

import numpy as np
import pytest
from circuit_claims.judge.equivalence import equivalence
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.intervals import Interval, PValues, finite, interval, t_test, units_of

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
samples = st.lists(numbers, min_size=2, max_size=12)
large = st.lists(numbers, min_size=20, max_size=30)
mixed = st.one_of(samples, large)


def close(found: Interval, low: float, high: float, tolerance: float = 1e-9) -> bool:
    return found.low == pytest.approx(low, abs=tolerance) and found.high == pytest.approx(high, abs=tolerance)


def test_small_samples_get_students_interval() -> None:
    values = [0.91, 1.02, 0.87, 1.10, 0.95, 0.99]
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = interval(values)
    assert close(found, known.low, known.high)
    assert (found.method, found.n, found.level) == ("t", 6, 0.95)
    assert found.sd == pytest.approx(np.std(values, ddof=1))


def test_stratified_by_hand() -> None:
    # Two actions of two: means 1 and 11, variances 2 and 8; Var = (2/2 + 8/2) / 4 = 1.25,
    # df = 1.25^2 / (0.25^2 + 1^2) = 1.470588; differences between actions are no noise.
    found = interval([0, 2, 9, 13], ["a", "a", "b", "b"])
    reach = stats.t.ppf(0.975, 1.25**2 / (0.25**2 + 1)) * math.sqrt(1.25)
    assert close(found, 6 - reach, 6 + reach)
    assert found.method == "t, stratified by 2 actions"


def test_an_action_with_one_pair_makes_it_unstratified_and_wider() -> None:
    values = [0.0, 0.1, 10.0]
    assert interval(values, ["a", "a", "b"]) == interval(values)


def test_pairs_that_share_a_clip_are_one_unit() -> None:
    # Three clips, each reused by two pairs: as wide as the three means.
    values = [1.0, 1.2, 3.0, 3.2, 5.0, 5.2]
    found = interval(values, clusters=["x", "x", "y", "y", "z", "z"])
    known = interval([1.1, 3.1, 5.1])
    assert found.n == 3
    assert close(found, known.low, known.high)


def test_clusters_of_unequal_size_keep_the_plain_mean() -> None:
    found = interval([1.0, 1.0, 1.0, 5.0], clusters=[0, 0, 0, 1])
    assert found.estimate == 2.0
    # Linearised ratio: residuals 3 (1 - 2) = -3 and 1 (5 - 2) = 3; Var = 2 (9 + 9) / 4^2 = 2.25, se 1.5.
    assert found.high - found.estimate == pytest.approx(1.5 * stats.t.ppf(0.975, 1))


def test_units_follow_shared_clips_through_other_pairs() -> None:
    units = units_of([("a", "b"), ("c", "d"), ("b", "c"), ("e", "f"), ("d", "g")])
    assert units[0] == units[1] == units[2] == units[4] != units[3]
    assert len(set(units_of(["a", "b", "a"]))) == 2


def test_the_bootstrap_starts_at_twenty_and_needs_five_an_action() -> None:
    values = np.random.default_rng(3).normal(size=20).tolist()
    assert interval(values[:19]).method == "t"
    assert interval(values).method == "wider of t and BCa bootstrap"
    assert (
        interval(values, list("aabb") * 5).method == "wider of t and BCa bootstrap, stratified by 2 actions"
    )
    assert interval(values, list(range(10)) * 2).method == "t, stratified by 10 actions"
    assert interval(values, list("abcd") * 5).method.startswith("wider of t and BCa bootstrap")
    assert interval(values, list("abcde") * 4).method == "t, stratified by 5 actions"


def test_the_bootstrap_agrees_with_t_where_t_is_right() -> None:
    values = np.random.default_rng(5).normal(size=60).tolist()
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    width = known.high - known.low
    assert close(interval(values), known.low, known.high, tolerance=0.08 * width)


def test_the_bootstrap_leans_with_the_skew_and_t_is_the_least() -> None:
    values = np.random.default_rng(1).exponential(size=40).tolist()
    found = interval(values)
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.low == pytest.approx(known.low)
    assert found.high > known.high
    assert found.high - found.estimate > 1.1 * (found.estimate - found.low)


@pytest.mark.parametrize("n", [2, 7, 20, 40])
@pytest.mark.parametrize("value", [0.1, 100.0 / 3, 0.0, -1e-12])
def test_a_sample_without_spread_is_its_value(n: int, value: float) -> None:
    found = interval([value] * n)
    assert (found.estimate, found.low, found.high, found.sd) == (value, value, value, 0.0)
    assert found.method == "no spread"


def test_actions_that_differ_without_spread_inside() -> None:
    found = interval([1.0, 1.0, 3.0, 3.0], ["a", "a", "b", "b"])
    assert (found.low, found.high) == (2.0, 2.0)


def test_a_single_pair_decides_nothing() -> None:
    found = interval([7.0])
    assert (found.estimate, found.low, found.high, found.n) == (7.0, -math.inf, math.inf, 1)
    assert not found.bounded
    assert not found.excludes(1e9)
    assert not found.within(-1e9, 1e9)
    assert interval([7.0, 8.0], clusters=["same", "same"]).n == 1
    assert t_test([7.0]).two_sided == 1.0
    assert not equivalence([0.0], 0.5).equivalent


@pytest.mark.parametrize("bad", [[], [math.nan], [1.0, math.inf], [1.0, math.nan, 2.0]])
def test_what_is_no_number_is_refused(bad: list[float]) -> None:
    for function in (interval, t_test):
        with pytest.raises(ValueError, match="value"):
            function(bad)
    with pytest.raises(ValueError, match="value"):
        equivalence(bad, 0.1)


def test_labels_and_levels_are_checked() -> None:
    with pytest.raises(ValueError, match="groups has 1 labels for 2 values"):
        interval([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="clusters has 3 labels"):
        interval([1.0, 2.0], clusters=["a", "b", "c"])
    with pytest.raises(ValueError, match="level"):
        interval([1.0, 2.0], level=95)
    with pytest.raises(ValueError, match="positive number"):
        equivalence([1.0, 2.0], 0.0)


def test_t_test_is_scipys() -> None:
    values = [0.3, 0.1, 0.5, -0.2, 0.4]
    assert t_test(values, 0.1).greater == pytest.approx(
        stats.ttest_1samp(values, 0.1, alternative="greater").pvalue
    )
    assert t_test(values, 0.1).less == pytest.approx(
        stats.ttest_1samp(values, 0.1, alternative="less").pvalue
    )
    assert t_test(values, 0.1).two_sided == pytest.approx(stats.ttest_1samp(values, 0.1).pvalue)


@pytest.mark.parametrize(("threshold", "greater", "less"), [(0.5, 0, 1), (1.0, 1, 1), (1.5, 1, 0)])
def test_t_test_of_a_constant(threshold: float, greater: float, less: float) -> None:
    found = t_test([1.0, 1.0, 1.0], threshold)
    assert (found.greater, found.less) == (greater, less)


def test_equivalence_is_two_one_sided_tests() -> None:
    values = [0.01, -0.02, 0.015, 0.005, -0.01, 0.02]
    one = stats.ttest_1samp(values, -0.05, alternative="greater").pvalue
    two = stats.ttest_1samp(values, 0.05, alternative="less").pvalue
    found = equivalence(values, 0.05)
    assert found.p == pytest.approx(max(one, two))
    assert found.equivalent
    assert found.interval.level == pytest.approx(0.9)
    assert not equivalence(values, 0.012).equivalent


@given(mixed, st.floats(0.1, 50), st.floats(-100, 100))
def test_scaling_and_shifting_the_values_does_so_to_the_interval(
    values: list[float], scale: float, shift: float
) -> None:
    one, two = interval(values), interval([scale * value + shift for value in values])
    tolerance = 1e-6 * (1 + scale * 1e3)
    assert close(two, scale * one.low + shift, scale * one.high + shift, tolerance)


@given(samples)
def test_the_sign_of_the_values_is_a_convention(values: list[float]) -> None:
    one, two = interval(values), interval([-value for value in values])
    assert close(two, -one.high, -one.low, 1e-9)


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(values: list[float], random: object) -> None:
    labelled = [(value, index % 2) for index, value in enumerate(values)]
    shuffled = list(labelled)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = interval([value for value, _ in labelled], [group for _, group in labelled])
    two = interval([value for value, _ in shuffled], [group for _, group in shuffled])
    assert close(two, one.low, one.high, 1e-6)


@given(mixed)
def test_the_interval_holds_its_estimate_and_grows_with_the_level(values: list[float]) -> None:
    narrow, wide = interval(values, level=0.8), interval(values, level=0.95)
    assert narrow.low <= narrow.estimate <= narrow.high
    assert wide.low <= narrow.low + 1e-9
    assert narrow.high <= wide.high + 1e-9


@given(large)
def test_the_bootstrap_is_the_same_every_time(values: list[float]) -> None:
    assert interval(values, seed=4, resamples=199) == interval(values, seed=4, resamples=199)


def test_equivalence_heeds_actions_and_clips_as_the_interval_does() -> None:
    values, groups, clips = [0.1, 0.2, -0.3, -0.1, 0.3, -0.2], list("aabbcc"), [0, 0, 1, 2, 3, 4]
    for labels in ({"groups": groups}, {"clusters": clips}):
        found = equivalence(values, 0.5, **labels)
        assert found.bound == 0.5
        assert found.interval == interval(values, level=0.9, **labels)
        assert found.p == max(t_test(values, -0.5, **labels).greater, t_test(values, 0.5, **labels).less)
    assert equivalence(values, 0.5, groups).p != equivalence(values, 0.5).p
    low, high = [value - 1 for value in values], [value + 1 for value in values]
    for shifted, side in ((low, "greater"), (high, "less")):
        threshold = -0.5 if side == "greater" else 0.5
        for labels in ({"groups": groups}, {"clusters": clips}):
            one_sided = getattr(t_test(shifted, threshold, **labels), side)
            assert equivalence(shifted, 0.5, **labels).p == one_sided


def test_equivalence_hands_its_seed_to_the_bootstrap() -> None:
    values = np.random.default_rng(2).exponential(size=30).tolist()
    for seed in (0, 7):
        assert equivalence(values, 0.5, seed=seed).interval == interval(values, level=0.9, seed=seed)
    assert equivalence(values, 0.5) == equivalence(values, 0.5, seed=0)
    assert equivalence(values, 0.5, seed=7) != equivalence(values, 0.5, seed=0)


def test_the_ends_of_an_interval_belong_to_it() -> None:
    found = Interval(0.5, 0.0, 1.0, 0.95, 5, "t", 1.0)
    assert [value for value in (-0.1, 0.0, 0.5, 1.0, 1.1) if found.excludes(value)] == [-0.1, 1.1]
    assert found.within(-0.1, 1.1)
    assert not found.within(0.0, 1.1)
    assert not found.within(-0.1, 1.0)
    assert not Interval(0.5, -math.inf, 1.0, 0.95, 5, "t", 1.0).bounded
    assert not Interval(0.5, 0.0, math.inf, 0.95, 5, "t", 1.0).bounded
    assert found.bounded


def test_one_pair_has_p_one_on_either_side() -> None:
    assert t_test([7.0]) == PValues(1.0, 1.0)


def test_a_t_test_is_against_zero_unless_told() -> None:
    values = [0.3, 0.1, 0.5, -0.2, 0.4]
    assert t_test(values).greater == pytest.approx(stats.ttest_1samp(values, 0, alternative="greater").pvalue)


def test_the_t_test_and_the_interval_agree_within_actions_and_clips() -> None:
    """A threshold on the upper end of the 90 % interval has p = 5 % below it, whatever the labels."""
    values = [0.1, 0.2, -0.3, -0.1, 0.3, -0.2]
    for labels in ({}, {"groups": list("aabbcc")}, {"clusters": [0, 0, 1, 2, 3, 4]}):
        found = interval(values, level=0.9, **labels)
        assert t_test(values, found.high, **labels).less == pytest.approx(0.05)
        assert t_test(values, found.low, **labels).greater == pytest.approx(0.05)


def expanded_bca(strata: list[np.ndarray], seed: int) -> tuple[float, float]:
    """BCa of the weighted mean of strata by scipy, at the level that Hesterberg (2015) expands 95 % to."""
    pairs = sum(map(len, strata))
    shares = [len(values) / pairs for values in strata]
    parts = [
        share**2 * values.var(ddof=1) / len(values) for share, values in zip(shares, strata, strict=True)
    ]
    plug_in = [share**2 * values.var() / len(values) for share, values in zip(shares, strata, strict=True)]
    df = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, strata, strict=True))
    quantile = stats.t.ppf(0.975, df) * math.sqrt(sum(parts) / sum(plug_in))

    def mean(*drawn: np.ndarray, axis: int) -> np.ndarray:
        return sum(share * values.mean(axis=axis) for share, values in zip(shares, drawn, strict=True))

    found = stats.bootstrap(
        strata,
        mean,
        confidence_level=1 - 2 * stats.norm.sf(quantile),
        method="BCa",
        n_resamples=9_999,
        batch=2_000,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return found.low, found.high


@pytest.mark.parametrize("sign", [1, -1], ids=["skewed upwards", "skewed downwards"])
@pytest.mark.parametrize("sizes", [(25,), (12, 9), (8, 7, 9)], ids=str)
def test_the_bootstrap_is_scipys_bca_within_actions(sign: int, sizes: tuple[int, ...]) -> None:
    generator = np.random.default_rng(8)
    strata = [sign * (generator.exponential(1 + 2 * k, size=n) + 10 * k) for k, n in enumerate(sizes)]
    values = np.concatenate(strata).tolist()
    groups = [f"action {k}" for k, n in enumerate(sizes) for _ in range(n)]
    found = interval(values, groups, seed=3)
    low, high = expanded_bca(strata, seed=3)
    # The side of the long tail is the bootstrap's, the other one is t's where that is wider.
    assert (found.high if sign > 0 else found.low) == pytest.approx(high if sign > 0 else low)
    assert found.low <= low + 1e-9
    assert found.high >= high - 1e-9


def test_the_bootstrap_draws_as_often_as_it_is_told() -> None:
    values = np.random.default_rng(1).exponential(size=40).tolist()
    assert interval(values) == interval(values, resamples=9_999)
    assert interval(values, resamples=999) != interval(values)


@pytest.mark.parametrize("level", [-0.5, 0.0, 1.0, 1.5])
def test_an_impossible_level_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        interval([1.0, 2.0], level=level)


def test_one_pair_keeps_its_level_and_has_no_spread_to_tell() -> None:
    found = interval([7.0], level=0.8)
    assert (found.level, found.sd) == (0.8, math.inf)


def test_a_unit_that_spans_actions_makes_it_unstratified() -> None:
    values, clips = [0.0, 2.0, 9.0, 13.0, 1.0, 11.0], [0, 1, 1, 2, 3, 4]
    shared = interval(values, list("aabbab"), clusters=clips)
    assert shared == interval(values, clusters=clips)


def test_units_of_other_sizes_are_compared_by_their_means() -> None:
    """One pair of 4, and two of 1 that share a clip: means 4 and 1, and a mean of 2 over the three pairs."""
    found = interval([4.0, 1.0, 1.0], clusters=[0, 1, 1])
    assert found.estimate == 2.0
    assert found.low < 2.0 < found.high
    constant = interval([0.1] * 3, clusters=[0, 1, 1])
    assert (constant.estimate, constant.low, constant.high, constant.sd) == (0.1, 0.1, 0.1, 0.0)


def test_whole_numbers_are_judged_as_floats() -> None:
    assert finite([1, 2]).dtype == np.float64
