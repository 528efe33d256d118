"""Claim minus control: what makes a finding specific.

A claim is not specific because it passes a threshold that its control misses; two equal quantities do that
half of the time. It is specific when the *difference* excludes zero. Which interval the difference gets
depends on how the control was measured: on the same pairs, on other pairs, or on the same pairs with other
weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.distributions import t_quantile
from circuit_claims.judge.intervals import Interval, Labels, finite, interval, units_of
from circuit_claims.judge.permutation import permutation_p


@dataclass(frozen=True)
class Selectivity:
    """How much better a probe reads the task than labels drawn at random within pairs."""

    accuracy: float
    """Share of pairs read correctly with the true labels."""
    control: float
    """The mean of the same over the control labellings."""
    p: float
    """Permutation p-value, one-sided."""

    @property
    def selectivity(self) -> float:
        """Accuracy above the control task (Hewitt & Liang 2019)."""
        return self.accuracy - self.control


def paired_contrast(
    claim: Sequence[float],
    control: Sequence[float],
    groups: Labels = None,
    clusters: Labels = None,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of claim minus control where both were measured on the same pairs.

    H0: the mean difference is 0; rejected when the interval excludes it. Statistic and error as `interval`,
    on the differences by pair.
    """
    first, second = finite(claim), finite(control)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} claim and {len(second)} control values: a paired control has as many")
    return interval((first - second).tolist(), groups, clusters, level, seed)


def two_sample_contrast(
    claim: Sequence[float],
    control: Sequence[float],
    claim_groups: Labels = None,
    control_groups: Labels = None,
    claim_clusters: Labels = None,
    control_clusters: Labels = None,
    level: float = 0.95,
) -> Interval:
    """Interval of claim minus control where the control has pairs of its own (other clips).

    H0: the means are equal. Statistic: Welch's (1947) difference, taken within each action and averaged
    with the claim's share of pairs, degrees of freedom by Satterthwaite (`scipy.stats.t`). Nominal error 1
    - level, two-sided. Actions that only one side has are left out: their difference would be the action's.
    Where an action has a single pair on a side, the differences of the actions' means are judged by a t
    interval over three or more actions. With fewer, or none in common, all pairs are compared as two plain
    samples (wider, and no longer free of differences between actions; the method says so). Pairs that share
    a clip within a side enter as their mean.
    """
    one, two = _units(claim, claim_groups, claim_clusters), _units(control, control_groups, control_clusters)
    common = [action for action in one if action in two]
    cells = [(one[action], two[action]) for action in common]
    single = any(min(len(x), len(y)) < 2 for x, y in cells)
    if single and len(cells) >= 3:
        found = interval([_mean(x) - _mean(y) for x, y in cells], level=level)
        return replace(found, method=f"{found.method}, differences of {len(cells)} actions")
    if single or not cells:
        pooled = [np.concatenate([side[a] for a in common or side]) for side in (one, two)]
        cells = [(pooled[0], pooled[1])]
    matched = "" if common or claim_groups is None or control_groups is None else ", actions not matched"
    n = min(sum(len(x) for x, _ in cells), sum(len(y) for _, y in cells))
    weights = np.array([len(x) for x, _ in cells], dtype=np.float64)
    weights /= weights.sum()
    estimate = float(sum(w * (_mean(x) - _mean(y)) for w, (x, y) in zip(weights, cells, strict=True)))
    if n == 1:
        return Interval(estimate, -math.inf, math.inf, level, 1, "none: a single unit", math.inf)
    parts, freedoms = [], []
    for weight, cell in zip(weights, cells, strict=True):
        for side in cell:
            parts.append(0.0 if np.ptp(side) == 0 else float(weight**2 * side.var(ddof=1) / len(side)))
            freedoms.append(len(side) - 1)
    actions = f", stratified by {len(cells)} actions" if len(cells) > 1 else matched
    variance = math.fsum(parts)
    if variance == 0:
        return Interval(estimate, estimate, estimate, level, n, f"no spread{actions}", 0.0)
    df = 1 / math.fsum(
        (part / variance) ** 2 / freedom for part, freedom in zip(parts, freedoms, strict=True)
    )
    se = math.sqrt(variance)
    reach = t_quantile((1 + level) / 2, df) * se
    return Interval(
        estimate, estimate - reach, estimate + reach, level, n, f"Welch t{actions}", se * math.sqrt(n)
    )


def prediction_bound(seed_values: Sequence[float], level: float = 0.95) -> Interval:
    """Where one more model of the control's kind would fall, from a few seeds.

    H0: the observed model is one more draw of the seeds' normal population. Statistic:
    (x - mean) / (s sqrt(1 + 1/m)), Student's t with m - 1 degrees of freedom (Hahn 1970; `scipy.stats.t`).
    Nominal error 1 - level, two-sided. By rank alone, five seeds reach at best p = 1/6. One seed gives
    (-inf, inf); seeds without spread give [x, x].
    """
    values = finite(seed_values)
    n, mean = len(values), _mean(values)
    if n == 1:
        return Interval(mean, -math.inf, math.inf, level, 1, "none: a single seed", math.inf)
    sd = 0.0 if np.ptp(values) == 0 else float(values.std(ddof=1))
    reach = t_quantile((1 + level) / 2, n - 1) * sd * math.sqrt(1 + 1 / n)
    return Interval(mean, mean - reach, mean + reach, level, n, f"t prediction over {n} seeds", sd)


def seed_contrast(
    trained: Sequence[float],
    random: Sequence[Sequence[float]],
    groups: Labels = None,
    clusters: Labels = None,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of trained minus random weights: pairs are one random factor, seeds the other.

    H0: the trained model is one more random model, or the mean difference over pairs is 0. Both have to be
    rejected (intersection-union), so the bounds are the wider on each side of the interval over pairs of
    (trained - mean over seeds) and of the prediction bound over the seeds' means. Error at most 1 - level.

    Args:
        trained: one value a pair.
        random: [seed, pair], the same pairs in the same order.
        groups: the action of each pair.
        clusters: the clips of each pair.
        level: two-sided coverage.
        seed: of the bootstrap over pairs.
    """
    ours = finite(trained)
    theirs = [finite(row) for row in random]
    if not theirs or any(len(row) != len(ours) for row in theirs):
        raise ValueError(f"random weights need {len(ours)} values for each seed, in the order of the pairs")
    across = interval((ours - np.mean(theirs, axis=0)).tolist(), groups, clusters, level, seed)
    bound = prediction_bound([_mean(row) for row in theirs], level)
    low, high = _mean(ours) - bound.high, _mean(ours) - bound.low
    return Interval(
        across.estimate,
        min(across.low, low),
        max(across.high, high),
        level,
        across.n,
        f"wider of {across.method} over pairs and {bound.method}",
        across.sd,
    )


def probe_selectivity(task: Sequence[float], control: Sequence[Sequence[float]]) -> Selectivity:
    """Does a leave-one-pair-out probe read its task better than labels flipped at random within pairs?

    H0: within a pair the two labels can be exchanged. Statistic: the share of pairs read correctly; each
    control row is a refit after flipping the labels of a random half of the pairs. p by `permutation_p`,
    exact. The folds of one fit share their training pairs, so a binomial or sign-flip p over them is not
    valid.

    Args:
        task: correctness by pair (0 or 1, or the share of its windows), with the true labels.
        control: [labelling, pair], the same under flipped labels; 19 labellings can reach p = 0.05.
    """
    ours, theirs = finite(task), [finite(row) for row in control]
    if not theirs or any(len(row) != len(ours) for row in theirs):
        raise ValueError(f"a control labelling needs {len(ours)} values, one a pair, and there must be one")
    if min(a.min() for a in (ours, *theirs)) < 0 or max(a.max() for a in (ours, *theirs)) > 1:
        raise ValueError("correctness lies between 0 and 1")
    accuracies = [_mean(row) for row in theirs]
    return Selectivity(
        _mean(ours), math.fsum(accuracies) / len(accuracies), permutation_p(_mean(ours), accuracies)
    )


def _mean(values: NDArray[np.float64]) -> float:
    """The mean; a constant sample returns its constant exactly."""
    return float(values[0]) if np.ptp(values) == 0 else math.fsum(values.tolist()) / len(values)


def _units(values: Sequence[float], groups: Labels, clusters: Labels) -> dict[object, NDArray[np.float64]]:
    """Values by action, with pairs that share a clip averaged."""
    array = finite(values)
    actions = list(groups) if groups is not None else [None] * len(array)
    units = units_of(clusters) if clusters is not None else tuple(range(len(array)))
    if not len(actions) == len(units) == len(array):
        raise ValueError(f"{len(array)} values need as many groups and clusters")
    found: dict[object, dict[int, list[float]]] = {}
    for value, action, unit in zip(array, actions, units, strict=True):
        found.setdefault(action, {}).setdefault(unit, []).append(float(value))
    return {action: np.array([_mean(np.array(v)) for v in by.values()]) for action, by in found.items()}
