"""Linear probes of two outcomes: how they are fitted, and what they read off clips they were not fitted to.

Two fits, both in closed form:

- two points, where every linear probe is the same: the plane half-way between them;
- ridge regression on labels of -1 and +1, where thousands of labellings are scored. It is linear in the
  labels, so that a fit becomes a matrix, and a labelling one product with it. It stands in for logistic
  regression: with as many clips of either label it is Fisher's discriminant with shrinkage.

Features are centred within each action and scaled, both by the clips that the probe is fitted to: actions
differ far more than outcomes do. Every action has as many successes as failures, so a probe has no intercept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuit_claims.measure.logistic import scale_of

Floats = NDArray[np.float64]

RIDGE = 10.0
"""Added to the Gram matrix of the scaled features, as for the embedded models' cards."""


def two_point_accuracy(one: Floats, other: Floats) -> float:
    """Share of two points `[d]` that a probe fitted to these two reads right.

    1 for any two points that differ, whatever they are; 1/2 where they are the same.
    """
    weights, middle = one - other, (one + other) / 2
    preferred = np.array([(one - middle) @ weights, (middle - other) @ weights])
    return float(_scored(preferred).mean())


def held_out_votes(clips: Floats, actions: Sequence[str]) -> Floats:
    """What each pair's label adds to a probe's preference in a pair it was not fitted to: `[pair, pair]`.

    Row i is of the ridge probe fitted to the clips of all pairs but i. Its preference for the success clip of
    pair i over the failure clip is ``votes[i] @ signs``, where sign j is +1 for pair j labelled as it is, and
    -1 for its two labels exchanged. The diagonal is 0.

    Args:
        clips: `[pair, 2, d]`, the success and the failure of each pair.
        actions: of each pair.
    """
    pairs = len(clips)
    votes = np.zeros((pairs, pairs))
    for i in range(pairs if pairs > 1 else 0):
        others = [j for j in range(pairs) if j != i]
        fitted = clips[others].reshape(2 * len(others), -1)
        of = [actions[j] for j in others for _ in range(2)]
        centred = _centred(fitted, of, fitted, of)
        scale = scale_of(centred)
        weights = _weights(centred / scale)
        preference = (clips[i, 0] - clips[i, 1]) / scale @ weights
        votes[i, others] = preference[0::2] - preference[1::2]
    return votes


def held_out_right(votes: Floats, signs: Floats) -> Floats:
    """Whether each left-out pair is read right, `[labelling, pair]`: 1, 0, or 1/2 where nothing is preferred.

    `signs` is `[labelling, pair]` of -1 and +1; the left-out pair is scored by its own label.
    """
    return _scored(signs * (signs @ votes.T))


def direction_votes(clips: Floats) -> Floats:
    """The same as `held_out_votes` for the plainest direction: the mean of the other pairs' unit deltas.

    ``u_i = mean_j D_j / ||D_j||`` over all pairs j but i, and ``votes[i] @ signs = (n - 1) <D_i, u_i>``.
    """
    deltas = clips[:, 0] - clips[:, 1]
    sizes = np.linalg.norm(deltas, axis=1, keepdims=True)
    votes: Floats = deltas @ (deltas / np.where(sizes > 0, sizes, 1.0)).T
    np.fill_diagonal(votes, 0.0)
    return votes


def window_votes(clips: Floats, actions: Sequence[str]) -> Floats:
    """What each clip's label adds to a probe's reading of a left-out window: `[window, clip, clip]`.

    Slice k is of the ridge probe fitted to every window of every clip but window k: the clips are the same in
    fit and test. Its reading of clip c there is ``votes[k, c] @ labels``, with labels of -1 and +1.

    Args:
        clips: `[window, clip, d]`.
        actions: of each clip.
    """
    windows, count, _ = clips.shape
    votes = np.zeros((windows, count, count))
    for k in range(windows if windows > 1 else 0):
        fitted = np.delete(clips, k, axis=0).reshape((windows - 1) * count, -1)
        of = list(actions) * (windows - 1)
        centred = _centred(fitted, of, fitted, of)
        scale = scale_of(centred)
        asked = _centred(clips[k], list(actions), fitted, of) / scale
        reading = asked @ _weights(centred / scale)
        votes[k] = reading.reshape(count, windows - 1, count).sum(axis=1)
    return votes


def windows_right(votes: Floats, labels: Floats) -> Floats:
    """Share of left-out windows that are read right: `[labelling, clip]`, of labels `[labelling, clip]`."""
    reading = np.einsum("kcd,ld->lkc", votes, labels)
    right: Floats = _scored(labels[:, None, :] * reading).mean(axis=1)
    return right


def labellings(count: int, pairs: int, seed: int) -> Floats:
    """Labels exchanged within pairs at random, `[labelling, pair]` of -1 and +1: the control task."""
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(count, pairs))


def _weights(x: Floats) -> Floats:
    """The ridge fit as a matrix `[d, point]`: times the labels of the points it is the probe's weights.

    (X'X + r I)^-1 X' and X' (XX' + r I)^-1 are the same; the smaller one is solved.
    """
    points, d = x.shape
    if d <= points:
        return _array(np.linalg.solve(x.T @ x + RIDGE * np.eye(d), x.T))
    return _array(np.linalg.solve(x @ x.T + RIDGE * np.eye(points), x).T)


def _centred(x: Floats, actions: Sequence[str], fitted: Floats, of: Sequence[str]) -> Floats:
    """x `[point, d]` minus the mean, over the fitted points, of its action."""
    names = {action: number for number, action in enumerate(dict.fromkeys(of))}
    shares = np.zeros((len(names), len(of)))
    shares[[names[action] for action in of], range(len(of))] = 1.0
    means = shares @ fitted / shares.sum(axis=1, keepdims=True)
    centred: Floats = x - means[[names[action] for action in actions]]
    return centred


def _scored(preferred: Floats) -> Floats:
    """1 for above zero, 0 for below, 1/2 for none."""
    scored: Floats = np.heaviside(preferred, 0.5)
    return scored


def _array(values: NDArray[np.floating[Any]]) -> Floats:
    return np.asarray(values, dtype=np.float64)
