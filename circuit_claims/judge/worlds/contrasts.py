"""Worlds of claim and control: is a finding called specific when the control does the same?"""

import numpy as np
from numpy.random import Generator
from scipy import stats

from circuit_claims.judge import statistics as judge
from circuit_claims.judge.worlds.situation import ALPHA, Array, Decision, Situation


def same_weights() -> list[Situation]:
    """Controls on the same pairs, and on pairs of their own; equal to the claim, both above the threshold."""
    planned = judge.pairs_for_margin(1.0, 1.0) or 0
    as_planned = f"{planned} pairs, gap of 1 sd of the difference, as planned"
    paired, unpaired = "paired contrast", "two-sample contrast"
    co_significance = "claim passes, control does not"
    return [
        Situation(paired, "8 pairs, one-sided", "null", _paired(8, 0.0), ALPHA / 2),
        Situation(paired, "20 pairs, one-sided (BCa)", "null", _paired(20, 0.0), ALPHA / 2),
        Situation(paired, "8 pairs, gap of 1.5 sd", "effect", _paired(8, 1.5), 0.0),
        Situation(paired, as_planned, "effect", _paired(planned, 2**0.5), 0.8),
        Situation(co_significance, "8 pairs", "misuse", _co_significant(8)),
        Situation(
            co_significance, "8 pairs, of the claims that pass", "misuse", _co_significant(8, passing=True)
        ),
        Situation(
            co_significance, "5 pairs, of the claims that pass", "misuse", _co_significant(5, passing=True)
        ),
        Situation(unpaired, "8 and 8 pairs", "null", _unpaired(8, 8, 1.0)),
        Situation(unpaired, "8 and 4 pairs, control spread 3 times", "null", _unpaired(8, 4, 3.0)),
        Situation(unpaired, "4 actions of 2 and 2, random action effects", "null", _actions(2, 0.0)),
        Situation(unpaired, "5 actions of 1 and 1, random action effects", "null", _actions(1, 0.0, 5)),
        Situation(unpaired, "4 actions of 3 and 3, gap of 1.5 sd", "effect", _actions(3, 1.5), 0.0),
        Situation(unpaired, "5 actions of 1 and 1, gap of 2 sd", "effect", _actions(1, 2.0, 5), 0.0),
        Situation(
            "the same, actions ignored",
            "4 actions of 3 and 3, gap of 1.5 sd",
            "effect",
            _actions(3, 1.5, 4, False),
            0.0,
        ),
    ]


def other_weights() -> list[Situation]:
    """Trained against random weights: the trained model is one more seed, on the same 8 pairs."""
    return [
        Situation("seed contrast", "8 pairs, 5 seeds", "null", _seeds(5, 0.0)),
        Situation("seed contrast", "8 pairs, 20 seeds", "null", _seeds(20, 0.0)),
        Situation("seed contrast", "8 pairs, 5 seeds, lift of 4 seed sd", "effect", _seeds(5, 4.0), 0.0),
        Situation("seed contrast", "8 pairs, 20 seeds, lift of 4 seed sd", "effect", _seeds(20, 4.0), 0.0),
        Situation("trained minus mean seed, over pairs only", "8 pairs, 5 seeds", "misuse", _pairs_only),
    ]


def probes() -> list[Situation]:
    """Leave-one-pair-out probes with nothing to read."""
    rule = "probe selectivity"
    return [
        Situation(rule, "16 pairs, 50 dimensions, 99 labellings", "null", _probe(16, 50, 0.0)),
        Situation(rule, "8 pairs, 8 dimensions, 99 labellings", "null", _probe(8, 8, 0.0)),
        Situation(rule, "10 pairs, 8 dimensions, 99 labellings, 1.5 sd", "effect", _probe(10, 8, 1.5), 0.0),
        Situation("binomial over folds (promises 3.8 %)", "16 pairs, 50 dimensions", "misuse", _folds),
    ]


def _scores(rng: Generator, n: int, gap: float) -> tuple[list[float], list[float]]:
    """Claim and control on the same pairs, 0.8 above the threshold, and what the pairs share."""
    pair = 0.5 * rng.normal(size=n)
    return (pair + rng.normal(0.8 + gap, 1.0, n)).tolist(), (pair + rng.normal(0.8, 1.0, n)).tolist()


def _paired(n: int, gap: float) -> Decision:
    return lambda rng: judge.paired_contrast(*_scores(rng, n, gap)).low > 0


def _co_significant(n: int, passing: bool = False) -> Decision:
    def specific(rng: Generator) -> bool:
        while True:
            claim, control = _scores(rng, n, 0.0)
            passes = judge.interval(claim).low > 0
            if passes or not passing:
                return passes and judge.interval(control).low <= 0

    return specific


def _unpaired(n: int, m: int, sd: float) -> Decision:
    def found(rng: Generator) -> bool:
        claim, control = rng.normal(size=n).tolist(), rng.normal(0.0, sd, m).tolist()
        return judge.two_sample_contrast(claim, control).excludes(0.0)

    return found


def _actions(pairs: int, gap: float, actions: int = 4, stratify: bool = True) -> Decision:
    def found(rng: Generator) -> bool:
        level = 2 * rng.normal(size=(actions, 1))
        claim = level + gap + rng.normal(size=(actions, pairs))
        control = level + rng.normal(size=(actions, pairs))
        groups = np.repeat(np.arange(actions), pairs).tolist() if stratify else None
        difference = judge.two_sample_contrast(
            claim.ravel().tolist(), control.ravel().tolist(), groups, groups
        )
        return difference.excludes(0.0)

    return found


def _networks(rng: Generator, seeds: int, lift: float) -> tuple[list[float], list[list[float]]]:
    """A trained and some random models on 8 pairs: what pairs share, what is a model's own, and noise."""
    table = rng.normal(size=8) + rng.normal(size=(seeds + 1, 1)) + 0.5 * rng.normal(size=(seeds + 1, 8))
    return (table[0] + lift).tolist(), table[1:].tolist()


def _seeds(seeds: int, lift: float) -> Decision:
    return lambda rng: judge.seed_contrast(*_networks(rng, seeds, lift)).excludes(0.0)


def _pairs_only(rng: Generator) -> bool:
    trained, random = _networks(rng, 5, 0.0)
    return judge.paired_contrast(trained, np.mean(random, axis=0).tolist()).excludes(0.0)


def _read(differences: Array) -> Array:
    """Leave-one-pair-out: a pair is read right when it points like the mean difference of the others."""
    gram = differences @ differences.T
    return np.asarray(gram.sum(axis=1) > np.diag(gram), dtype=np.float64)


def _probe(n: int, dimensions: int, size: float) -> Decision:
    def found(rng: Generator) -> bool:
        differences = rng.normal(size=(n, dimensions))
        differences[:, 0] += size
        flips = rng.choice([-1.0, 1.0], size=(99, n, 1))
        controls = [_read(flip * differences).tolist() for flip in flips]
        return judge.probe_selectivity(_read(differences).tolist(), controls).p <= ALPHA

    return found


def _folds(rng: Generator) -> bool:
    right = int(_read(rng.normal(size=(16, 50))).sum())
    return bool(stats.binomtest(right, 16, 0.5, alternative="greater").pvalue <= ALPHA)
