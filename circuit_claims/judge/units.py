"""The independent unit: what a sample may count once.

Pairs that share a clip, directly or through other pairs, know each other's value and form one unit. Where a
control has pairs of its own, clips are shared across the two sides as well, and the units are those of both
sides together. Means, shares of yes and no, contrasts, permutations and every count of n go by it.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TypeAlias

from circuit_claims.judge.counted import counted

Labels: TypeAlias = Sequence[Hashable] | None


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


def independent(clusters: Labels, count: int) -> int:
    """How many independent units `count` pairs are."""
    return count if not clusters else len(set(units_of(clusters)))


def effective(clusters: Labels, count: int) -> float:
    """How many pairs of equal weight say as much, if the pairs of a unit say the same (Kish 1965).

    (sum of sizes)^2 / (sum of squared sizes): the number of units where all have the same size, and less
    where one of them holds most of the pairs.
    """
    if not clusters:
        return float(count)
    units = units_of(clusters)
    sizes = [units.count(unit) for unit in set(units)]
    return count**2 / sum(size**2 for size in sizes)


def told(clusters: Labels, count: int) -> str:
    """``8 pairs``, or ``12 pairs on shared clips, 3 of them independent,``."""
    units = independent(clusters, count)
    if units == count:
        return counted(count, "pair")
    return f"{counted(count, 'pair')} on shared clips, {units} of them independent,"
