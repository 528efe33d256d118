"""Members of a family: who stands out of the mean of all by more than a margin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.judge.family import family_p, typical
from circuit_claims.judge.permutation import max_t

EIGHT = [0.9, 1.1, 1.0, 0.95, 1.05, 1.0, 0.98, 1.02]
OTHERS = [[0.1 + 0.01 * ((i + j) % 3) for i in range(8)] for j in range(5)]
MANY = [[(3.7 * (pair + 1) * (member + 2)) % 1 for pair in range(24)] for member in range(4)]


def deviations(rows, margin=0.0):
    """Each member minus the mean of all minus the margin: [pair, member]."""
    return [[value - sum(pair) / len(pair) - margin for value in pair] for pair in zip(*rows, strict=True)]


def test_the_typical_member_is_the_mean_of_all_by_pair():
    assert typical([[1.0, 2.0], [3.0, 6.0]]) == [2.0, 4.0]
    assert typical([[1.0, 2.0]]) == [1.0, 2.0]


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.7])
def test_a_members_p_is_max_ts_of_its_deviation_beyond_the_margin(margin):
    rows = [EIGHT, *OTHERS]
    assert family_p(rows, margin) == max_t(deviations(rows, margin))[0]


def test_a_member_that_stands_out_does_so_by_a_margin():
    """It lies 0.74 above the mean of all six. Only the signs as they are, and all of them turned, which lifts
    the others, show as much."""
    rows = [EIGHT, *OTHERS]
    assert family_p(rows, 0.6) == 2 / 256
    assert family_p(rows, 0.9) == 1.0
    assert family_p([*rows[1:], EIGHT], 0.0) > 0.05, "and the others do not"


@given(st.lists(st.integers(-20, 20).map(lambda i: i / 4), min_size=5, max_size=8), st.floats(0, 3))
def test_members_that_are_all_the_same_never_stand_out(values, margin):
    """By rounding of a mean they may differ by next to nothing, which the margin is for."""
    assert family_p([values] * 4, margin + 0.01) == 1.0


def test_members_that_share_a_clip_count_once():
    clips = (("a",), ("a",), ("b",), ("c",), ("d",), ("e",), ("f",), ("g",))
    rows = [EIGHT, *OTHERS]
    assert family_p(rows, 0.0, clips) == max_t(deviations(rows), clusters=clips)[0] == 2 / 128


def test_the_draws_of_a_large_family_follow_the_seed():
    found = [family_p(MANY, 0.0, seed=seed) for seed in (0, 7)]
    assert found == [max_t(deviations(MANY), seed=seed)[0] for seed in (0, 7)]
    assert found[0] != found[1]
    assert family_p(MANY, 0.0) == found[0]


def test_picking_the_best_of_many_members_costs_nothing_of_the_error():
    """Members of pure noise: the one with the highest mean, picked after a look, is seldom "significant"."""
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(60):
        members = rng.normal(size=(12, 10))
        found += family_p(members[np.argsort(-members.mean(axis=1))].tolist(), 0.0) <= 0.05
    assert found <= 8, "nominal 3 of 60; 8 has probability 0.9 %"


def test_members_on_other_pairs_are_a_defect():
    with pytest.raises(ValueError, match="zip"):
        family_p([EIGHT, EIGHT[:-1]], 0.0)
