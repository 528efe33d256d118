"""Claim minus control: what makes a finding specific.

A claim is not specific because it passes a threshold that its control misses; two equal quantities do that
half of the time. It is specific when the *difference* lies above the smallest one that matters. Which
interval the difference gets depends on how the control was measured: on the same pairs, or on pairs of its
own (random weights: `seeds.py`; families: `family.py`).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeAlias

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
    one, two = finite(claim), finite(control)
    ours = _labels(len(one), claim_groups, claim_clusters, "claim")
    theirs = _labels(len(two), control_groups, control_clusters, "control")
    layout = _layout(ours, theirs)
    if layout.by_action:
        differences = [cell.filled(one, two).difference for cell in layout.by_action]
        found = interval(differences, level=level)
        return replace(found, method=f"{found.method}, differences of {len(differences)} actions")
    cells = [cell.filled(one, two) for cell in layout.cells]
    matched = layout.common or claim_groups is None or control_groups is None
    return _welch(cells, level, matched=matched)


Label: TypeAlias = tuple[Hashable, Hashable]
"""Of a pair: its action and its clips."""


@dataclass(frozen=True)
class _Side:
    """The pairs of one side in one action: total and number of pairs of each unit, 0 where it has none."""

    totals: NDArray[np.float64]
    counts: NDArray[np.float64]

    @cached_property
    def n(self) -> int:
        return int(np.count_nonzero(self.counts))

    @cached_property
    def pairs(self) -> float:
        return float(self.counts.sum())

    @cached_property
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


@dataclass(frozen=True)
class _Places:
    """Which pairs of one side are in a cell, and where each of them adds."""

    chosen: NDArray[np.int64]
    index: NDArray[np.int64]
    counts: NDArray[np.float64]

    def filled(self, values: NDArray[np.float64]) -> _Side:
        totals = np.bincount(self.index, weights=values[self.chosen], minlength=len(self.counts))
        return _Side(totals.astype(np.float64), self.counts)


@dataclass(frozen=True)
class _Plan:
    """A cell without its numbers."""

    claim: _Places
    control: _Places
    units: tuple[int, ...]

    @property
    def single(self) -> bool:
        return any(np.count_nonzero(side.counts) < 2 for side in (self.claim, self.control))

    def filled(self, claim: NDArray[np.float64], control: NDArray[np.float64]) -> _Cell:
        return _Cell(self.claim.filled(claim), self.control.filled(control), self.units)


@dataclass(frozen=True)
class _Layout:
    """How the pairs of both sides fall into cells."""

    cells: tuple[_Plan, ...]
    by_action: tuple[_Plan, ...]
    """Where the differences of the actions' means are what is judged."""
    common: bool
    """Whether the sides have an action in common."""


def _labels(count: int, groups: Labels, clusters: Labels, side: str) -> tuple[Label, ...]:
    """The pairs of one side; without clips, each is a unit that nothing on the other side is."""
    actions = list(groups) if groups is not None else [None] * count
    clips = list(clusters) if clusters is not None else [f"\0{side} {i}" for i in range(count)]
    if not len(actions) == len(clips) == count:
        raise ValueError(f"{count} values need as many groups and clusters")
    return tuple(zip(actions, clips, strict=True))


@lru_cache(maxsize=64)  # of the same few pair sets, as `units_of`
def _layout(one: tuple[Label, ...], two: tuple[Label, ...]) -> _Layout:
    units = units_of([clips for _, clips in (*one, *two)])
    ours, theirs = units[: len(one)], units[len(one) :]
    there = {action for action, _ in two}
    common = [action for action in dict.fromkeys(action for action, _ in one) if action in there]
    cells = tuple(_plan(one, two, ours, theirs, {action}) for action in common)
    single = any(cell.single for cell in cells)
    spanning = sum(len(cell.units) for cell in cells) > len({unit for cell in cells for unit in cell.units})
    if single and len(cells) >= 3 and not spanning:
        return _Layout((), cells, True)
    if single or spanning or not cells:
        cells = (_plan(one, two, ours, theirs, set(common) or None),)
    return _Layout(cells, (), bool(common))


def _plan(
    one: Sequence[Label],
    two: Sequence[Label],
    ours: Sequence[int],
    theirs: Sequence[int],
    actions: set[Hashable] | None,
) -> _Plan:
    """The pairs of some actions (None: of all) as one cell."""
    chosen = [
        [at for at, (action, _) in enumerate(side) if actions is None or action in actions]
        for side in (one, two)
    ]
    there = sorted({units[at] for units, some in zip((ours, theirs), chosen, strict=True) for at in some})
    place = {unit: at for at, unit in enumerate(there)}
    sides = []
    for units, some in zip((ours, theirs), chosen, strict=True):
        index = np.array([place[units[at]] for at in some], dtype=np.int64)
        counts = np.bincount(index, minlength=len(there)).astype(np.float64)
        counts.flags.writeable = False  # it is shared between all that ask of these pairs
        sides.append(_Places(np.array(some, dtype=np.int64), index, counts))
    return _Plan(sides[0], sides[1], tuple(there))


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
