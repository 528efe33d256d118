"""Intervals for a mean over pairs: the first question of every verdict.

The unit is the pair, the population is "these actions". A pair weighs as much as any other pair, so the
estimate is the plain mean; the action is a stratum, so differences between actions are not noise:

    mean = sum_h W_h mean_h,    Var(mean) = sum_h W_h^2 s_h^2 / n_h,    W_h = n_h / n.

Pairs that share a clip are one unit (`units.py`). Each bound is the wider of Student's and of the same with
the sample's skewness taken into account: a long tail on one side otherwise doubles the error there.
A sample without spread gives [x, x]; a single unit gives (-inf, inf), which satisfies and excludes nothing.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.distributions import t_quantile
from circuit_claims.judge.units import Labels, units_of

SKEW = 1.25
"""By how much the sample's skewness is taken larger than it looks: small samples of a long tail rarely hold
the tail. Measured, not derived (docs/calibration.md): of 8 exponential values the interval misses in 5.3 %
with 1 and in 4.6 % with 1.25 (10.2 % without); normal samples pay with intervals 1.14 times as wide at 8
pairs and 1.02 at 32."""


@dataclass(frozen=True)
class Interval:
    """A mean over pairs, and how far it can be trusted."""

    estimate: float
    """The plain mean over pairs, in the unit of the values."""
    low: float
    """Lower bound; -inf where a single unit gives none."""
    high: float
    """Upper bound; inf where a single unit gives none."""
    level: float
    """Nominal two-sided coverage, e.g. 0.95."""
    n: int
    """Independent units: pairs, or clusters of pairs that share a clip."""
    method: str
    """How the bounds were found, in words for the report."""
    sd: float
    """Standard deviation of one unit within its action (se times sqrt n); inf for a single unit."""

    @property
    def bounded(self) -> bool:
        """Whether there is an interval at all (false for a single unit)."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def excludes(self, value: float) -> bool:
        """Whether the value lies strictly outside."""
        return value < self.low or value > self.high


@dataclass(frozen=True)
class Moments:
    """What an interval needs of an estimate: its spread, the degrees of freedom of that, and its skewness."""

    se: float
    df: float
    skewness: float
    """Third cumulant of the estimate over se^3: the skewness of one unit, over sqrt n."""


@dataclass(frozen=True)
class _Stratum:
    """The units of one action: total and number of pairs in each."""

    totals: NDArray[np.float64]
    counts: NDArray[np.float64]

    @property
    def mean(self) -> float:
        return float(self.totals.sum() / self.counts.sum())

    @property
    def n(self) -> int:
        return len(self.totals)

    def residuals(self) -> NDArray[np.float64]:
        """What each unit adds to the error of the stratum's mean (linearised; sums to 0)."""
        return np.asarray((self.totals - self.counts * self.mean) / self.counts.sum())


def finite(values: Sequence[float]) -> NDArray[np.float64]:
    """The values as an array; refuses none, NaN and infinities, which no test here may see."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values: a statistic needs at least one pair")
    if not np.isfinite(array).all():
        raise ValueError("a value is NaN or infinite: judge undefined measurements before statistics")
    return array


def interval(
    values: Sequence[float], groups: Labels = None, clusters: Labels = None, level: float = 0.95
) -> Interval:
    """Confidence interval of the mean over pairs, stratified by action.

    Mean +- t * se with Satterthwaite's degrees of freedom (Satterthwaite 1946), each bound the wider of this
    and of Hall's (1992) transformation of t for skewed samples, which by itself would err where tails are
    heavy on both sides. Nominal error 1 - level, two-sided.

    Args:
        values: one number a pair, in any unit.
        groups: the action of each pair. Used where every action has two units; otherwise the interval is
            unstratified, which is wider: differences between actions then count as noise.
        clusters: the clips of each pair (a tuple of names), or one id a pair. Pairs that share a clip,
            directly or through other pairs, are one unit.
        level: two-sided coverage.

    Raises:
        ValueError: no values, NaN or infinity, labels of another length, a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    array = finite(values)
    strata, n = _strata(array, groups, clusters)
    estimate = _mean(strata)
    if n == 1:
        return Interval(estimate, -math.inf, math.inf, level, 1, "none: a single unit", math.inf)
    moments = _moments(strata)
    actions = f", stratified by {len(strata)} actions" if len(strata) > 1 else ""
    if moments.se == 0:
        return Interval(estimate, estimate, estimate, level, n, f"no spread{actions}", 0.0)
    low, high = bounds(estimate, moments, level)
    return Interval(estimate, low, high, level, n, f"skew-adjusted t{actions}", moments.se * math.sqrt(n))


def bounds(estimate: float, moments: Moments, level: float) -> tuple[float, float]:
    """The wider of Student's bounds and of Hall's transformed ones, at a two-sided level.

    Hall (1992) makes of t the nearly symmetric T + a T^2 / 3 + a^2 T^3 / 27 + a / 6, where a is the skewness
    of the estimate, here `SKEW` times what the sample shows; its inverse at the quantiles of Student's t are
    the bounds.
    """
    quantile = t_quantile((1 + level) / 2, moments.df)
    a = SKEW * moments.skewness
    low, high = quantile, -quantile
    if abs(a) > 1e-9:
        low, high = (3 / a * (math.cbrt(1 + a * (end - a / 6)) - 1) for end in (quantile, -quantile))
    return (
        estimate - moments.se * max(low, quantile),
        estimate - moments.se * min(high, -quantile),
    )


def _strata(array: NDArray[np.float64], groups: Labels, clusters: Labels) -> tuple[list[_Stratum], int]:
    """Units by action, and their number. Unstratified where an action has a single unit or shares one."""
    for labels, name in ((groups, "groups"), (clusters, "clusters")):
        if labels is not None and len(labels) != len(array):
            raise ValueError(f"{name} has {len(labels)} labels for {len(array)} values: one a pair is needed")
    layout, n = _layout(
        len(array), tuple(groups) if groups else None, None if clusters is None else tuple(clusters)
    )
    totals = [np.bincount(unit, weights=array[chosen]).astype(np.float64) for chosen, unit, _ in layout]
    return [_Stratum(total, counts) for total, (_, _, counts) in zip(totals, layout, strict=True)], n


Layout: TypeAlias = tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]
"""A stratum: which pairs are in it, the unit of each of them, and how many pairs a unit has."""


@lru_cache(maxsize=64)  # of the same few pair sets, as `units_of`
def _layout(
    count: int, groups: tuple[Hashable, ...] | None, clusters: tuple[Hashable, ...] | None
) -> tuple[tuple[Layout, ...], int]:
    units = np.arange(count) if clusters is None else np.array(units_of(clusters))
    n = len(set(units.tolist()))
    code = {action: k for k, action in enumerate(dict.fromkeys(groups or ()))}
    actions = np.array([code[action] for action in groups]) if groups else np.zeros(count, dtype=int)
    shared = len(set(zip(actions.tolist(), units.tolist(), strict=True))) > n
    strata = () if shared else tuple(_of(actions == action, units) for action in np.unique(actions))
    if not strata or min(len(counts) for _, _, counts in strata) < 2:
        strata = (_of(np.ones(count, dtype=bool), units),)
    return strata, n


def _of(chosen: NDArray[np.bool_], units: NDArray[np.int64]) -> Layout:
    _, index = np.unique(units[chosen], return_inverse=True)
    counts = np.bincount(index).astype(np.float64)
    counts.flags.writeable = False  # it is shared between all that ask of these pairs
    return chosen, index, counts


def _mean(strata: Sequence[_Stratum]) -> float:
    """The mean over all pairs; a constant sample returns its constant exactly."""
    means = {float(value) for stratum in strata for value in stratum.totals / stratum.counts}
    if len(means) == 1:
        return means.pop()
    return math.fsum(float(s.totals.sum()) for s in strata) / math.fsum(float(s.counts.sum()) for s in strata)


def _moments(strata: Sequence[_Stratum]) -> Moments:
    """Spread and skewness of the stratified mean, with Satterthwaite's degrees of freedom (1946)."""
    pairs = sum(float(stratum.counts.sum()) for stratum in strata)
    parts, thirds = [], []
    for stratum in strata:
        if np.ptp(stratum.totals / stratum.counts) == 0:
            parts.append(0.0)
            continue
        weight, residuals, n = float(stratum.counts.sum()) / pairs, stratum.residuals(), stratum.n
        parts.append(weight**2 * n / (n - 1) * float(residuals @ residuals))
        if n > 2:  # two residuals are a number and its negative: nothing shows their skewness
            thirds.append(weight**3 * n**2 / ((n - 1) * (n - 2)) * float((residuals**3).sum()))
    variance = math.fsum(parts)
    if variance == 0:
        return Moments(0.0, math.inf, 0.0)
    shares = [part / variance for part in parts]
    df = 1 / math.fsum(share**2 / (stratum.n - 1) for share, stratum in zip(shares, strata, strict=True))
    se = math.sqrt(variance)
    # In units of se: cubes of the smallest numbers would vanish.
    return Moments(se, df, math.fsum(third / se / se / se for third in thirds))
