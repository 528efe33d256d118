"""Trained against random weights: where one more seed may fall, and how many seeds would tell."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.intervals import Interval
from circuit_claims.judge.seeds import (
    FIRST,
    MOST,
    SeedContrast,
    prediction_bound,
    prediction_quantile,
    seed_contrast,
    seeds_needed,
)
from circuit_claims.measure import seeds as measured

scores = st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=2, max_size=8)
PAIRS = Interval(1.0, 0.7, 1.2, 0.95, 24, "t", 0.5)


# Where one more seed may fall ---------------------------------------------------------------------------


def test_a_prediction_by_hand():
    """Mean 2, sd sqrt(0.625), five seeds: 2 +- q * sqrt(0.625 * 6 / 5)."""
    found = prediction_bound([1.0, 1.5, 2.0, 2.5, 3.0])
    reach = prediction_quantile(5, 0.95) * math.sqrt(0.625 * 1.2)
    assert (found.low, found.high) == pytest.approx((2 - reach, 2 + reach))
    assert (found.estimate, found.level, found.n) == (2.0, 0.95, 5)
    assert (found.method, found.sd) == ("prediction over 5 seeds", pytest.approx(math.sqrt(0.625)))


def test_one_seed_bounds_nothing():
    found = prediction_bound([3.0], level=0.8)
    assert found == Interval(3.0, -math.inf, math.inf, 0.8, 1, "none: a single seed", math.inf)


def test_seeds_without_spread_are_their_value():
    """0.1 is no binary fraction: a mean by summing would not be 0.1."""
    for value in (0.1, 0.3, 0.7, 1.1):
        for n in (2, 3, 7, 10, 20):
            found = prediction_bound([value] * n, 0.8)
            assert found == Interval(value, value, value, 0.8, n, f"prediction over {n} seeds", 0.0)


@given(scores, st.floats(0.1, 10), st.floats(-10, 10))
def test_shift_scale_and_sign_of_the_seeds(values, scale, shift):
    one = prediction_bound(values, 0.8)
    for factor in (scale, -scale):
        two = prediction_bound([factor * value + shift for value in values], 0.8)
        ends = sorted((factor * one.low + shift, factor * one.high + shift))
        assert [two.low, two.high] == pytest.approx(ends, abs=1e-6 * (1 + one.high - one.low))


@pytest.mark.parametrize("n", [2, 5, 20])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.975])
def test_the_quantile_is_at_least_hahns(n, level):
    assert prediction_quantile(n, level) >= stats.t.ppf((1 + level) / 2, n - 1)


@pytest.mark.parametrize("n", [5, 20])
def test_the_quantile_is_hahns_where_an_exponentials_is_smaller(n):
    """At 50 %: three quarters of an exponential population lie below 1.39, not far above its mean of 1."""
    assert prediction_quantile(n, 0.5) == pytest.approx(stats.t.ppf(0.75, n - 1))
    assert prediction_quantile(n, 0.95) > 1.1 * stats.t.ppf(0.975, n - 1)


def test_the_quantile_of_an_exponential_population_by_integration():
    """Of 20 seeds at 97.5 %, upwards: P((x - mean) / (s sqrt(1 + 1/n)) > q) over other draws is 1.25 %.

    400,000 draws have a standard error of 0.0002; the module's own draws of 200,000 one of 0.00025.
    """
    for n in (5, 20):
        drawn = np.random.default_rng(7).exponential(size=(400_000, n + 1))
        seeds, new = drawn[:, :n], drawn[:, n]
        reach = prediction_quantile(n, 0.975) * seeds.std(axis=1, ddof=1) * math.sqrt(1 + 1 / n)
        assert np.mean(new > seeds.mean(axis=1) + reach) == pytest.approx(0.0125, abs=0.001)


def test_normal_seeds_miss_less_often_and_exponential_ones_as_often_as_they_may():
    """Five seeds, one look at half the error: an exponential score gave 7.7 % false alarms at 2.5 %."""
    generator = np.random.default_rng(0)
    reach = prediction_quantile(5, 0.975)
    for drawn in (generator.normal(size=(100_000, 6)), generator.exponential(size=(100_000, 6))):
        seeds, new = drawn[:, :5], drawn[:, 5]
        score = (new - seeds.mean(axis=1)) / (seeds.std(axis=1, ddof=1) * math.sqrt(1.2))
        assert np.mean(score > reach) <= 0.0125 + 0.0015, "four standard errors"
        assert np.mean(score < -reach) <= 0.0125 + 0.0015


# Trained minus random -----------------------------------------------------------------------------------


def test_the_seeds_bound_is_one_look_of_two():
    seeds = [0.0, 0.1, 0.2, 0.3, 0.4]
    for level, half in ((0.95, 0.975), (0.8, 0.9)):
        found, bound = seed_contrast(PAIRS, 1.2, seeds, level), prediction_bound(seeds, half)
        assert found.pairs == PAIRS
        assert (found.seeds.low, found.seeds.high) == (1.2 - bound.high, 1.2 - bound.low)
        assert (found.seeds.estimate, found.seeds.level) == (1.2 - bound.estimate, level)
        assert (found.seeds.n, found.seeds.method, found.seeds.sd) == (5, bound.method, bound.sd)
    assert seed_contrast(PAIRS, 1.2, seeds) == seed_contrast(PAIRS, 1.2, seeds, 0.95)


@pytest.mark.parametrize(
    ("seeds", "low", "high"), [((0.5, 1.1), 0.5, 1.2), ((0.8, 1.5), 0.7, 1.5), ((0.8, 1.1), 0.7, 1.2)]
)
def test_pairs_and_seeds_both_have_to_leave_what_matters(seeds, low, high):
    by_seed = Interval(1.0, *seeds, 0.95, 5, "prediction over 5 seeds", 0.1)
    found = SeedContrast(PAIRS, by_seed).interval
    assert (found.low, found.high) == (low, high)
    assert (found.estimate, found.level, found.n, found.sd) == (1.0, 0.95, 24, 0.5)
    assert found.method == "wider of t over pairs and prediction over 5 seeds"


def test_as_many_seeds_are_planned_with_as_are_measured():
    assert (FIRST, MOST) == (measured.FIRST, measured.MOST)


# How many seeds -----------------------------------------------------------------------------------------


def reach(n, sd, level=0.95):
    return prediction_quantile(n, 1 - (1 - level) / 2) * sd * math.sqrt(1 + 1 / n)


@pytest.mark.parametrize("n", [5, 8, 10, 15, 20])
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_seeds_that_are_needed_are_the_fewest_that_reach_so_far(n, level):
    assert seeds_needed(0.3, reach(n, 0.3, level) * 1.001, level) == n
    fewer = {5: 8, 8: 10, 10: 15, 15: 20, 20: None}[n]
    assert seeds_needed(0.3, reach(n, 0.3, level), level) == fewer, "a bound that ends on it shows nothing"


def test_seeds_are_planned_at_95_percent_unless_told():
    assert seeds_needed(1.0, reach(10, 1.0) * 1.001) == 10


def test_a_gap_that_no_seeds_would_show():
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(0.0, 0.1) == 5


@pytest.mark.parametrize("bad", [[], [1.0, math.nan]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(ValueError, match="value"):
        prediction_bound(bad)
    with pytest.raises(ValueError, match="value"):
        seed_contrast(PAIRS, 1.0, bad)
