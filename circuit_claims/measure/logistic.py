"""Logistic regression, as the paper fits its probe; to convergence, so that it is deterministic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-6
"""Of the largest number: a feature that varies by less says nothing. Streams are float32, and a probe would
read which clip it is off the last digit of a feature that is empty in both."""
PENALTY = 1.0
"""Of the squared weights, where losses are summed over points (scikit-learn's default, C = 1)."""


def logistic(x: Floats, y: Floats, penalty: float = PENALTY) -> tuple[Floats, float]:
    """Logistic regression of y (-1 or +1) `[point]` on x `[point, d]`: weights `[d]` and intercept.

    Minimises ``sum log(1 + exp(-y (x w + b))) + penalty / 2 |w|^2``; the intercept is not penalised.
    """
    from scipy.optimize import minimize

    ones = np.hstack([x, np.ones((len(x), 1))])
    penalised = np.append(np.full(x.shape[1], penalty), 0.0)

    def wrong(parameters: Floats) -> Floats:
        """The probability that the fit gives to the other label."""
        share: Floats = 1 / (1 + np.exp(np.clip(y * (ones @ parameters), -500, 500)))
        return share

    def loss(parameters: Floats) -> float:
        losses = np.logaddexp(0, -y * (ones @ parameters))
        return float(losses.sum() + penalised @ parameters**2 / 2)

    def gradient(parameters: Floats) -> Floats:
        slope: Floats = -ones.T @ (y * wrong(parameters)) + penalised * parameters
        return slope

    def curvature(parameters: Floats) -> Floats:
        share = wrong(parameters)
        curved: Floats = (ones.T * (share * (1 - share))) @ ones + np.diag(penalised)
        return curved

    start = np.zeros(ones.shape[1])
    found = minimize(loss, start, jac=gradient, hess=curvature, method="trust-exact").x
    return found[:-1], float(found[-1])


def split_accuracy(x: Floats, y: Floats, held_out: NDArray[np.bool_]) -> float:
    """Share of held-out points that logistic regression on the others reads right.

    Args:
        x: `[point, d]`; centred and scaled by the points of the fit.
        y: `[point]`, -1 or +1.
        held_out: `[point]`, the points that are scored.
    """
    fitted = x[~held_out]
    scaled = (x - fitted.mean(axis=0)) / scale_of(fitted)
    weights, intercept = logistic(scaled[~held_out], y[~held_out])
    preferred = y[held_out] * (scaled[held_out] @ weights + intercept)
    return float(np.heaviside(preferred, 0.5).mean())


def scale_of(x: Floats) -> Floats:
    """Standard deviation of each feature of x `[point, d]`; 1 where it is no more than `ROUNDING`."""
    spread: Floats = np.std(x, axis=0, dtype=np.float64)
    spread[spread <= ROUNDING * np.abs(x).max(initial=0.0)] = 1.0
    return spread
