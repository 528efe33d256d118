"""Intervals for a mean over pairs: the first question of every verdict.

The unit is the pair, the population is "these actions". A pair weighs as much as any other pair, so the
estimate is the plain mean; the action is a stratum, so differences between actions are not noise:

    mean = sum_h W_h mean_h,    Var(mean) = sum_h W_h^2 s_h^2 / n_h,    W_h = n_h / n.

Pairs that share a clip are not independent and form one unit (`clusters`). The interval is Student's; from
`BOOTSTRAP_FROM` units on an expanded BCa bootstrap may widen it (alone it misses too often).
A sample without spread gives [x, x]; a sample of one gives (-inf, inf), which satisfies and excludes nothing.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.distributions import normal_above, t_above, t_quantile

BOOTSTRAP_FROM = 20
"""Units from which the bootstrap is used; below, plain BCa covers 84 % (n = 5) where 95 % are meant."""

BOOTSTRAP_PER_ACTION = 5
"""Units that every action needs for the bootstrap, which resamples within actions."""

Labels = Sequence[Hashable] | None


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

    def within(self, low: float, high: float) -> bool:
        """Whether the whole interval lies in the open range (low, high)."""
        return low < self.low and self.high < high


@dataclass(frozen=True)
class PValues:
    """One-sided p-values of a mean against a threshold, for rules that need p (Holm) and not an interval."""

    greater: float
    """p against H0: mean <= threshold."""
    less: float
    """p against H0: mean >= threshold."""

    @property
    def two_sided(self) -> float:
        """p against H0: mean = threshold."""
        return min(1.0, 2 * min(self.greater, self.less))


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

    def variance_of_mean(self) -> float:
        """Linearised variance of the ratio total / count; s^2 / n where every unit is one pair."""
        residual = self.totals - self.counts * self.mean
        pairs = self.counts.sum()
        return float(self.n / (self.n - 1) * (residual @ residual) / pairs**2)


def finite(values: Sequence[float]) -> NDArray[np.float64]:
    """The values as an array; refuses none, NaN and infinities, which no test here may see."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values: a statistic needs at least one pair")
    if not np.isfinite(array).all():
        raise ValueError("a value is NaN or infinite: judge undefined measurements before statistics")
    return array


def interval(
    values: Sequence[float],
    groups: Labels = None,
    clusters: Labels = None,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 9_999,
) -> Interval:
    """Confidence interval of the mean over pairs, stratified by action.

    Mean +- t * se with Satterthwaite's degrees of freedom (Satterthwaite 1946; `scipy.stats.t`). From
    `BOOTSTRAP_FROM` units on, each bound is the wider of this and of BCa (Efron 1987;
    `scipy.stats.bootstrap`), resampled within actions at a level expanded for the bootstrap's narrowness
    (Hesterberg 2015: the normal quantile gives way to t, the plug-in variance to the unbiased one). Nominal
    error 1 - level, two-sided.
    Below 20 units a long tail on one side doubles it: judge ratios by their logarithms.

    Args:
        values: one number a pair, in any unit.
        groups: the action of each pair. Used where every action has two units; otherwise the interval is
            unstratified, which is wider: differences between actions then count as noise.
        clusters: the clips of each pair (a tuple of names), or one id a pair. Pairs that share a clip,
            directly or through other pairs, are one unit and are resampled together.
        level: two-sided coverage.
        seed: of the bootstrap.
        resamples: of the bootstrap.

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
    se, df = _standard_error(strata)
    sd = se * math.sqrt(n)
    actions = f", stratified by {len(strata)} actions" if len(strata) > 1 else ""
    if se == 0:
        return Interval(estimate, estimate, estimate, level, n, f"no spread{actions}", 0.0)
    reach = t_quantile((1 + level) / 2, df) * se
    low, high, method = estimate - reach, estimate + reach, "t"
    if n >= BOOTSTRAP_FROM and min(stratum.n for stratum in strata) >= BOOTSTRAP_PER_ACTION:
        bounds = _bca(strata, estimate, se, df, level, seed, resamples)
        if bounds is not None:
            low, high, method = min(low, bounds[0]), max(high, bounds[1]), "wider of t and BCa bootstrap"
    return Interval(estimate, low, high, level, n, f"{method}{actions}", sd)


def t_test(
    values: Sequence[float], threshold: float = 0.0, groups: Labels = None, clusters: Labels = None
) -> PValues:
    """One-sided t tests of the stratified mean: the p-values that belong to `interval`'s t method.

    H0 (greater): mean <= threshold; t = (mean - threshold) / se with Satterthwaite's df (`scipy.stats.t`). A
    sample without spread has p 0 on its side of the threshold and 1 on the other (1 on both when it lies on
    it); a single unit has p 1.
    """
    strata, n = _strata(finite(values), groups, clusters)
    if n == 1:
        return PValues(1.0, 1.0)
    gap = _mean(strata) - threshold
    se, df = _standard_error(strata)
    if se == 0:
        return PValues(0.0 if gap > 0 else 1.0, 0.0 if gap < 0 else 1.0)
    return PValues(t_above(gap / se, df), t_above(-gap / se, df))


def units_of(clusters: Sequence[Hashable]) -> tuple[int, ...]:
    """The unit of each pair: pairs that share a clip, directly or through other pairs, get the same number.

    A label is a tuple of clip names, or any other single id.
    """
    return _units(tuple(clusters))


@lru_cache(maxsize=64)  # a run asks this of the same few pair sets thousands of times
def _units(clusters: tuple[Hashable, ...]) -> tuple[int, ...]:
    units = list(range(len(clusters)))
    first: dict[Hashable, int] = {}
    for pair, label in enumerate(clusters):
        for clip in label if isinstance(label, tuple) else (label,):
            mine, other = units[pair], units[first.setdefault(clip, pair)]
            units = [other if unit == mine else unit for unit in units]
    return tuple(units)


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


@lru_cache(maxsize=64)  # of the same few pair sets, as `_units`
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


def _standard_error(strata: Sequence[_Stratum]) -> tuple[float, float]:
    """Standard error of the stratified mean, and its degrees of freedom (Satterthwaite 1946)."""
    pairs = sum(float(stratum.counts.sum()) for stratum in strata)
    parts = [
        0.0
        if np.ptp(stratum.totals / stratum.counts) == 0
        else (stratum.counts.sum() / pairs) ** 2 * stratum.variance_of_mean()
        for stratum in strata
    ]
    variance = math.fsum(parts)
    if variance == 0:
        return 0.0, math.inf
    shares = [part / variance for part in parts]
    df = 1 / math.fsum(share**2 / (stratum.n - 1) for share, stratum in zip(shares, strata, strict=True))
    return math.sqrt(variance), df


def _bca(
    strata: Sequence[_Stratum],
    estimate: float,
    se: float,
    df: float,
    level: float,
    seed: int,
    resamples: int,
) -> tuple[float, float] | None:
    """Expanded BCa bounds, resampling units within actions; None where the bootstrap degenerates."""
    from scipy import stats

    pairs = sum(float(stratum.counts.sum()) for stratum in strata)
    # Standardised: shifting or scaling the values then shifts or scales the bounds exactly.
    deviations = [(stratum.totals - stratum.counts * estimate) / se for stratum in strata]

    def mean(*drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        total = np.zeros(drawn[0].shape[:-1])
        for index, deviation, stratum in zip(drawn, deviations, strata, strict=True):
            weight = stratum.counts.sum() / pairs
            total += weight * deviation[index].sum(axis=axis) / stratum.counts[index].sum(axis=axis)
        return np.round(total, 10)  # equal means drawn in another order are ties, and BCa counts them

    # What the plug-in variance of the bootstrap lacks: (n_h - 1) / n_h in every action.
    weights = [(float(s.counts.sum()) / pairs) ** 2 * s.variance_of_mean() for s in strata]
    plug_in = math.fsum(w * (s.n - 1) / s.n for w, s in zip(weights, strata, strict=True))
    quantile = t_quantile((1 + level) / 2, df) * math.sqrt(math.fsum(weights) / plug_in)
    expanded = 1 - 2 * normal_above(quantile)
    found = stats.bootstrap(
        [np.arange(stratum.n) for stratum in strata],
        mean,
        vectorized=True,
        confidence_level=expanded,
        method="BCa",
        n_resamples=resamples,
        batch=2_000,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = float(found.low), float(found.high)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return estimate + se * min(low, 0.0), estimate + se * max(high, 0.0)
