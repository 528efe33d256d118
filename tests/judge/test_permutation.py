"""Sign flips against scipy's exact test, and the corrections for many parts against worked examples."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.effects import pairs_for_sign_flip
from circuit_claims.judge.intervals import PValues
from circuit_claims.judge.permutation import Alternative, any_of, each, holm, max_t, permutation_p, sign_flip

numbers = st.floats(-100, 100).map(lambda x: round(x, 2))
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=15)


@pytest.mark.parametrize(
    ("n", "one_sided", "two_sided"),
    [
        (4, 0.0625, 0.125),
        (5, 0.03125, 0.0625),
        (6, 0.015625, 0.03125),
        (7, 0.0078125, 0.015625),
        (8, 0.00390625, 0.0078125),
        (9, 0.001953125, 0.00390625),
        (10, 0.0009765625, 0.001953125),
    ],
)
def test_the_smallest_p_by_number_of_pairs(n: int, one_sided: float, two_sided: float) -> None:
    found = sign_flip(np.linspace(0.1, 2, n).tolist())
    assert found.greater == one_sided
    assert found.two_sided == two_sided
    assert found.less == 1.0
    assert sign_flip([0.3] * n).greater == one_sided


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_it_is_scipys_exact_test(alternative: str) -> None:
    values = [0.4, -0.1, 0.7, 0.2, -0.3, 0.25, 0.05, 0.6]
    known = stats.permutation_test(
        (values,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative=alternative,
        vectorized=True,
    ).pvalue
    found = sign_flip(values)
    assert {"greater": found.greater, "less": found.less, "two-sided": found.two_sided}[
        alternative
    ] == pytest.approx(known)


def test_beyond_twenty_pairs_it_draws_and_never_reports_zero() -> None:
    values = [1.0] * 30
    found = sign_flip(values, resamples=999)
    assert found.greater == 1 / 1000
    assert sign_flip(values, resamples=999) == found
    mixed = np.random.default_rng(0).normal(0.2, 1, 25)
    t = stats.ttest_1samp(mixed, 0, alternative="greater").pvalue
    assert sign_flip(mixed.tolist()).greater == pytest.approx(t, abs=0.01)


def test_pairs_that_share_a_clip_flip_together() -> None:
    assert sign_flip([1.0, 2.0, 3.0, 4.0], clusters=[0, 0, 1, 1]).greater == 0.25
    assert sign_flip([1.0, 2.0, 3.0], clusters=[("a",), ("a", "b"), ("b",)]).greater == 0.5


def test_zeros_say_nothing() -> None:
    assert sign_flip([0.0] * 6).two_sided == 1.0
    assert sign_flip([0.0, 0.0, 1.0, 2.0]).greater == 0.25


@given(st.lists(numbers, min_size=1, max_size=9))
def test_sign_symmetry_and_order(values: list[float]) -> None:
    found = sign_flip(values)
    mirrored = sign_flip([-value for value in values])
    assert (found.greater, found.less) == (mirrored.less, mirrored.greater)
    assert sign_flip(sorted(values)) == found


def test_holm_by_hand() -> None:
    # .01*4, .02*3, .03*2 -> .06 (never decreasing), .04 -> .06
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))
    assert holm([0.5, 0.9]) == (1.0, 1.0)
    assert holm([0.02]) == (0.02,)


@given(p_values)
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    adjusted = holm(values)
    for p, q in zip(values, adjusted, strict=True):
        assert p <= q <= min(1.0, p * len(values))
    for i, p in enumerate(values):
        for j, other in enumerate(values):
            if p < other:
                assert adjusted[i] <= adjusted[j]


@given(p_values, st.integers(0, 14), st.floats(0, 1))
def test_a_smaller_p_never_makes_holm_larger(values: list[float], index: int, factor: float) -> None:
    smaller = list(values)
    smaller[index % len(values)] *= factor
    assert all(a <= b for a, b in zip(holm(smaller), holm(values), strict=True))


def test_max_t_of_one_part_is_the_sign_flip() -> None:
    values = [0.4, -0.1, 0.7, 0.2, -0.3, 0.25]
    found = sign_flip(values)
    matrix = [[value] for value in values]
    assert max_t(matrix)[0] == found.greater
    assert max_t(matrix, "less")[0] == found.less
    assert max_t(matrix, "two-sided")[0] == found.two_sided


def test_max_t_needs_no_correction_for_copies_and_holm_does() -> None:
    values = [0.4, 0.1, 0.7, 0.2, 0.3, 0.25]
    copies = [[value] * 7 for value in values]
    assert max_t(copies) == (1 / 64,) * 7
    assert holm([1 / 64] * 7)[0] == 7 / 64


def test_max_t_steps_down_and_survives_an_empty_part() -> None:
    generator = np.random.default_rng(2)
    matrix = np.column_stack([generator.normal(2, 1, 8), np.zeros(8), generator.normal(0, 1, 8)])
    strong, empty, weak = max_t(matrix.tolist())
    assert strong <= 3 / 256
    assert empty == 1.0
    assert strong <= weak
    assert max_t(matrix.tolist(), resamples=99, seed=1) == max_t(matrix.tolist(), resamples=99, seed=1)


def test_max_t_has_the_power_that_holm_lacks_over_144_heads() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(10, 144))
    matrix[:, 7] = 3 + 0.3 * generator.normal(size=10)
    assert max_t(matrix.tolist())[7] < 0.05
    assert holm([sign_flip(column.tolist()).greater for column in matrix.T])[7] > 0.1


def test_quantifiers_mirror_each_other() -> None:
    support, refute = [0.01, 0.04, 0.03], [0.99, 0.96, 0.97]
    assert each(support, refute).support == 0.04
    assert each(support, refute).refute == 1.0
    assert any_of(support, refute).support == pytest.approx(0.03)
    assert any_of(refute, support).refute == 0.04
    assert each([0.001, 0.9, 0.2], [0.999, 0.01, 0.8]).refute == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("alpha", "parts", "one", "two"), [(0.05, 1, 5, 6), (0.05, 7, 8, 9), (0.05, 24, 9, 10)]
)
def test_pairs_that_a_sign_flip_needs(alpha: float, parts: int, one: int, two: int) -> None:
    assert pairs_for_sign_flip(alpha, parts) == one
    assert pairs_for_sign_flip(alpha, parts, two_sided=True) == two
    assert 2.0**-one <= alpha / parts < 2.0 ** -(one - 1)


def test_permutation_p_counts_the_observed_one() -> None:
    assert permutation_p(1.0, [0.5] * 19) == 0.05
    assert permutation_p(0.5, [0.5] * 19) == 1.0
    assert permutation_p(0.0, [0.5, 0.1, -0.1]) == 0.75


@pytest.mark.parametrize("bad", [[], [math.nan], [1.2], [-0.1]])
def test_what_is_no_p_value_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match=r"value"):
        holm(bad)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        sign_flip([])
    with pytest.raises(ValueError, match="NaN"):
        sign_flip([1.0, math.nan])
    with pytest.raises(ValueError, match="NaN"):
        max_t([[1.0, math.nan]])
    with pytest.raises(ValueError, match="NaN"):
        permutation_p(math.nan, [1.0])
    with pytest.raises(ValueError, match="clusters has 1 labels"):
        sign_flip([1.0, 2.0], clusters=["a"])


def test_a_unit_is_flipped_with_the_sum_of_its_pairs() -> None:
    # Units 2 and -1: of the sums 1, 3, -3, -1 two are as large as 1.
    assert sign_flip([3.0, -1.0, 1.0, -2.0], clusters=[0, 0, 1, 1]).greater == 0.5


@pytest.mark.parametrize("size", [1.0, 1e9])
def test_a_draw_that_differs_by_rounding_is_a_tie_at_any_scale(size: float) -> None:
    just_below = size * (1 - 1e-15)
    assert just_below < size
    assert permutation_p(size, [just_below] * 3) == 1.0
    assert permutation_p(size, [size * (1 - 1e-9)] * 3) == 0.25


# Drawn patterns -------------------------------------------------------------------------------------------


def test_twenty_pairs_are_still_counted_out() -> None:
    assert sign_flip([1.0] * 20).greater == 2.0**-20
    assert sign_flip([-1.0] * 20).less == 2.0**-20
    assert sign_flip([1.0] * 21, resamples=99).greater >= 1 / 100, "twenty-one are drawn"


def test_draws_count_the_observed_pattern_on_both_sides() -> None:
    assert sign_flip([1.0] * 40).greater == 1 / 100_000
    assert sign_flip([-1.0] * 40).less == 1 / 100_000
    assert sign_flip([-1.0] * 40, resamples=999).less == 1 / 1000
    assert sign_flip([1.0] * 40, resamples=999).less == 1.0
    assert sign_flip([0.0] * 25, resamples=99) == PValues(1.0, 1.0)


def test_drawn_ties_count_though_they_differ_by_rounding() -> None:
    found = sign_flip([0.1, 0.2, 0.3, *[0.0] * 27], resamples=9_999)
    assert found.greater == pytest.approx(1 / 8, abs=0.02)
    assert sign_flip([-0.1, -0.2, -0.3, *[0.0] * 27], resamples=9_999).less == pytest.approx(1 / 8, abs=0.02)


def test_a_seed_draws_the_same_patterns_and_another_seed_others() -> None:
    values = np.random.default_rng(0).normal(0.05, 1, 25).tolist()
    assert sign_flip(values, seed=3, resamples=999) == sign_flip(values, seed=3, resamples=999)
    assert sign_flip(values, seed=3, resamples=999) != sign_flip(values, seed=4, resamples=999)
    assert sign_flip(values) == sign_flip(values, seed=0)
    assert sign_flip(values, seed=1) != sign_flip(values, seed=0)


def test_both_signs_are_drawn_alike() -> None:
    values = np.random.default_rng(1).normal(0.0, 1, 30)
    found = sign_flip(values.tolist())
    normal = stats.norm.sf(values.sum() / np.sqrt(np.square(values).sum()))
    assert found.greater == pytest.approx(normal, abs=0.01)
    assert found.less == pytest.approx(1 - normal, abs=0.01)


# Max-T against its definition -----------------------------------------------------------------------------


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


def test_max_t_looks_upwards_unless_told() -> None:
    matrix = np.random.default_rng(0).normal([1.0, -1.0], 1, (6, 2)).tolist()
    assert max_t(matrix) == max_t(matrix, "greater")


def test_max_t_counts_all_patterns_where_the_draws_would_be_as_many() -> None:
    matrix = np.random.default_rng(5).normal(0.3, 1, (8, 3)).tolist()
    assert max_t(matrix, resamples=255) == max_t(matrix)
    assert all((256 * p).is_integer() for p in max_t(matrix))
    for fewer in (254, 99):
        assert all(
            ((fewer + 1) * p) == pytest.approx(round((fewer + 1) * p)) for p in max_t(matrix, resamples=fewer)
        )
        assert max_t(matrix, resamples=fewer) != max_t(matrix)


def test_max_t_draws_count_the_observed_pattern() -> None:
    strong = [[1.0, 1.0]] * 40
    assert max_t(strong) == (1 / 10_000,) * 2
    assert max_t(strong, resamples=99) == (1 / 100,) * 2
    assert max_t(strong, "less", resamples=99) == (1.0, 1.0)


def test_max_t_draws_the_same_patterns_for_a_seed() -> None:
    matrix = np.random.default_rng(8).normal(0.1, 1, (20, 4)).tolist()
    assert max_t(matrix) == max_t(matrix, seed=0)
    assert max_t(matrix, seed=1) != max_t(matrix, seed=0)


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_drawn_patterns_agree_with_all_of_them(alternative: Alternative) -> None:
    matrix = np.random.default_rng(3).normal([0.6, -0.4, 0.1], 1, (12, 3)).tolist()
    counted, drawn = max_t(matrix, alternative), max_t(matrix, alternative, resamples=4_000)
    assert drawn != counted
    assert drawn == pytest.approx(counted, abs=0.03)
