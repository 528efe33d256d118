"""Yes-or-no values: intervals of a share, and of the difference of two, that hold for a few units.

Pairs that share a clip say the same thing twice, at worst; the share is then judged on as many units as say
as much (`units.effective`). A value between 0 and 1 (a share of windows, of labels) counts as that part of a
yes, which is cautious: no variable with this mean spreads more than yes and no.
"""

import math
from collections.abc import Sequence

from circuit_claims.judge.distributions import exact_binomial
from circuit_claims.judge.intervals import Interval, finite
from circuit_claims.judge.units import Labels, effective, independent

EXACT = "exact binomial"


def share(values: Sequence[float], clusters: Labels = None, level: float = 0.95) -> Interval:
    """Interval of a share of yes, of values in [0, 1].

    Clopper & Pearson (1934), on fewer units where clips are shared (Korn & Graubard 1998). Covers at least
    `level` where the units are of one size, whatever the dependence within them.

    Raises:
        ValueError: a value outside of [0, 1], none, NaN.
    """
    array = finite(values)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(f"a share is of values between 0 and 1, not {array.min():g} to {array.max():g}")
    units, n = effective(clusters, len(array)), independent(clusters, len(array))
    mean = math.fsum(array.tolist()) / len(array)
    low, high = exact_binomial(mean * units, units, level)
    method = EXACT if n == len(array) else f"{EXACT} over {n} units that share no clip"
    return Interval(mean, low, high, level, n, method, math.sqrt(mean * (1 - mean)))


def paired_difference(differences: Sequence[float], clusters: Labels = None, level: float = 0.95) -> Interval:
    """Interval of the mean of differences in [-1, 1] of shares on the same pairs.

    The shares of what is gained and of what is lost have a Clopper-Pearson interval each, at half the error;
    the difference lies between the worst of the one and the best of the other (Bonferroni). Conservative, and
    it needs no spread: pairs that are all equal still leave room for the next one to differ.
    """
    array = finite(differences)
    half = (1 + level) / 2
    gained = share(array.clip(min=0.0).tolist(), clusters, half)
    lost = share((-array).clip(min=0.0).tolist(), clusters, half)
    mean = gained.estimate - lost.estimate
    sd = math.sqrt(max(0.0, gained.estimate + lost.estimate - mean**2))
    bounds = (gained.low - lost.high, gained.high - lost.low)
    return Interval(mean, *bounds, level, gained.n, f"{gained.method}, of gains and of losses", sd)


def two_sample_difference(
    claim: Sequence[float],
    control: Sequence[float],
    claim_clusters: Labels = None,
    control_clusters: Labels = None,
    level: float = 0.95,
) -> Interval:
    """Interval of the difference of two shares of pairs of their own, shared clips or not (Bonferroni)."""
    half = (1 + level) / 2
    one, two = share(claim, claim_clusters, half), share(control, control_clusters, half)
    return Interval(
        one.estimate - two.estimate,
        one.low - two.high,
        one.high - two.low,
        level,
        min(one.n, two.n),
        f"{EXACT} of two shares",
        math.sqrt(one.sd**2 + two.sd**2),
    )
