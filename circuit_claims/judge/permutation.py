"""Sign flips of whole pairs, and the most extreme of many parts at once (max-T).

If the values of a pair are symmetric about zero under H0, every pattern of signs was equally likely. Counting
the patterns that are at least as extreme as the one observed gives an exact p-value, with no distribution
assumed; flipping whole rows of a matrix (pair, part) keeps the parts' correlation.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.intervals import finite
from circuit_claims.judge.units import Labels, units_of

Alternative = Literal["greater", "less", "two-sided"]


def max_t(
    matrix: Sequence[Sequence[float]],
    alternative: Alternative = "greater",
    clusters: Labels = None,
    seed: int = 0,
    resamples: int = 9_999,
) -> tuple[float, ...]:
    """Step-down max-T adjusted p-values by sign flips of whole pairs (Westfall & Young 1993, algorithm 2.8).

    H0 by part j: x_ij is symmetric about zero. Statistic: T_j = sum_i x_ij / sqrt(sum_i x_ij^2), the t
    statistic in a form that no flip can divide by zero. The family-wise error is alpha, exact up to the
    draws; where parts are correlated it rejects more than Holm. Counts all patterns where there are no more
    than `resamples` of them.

    Args:
        matrix: [pair, part] values, finite.
        alternative: the side on which a part would be found.
        clusters: clips of each pair; pairs that share one are flipped together.
        seed: of the draws.
        resamples: number of draws, to which the observed pattern is added.
    """
    values = np.atleast_2d(finite(np.asarray(matrix, dtype=np.float64).tolist()))
    if clusters is not None:
        values = np.stack([_by_unit(column, clusters) for column in values.T], axis=1)
    pairs = len(values)
    size = np.sqrt(np.square(values).sum(axis=0))
    scaled = values / np.where(size > 0, size, 1.0)
    exact = 2**pairs <= resamples + 1
    signs = _all_signs(pairs) if exact else _signs(pairs, seed, resamples)
    if alternative == "less":
        scaled = -scaled
    observed = np.abs(scaled.sum(axis=0)) if alternative == "two-sided" else scaled.sum(axis=0)
    order = np.argsort(-observed, kind="stable")
    drawn = signs @ scaled[:, order]
    if alternative == "two-sided":
        drawn = np.abs(drawn)
    # Largest of the parts not yet stepped over: a running maximum from the last part to the first.
    largest = np.maximum.accumulate(drawn[:, ::-1], axis=1)[:, ::-1]
    hits = (largest >= observed[order] - 1e-12).sum(axis=0)
    p = hits / len(signs) if exact else (1 + hits) / (1 + len(signs))
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(p)
    return tuple(float(value) for value in adjusted)


def _by_unit(array: NDArray[np.float64], clusters: Sequence[Hashable]) -> NDArray[np.float64]:
    """Sums over the pairs of each unit: a unit is flipped as a whole."""
    if len(clusters) != len(array):
        raise ValueError(f"clusters has {len(clusters)} labels for {len(array)} values: one a pair is needed")
    _, index = np.unique(units_of(clusters), return_inverse=True)
    return np.bincount(index, weights=array).astype(np.float64)


@lru_cache(maxsize=4)  # members of one family, and the parts of one claim, are drawn for alike
def _signs(pairs: int, seed: int, resamples: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(resamples, pairs))


def _all_signs(pairs: int) -> NDArray[np.float64]:
    patterns = np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1
    return np.where(patterns, -1.0, 1.0)
