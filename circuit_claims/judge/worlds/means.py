"""Worlds of one sample: does the 95 % interval miss the true mean, is an effect rightly called negligible?"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy import stats

from circuit_claims.judge import statistics as judge
from circuit_claims.judge.intervals import Labels
from circuit_claims.judge.worlds.situation import ALPHA, Array, Decision, Situation, heavy, normal, skewed


def coverage() -> list[Situation]:
    """The interval, in worlds whose true mean is 0: how often does it exclude 0?"""
    interval, few, many = "interval", "symmetry, below 20 pairs", "as many pairs as the skew needs"
    return [
        Situation(interval, "5 pairs", "null", _plain(5, normal)),
        Situation(interval, "8 pairs", "null", _plain(8, normal)),
        Situation(interval, "8 pairs, heavy tails (t, 3 df)", "null", _plain(8, heavy)),
        Situation(interval, "8 pairs, skewed (exponential)", "null", _plain(8, skewed), assumption=few),
        Situation(interval, "12 pairs, skewed (exponential)", "null", _plain(12, skewed), assumption=few),
        Situation(interval, "8 ratios (log sd 0.5), logarithms taken", "null", _ratios(log=True)),
        Situation("interval of the raw ratios", "8 ratios (log sd 0.5)", "misuse", _ratios(log=False)),
        Situation(interval, "4 actions of 2 pairs, random action effects", "null", _by_action(4, 2)),
        Situation(interval, "4 actions of 3 pairs, unequal spread", "null", _by_action(4, 3, 1.0)),
        Situation(interval, "20 pairs (BCa)", "null", _plain(20, normal)),
        Situation(interval, "20 pairs, skewed (BCa)", "null", _plain(20, skewed), assumption=many),
        Situation(interval, "40 pairs, skewed (BCa)", "null", _plain(40, skewed), assumption=many),
        Situation(interval, "4 actions of 5 pairs, random action effects (BCa)", "null", _by_action(4, 5)),
        Situation(interval, "2 actions of 20 pairs, unequal spread (BCa)", "null", _by_action(2, 20, 1.0)),
        Situation(interval, "20 pairs, heavy tails (BCa)", "null", _plain(20, heavy)),
        Situation("plain BCa", "4 actions of 5 pairs", "misuse", _plain_bca(normal)),
        Situation("plain BCa", "4 actions of 5 pairs, heavy tails", "misuse", _plain_bca(heavy)),
        Situation(interval, "12 pairs on 6 clips", "null", _shared_clips(6, clusters=True)),
        Situation(interval, "40 pairs on 20 clips (BCa)", "null", _shared_clips(20, clusters=True)),
        Situation(
            "interval without clusters", "12 pairs on 6 clips", "misuse", _shared_clips(6, clusters=False)
        ),
        Situation(
            "interval over action means", "5 new actions of 4 pairs", "null", _new_actions(by_mean=True)
        ),
        Situation("interval over pairs", "5 new actions of 4 pairs", "misuse", _new_actions(by_mean=False)),
    ]


def negligible() -> list[Situation]:
    """Equivalence with a bound of 1; nothing to find means that the effect lies on the bound."""
    planned = judge.pairs_for_equivalence(0.7, 1.0) or 0
    rule, as_planned = "equivalence", f"{planned} pairs, sd 0.7 of the bound, no effect, as planned"
    return [
        Situation(rule, "5 pairs, sd half the bound", "null", _equivalent(5, 0.5, 1.0)),
        Situation(rule, "8 pairs, sd the bound", "null", _equivalent(8, 1.0, 1.0)),
        Situation(rule, "20 pairs, sd the bound (BCa)", "null", _equivalent(20, 1.0, 1.0)),
        Situation(rule, "12 pairs, sd the bound, no effect", "effect", _equivalent(12, 1.0, 0.0), 0.0),
        Situation(rule, as_planned, "effect", _equivalent(planned, 0.7, 0.0), 0.8),
        Situation("a t test that does not reject", "5 pairs, effect on the bound", "misuse", _not_rejected),
    ]


def _excludes_zero(values: Array, groups: Labels = None, clusters: Labels = None) -> bool:
    return judge.interval(values.tolist(), groups, clusters).excludes(0.0)


def _ids(count: int, each: int) -> list[int]:
    return np.repeat(np.arange(count), each).tolist()


def _plain(n: int, sample: Callable[[Generator, int], Array]) -> Decision:
    return lambda rng: _excludes_zero(sample(rng, n))


def _ratios(log: bool) -> Decision:
    def missed(rng: Generator) -> bool:
        ratios = np.exp(rng.normal(0, 0.5, 8))
        return _excludes_zero(np.log(ratios) if log else ratios - np.exp(0.5**2 / 2))

    return missed


def _by_action(actions: int, pairs: int, spread: float = 0.0) -> Decision:
    def missed(rng: Generator) -> bool:
        # The actions' own means sum to zero: the target is the mean over these actions.
        level = rng.normal(0, 2, actions)
        sd = np.exp(rng.normal(0, spread, actions))
        values = (level - level.mean())[:, None] + sd[:, None] * rng.normal(size=(actions, pairs))
        return _excludes_zero(values.ravel(), _ids(actions, pairs))

    return missed


def _plain_bca(sample: Callable[[Generator, int], Array]) -> Decision:
    def mean(*samples: Array, axis: int = -1) -> Array:
        return np.asarray(sum(sample.mean(axis=axis) for sample in samples) / len(samples))

    def missed(rng: Generator) -> bool:
        samples = list(sample(rng, 20).reshape(4, 5))
        found = stats.bootstrap(
            samples, mean, vectorized=True, rng=rng, n_resamples=1_999
        ).confidence_interval
        return bool(found.low > 0 or found.high < 0)

    return missed


def _shared_clips(clips: int, clusters: bool) -> Decision:
    def missed(rng: Generator) -> bool:
        values = np.repeat(rng.normal(size=clips), 2) + 0.5 * rng.normal(size=2 * clips)
        return _excludes_zero(values, clusters=_ids(clips, 2) if clusters else None)

    return missed


def _new_actions(by_mean: bool) -> Decision:
    """The target is the mean over all actions that there could be: the actions are the sample."""

    def missed(rng: Generator) -> bool:
        table = rng.normal(size=(5, 1)) + 0.5 * rng.normal(size=(5, 4))
        return _excludes_zero(table.mean(axis=1)) if by_mean else _excludes_zero(table.ravel(), _ids(5, 4))

    return missed


def _equivalent(n: int, sd: float, mean: float) -> Decision:
    return lambda rng: judge.equivalence(rng.normal(mean, sd, n).tolist(), 1.0).equivalent


def _not_rejected(rng: Generator) -> bool:
    return judge.t_test(rng.normal(1.0, 1.0, 5).tolist()).two_sided > ALPHA
