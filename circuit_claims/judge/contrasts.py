"""Claim minus control: what makes a finding specific.

A claim is not specific because it passes a threshold that its control misses; two equal quantities do that
half of the time. It is specific when the *difference* lies above the smallest one that matters. Which
interval the difference gets depends on how the control was measured: on the same pairs, or on pairs of its
own (random weights: `seeds.py`; families: `family.py`).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.intervals import Interval, Moments, bounds, finite, interval
from circuit_claims.judge.units import Labels, units_of


def paired_contrast(
    claim: Sequence[float],
    control: Sequence[float],
    groups: Labels = None,
    clusters: Labels = None,
    level: float = 0.95,
) -> Interval:
    """Interval of claim minus control where both were measured on the same pairs.

    Statistic and error as `interval`, on the differences by pair.
    """
    first, second = finite(claim), finite(control)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} claim and {len(second)} control values: a paired control has as many")
    return interval((first - second).tolist(), groups, clusters, level)


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

    Welch's (1947) difference, taken within each action and averaged with the claim's share of pairs. A unit
    is what shares a clip on either side: what it adds to the one mean and to the other is one number, so that
    sharing narrows or widens the interval as it should; where nothing is shared this is Welch's variance.
    Degrees of freedom by Satterthwaite; of an action whose sides share clips, those of its smaller side, as
    in a paired test. Bounds as `interval`. Nominal error 1 - level, two-sided.

    Actions that only one side has are left out: their difference would be the action's. Where an action has a
    single unit on a side, the differences of the actions' means are judged by an interval over three or more
    actions. With fewer, with none in common, or where a clip is shared across actions, all pairs are compared
    as two plain samples (wider, and no longer free of differences between actions; the method says so).
    """
    one = _labelled(claim, claim_groups, claim_clusters, "claim")
    two = _labelled(control, control_groups, control_clusters, "control")
    units = units_of([*(value.clips for value in one), *(value.clips for value in two)])
    ours, theirs = units[: len(one)], units[len(one) :]
    there = {value.action for value in two}
    common = [action for action in dict.fromkeys(value.action for value in one) if action in there]
    cells = [_cell(one, two, ours, theirs, {action}) for action in common]
    single = any(min(cell.claim.n, cell.control.n) < 2 for cell in cells)
    spanning = sum(len(cell.units) for cell in cells) > len({unit for cell in cells for unit in cell.units})
    if single and len(cells) >= 3 and not spanning:
        found = interval([cell.difference for cell in cells], level=level)
        return replace(found, method=f"{found.method}, differences of {len(cells)} actions")
    if single or spanning or not cells:
        cells = [_cell(one, two, ours, theirs, set(common) or None)]
    return _welch(cells, level, matched=bool(common) or claim_groups is None or control_groups is None)


@dataclass(frozen=True)
class _Value:
    """One pair's number, with its action and what it shares with others."""

    value: float
    action: object
    clips: Hashable


@dataclass(frozen=True)
class _Side:
    """The pairs of one side in one action: total and number of pairs of each unit, 0 where it has none."""

    totals: NDArray[np.float64]
    counts: NDArray[np.float64]

    @property
    def n(self) -> int:
        return int(np.count_nonzero(self.counts))

    @property
    def pairs(self) -> float:
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """Over pairs; a constant sample returns its constant exactly."""
        there = self.counts > 0
        means = self.totals[there] / self.counts[there]
        return float(means[0]) if np.ptp(means) == 0 else math.fsum(self.totals.tolist()) / self.pairs

    def residuals(self) -> NDArray[np.float64]:
        """What each unit adds to the error of the mean, scaled so that its squares sum to the variance."""
        if np.ptp((self.totals / np.maximum(self.counts, 1))[self.counts > 0]) == 0:
            return np.zeros_like(self.totals)
        return np.asarray(
            (self.totals - self.counts * self.mean) / self.pairs * math.sqrt(self.n / (self.n - 1))
        )


@dataclass(frozen=True)
class _Cell:
    """Claim and control in one action, by the units of both together."""

    claim: _Side
    control: _Side
    units: tuple[int, ...]

    @property
    def difference(self) -> float:
        return self.claim.mean - self.control.mean

    @property
    def shared(self) -> bool:
        """Whether a unit has pairs on both sides."""
        return bool(np.any((self.claim.counts > 0) & (self.control.counts > 0)))

    def moments(self) -> Moments:
        """Of the difference: squares and cubes of what each unit adds to it."""
        ours, theirs = self.claim.residuals(), -self.control.residuals()
        each = ours + theirs
        variance = float(each @ each)
        if variance == 0:
            return Moments(0.0, math.inf, 0.0)
        smaller = min(self.claim.n, self.control.n)
        df = float(smaller - 1)
        if not self.shared:
            squares = (float(ours @ ours) / variance, float(theirs @ theirs) / variance)
            df = 1 / (squares[0] ** 2 / (self.claim.n - 1) + squares[1] ** 2 / (self.control.n - 1))
        se = math.sqrt(variance)
        third = float(((each / se) ** 3).sum())
        unbiased = math.sqrt(smaller * (smaller - 1)) / (smaller - 2) if smaller > 2 else 0.0
        return Moments(se, df, unbiased * third)


def _labelled(values: Sequence[float], groups: Labels, clusters: Labels, side: str) -> list[_Value]:
    """The pairs of one side; without clips, each is a unit that nothing on the other side is."""
    array = finite(values)
    actions = list(groups) if groups is not None else [None] * len(array)
    clips = list(clusters) if clusters is not None else [f"\0{side} {i}" for i in range(len(array))]
    if not len(actions) == len(clips) == len(array):
        raise ValueError(f"{len(array)} values need as many groups and clusters")
    return [_Value(float(v), action, c) for v, action, c in zip(array, actions, clips, strict=True)]


def _cell(
    one: Sequence[_Value],
    two: Sequence[_Value],
    ours: Sequence[int],
    theirs: Sequence[int],
    actions: set[object] | None,
) -> _Cell:
    """The pairs of some actions (None: of all) as one cell."""
    sides = []
    chosen = [
        [
            (v.value, unit)
            for v, unit in zip(side, units, strict=True)
            if actions is None or v.action in actions
        ]
        for side, units in ((one, ours), (two, theirs))
    ]
    there = sorted({unit for side in chosen for _, unit in side})
    for side in chosen:
        index = [there.index(unit) for _, unit in side]
        totals = np.bincount(index, weights=[value for value, _ in side], minlength=len(there))
        counts = np.bincount(index, minlength=len(there))
        sides.append(_Side(totals.astype(np.float64), counts.astype(np.float64)))
    return _Cell(sides[0], sides[1], tuple(there))


def _welch(cells: Sequence[_Cell], level: float, *, matched: bool) -> Interval:
    """The cells' differences, weighted by the claim's pairs."""
    total = math.fsum(cell.claim.pairs for cell in cells)
    weights = [cell.claim.pairs / total for cell in cells]
    estimate = math.fsum(w * cell.difference for w, cell in zip(weights, cells, strict=True))
    n = min(sum(cell.claim.n for cell in cells), sum(cell.control.n for cell in cells))
    if n == 1:
        return Interval(estimate, -math.inf, math.inf, level, 1, "none: a single unit", math.inf)
    actions = f", stratified by {len(cells)} actions" if len(cells) > 1 else ""
    actions += "" if matched else ", actions not matched"
    actions += ", pairing what shares a clip" if any(cell.shared for cell in cells) else ""
    parts = [(w, cell.moments()) for w, cell in zip(weights, cells, strict=True)]
    se = math.sqrt(math.fsum((w * part.se) ** 2 for w, part in parts))
    if se == 0:
        return Interval(estimate, estimate, estimate, level, n, f"no spread{actions}", 0.0)
    df = 1 / math.fsum((w * part.se / se) ** 4 / part.df for w, part in parts)
    skewness = math.fsum((w * part.se / se) ** 3 * part.skewness for w, part in parts)
    low, high = bounds(estimate, Moments(se, df, skewness), level)
    return Interval(estimate, low, high, level, n, f"skew-adjusted Welch t{actions}", se * math.sqrt(n))
