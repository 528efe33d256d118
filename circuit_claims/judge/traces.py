"""Where a delta trace bends, and whether it only grows.

A delta trace (the norm of the difference between two runs, layer by layer) is cumulative, so it always
looks as if it took off somewhere: a fitted knot is found in 35 % of random walks and in every smooth curve.
The test is therefore the *change of slope at a stated layer*, one number a pair, judged over pairs and
against controls. The knot is kept as a description.

Convention: an onset at block k means that block k is the first that grows; the hinge lies after block k - 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from circuit_claims.judge.intervals import Interval, Labels, finite, interval, t_test

FLOOR = 1e-6
"""Share of a trace's largest value below which its logarithm is cut off: log 0 has none."""

Scale = Literal["log", "linear"]


@dataclass(frozen=True)
class Knot:
    """The best single bend of one trace: a description, never a test."""

    onset: int
    """First block after the bend."""
    before: float
    """Slope by layer up to the hinge."""
    after: float
    """Slope by layer from the hinge on."""
    bic_gain: float
    """BIC of a straight line minus BIC with the knot; 6 is usually called strong, and means little here."""


@dataclass(frozen=True)
class Monotone:
    """Whether a trace grows at every step."""

    p: float
    """The largest of the increments' p-values (intersection-union)."""
    increments: tuple[float, ...]
    """One-sided t p-value of each increment."""


def slope_changes(
    traces: Sequence[Sequence[float]],
    onset: int,
    layers: Sequence[int] | None = None,
    scale: Scale = "log",
    window: int | None = 1,
    floor: float | None = None,
) -> tuple[float, ...]:
    """Change of slope at a stated onset, for each pair.

    Least squares of y_l = a + b (l - h) + c max(l - h, 0) with the hinge h = onset - 1
    (`numpy.linalg.lstsq`); returns c.

    Args:
        traces: [pair, layer], norms >= 0 for the log scale.
        onset: the first block that is said to grow.
        layers: the block of each column (-1 is the embedding); 0, 1, 2, ... when left out.
        scale: "log" for growth rates, "linear" for the values themselves.
        window: layers on either side of the hinge that are looked at. 1 is the second difference, which
            sees nothing but this layer; 2 also sees 0.6 of a bend one layer away; None takes the whole
            trace, in which a bend anywhere counts.
        floor: smallest value that the log sees, e.g. the jitter; by default `FLOOR` of the pair's largest
            value. A trace that is zero throughout is flat: its change is 0.

    Raises:
        ValueError: no layer at the hinge or on a side of it, a negative norm, NaN.
    """
    heights, x = _heights(traces, layers, scale, floor)
    hinge = onset - 1
    near = np.abs(x - hinge) <= (np.inf if window is None else window)
    if hinge not in x or np.sum(x[near] < hinge) < 1 or np.sum(x[near] > hinge) < 1:
        raise ValueError(f"onset {onset} needs layer {hinge} and one on each side of it, not {x.tolist()}")
    heights, x = heights[:, near], x[near]
    change = np.linalg.lstsq(_design(x, hinge), heights.T, rcond=None)[0][2]
    return tuple(float(c) for c in change)


def slope_change(
    traces: Sequence[Sequence[float]],
    onset: int,
    layers: Sequence[int] | None = None,
    scale: Scale = "log",
    window: int | None = 1,
    floor: float | None = None,
    groups: Labels = None,
    clusters: Labels = None,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval over pairs of `slope_changes`.

    H0: the slope does not change at the onset, on average over pairs. Statistic and error as `interval`.
    What all pairs share (the architecture's own bend) is not noise between pairs and would be found too: a
    claim of onset needs the contrast of `slope_changes` with a control's, paired or two-sample.
    """
    changes = slope_changes(traces, onset, layers, scale, window, floor)
    return interval(changes, groups, clusters, level, seed)


def one_knot(
    trace: Sequence[float],
    layers: Sequence[int] | None = None,
    scale: Scale = "log",
    floor: float | None = None,
) -> Knot:
    """The best hinge of one trace by residual sum of squares, with its BIC.

    Descriptive: no error rate is claimed. BIC = n log(RSS / n) + k log n (Schwarz 1978), with k = 2 for the
    line and 4 for the knot. Needs five layers.
    """
    heights, x = _heights([trace], layers, scale, floor)
    y, n = heights[0], len(x)
    if n < 5:
        raise ValueError(f"a knot needs five layers, not {n}")
    hinges = np.sort(x)[1:-2]
    fits = [(_residual(_design(x, int(h)), y), int(h)) for h in hinges]
    (rss, slopes), hinge = min(fits, key=lambda fit: (fit[0][0], fit[1]))
    straight = _residual(_design(x, hinge)[:, :2], y)[0]
    # Exact fits have no residual and no likelihood; rounding of the heights is the least that can be seen.
    least = n * (1e-12 * max(1.0, float(np.abs(y).max()))) ** 2
    gain = n * math.log(max(straight, least) / max(rss, least)) - 2 * math.log(n)
    return Knot(hinge + 1, float(slopes[1]), float(slopes[1] + slopes[2]), gain)


def monotone(
    increments: Sequence[Sequence[float]], groups: Labels = None, clusters: Labels = None
) -> Monotone:
    """Does every step grow? Increments are [pair, step].

    H0: some step has a mean increment <= 0. Statistic: the largest of the one-sided t p-values over the
    steps (intersection-union, Berger 1982); error at most alpha, uncorrected. Page's trend test would
    accept a trace that falls at one step.
    """
    rows = np.atleast_2d(finite(np.asarray(increments, dtype=np.float64).tolist()))
    p = tuple(t_test(column.tolist(), 0.0, groups, clusters).greater for column in rows.T)
    return Monotone(max(p), p)


def _heights(
    traces: Sequence[Sequence[float]], layers: Sequence[int] | None, scale: Scale, floor: float | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Heights [pair, layer] on the scale, and the layer of each column."""
    values = np.atleast_2d(finite(np.asarray(traces, dtype=np.float64).tolist()))
    x = np.arange(values.shape[1]) if layers is None else np.asarray(layers, dtype=np.int64)
    if len(x) != values.shape[1]:
        raise ValueError(f"{len(x)} layers for traces of {values.shape[1]} values")
    if scale == "linear":
        return values, x
    if values.min() < 0:
        raise ValueError(f"a log trace needs norms, which are not negative; found {values.min():g}")
    largest = values.max(axis=1, keepdims=True)
    least = np.where(largest > 0, FLOOR * largest, 1.0) if floor is None else np.full_like(largest, floor)
    if least.min() <= 0:
        raise ValueError(f"the floor of a log trace is positive, not {least.min():g}")
    return np.log(np.maximum(values, least)), x


def _design(x: NDArray[np.int64], hinge: int) -> NDArray[np.float64]:
    """Columns: intercept at the hinge, slope, change of slope after the hinge."""
    along = (x - hinge).astype(np.float64)
    return np.stack((np.ones_like(along), along, np.maximum(along, 0.0)), axis=1)


def _residual(design: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Residual sum of squares, and the coefficients."""
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ coefficients
    return float(residual @ residual), coefficients.astype(np.float64)
