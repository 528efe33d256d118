"""Trained against random weights: is the model under test one more of those that were never trained?

Two things are random there: the pairs, and the weights. Few seeds are measured, and their scores may have a
long tail, so the bound over seeds is that of an exponential population where this is wider than Student's.
Seeds are looked at twice, five of them first and twenty where these do not decide: each look spends half of
the error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.distributions import t_quantile
from circuit_claims.judge.intervals import Interval, finite

FIRST, MOST = 5, 20
"""How many seeds `measure.seeds` asks first, and how many in all (this room imports none of that one)."""
LOOKS = 2
"""At the first seeds, and at all of them."""
DRAWS = 200_000
"""Of the exponential population: its quantile at 0.9875 is then known to 2 %."""


@dataclass(frozen=True)
class SeedContrast:
    """Trained minus random weights; both intervals have to lie on one side of what matters."""

    pairs: Interval
    """Over pairs, of trained minus the mean over seeds."""
    seeds: Interval
    """Over seeds, of the trained mean minus where one more seed may fall."""

    @property
    def interval(self) -> Interval:
        """The wider of the two on each side."""
        return Interval(
            self.pairs.estimate,
            min(self.pairs.low, self.seeds.low),
            max(self.pairs.high, self.seeds.high),
            self.pairs.level,
            self.pairs.n,
            f"wider of {self.pairs.method} over pairs and {self.seeds.method}",
            self.pairs.sd,
        )


def seed_contrast(
    pairs: Interval, trained: float, random: Sequence[float], level: float = 0.95
) -> SeedContrast:
    """Hold a model's mean against those of seeds of random weights.

    H0: the trained model is one more random model, or the mean difference over pairs is no more than what
    matters. Both have to be rejected (intersection-union). Error at most 1 - level, both looks together.

    Args:
        pairs: of trained minus the mean over seeds, pair by pair.
        trained: the model's mean over pairs.
        random: each seed's mean over pairs.
        level: two-sided coverage.
    """
    bound = prediction_bound(random, 1 - (1 - level) / LOOKS)
    low, high = trained - bound.high, trained - bound.low
    return SeedContrast(
        pairs, Interval(trained - bound.estimate, low, high, level, bound.n, bound.method, bound.sd)
    )


def prediction_bound(seed_values: Sequence[float], level: float = 0.95) -> Interval:
    """Where one more model of the control's kind would fall, from a few seeds.

    H0: the observed model is one more draw of the seeds' population. Statistic: (x - mean) / (s sqrt(1 +
    1/m)); its quantile is Student's (Hahn 1970) or, where that is larger, the one of an exponential
    population, whose tail lies on either side. Nominal error 1 - level, two-sided. By rank alone, five seeds
    reach at best p = 1/6. One seed gives (-inf, inf); seeds without spread give [x, x].
    """
    values = finite(seed_values)
    n = len(values)
    mean = float(values[0]) if np.ptp(values) == 0 else math.fsum(values.tolist()) / n
    if n == 1:
        return Interval(mean, -math.inf, math.inf, level, 1, "none: a single seed", math.inf)
    sd = 0.0 if np.ptp(values) == 0 else float(values.std(ddof=1))
    reach = prediction_quantile(n, level) * sd * math.sqrt(1 + 1 / n)
    return Interval(mean, mean - reach, mean + reach, level, n, f"prediction over {n} seeds", sd)


@lru_cache(maxsize=64)
def prediction_quantile(n: int, level: float) -> float:
    """Of (x - mean) / (s sqrt(1 + 1/n)) for one more draw x after n, at (1 + level) / 2.

    The larger of Student's and of an exponential population's, which has no closed form and is drawn (by
    inversion, with a fixed seed: the same numbers everywhere).
    """
    upper = (1 + level) / 2
    return max(t_quantile(upper, n - 1), float(np.quantile(_exponential_scores(n), upper)))


@lru_cache(maxsize=8)  # the same draws serve every level that parts and controls ask for
def _exponential_scores(n: int) -> NDArray[np.float64]:
    """Draws of the statistic of `prediction_quantile` in an exponential population, `[DRAWS]`."""
    drawn = -np.log1p(-np.random.default_rng(0).random((DRAWS, n + 1)))
    seeds = drawn[:, :n]
    scores = (drawn[:, n] - seeds.mean(axis=1)) / (seeds.std(axis=1, ddof=1) * math.sqrt(1 + 1 / n))
    return np.asarray(scores)


def seeds_needed(sd: float, gap: float, level: float = 0.95) -> int | None:
    """About how many seeds would tell a model from one more of them, if they spread as they do.

    `sd` is the seeds' standard deviation, `gap` how far the model lies beyond what matters. None where `MOST`
    would not be enough.
    """
    for n in (FIRST, 8, 10, 15, MOST):
        if prediction_quantile(n, 1 - (1 - level) / LOOKS) * sd * math.sqrt(1 + 1 / n) < gap:
            return n
    return None
