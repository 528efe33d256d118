"""Claim minus control: paired, unpaired, against seeds of random weights, and for probes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.contrasts import (
    paired_contrast,
    prediction_bound,
    probe_selectivity,
    seed_contrast,
    two_sample_contrast,
)
from circuit_claims.judge.intervals import Interval, interval

numbers = st.floats(-100, 100).map(lambda x: round(x, 2))
CLAIM = [0.52, 0.61, 0.47, 0.55, 0.58, 0.49]
CONTROL = [0.31, 0.30, 0.36, 0.24, 0.33, 0.40]


def test_a_paired_contrast_is_scipys_paired_t() -> None:
    known = stats.ttest_rel(CLAIM, CONTROL).confidence_interval(0.95)
    found = paired_contrast(CLAIM, CONTROL)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_pairing_removes_what_the_pairs_share() -> None:
    shared = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
    found = paired_contrast([a + b for a, b in zip(CLAIM, shared, strict=True)], shared)
    alone = interval(CLAIM)
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))


def test_an_unpaired_contrast_is_welchs() -> None:
    control = [*CONTROL, 0.5]
    known = stats.ttest_ind(CLAIM, control, equal_var=False).confidence_interval(0.95)
    found = two_sample_contrast(CLAIM, control)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert found.n == 6
    assert found.method == "Welch t"


def test_within_actions_the_difference_of_actions_is_no_noise() -> None:
    claim, control = [1.0, 2.0, 101.0, 102.0], [0.0, 1.0, 100.0, 101.0]
    groups = ["a", "a", "b", "b"]
    found = two_sample_contrast(claim, control, groups, groups)
    # Four cells of variance 1/2, each 1/4 * (1/2) / 2 = 1/16: se 1/2, and four equal parts with 1 df: df 4.
    reach = 0.5 * stats.t.ppf(0.975, 4)
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach))
    assert found.method == "Welch t, stratified by 2 actions"


def test_an_action_without_a_control_is_left_out() -> None:
    found = two_sample_contrast([1.0, 2.0, 50.0, 60.0], [0.0, 1.0], ["a", "a", "b", "b"], ["a", "a"])
    assert found.estimate == 1.0


def test_actions_with_one_pair_are_compared_action_by_action() -> None:
    found = two_sample_contrast([1.0, 20.0, 301.0], [0.0, 19.5, 300.5], ["a", "b", "c"], ["a", "b", "c"])
    known = interval([1.0, 0.5, 0.5])
    assert (found.low, found.high, found.n) == (known.low, known.high, 3)
    assert found.method == "t, differences of 3 actions"


def test_too_few_actions_are_pooled_and_strangers_are_named() -> None:
    pooled = two_sample_contrast([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], ["a", "a", "b"], ["a", "b", "b"])
    assert pooled == two_sample_contrast([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    strangers = two_sample_contrast([1.0, 2.0], [0.0, 1.0], ["a", "a"], ["b", "b"])
    assert strangers.method == "Welch t, actions not matched"


def test_unpaired_pairs_that_share_a_clip_are_one() -> None:
    found = two_sample_contrast(
        [1.0, 3.0, 4.0, 4.0], [0.0, 1.0], claim_clusters=[("x",), ("x", "y"), ("z",), ("w",)]
    )
    assert found == two_sample_contrast([2.0, 4.0, 4.0], [0.0, 1.0])


def test_contrasts_without_spread() -> None:
    assert two_sample_contrast([1.0] * 4, [0.0] * 4).low == 1.0
    assert paired_contrast([1.0] * 4, [0.25] * 4).high == 0.75
    half = two_sample_contrast([1.0] * 4, CONTROL)
    known = interval(CONTROL)
    assert (half.low, half.high) == pytest.approx((1 - known.high, 1 - known.low))
    assert not two_sample_contrast([1.0], [0.0]).bounded


@given(st.lists(numbers, min_size=2, max_size=8), st.lists(numbers, min_size=2, max_size=8))
def test_swapping_claim_and_control_turns_the_sign(claim: list[float], control: list[float]) -> None:
    one, two = two_sample_contrast(claim, control), two_sample_contrast(control, claim)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low), abs=1e-9)


def test_prediction_bound_by_hand() -> None:
    # mean 2, sd 1, five seeds: 2 +- 2.776 * sqrt(6/5)
    found = prediction_bound([1.0, 1.5, 2.0, 2.5, 3.0])
    reach = 2.7764451 * math.sqrt(0.625) * math.sqrt(1.2)
    assert (found.low, found.high) == pytest.approx((2 - reach, 2 + reach))
    assert prediction_bound([1.0]).bounded is False
    assert prediction_bound([1.0, 1.0, 1.0]).high == 1.0


def test_trained_has_to_leave_the_seeds_and_the_pairs() -> None:
    trained = [0.9, 1.0, 1.1, 0.95, 1.05, 1.0]
    close = [[0.1 * s + 0.01 * p for p in range(6)] for s in range(5)]
    assert seed_contrast(trained, close).low > 0
    # The pairs agree perfectly, but seeds differ by more than the gap: not special.
    wide = [[0.5 * s] * 6 for s in range(5)]
    assert seed_contrast([1.6] * 6, wide).low < 0 < interval([0.6] * 6).low
    # Seeds agree perfectly, but the pairs do not.
    torn = [5.0, -4.0, 5.0, -4.0, 5.0, -4.0]
    assert seed_contrast(torn, [[0.0] * 6] * 5).low < 0
    assert seed_contrast(trained, close).estimate == pytest.approx(1.0 - 0.225)


def test_selectivity_is_a_permutation() -> None:
    controls = [[1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 0], [1, 1, 0, 1, 0, 0]] * 7
    found = probe_selectivity([1, 1, 1, 1, 1, 1], controls)
    assert found.p == 1 / 22
    assert found.accuracy == 1.0
    assert found.selectivity == pytest.approx(1 - (3 + 2 + 3) / 18)
    # A probe that reads any labels is not selective, however accurate.
    assert probe_selectivity([1] * 6, [[1] * 6] * 30).p == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinite"):
        paired_contrast([1.0, bad], [1.0, 2.0])
    with pytest.raises(ValueError, match="NaN or infinite"):
        two_sample_contrast([1.0, 2.0], [1.0, bad])
    with pytest.raises(ValueError, match="NaN or infinite"):
        prediction_bound([1.0, bad])
    with pytest.raises(ValueError, match="NaN or infinite"):
        seed_contrast([1.0, 2.0], [[1.0, bad]])
    with pytest.raises(ValueError, match="NaN or infinite"):
        probe_selectivity([1.0], [[bad]])


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="2 claim and 1 control"):
        paired_contrast([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="random weights need 2 values"):
        seed_contrast([1.0, 2.0], [[1.0]])
    with pytest.raises(ValueError, match="random weights need 2 values"):
        seed_contrast([1.0, 2.0], [])
    with pytest.raises(ValueError, match="between 0 and 1"):
        probe_selectivity([2.0], [[0.0]])
    with pytest.raises(ValueError, match="no values"):
        two_sample_contrast([], [1.0])
    with pytest.raises(ValueError, match="as many groups"):
        two_sample_contrast([1.0, 2.0], [1.0], claim_groups=["a"])


def test_one_group_of_numbers_from_numpy_is_fine() -> None:
    generator = np.random.default_rng(0)
    found = paired_contrast(generator.normal(1, 0.1, 8).tolist(), generator.normal(0, 0.1, 8).tolist())
    assert found.low > 0.5


def test_a_probe_without_a_control_labelling_is_refused() -> None:
    with pytest.raises(ValueError, match="there must be one"):
        probe_selectivity([1.0, 0.0], [])
    with pytest.raises(ValueError, match="needs 2 values, one a pair"):
        probe_selectivity([1.0, 0.0], [[1.0]])


# Every number that a contrast carries ---------------------------------------------------------------------


def test_welch_carries_its_level_number_and_spread() -> None:
    # se = sqrt(5/2/5 + 5/2/5) = 1 with df 8, five on a side: one unit spreads by sqrt(5).
    found = two_sample_contrast([4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0], level=0.8)
    reach = stats.t.ppf(0.9, 8)
    assert (found.low, found.high) == pytest.approx((3 - reach, 3 + reach))
    assert (found.estimate, found.level, found.n) == (3.0, 0.8, 5)
    assert found.sd == pytest.approx(math.sqrt(5))


def test_one_pair_on_a_side_gives_no_interval() -> None:
    found = two_sample_contrast([3.0], [1.0], level=0.8)
    assert replace(found, method="") == Interval(2.0, -math.inf, math.inf, 0.8, 1, "", math.inf)
    seed = prediction_bound([3.0], level=0.8)
    assert replace(seed, method="") == Interval(3.0, -math.inf, math.inf, 0.8, 1, "", math.inf)


def test_samples_without_spread_give_their_difference_exactly() -> None:
    """0.1 is no binary fraction: a mean by summing would not be 0.1, nor its variance 0."""
    found = two_sample_contrast([0.1] * 3, [0.0] * 4, level=0.8)
    assert replace(found, method="") == Interval(0.1, 0.1, 0.1, 0.8, 3, "", 0.0)
    bound = prediction_bound([0.1] * 3, level=0.8)
    assert replace(bound, method="") == Interval(0.1, 0.1, 0.1, 0.8, 3, "", 0.0)
    for value in (0.1, 0.3, 0.7, 1.1):
        for n in (3, 7, 10, 11, 13, 19, 23):
            assert prediction_bound([value] * n).estimate == value


def test_prediction_carries_its_level_number_and_spread() -> None:
    found = prediction_bound([0.0, 1.0, 0.5], level=0.8)
    reach = stats.t.ppf(0.9, 2) * 0.5 * math.sqrt(4 / 3)
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach))
    assert (found.estimate, found.level, found.n, found.sd) == (0.5, 0.8, 3, 0.5)


def test_unpaired_controls_that_share_a_clip_are_one() -> None:
    found = two_sample_contrast(
        [0.0, 1.0, 2.0], [1.0, 3.0, 4.0, 5.0], control_clusters=[("x",), ("x", "y"), ("z",), ("w",)]
    )
    assert found == two_sample_contrast([0.0, 1.0, 2.0], [2.0, 4.0, 5.0])


def test_actions_with_one_pair_are_compared_at_the_stated_level() -> None:
    groups = ["a", "b", "c"]
    found = two_sample_contrast([1.0, 20.0, 301.0], [0.0, 19.5, 300.5], groups, groups, level=0.8)
    known = interval([1.0, 0.5, 0.5], level=0.8)
    assert (found.low, found.high, found.level) == (known.low, known.high, 0.8)


PAIRS = 24


def by_seed() -> tuple[list[float], list[list[float]], list[float]]:
    """A trained model, five seeds, and what is left by pair when the seeds' mean is taken away."""
    generator = np.random.default_rng(4)
    trained = generator.exponential(size=PAIRS) + 3
    # The seeds differ by pair and hardly in their means, so that the interval over pairs decides.
    shared = generator.normal(size=PAIRS)
    seeds = [(shared + shift).tolist() for shift in (-0.01, 0.0, 0.01)]
    return trained.tolist(), seeds, (trained - shared).tolist()


def test_against_seeds_the_pairs_get_their_own_interval() -> None:
    trained, seeds, left = by_seed()
    for labels in (
        {},
        {"groups": ["a"] * 12 + ["b"] * 12},
        {"clusters": [pair // 2 for pair in range(PAIRS)]},
        {"seed": 7},
        {"level": 0.8},
    ):
        found, known = seed_contrast(trained, seeds, **labels), interval(left, **labels)
        assert (found.low, found.high) == pytest.approx((known.low, known.high))
        assert (found.level, found.n) == (known.level, known.n)
        assert (found.estimate, found.sd) == pytest.approx((known.estimate, known.sd))
        assert labels == {} or found != seed_contrast(trained, seeds), "the label matters here"


def test_against_seeds_that_differ_the_prediction_bound_decides_at_the_stated_level() -> None:
    seeds = [[0.5 * s] * 6 for s in range(5)]
    found, bound = (
        seed_contrast([3.0] * 6, seeds, level=0.8),
        prediction_bound([0, 0.5, 1, 1.5, 2], level=0.8),
    )
    assert (found.low, found.high) == pytest.approx((3 - bound.high, 3 - bound.low))


def test_the_bootstrap_of_a_paired_contrast_starts_at_seed_0_unless_told() -> None:
    claim = np.random.default_rng(6).exponential(size=24).tolist()
    zeros = [0.0] * 24
    assert paired_contrast(claim, zeros) == paired_contrast(claim, zeros, seed=0) == interval(claim)
    assert paired_contrast(claim, zeros, seed=7) == interval(claim, seed=7) != interval(claim)
