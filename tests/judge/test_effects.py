"""Effect sizes by hand, and numbers of pairs against published tables and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.effects import (
    hedges_g,
    hodges_lehmann,
    pairs_for_margin,
    pairs_needed,
    sizes,
)
from circuit_claims.judge.intervals import interval

samples = st.lists(st.floats(-100, 100).map(lambda x: round(x, 2)), min_size=2, max_size=10)


def test_hedges_g_by_hand() -> None:
    # mean 3, sd sqrt(2.5), five pairs: correction 1 - 3/15
    assert hedges_g([1, 2, 3, 4, 5]) == pytest.approx(3 / math.sqrt(2.5) * 0.8)
    assert hedges_g([2.0, 2.0]) == math.inf
    assert hedges_g([-2.0, -2.0]) == -math.inf
    assert hedges_g([0.0, 0.0]) == 0.0
    assert hedges_g([1.0, 2.0, 3.0]) == pytest.approx(2 * (1 - 3 / 7)), "a standard deviation of exactly 1"
    assert hedges_g([1e-200, 3e-200]) == math.inf, "whose squares vanish"


def test_hodges_lehmann_by_hand() -> None:
    # Walsh averages of 0, 1, 10: 0, .5, 5, 1, 5.5, 10
    assert hodges_lehmann([0, 1, 10]) == 3.0
    assert hodges_lehmann([4.0]) == 4.0


@given(samples, st.floats(0.1, 10), st.floats(-10, 10))
def test_effects_follow_shift_scale_and_sign(values: list[float], scale: float, shift: float) -> None:
    moved = [scale * value + shift for value in values]
    assert hodges_lehmann(moved) == pytest.approx(scale * hodges_lehmann(values) + shift, abs=1e-6)
    assert hodges_lehmann([-value for value in values]) == pytest.approx(-hodges_lehmann(values))
    assert hedges_g([-value for value in values]) == pytest.approx(-hedges_g(values))


@pytest.mark.parametrize(("effect", "pairs"), [(0.5, 27), (0.8, 12), (1.0, 8), (1.5, 5)])
def test_pairs_for_a_one_sided_paired_t(effect: float, pairs: int) -> None:
    """80 % power one-sided at 5 %: the published values; `level` 0.90 is its two-sided interval."""
    assert pairs_for_margin(1.0, effect, level=0.9) == pairs


def test_pairs_needed_by_an_interval() -> None:
    found = interval([0.5, 0.7, 0.3, 0.6, 0.4])
    assert pairs_needed(found, 0.45) == pairs_for_margin(found.sd, 0.05)
    assert pairs_needed(found, 0.45, power=0.9) == pairs_for_margin(found.sd, 0.05, power=0.9)
    assert pairs_needed(found, 0.45) > 60
    assert pairs_needed(found, 0.5) is None
    assert pairs_needed(interval([0.5]), 0.4) is None
    assert pairs_needed(interval([0.5, 0.5]), 0.4) == 2


def test_impossible_plans() -> None:
    assert pairs_for_margin(1.0, 1e-6) is None
    assert pairs_for_margin(1.0, 0.0) is None
    with pytest.raises(ValueError, match="finite"):
        pairs_for_margin(math.nan, 1.0)
    with pytest.raises(ValueError, match="power"):
        pairs_for_margin(1.0, 1.0, power=1.0)
    with pytest.raises(ValueError, match="two pairs"):
        hedges_g([1.0])
    with pytest.raises(ValueError, match="no values"):
        sizes([])
    with pytest.raises(ValueError, match="NaN"):
        hodges_lehmann([math.nan])


def test_two_pairs_are_the_fewest_for_any_plan() -> None:
    """However small the spread; also where it is nothing beside the bound."""
    for sd in (0.0, 1e-6, 1e-3):
        assert pairs_for_margin(sd, 1.0) == 2


def test_the_sizes_beside_a_verdict_are_these() -> None:
    """3 of 4 above zero; a zero is not above it (Clopper & Pearson: beta quantiles)."""
    values = [1.0, 2.0, 0.0, 3.0]
    assert sizes(values) == {
        "g": hedges_g(values),
        "above": 0.75,
        "above_low": pytest.approx(stats.beta.ppf(0.025, 3, 2)),
        "above_high": pytest.approx(stats.beta.ppf(0.975, 4, 1)),
        "hodges_lehmann": hodges_lehmann(values),
        "n": 4,
    }


def test_pairs_that_share_a_clip_are_one_in_the_share_beside_a_verdict() -> None:
    found, plain = sizes([1.0] * 4, ["x", "x", "y", "y"]), sizes([1.0] * 4)
    assert (found["above_low"], plain["above_low"]) == (
        pytest.approx(0.025 ** (1 / 2)),
        pytest.approx(0.025 ** (1 / 4)),
    )


def test_two_pairs_have_a_standardised_effect_and_one_has_none() -> None:
    assert sizes([1.0, 2.0])["g"] == hedges_g([1.0, 2.0])
    assert sizes([1.0])["g"] is None
    assert sizes([1.0, 1.0])["g"] is None


def test_numbers_of_pairs_are_found_up_to_a_hundred_thousand() -> None:
    # By the normal approximation ((1.96 + 0.84) / margin)^2: 80,000 and 98,000 pairs, and 102,000.
    found = [pairs_for_margin(1.0, margin) for margin in (0.0099, 0.00895, 0.00877)]
    assert found == [pytest.approx(80_000, rel=0.01), pytest.approx(98_000, rel=0.01), None]


@pytest.mark.parametrize("ratio", [0.2, 0.47, 0.6, 0.9, 1.3, 2.0])
def test_pairs_for_a_margin_are_the_fewest_with_the_power(ratio: float) -> None:
    """P(mean / s exceeds t), the spread s taken at 20,000 equal steps of its quantiles."""

    def power(n: int) -> float:
        s = np.sqrt(stats.chi2.ppf((np.arange(20_000) + 0.5) / 20_000, n - 1) / (n - 1))
        return float(np.mean(stats.norm.sf(stats.t.ppf(0.975, n - 1) * s - math.sqrt(n) / ratio)))

    n = pairs_for_margin(ratio, 1.0)
    assert n is not None
    assert power(n) >= 0.8
    assert n == 2 or power(n - 1) < 0.8


@pytest.mark.parametrize(
    ("sd", "margin"), [(1.0, math.nan), (1.0, math.inf), (-1.0, 1.0), (1.0, -1.0), (math.inf, 1.0)]
)
def test_a_plan_with_an_impossible_spread_or_margin_is_refused(sd: float, margin: float) -> None:
    with pytest.raises(ValueError, match="sd and margin are finite and not negative"):
        pairs_for_margin(sd, margin)


@pytest.mark.parametrize(
    ("level", "power"), [(0.0, 0.8), (1.0, 0.8), (1.5, 0.8), (0.95, 0.0), (0.95, 1.0), (0.95, 1.5)]
)
def test_a_plan_with_an_impossible_level_or_power_is_refused(level: float, power: float) -> None:
    with pytest.raises(ValueError, match="level and power lie between 0 and 1"):
        pairs_for_margin(1.0, 1.0, level, power)
