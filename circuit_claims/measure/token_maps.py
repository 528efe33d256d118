"""What is said of a map over a clip's tokens `[tubelet, row, column]`, of attention or of attribution.

    later share    mass in the later half of the tubelets / mass
    centre lift    (mass in the inner half of rows and columns / mass) / (their share of the tokens)
    lift           (mass under a mask / mass) / (mean of the mask)
    concentration  1 - H / log n,  H the entropy of the map as a distribution over n tokens

Mass is what is positive: attention is, and of an attribution what argues for the label ("the highest
contributions"). A share of signed values is no share: their sum can be next to nothing, of either sign.
What is undefined (0/0) is NaN. Imports no torch.
"""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Map: TypeAlias = NDArray[np.float64]
"""`[tubelet, row, column]`."""
PLACES = (-3, -2, -1)
RESOLUTION = 2.0**-22
"""Of float32, relative to the largest value of a map: weights of e^-30 have no order."""


def later_half(grid: tuple[int, int, int]) -> Map:
    """1 at the tubelets of the later half; of an odd number the middle one belongs to it by half."""
    middle = (grid[0] - 1) / 2
    weights = 0.5 * (1.0 + np.sign(np.arange(grid[0]) - middle))
    return np.broadcast_to(weights[:, None, None], grid)


def centre(grid: tuple[int, int, int]) -> Map:
    """1 at the tubelets whose middle lies in the inner half of the picture, by row and by column."""
    inner = [np.abs(np.arange(n) - (n - 1) / 2) < n / 4 for n in grid[1:]]
    return np.broadcast_to(np.outer(*inner).astype(np.float64), grid)


def mass_share(values: Array, mask: Map) -> Array:
    """Share of the mass of `[..., tubelet, row, column]` that lies under a mask (0 to 1 a token)."""
    mass = np.clip(values, 0.0, None)
    return _ratio((mass * mask).sum(PLACES), mass.sum(PLACES))


def lift(values: Array, mask: Map, kept: NDArray[np.bool_] | None = None) -> Array:
    """How many times more mass lies under a mask than an even map would put there. 1 is even.

    Tokens that are not `kept` have neither mass nor area.
    """
    there = np.ones(mask.shape) if kept is None else kept.astype(np.float64)
    return _ratio(mass_share(values * there, mask), _ratio((mask * there).sum(PLACES), there.sum(PLACES)))


def concentration(values: Array) -> Array:
    """1 when one token has all of the mass, 0 when all have the same."""
    mass = np.clip(values, 0.0, None)
    p = _ratio(mass, mass.sum(PLACES, keepdims=True))
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(PLACES)
    found: Array = 1.0 - entropy / np.log(np.prod(values.shape[-3:]))
    return found


def high_norm(norms: Array) -> NDArray[np.bool_]:
    """The tokens of `[..., tubelet, row, column]` more than five median deviations above the median norm.

    Large ViTs keep such tokens as registers: they draw attention and say nothing of their place (Darcet et
    al. 2024, arXiv 2309.16588). A median deviation below a hundredth of the norm counts as that: where norms
    are all but equal, a token that is longer by next to nothing is no register.
    """
    middle = np.median(norms, axis=PLACES, keepdims=True)
    spread = np.median(np.abs(norms - middle), axis=PLACES, keepdims=True)
    found: NDArray[np.bool_] = norms > middle + 5.0 * np.maximum(spread, 0.01 * middle)
    return found


def agreement(one: Map, other: Map, kept: NDArray[np.bool_]) -> tuple[float, float]:
    """Spearman's correlation of two maps over `kept` tokens, and its mean over all shifts of the first.

    A shift moves a map in a circle over rows and columns, so that it keeps its own smoothness and loses its
    place; tokens shuffled one by one would lose both, and any two smooth maps would seem to agree. Values
    that float32 cannot tell apart beside the largest are ties. NaN where a map is the same everywhere, or the
    grid has no shifts.
    """
    one, other = _with_ties(one), _with_ties(other)
    shifts = list(product(range(one.shape[1]), range(one.shape[2])))
    if kept.all():
        # The ranks move with the tokens.
        ranks, ranks_of_other = (_ranks(values) for values in (one, other))
        found = [_correlation(np.roll(ranks, shift, (1, 2)), ranks_of_other) for shift in shifts]
    else:
        found = []
        for shift in shifts:
            both = np.roll(kept, shift, (1, 2)) & kept
            moved = np.roll(one, shift, (1, 2))
            found.append(_correlation(_ranks(moved[both]), _ranks(other[both])))
    return found[0], float(np.mean(found[1:])) if len(found) > 1 else float("nan")


def _with_ties(values: Map) -> Map:
    largest = float(np.abs(values).max())
    return np.round(values / (RESOLUTION * largest)) if largest else values


def _ranks(values: Array) -> Array:
    """The rank of each value, ties sharing their mean: `scipy.stats.rankdata`, whose import takes seconds."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    mean: Array = np.cumsum(count) - (count - 1) / 2
    return mean[place].reshape(values.shape)


def _correlation(one: Array, other: Array) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float(_ratio((a * b).sum(), np.sqrt((a * a).sum() * (b * b).sum())))


def _ratio(part: Array, whole: Array) -> Array:
    """Part over whole, NaN where the whole is 0: that is not 0 but undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.where(whole == 0.0, np.nan, np.divide(part, whole))
    return found
