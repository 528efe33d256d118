"""How far two estimates may lie apart and still agree: the one place that says so.

Different questions have different tolerances. With the same weights only the environment can differ, and its
spread was measured: over instruction sets, threads, processes and batch plans (`make machines`,
docs/machines.md). With other weights numbers move by nature, and what matters is declared. Another precision
or device is no rounding: its tolerance is wider than both.
"""

from collections.abc import Sequence

SPREAD = {"fraction": 3e-5, "ratio": 3e-5, "log ratio": 3e-5, "correlation": 1e-5, "count": 0.0, "bool": 0.0}
"""No less than the largest difference of an estimate that was measured between two environments, by unit; of
a ratio, and of a number above 1, relative to it (docs/machines.md has each)."""
MARGIN = 8.0
"""How many measured spreads a tolerance has to be wide, at least."""
DECLARED = {
    "fraction": 0.005,
    "ratio": 0.01,
    "log ratio": 0.01,
    "correlation": 0.01,
    "count": 0.0,
    "bool": 0.0,
}
"""What matters with other weights where a record's entry says nothing else: half a percentage point at most,
a hundredth of a correlation, and one per cent of a ratio."""
OF_ESTIMATE, LEAST = 0.02, 0.0005
"""A fraction's declared tolerance is no wider than so much of its estimate, or it would hide what it guards
(a recovery of 3 % that loses one head's part of it); and no narrower than a twentieth of a point."""
ELSEWHERE = 4.0
"""How many times half a point, or one per cent of a ratio, an estimate may lie from a record of another
precision or device: what bfloat16 makes of the embedded model's (docs/what-ci-catches.md)."""
BEFORE_UNITS = {"fraction": 0.005, "log ratio": 0.01, "count": 0.0, "ratio": 0.01}
"""The defaults of records that name no units: an update drops them, and keeps what a person wrote."""


def numeric_tolerance(unit: str, estimate: float | None, values: Sequence[float] = ()) -> float:
    """How far an estimate may move with the same weights: eight measured spreads, in the estimate's unit.

    Rounding is relative to the numbers that are summed: where the `values` of the pairs are known, a mean
    near zero is held at their size. A unit that has no measured spread is held as a ratio is.
    """
    size = max(abs(estimate or 0.0), sum(map(abs, values)) / len(values) if values else 0.0)
    share = MARGIN * SPREAD.get(unit, SPREAD["ratio"])
    return share * (max(1.0, size) if unit in DECLARED and unit != "ratio" else size)


def declared_tolerance(unit: str, estimate: float | None) -> float:
    """How far an estimate may move with other weights where nobody has said, in the estimate's unit."""
    if unit == "fraction" and estimate is not None:
        return max(LEAST, min(DECLARED[unit], OF_ESTIMATE * abs(estimate)))
    return _scaled(unit, DECLARED.get(unit, DECLARED["ratio"]), estimate)


def elsewhere_tolerance(unit: str, estimate: float | None) -> float:
    """How far an estimate may lie from one that was computed in another precision or on another device."""
    return _scaled(unit, ELSEWHERE * DECLARED.get(unit, DECLARED["ratio"]), estimate)


def _scaled(unit: str, share: float, estimate: float | None) -> float:
    """Fractions, correlations, logarithms and counts have a scale of their own; all else is relative."""
    if unit in DECLARED and unit != "ratio":
        return share
    return share * abs(1.0 if estimate is None else estimate)
