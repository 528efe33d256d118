"""Max-T over whole pairs' sign flips, against scipy's exact test and against its definition."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.permutation import Alternative, max_t

numbers = st.floats(-100, 100).map(lambda x: round(x, 2))


def one(values, alternative="greater", **more):
    """Max-T of a single part, which is the sign-flip test of it."""
    return max_t([[value] for value in values], alternative, **more)[0]


# One part: the sign-flip test ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(4, 11))
def test_the_smallest_p_by_number_of_pairs(n):
    values = np.linspace(0.1, 2, n).tolist()
    assert one(values) == one([0.3] * n) == 2.0**-n
    assert one(values, "two-sided") == 2.0 ** (1 - n)
    assert one(values, "less") == 1.0


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_it_is_scipys_exact_test(alternative):
    values = [0.4, -0.1, 0.7, 0.2, -0.3, 0.25, 0.05, 0.6]
    known = stats.permutation_test(
        (values,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative=alternative,
        vectorized=True,
    ).pvalue
    assert one(values, alternative) == pytest.approx(known)


def test_pairs_that_share_a_clip_flip_together():
    assert one([1.0, 2.0, 3.0, 4.0], clusters=[0, 0, 1, 1]) == 0.25
    assert one([1.0, 2.0, 3.0], clusters=[("a",), ("a", "b"), ("b",)]) == 0.5


def test_a_unit_is_flipped_with_the_sum_of_its_pairs():
    # Units 2 and -1: of the sums 1, 3, -3, -1 two are as large as 1.
    assert one([3.0, -1.0, 1.0, -2.0], clusters=[0, 0, 1, 1]) == 0.5


def test_zeros_say_nothing():
    assert one([0.0] * 6, "two-sided") == 1.0
    assert one([0.0, 0.0, 1.0, 2.0]) == 0.25


@given(st.lists(numbers, min_size=1, max_size=9))
def test_sign_symmetry_and_order(values):
    mirrored = [-value for value in values]
    assert (one(values), one(values, "less")) == (one(mirrored, "less"), one(mirrored))
    assert one(sorted(values)) == one(values)


@given(st.lists(numbers, min_size=1, max_size=6), st.integers(2, 3))
def test_pairs_that_repeat_their_unit_say_nothing_new(values, times):
    assert one(values * times, clusters=list(range(len(values))) * times) == one(values)


@given(st.lists(numbers, min_size=1, max_size=8), st.floats(0.01, 100))
def test_the_scale_does_not_matter(values, scale):
    assert one([scale * value for value in values]) == one(values)


# Many parts ---------------------------------------------------------------------------------------------


def test_max_t_needs_no_correction_for_copies():
    assert max_t([[value] * 7 for value in (0.4, 0.1, 0.7, 0.2, 0.3, 0.25)]) == (1 / 64,) * 7


def test_max_t_steps_down_and_survives_an_empty_part():
    generator = np.random.default_rng(2)
    matrix = np.column_stack([generator.normal(2, 1, 8), np.zeros(8), generator.normal(0, 1, 8)])
    strong, empty, weak = max_t(matrix.tolist())
    assert strong <= 3 / 256
    assert empty == 1.0
    assert strong <= weak
    assert max_t(matrix.tolist(), resamples=99, seed=1) == max_t(matrix.tolist(), resamples=99, seed=1)


def test_max_t_has_power_over_144_heads():
    """By Bonferroni ten pairs reach 144 / 1024 at best."""
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(10, 144))
    matrix[:, 7] = 3 + 0.3 * generator.normal(size=10)
    assert max_t(matrix.tolist())[7] < 0.05


def stepped_down(matrix: np.ndarray, alternative: str) -> list[float]:
    """Westfall & Young's step-down over every pattern of signs, part by part, as the book has it."""
    size = np.sqrt(np.square(matrix).sum(axis=0))

    def statistic(values: np.ndarray) -> np.ndarray:
        t = values.sum(axis=0) / np.where(size == 0, 1, size)
        return {"greater": t, "less": -t, "two-sided": np.abs(t)}[alternative]

    observed = statistic(matrix)
    patterns = [np.array(signs)[:, None] for signs in product((-1, 1), repeat=len(matrix))]
    drawn = np.array([statistic(signs * matrix) for signs in patterns])
    found, at_least, left = {}, 0.0, list(range(matrix.shape[1]))
    while left:
        part = max(left, key=lambda j: observed[j])
        share = np.mean(drawn[:, left].max(axis=1) >= observed[part] - 1e-9)
        found[part] = at_least = max(at_least, float(share))
        left.remove(part)
    return [found[part] for part in range(matrix.shape[1])]


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_max_t_is_the_step_down_over_all_patterns(alternative: Alternative, seed: int) -> None:
    matrix = 0.2 * np.random.default_rng(seed).normal([1.0, 0.2, -0.8, 0.0, 10.0], 1, (6, 5))
    matrix[:, 3] = 0
    assert max_t(matrix.tolist(), alternative) == pytest.approx(stepped_down(matrix, alternative))
    by_unit = np.stack([matrix[0] + matrix[3], matrix[1], matrix[2] + matrix[5], matrix[4]])
    clips = [("a", "b"), ("c",), ("d",), ("b",), ("e",), ("d",)]
    found = max_t(matrix.tolist(), alternative, clusters=clips)
    assert found == pytest.approx(stepped_down(by_unit, alternative))


def test_max_t_looks_upwards_unless_told():
    matrix = np.random.default_rng(0).normal([1.0, -1.0], 1, (6, 2)).tolist()
    assert max_t(matrix) == max_t(matrix, "greater")


# Drawn patterns -----------------------------------------------------------------------------------------


def test_all_patterns_are_counted_where_the_draws_would_be_as_many():
    matrix = np.random.default_rng(5).normal(0.3, 1, (8, 3)).tolist()
    assert max_t(matrix, resamples=255) == max_t(matrix)
    assert all((256 * p).is_integer() for p in max_t(matrix))
    for fewer in (254, 99):
        drawn = max_t(matrix, resamples=fewer)
        assert all(((fewer + 1) * p) == pytest.approx(round((fewer + 1) * p)) for p in drawn)
        assert drawn != max_t(matrix)


def test_draws_count_the_observed_pattern():
    strong = [[1.0, 1.0]] * 40
    assert max_t(strong) == (1 / 10_000,) * 2
    assert max_t(strong, resamples=99) == (1 / 100,) * 2
    assert max_t(strong, "less", resamples=99) == (1.0, 1.0)


def test_a_seed_draws_the_same_patterns_and_another_seed_others():
    matrix = np.random.default_rng(8).normal(0.1, 1, (20, 4)).tolist()
    assert max_t(matrix) == max_t(matrix, seed=0)
    assert max_t(matrix, seed=1) != max_t(matrix, seed=0)


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_drawn_patterns_agree_with_all_of_them(alternative: Alternative) -> None:
    matrix = np.random.default_rng(3).normal([0.6, -0.4, 0.1], 1, (12, 3)).tolist()
    counted, drawn = max_t(matrix, alternative), max_t(matrix, alternative, resamples=4_000)
    assert drawn != counted
    assert drawn == pytest.approx(counted, abs=0.03)


def test_both_signs_are_drawn_alike():
    values = np.random.default_rng(1).normal(0.0, 1, 30)
    normal = stats.norm.sf(values.sum() / np.sqrt(np.square(values).sum()))
    assert one(values.tolist()) == pytest.approx(normal, abs=0.02)
    assert one(values.tolist(), "less") == pytest.approx(1 - normal, abs=0.02)


def test_drawn_ties_count_though_they_differ_by_rounding():
    assert one([0.1, 0.2, 0.3, *[0.0] * 27]) == pytest.approx(1 / 8, abs=0.02)
    assert one([-0.1, -0.2, -0.3, *[0.0] * 27], "less") == pytest.approx(1 / 8, abs=0.02)


# What is no matrix of numbers ---------------------------------------------------------------------------


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="no values"):
        max_t([])
    with pytest.raises(ValueError, match="NaN"):
        max_t([[1.0, math.nan]])
    with pytest.raises(ValueError, match="clusters has 1 labels for 2 values: one a pair is needed"):
        one([1.0, 2.0], clusters=["a"])
