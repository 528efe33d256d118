"""Probes in closed form against the same fit of one labelling at a time, and against points by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from circuit_claims.measure import linear_probe
from circuit_claims.measure.linear_probe import RIDGE
from circuit_claims.measure.logistic import logistic, split_accuracy

pytestmark = pytest.mark.machines

ACTIONS = ("bowling", "bowling", "bowling", "golf", "golf", "golf")


def drawn(seed: int = 0, pairs: int = 6, d: int = 4) -> Any:
    return np.random.default_rng(seed).normal(size=(pairs, 2, d))


def by_action(x: Any, actions: Any, fitted: Any, of: Any) -> Any:
    means = {action: fitted[[a == action for a in of]].mean(axis=0) for action in set(of)}
    return np.array([row - means[action] for row, action in zip(x, actions, strict=True)])


def preference(clips: Any, actions: Any, signs: Any, out: int) -> float:
    """The plain way: ridge regression on the labels of all pairs but one, and its two predictions."""
    kept = [j for j in range(len(clips)) if j != out]
    x = np.concatenate([clips[j] for j in kept])
    of = [actions[j] for j in kept for _ in range(2)]
    y = np.concatenate([[signs[j], -signs[j]] for j in kept])
    centred = by_action(x, of, x, of)
    scale = centred.std(axis=0)
    z = centred / scale
    weights = np.linalg.inv(z.T @ z + RIDGE * np.eye(z.shape[1])) @ z.T @ y
    return float((clips[out][0] - clips[out][1]) / scale @ weights)


@pytest.mark.parametrize("d", [3, 40], ids=["fewer dimensions than clips", "more"])
def test_votes_are_the_ridge_fit_of_every_labelling(d: int) -> None:
    clips = drawn(1, d=d)
    votes = linear_probe.held_out_votes(clips, ACTIONS)
    for signs in linear_probe.labellings(20, 6, seed=3):
        plain = [preference(clips, ACTIONS, signs, out) for out in range(6)]
        assert votes @ signs == pytest.approx(plain)
    assert np.diag(votes) == pytest.approx(np.zeros(6))


def test_a_pair_that_is_alone_in_its_action_is_ranked_all_the_same() -> None:
    """Without it nothing is known of its action's mean, and ranking its two clips takes none."""
    clips = drawn(2)
    actions = ("bowling", *ACTIONS[3:], "archery", "golf")
    votes = linear_probe.held_out_votes(clips, actions)
    assert votes @ np.ones(6) == pytest.approx([preference(clips, actions, np.ones(6), i) for i in range(6)])


def test_an_outcome_direction_is_found_in_a_new_pair_and_its_labels_decide_the_sense() -> None:
    clips = drawn(3, pairs=8, d=5)
    clips[:, 0, 2] += 10.0
    votes = linear_probe.held_out_votes(clips, ["one"] * 8)
    ones = np.ones((1, 8))
    assert linear_probe.held_out_right(votes, ones).tolist() == [[1.0] * 8]
    assert linear_probe.held_out_right(votes, -ones).tolist() == [[1.0] * 8], "both senses are one task"
    one_lied = ones.copy()
    one_lied[0, 5] = -1.0
    assert linear_probe.held_out_right(votes, one_lied)[0].tolist() == [1, 1, 1, 1, 1, 0, 1, 1]


def test_without_an_outcome_a_new_pair_is_read_by_chance() -> None:
    right = [
        linear_probe.held_out_right(
            linear_probe.held_out_votes(drawn(seed, pairs=12, d=30), ["one"] * 12), np.ones((1, 12))
        ).mean()
        for seed in range(60)
    ]
    assert np.mean(right) == pytest.approx(0.5, abs=4 * np.std(right) / 60**0.5)
    assert np.std(right) > 0


def test_clips_that_are_the_same_are_preferred_neither_way() -> None:
    clips = drawn(4)
    clips[2, 1] = clips[2, 0]
    for votes in (linear_probe.held_out_votes(clips, ACTIONS), linear_probe.direction_votes(clips)):
        assert linear_probe.held_out_right(votes, np.ones((1, 6)))[0, 2] == 0.5
    nothing = linear_probe.held_out_votes(np.zeros((6, 2, 4)), ACTIONS)
    assert linear_probe.held_out_right(nothing, np.ones((1, 6))).tolist() == [[0.5] * 6]


def test_directions_by_hand() -> None:
    """Deltas (3,4), (0,2), (-1,0): units (.6,.8), (0,1), (-1,0). Of pair 0 by the others: 4 - 3; of pair 1:
    1.6 + 0; of pair 2: -.6 + 0."""
    clips = np.array([[[3, 4], [0, 0]], [[1, 5], [1, 3]], [[0, 7], [1, 7]]], dtype=float)
    votes = linear_probe.direction_votes(clips)
    assert votes == pytest.approx(np.array([[0, 4, -3], [1.6, 0, 0], [-0.6, 0, 0]]))
    assert linear_probe.held_out_right(votes, np.ones((1, 3))).tolist() == [[1.0, 1.0, 0.0]]


@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_what_a_probe_may_not_depend_on(seed: int, scale: float) -> None:
    """The order of pairs, the features' unit, what an action's clips share, which way the labels are."""
    clips = drawn(seed)
    signs = linear_probe.labellings(7, 6, seed)
    votes = linear_probe.held_out_votes(clips, ACTIONS)
    order = np.random.default_rng(seed).permutation(6)
    shuffled = linear_probe.held_out_votes(clips[order], [ACTIONS[i] for i in order])
    assert shuffled == pytest.approx(votes[np.ix_(order, order)])
    offset = np.where(np.array(ACTIONS) == "golf", 50.0, -20.0)[:, None, None]
    assert linear_probe.held_out_votes(scale * clips + offset, ACTIONS) == pytest.approx(votes, abs=1e-6)
    right = linear_probe.held_out_right(votes, signs)
    assert (right == linear_probe.held_out_right(votes, -signs)).all()
    swapped = clips.copy()
    swapped[1] = clips[1, ::-1]
    turned = np.where(np.arange(6) == 1, -1.0, 1.0)
    assert linear_probe.held_out_votes(swapped, ACTIONS) @ turned == pytest.approx(votes.sum(axis=1) * turned)


# Videos in the fit ---------------------------------------------------------------------------------------


def test_window_votes_are_the_ridge_fit_of_every_labelling() -> None:
    rng = np.random.default_rng(5)
    clips, actions = rng.normal(size=(3, 8, 5)), ("a",) * 4 + ("b",) * 4
    votes = linear_probe.window_votes(clips, actions)
    for signs in linear_probe.labellings(5, 4, seed=1):
        labels = np.stack([signs, -signs], axis=-1).reshape(-1)
        for k in range(3):
            x = np.concatenate([clips[w] for w in range(3) if w != k])
            of, y = actions * 2, np.tile(labels, 2)
            centred = by_action(x, of, x, of)
            scale = centred.std(axis=0)
            z = centred / scale
            weights = np.linalg.inv(z.T @ z + RIDGE * np.eye(5)) @ z.T @ y
            asked = by_action(clips[k], actions, x, of) / scale
            assert votes[k] @ labels == pytest.approx(asked @ weights)


def test_a_video_that_is_the_same_in_every_window_is_read_whatever_its_label() -> None:
    """The fingerprint scanner: more dimensions than clips, so that any labels can be learnt by heart."""
    clips = np.repeat(np.random.default_rng(6).normal(size=(1, 8, 200)), 3, axis=0)
    votes = linear_probe.window_votes(clips, ["one"] * 8)
    signs = linear_probe.labellings(30, 4, seed=2)
    labels = np.stack([signs, -signs], axis=-1).reshape(30, 8)
    assert linear_probe.windows_right(votes, labels).min() == 1.0


def test_one_window_leaves_nothing_to_fit() -> None:
    votes = linear_probe.window_votes(np.random.default_rng(0).normal(size=(1, 4, 3)), ["one"] * 4)
    assert linear_probe.windows_right(votes, np.ones((1, 4))).tolist() == [[0.5] * 4]


# Two points ----------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(1, 800))
def test_any_two_points_are_told_apart(seed: int, d: int) -> None:
    one, other = np.random.default_rng(seed).normal(size=(2, d))
    assert linear_probe.two_point_accuracy(one, other) == 1.0
    assert linear_probe.two_point_accuracy(one, one) == 0.5


def test_the_plane_half_way_is_what_logistic_regression_finds() -> None:
    one, other = np.random.default_rng(7).normal(size=(2, 30))
    weights, intercept = logistic(np.stack([one, other]), np.array([1.0, -1.0]))
    along = (one - other) / np.linalg.norm(one - other)
    assert weights / np.linalg.norm(weights) == pytest.approx(along, abs=1e-4)
    assert weights @ (one + other) / 2 + intercept == pytest.approx(0.0, abs=1e-4)


# Logistic regression -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 0.5, 8.0], ids=["noise", "some", "separable"])
def test_logistic_regression_is_the_minimum(shift: float) -> None:
    rng = np.random.default_rng(8)
    y = np.repeat([1.0, -1.0], 20)
    x = rng.normal(size=(40, 6)) + shift * y[:, None]

    def loss(p: Any) -> float:
        return float(np.logaddexp(0, -y * (x @ p[:-1] + p[-1])).sum() + p[:-1] @ p[:-1] / 2)

    weights, intercept = logistic(x, y)
    found = minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-7})
    assert np.append(weights, intercept) == pytest.approx(found.x, abs=1e-3)
    assert loss(np.append(weights, intercept)) == pytest.approx(found.fun, abs=1e-6)


def test_a_split_by_hand() -> None:
    """Points 2, 1, -1 (of +1, +1, -1) put the plane between 1 and -1; of +1 are 3 (right) and -3 (wrong)."""
    x = np.array([[2.0], [1.0], [-1.0], [3.0], [-3.0]])
    y = np.array([1.0, 1.0, -1.0, 1.0, 1.0])
    held_out = np.array([False, False, False, True, True])
    assert split_accuracy(x, y, held_out) == 0.5


def test_points_that_are_in_both_classes_are_read_wrong_by_a_split() -> None:
    """The published accuracy turns over where clips hardly differ: a twin in the fit has the other label."""
    rng = np.random.default_rng(9)
    tokens = rng.normal(size=(60, 40))
    x, y = np.concatenate([tokens, tokens]), np.repeat([1.0, -1.0], 60)
    held_out = rng.permutation(120) < 30
    assert split_accuracy(x, y, held_out) < 0.4


def test_a_probe_does_not_read_the_last_digit_of_an_empty_feature() -> None:
    """Attention leaks 1e-13 of one clip into a feature that is otherwise empty: rounding, no fingerprint."""
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(80, 3)), np.repeat([1.0, -1.0], 40)
    leak = np.where(y > 0, 1e-13, 0.0)[:, None]
    held_out = rng.permutation(80) < 20
    assert split_accuracy(np.hstack([x, leak]), y, held_out) == split_accuracy(x, y, held_out) < 0.9
    clips = drawn(11)
    leaking = np.concatenate([clips, np.tile([[[1e-13], [0.0]]], (6, 1, 1))], axis=-1)
    votes = linear_probe.held_out_votes(leaking, ACTIONS)
    assert votes == pytest.approx(linear_probe.held_out_votes(clips, ACTIONS))
