"""Worlds of sign flips, and of many parts on the same pairs: layers, sites, heads."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from circuit_claims.judge import statistics as judge
from circuit_claims.judge.worlds.situation import (
    ALPHA,
    Array,
    Decision,
    Situation,
    heavy,
    normal,
    skewed_left,
)

NONE = np.zeros(7)
ONE = np.array([1.5, 0, 0, 0, 0, 0, 0])
ALL_BUT_ONE = np.array([0.0, 3, 3, 3, 3, 3, 3])


def sign_flips() -> list[Situation]:
    """The one-sided exact test: positive by chance?"""
    rule = "sign flip"
    return [
        Situation(rule, "5 pairs", "null", _flips(5, normal)),
        Situation(rule, "8 pairs, heavy tails (t, 3 df)", "null", _flips(8, heavy)),
        Situation(rule, "8 pairs, skewed to the left", "null", _flips(8, skewed_left), assumption="symmetry"),
        Situation(rule, "24 pairs (drawn, not counted)", "null", _flips(24, normal)),
        Situation(rule, "12 pairs on 6 clips", "null", _flips_on_clips(clusters=True)),
        Situation(rule, "8 pairs, effect of 1 sd", "effect", _flips(8, normal, 1.0), 0.0),
        Situation(
            "sign flip without clusters", "12 pairs on 6 clips", "misuse", _flips_on_clips(clusters=False)
        ),
    ]


def quantified() -> list[Situation]:
    """Claims over parts whose values correlate at 0.5 within a pair."""
    each, any_of = judge.each, judge.any_of
    return [
        Situation("max-T", "8 pairs, 24 sites, nothing anywhere", "null", _max_t(8, 24)),
        Situation("max-T", "12 pairs, 144 heads, nothing anywhere", "null", _max_t(12, 144)),
        Situation("max-T", "12 pairs, 144 heads, one of 2 sd", "effect", _max_t(12, 144, 2.0), 0.0),
        Situation("each: support", "8 pairs, 6 of 7 parts hold", "null", _rule(each, ALL_BUT_ONE, "support")),
        Situation(
            "each: support", "8 pairs, 7 of 7 at 1.5 sd", "effect", _rule(each, NONE + 1.5, "support"), 0.0
        ),
        Situation("each: refutation", "8 pairs, 7 parts on the edge", "null", _rule(each, NONE, "refute")),
        Situation(
            "each: refutation", "8 pairs, one of 7 at -1.5 sd", "effect", _rule(each, -ONE, "refute"), 0.0
        ),
        Situation("any: support", "8 pairs, 7 parts on the edge", "null", _rule(any_of, NONE, "support")),
        Situation(
            "any: support", "8 pairs, one of 7 at 1.5 sd", "effect", _rule(any_of, ONE, "support"), 0.0
        ),
        Situation("any: smallest p, uncorrected", "8 pairs, 7 parts on the edge", "misuse", _uncorrected),
    ]


def _flips(n: int, sample: Callable[[Generator, int], Array], shift: float = 0.0) -> Decision:
    return lambda rng: judge.sign_flip((sample(rng, n) + shift).tolist()).greater <= ALPHA


def _flips_on_clips(clusters: bool) -> Decision:
    def found(rng: Generator) -> bool:
        values = np.repeat(rng.normal(size=6), 2) + 0.5 * rng.normal(size=12)
        ids = np.repeat(np.arange(6), 2).tolist() if clusters else None
        return judge.sign_flip(values.tolist(), ids).greater <= ALPHA

    return found


def _table(rng: Generator, n: int, means: Array) -> Array:
    """[pair, part] with unit spread and correlation 0.5 between parts."""
    noise = rng.normal(size=(n, 1)) + rng.normal(size=(n, len(means)))
    return np.asarray(means + np.sqrt(0.5) * noise)


def _p_values(table: Array) -> tuple[list[float], list[float]]:
    tests = [judge.t_test(column.tolist()) for column in table.T]
    return [test.greater for test in tests], [test.less for test in tests]


def _max_t(n: int, count: int, size: float = 0.0) -> Decision:
    means = np.zeros(count)
    means[0] = size
    return lambda rng: min(judge.max_t(_table(rng, n, means).tolist(), resamples=1_999)) <= ALPHA


def _rule(
    quantifier: Callable[[list[float], list[float]], judge.Quantified], means: Array, side: str
) -> Decision:
    return lambda rng: getattr(quantifier(*_p_values(_table(rng, 8, means))), side) <= ALPHA


def _uncorrected(rng: Generator) -> bool:
    return min(_p_values(_table(rng, 8, NONE))[0]) <= ALPHA
