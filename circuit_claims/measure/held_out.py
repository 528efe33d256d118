"""The outcome's direction, held out: what other pairs of an action say that success differs from failure by.

Of pair i, with D_j the difference success - failure of pair j at the summary,

    u_i = unit vector of  mean_j D_j / ||D_j||      over the other pairs j of its action that share no clip
    S   = mean_i <D_i, u_i>                         how much of the outcome such directions carry over

and a change c_i of a pair's difference is read as ``<c_i, u_i> / S``. What takes D_i itself away reads as 1
on average over the pairs. A pair's own D also holds whatever else its two clips differ in; along u_i that is
left out. Outcomes of different actions lie along different directions (of the embedded model that knows them
the cosine with the others' mean is 0.83 within an action and 0.19 over all), hence "of its action".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot, isfinite, sqrt
from statistics import fmean, stdev
from typing import TypeAlias

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.recovery import UndefinedRecovery

Vector: TypeAlias = Sequence[float]
ERRORS = 2.0
"""Standard errors by which S has to lie above zero; otherwise the pairs share no direction to read along."""


def directions(pairs: Sequence[Pair], apart: Mapping[str, Vector]) -> dict[str, Vector]:
    """The unit vector u of each pair that has one, by the pair's name; `apart` has each pair's D."""
    unit = {name: _unit(D) for name, D in apart.items()}
    found = {}
    for pair in pairs:
        others = [
            u
            for other in pairs
            if other.action == pair.action
            and not {other.positive.key, other.negative.key} & {pair.positive.key, pair.negative.key}
            and (u := unit.get(other.name)) is not None
        ]
        mean = _unit([sum(numbers) for numbers in zip(*others, strict=True)])
        if mean is not None:
            found[pair.name] = mean
    return found


def read_along(
    pairs: Sequence[Pair], apart: Mapping[str, Vector], changes: Mapping[str, Vector]
) -> dict[str, float]:
    """``<c_i, u_i> / S`` of each pair that has other pairs of its action, by its name.

    Args:
        pairs: all pairs, whose differences make the directions.
        apart: D of each pair, by its name.
        changes: c of each pair: what of D is changed.

    Raises:
        UndefinedRecovery: no pair has another one of its action, or S is not two standard errors above zero:
            the directions carry nothing over.
    """
    u = directions(pairs, apart)
    if not u:
        raise UndefinedRecovery(
            "no pair has another pair of its action, with clips of its own, to read it by"
        )
    along = [_dot(apart[name], direction) for name, direction in u.items()]
    scale = fmean(along)
    if not scale > ERRORS * (stdev(along) / sqrt(len(along)) if len(along) > 1 else 0.0):
        raise UndefinedRecovery(
            "a pair's difference is not shown to lie along those of the action's other pairs"
        )
    return {name: _dot(changes[name], direction) / scale for name, direction in u.items()}


def _unit(vector: Vector) -> Vector | None:
    """A vector of length 1; None of one without a direction."""
    size = hypot(*vector)
    return [number / size for number in vector] if size and isfinite(size) else None


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
