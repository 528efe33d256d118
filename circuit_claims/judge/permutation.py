"""Sign flips, and what to do with many parts at once.

If the values of a pair are symmetric about zero under H0, every pattern of signs was equally likely. Counting
the patterns that are at least as extreme as the one observed gives an exact p-value, with no distribution
assumed; flipping whole rows of a matrix (pair, part) keeps the parts' correlation, which gives max-T.

"Each part" is supported when every part is, at alpha and uncorrected (intersection-union, Berger 1982); it is
refuted by some part, and there were many chances to find one: Holm or max-T. "Any part" is the mirror image.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.intervals import Labels, PValues, finite, units_of

EXACT_UP_TO = 20
"""Pairs up to which all 2^n sign patterns are counted."""

Alternative = Literal["greater", "less", "two-sided"]


@dataclass(frozen=True)
class Quantified:
    """The p-values of a claim about all its parts."""

    support: float
    """p against H0: the claim is false."""
    refute: float
    """p against H0: the claim is true."""


def sign_flip(
    values: Sequence[float], clusters: Labels = None, seed: int = 0, resamples: int = 99_999
) -> PValues:
    """Exact sign-flip permutation test of paired differences.

    H0: the values are symmetric about zero (for differences: claim and control can be exchanged within the
    pair). Statistic: the sum. All 2^n patterns up to `EXACT_UP_TO` units, equal to
    `scipy.stats.permutation_test(permutation_type="samples")` and faster; beyond, seeded draws with p = (1
    + hits) / (1 + draws) (Phipson & Smyth 2010). Nominal error: exact. The smallest p is 2^-n one-sided and
    2^(1-n) two-sided, so 5 % needs 5 pairs one-sided and 6 two-sided (`pairs_for_sign_flip`). Pairs that
    share a clip are flipped together. Zero values are kept: they change nothing.
    """
    array = finite(values)
    if clusters is not None:
        array = _by_unit(array, clusters)
    total = array.sum()
    slack = 1e-12 * np.abs(array).sum()  # equal sums in another order differ by rounding
    if len(array) <= EXACT_UP_TO:
        sums = np.zeros(1)
        for value in array:
            sums = np.concatenate((sums + value, sums - value))
        return PValues(float(np.mean(sums >= total - slack)), float(np.mean(sums <= total + slack)))
    sums = _signs(len(array), seed, resamples) @ array
    greater, less = np.sum(sums >= total - slack), np.sum(sums <= total + slack)
    return PValues(float(1 + greater) / (1 + resamples), float(1 + less) / (1 + resamples))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values (Holm 1979): step down, p_(i) * (m - i), never decreasing.

    H0 by part; the chance that any true H0 is rejected at alpha is at most alpha, whatever the dependence.
    """
    array = _probabilities(p_values)
    order = np.argsort(array, kind="stable")
    stepped = np.maximum.accumulate(array[order] * np.arange(len(array), 0, -1))
    adjusted = np.empty_like(array)
    adjusted[order] = np.minimum(stepped, 1.0)
    return tuple(float(p) for p in adjusted)


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


def each(support: Sequence[float], refute: Sequence[float]) -> Quantified:
    """Support is the largest p (intersection-union), refutation the smallest Holm-adjusted one.

    H0 of support: some part is false; error at most alpha without correction (Berger 1982). H0 of refutation:
    every part is true; family-wise error at most alpha (Holm 1979).
    """
    return Quantified(float(_probabilities(support).max()), min(holm(refute)))


def any_of(support: Sequence[float], refute: Sequence[float]) -> Quantified:
    """The mirror of `each`: support is the smallest Holm-adjusted p, refutation the largest p."""
    return Quantified(min(holm(support)), float(_probabilities(refute).max()))


def permutation_p(observed: float, null: Sequence[float]) -> float:
    """One-sided p of a statistic among draws of its permutation distribution.

    H0: the observed labelling is one of the permuted ones. p = (1 + #{null >= observed}) / (1 + B)
    (Phipson & Smyth 2010), so B draws can reach 1 / (1 + B): 19 for 5 %. Error at most alpha.
    """
    draws, value = finite(null), float(finite([observed])[0])
    return float(1 + np.sum(draws >= value - 1e-12 * max(1.0, abs(value)))) / (1 + len(draws))


def _probabilities(p_values: Sequence[float]) -> NDArray[np.float64]:
    array = finite(p_values)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(f"p-values lie between 0 and 1, not {array.min():g} to {array.max():g}")
    return array


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
