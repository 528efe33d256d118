"""How large an effect is, and how many pairs it takes to see it.

Effect sizes stand beside a verdict and decide nothing. The numbers of pairs are what an "inconclusive: too
few pairs" tells its reader to collect.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from circuit_claims.judge.distributions import noncentral_t_above, t_quantile
from circuit_claims.judge.intervals import Interval, finite
from circuit_claims.judge.shares import share
from circuit_claims.judge.units import Labels

MOST = 100_000
"""Pairs beyond which the answer is "no number of pairs that anyone has"."""


def hedges_g(values: Sequence[float]) -> float:
    """Standardised mean of paired values: g_z = (mean / sd) (1 - 3 / (4n - 5)).

    Descriptive (Hedges 1981; the correction makes it nearly unbiased). 0 for values that are all zero;
    infinite, with the mean's sign, for other values without spread.

    Raises:
        ValueError: fewer than two pairs, NaN.
    """
    array = finite(values)
    n = len(array)
    if n < 2:
        raise ValueError("a standardised effect needs two pairs")
    spread = float(array.std(ddof=1))
    if np.ptp(array) == 0 or spread == 0:  # squares of the smallest numbers vanish
        return 0.0 if array.mean() == 0 else math.copysign(math.inf, array.mean())
    return float(array.mean()) / spread * (1 - 3 / (4 * n - 5))


def sizes(values: Sequence[float], clusters: Labels = None) -> dict[str, float | int | None]:
    """What stands beside a verdict: Hedges' g, the share above zero with its exact interval, Hodges-Lehmann.

    `g` is None where it is not a finite number: a single pair, or pairs without any spread. A zero is not
    above zero.
    """
    above = share([float(value > 0) for value in values], clusters)
    g = hedges_g(values) if len(values) > 1 else math.inf
    return {
        "g": g if math.isfinite(g) else None,
        "above": above.estimate,
        "above_low": above.low,
        "above_high": above.high,
        "hodges_lehmann": hodges_lehmann(values),
        "n": len(values),
    }


def hodges_lehmann(values: Sequence[float]) -> float:
    """Median of the Walsh averages (x_i + x_j) / 2, i <= j (Hodges & Lehmann 1963). Descriptive."""
    array = finite(values)
    i, j = np.triu_indices(len(array))
    return float(np.median((array[i] + array[j]) / 2))


def pairs_for_margin(sd: float, margin: float, level: float = 0.95, power: float = 0.8) -> int | None:
    """Fewest pairs whose t interval excludes a value at this distance, with the given power.

    Power = P(T > t_{(1 + level) / 2, n - 1}), T noncentral t with n - 1 degrees of freedom and noncentrality
    sqrt(n) margin / sd (`scipy.stats.nct`). None where no number up to `MOST` is enough.
    """
    _planned(sd, margin, level, power)
    if margin == 0:
        return None
    if sd == 0:
        return 2

    def reached(n: int) -> bool:
        critical = t_quantile((1 + level) / 2, n - 1)
        return noncentral_t_above(critical, n - 1, math.sqrt(n) * margin / sd) >= power

    return _fewest(reached)


def pairs_needed(found: Interval, threshold: float, power: float = 0.8) -> int | None:
    """Pairs with which an interval like this one would decide about a threshold, if its estimate is right.

    For the message of an inconclusive verdict. None where the estimate lies on the threshold, or nothing is
    known of the spread (a single pair).
    """
    if not math.isfinite(found.sd):
        return None
    return pairs_for_margin(found.sd, abs(found.estimate - threshold), found.level, power)


def _planned(sd: float, margin: float, level: float, power: float) -> None:
    if not (math.isfinite(sd) and sd >= 0 and math.isfinite(margin) and margin >= 0):
        raise ValueError(f"sd and margin are finite and not negative, not {sd} and {margin}")
    if not (0 < level < 1 and 0 < power < 1):
        raise ValueError(f"level and power lie between 0 and 1, not {level} and {power}")


def _fewest(reached: Callable[[int], bool]) -> int | None:
    """The smallest n >= 2 that reaches the power, by doubling and bisection."""
    high = 2
    while not reached(high):
        if high == MOST:
            return None
        high = min(2 * high, MOST)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
