"""Recovery: how much of the difference between two clips comes back when one write is patched.

At a readout, with p the patched run,

    d = p - recipient           what the patch changed
    D = donor - recipient       what there was to change

and each metric is computed from the stored norms of d, D and D - d directly, never from another metric:

    norm ratio   R = mean_t ||d_t|| / mean_t ||D_t||    the paper's (section 4.4); blind to direction
    projection   P = <d, D> / <D, D>                    linear and signed; the default
    cosine       c = <d, D> / (||d|| ||D||)             blind to size
    distance     Q = 1 - ||D - d|| / ||D||              never above 1; counts overshoot as error

For one vector P = R c and Q = 1 - sqrt(1 - 2 P + R^2). Neither holds for R taken as means over tokens, nor
after averaging over pairs. All are fractions (1.0 is all of it).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from circuit_claims.measure.errors import UndefinedRecovery

__all__ = ["METRICS", "Norms", "UndefinedRecovery", "cosine", "distance", "norm_ratio", "projection"]


@dataclass(frozen=True)
class Norms:
    """What is kept of d and D at one place: Euclidean norms, over all tokens of the place flattened."""

    d: float
    """||d||: the size of what the patch changed."""
    D: float
    """||D||: the size of the difference between donor and recipient."""
    dot: float
    """<d, D>."""
    rest: float
    """||D - d||: how far the patched run is from the donor's."""
    mean_d: float
    """Mean over tokens of ||d_t||. At a place of one vector it equals ||d||."""
    mean_D: float  # noqa: N815 - the paper's D
    """Mean over tokens of ||D_t||."""


def norm_ratio(norms: Norms) -> float:
    """R = mean_t ||d_t|| / mean_t ||D_t|| (the paper, section 4.4, as coded: without a sign)."""
    return _ratio(norms, norms.mean_d, norms.mean_D)


def projection(norms: Norms) -> float:
    """P = <d, D> / <D, D>: the part of D that came back, along D."""
    # Two divisions: the square of a small norm underflows before its ratio does.
    return _ratio(norms, norms.dot / norms.D if norms.D else 0.0, norms.D)


def cosine(norms: Norms) -> float:
    """c = <d, D> / (||d|| ||D||). Undefined where the patch changed nothing: it then has no direction."""
    _ratio(norms, norms.d, norms.D)
    if norms.d == 0.0:
        raise UndefinedRecovery("the patch changed nothing, so what it changed has no direction (0/0)")
    return _ratio(norms, norms.dot / norms.d, norms.D)


def distance(norms: Norms) -> float:
    """Q = 1 - ||D - d|| / ||D||: 1 when the patched run is the donor's, negative when it is further away."""
    return 1.0 - _ratio(norms, norms.rest, norms.D)


METRICS: Mapping[str, Callable[[Norms], float]] = {
    "norm_ratio": norm_ratio,
    "projection": projection,
    "cosine": cosine,
    "distance": distance,
}


def _ratio(norms: Norms, part: float, whole: float) -> float:
    for field in fields(norms):
        value = getattr(norms, field.name)
        if not math.isfinite(value):
            raise UndefinedRecovery(f"{field.name} is {value}")
    if whole == 0.0:
        raise UndefinedRecovery(
            "donor and recipient do not differ here, so there is nothing to recover (0/0)"
        )
    ratio = part / whole
    if not math.isfinite(ratio):
        raise UndefinedRecovery(f"{part:g}/{whole:g} is not a number of this size")
    return ratio
