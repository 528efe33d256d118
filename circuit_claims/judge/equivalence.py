"""Negligible: the one good outcome that has to be shown. Not rejecting "no effect" shows nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from circuit_claims.judge.intervals import Interval, Labels, interval, t_test


@dataclass(frozen=True)
class Equivalence:
    """Whether a mean is shown to be negligible."""

    interval: Interval
    """The interval at level 1 - 2 alpha (90 % for alpha = 0.05)."""
    bound: float
    """The smallest effect that would matter, fixed before the data were seen."""
    p: float
    """The larger of the two one-sided t p-values."""
    equivalent: bool
    """Whether the interval lies inside (-bound, bound)."""


def equivalence(
    values: Sequence[float],
    bound: float,
    groups: Labels = None,
    clusters: Labels = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> Equivalence:
    """Two one-sided tests (TOST): is the mean negligible?

    H0: |mean| >= bound. Rejected, and the mean called equivalent to zero, when the 1 - 2 alpha interval lies
    inside (-bound, bound) (Schuirmann 1987). Error at most alpha. The bound is the smallest effect that would
    matter and is fixed before the data: never estimated from the values that it judges.
    """
    if not (math.isfinite(bound) and bound > 0):
        raise ValueError(f"an equivalence bound is a positive number, not {bound}")
    narrow = interval(values, groups, clusters, level=1 - 2 * alpha, seed=seed)
    above = t_test(values, -bound, groups, clusters).greater
    below = t_test(values, bound, groups, clusters).less
    return Equivalence(narrow, bound, max(above, below), narrow.within(-bound, bound))
