"""How far two estimates may lie apart and still agree: the one place that says so.

Two questions, two tolerances. With the same weights only the environment can differ, and its spread was
measured: over instruction sets, threads, processes and batch plans (`make machines`, docs/machines.md). With
other weights numbers move by nature, and what matters is declared.
"""

SPREAD = {"fraction": 2e-5, "ratio": 2e-5, "log ratio": 2e-5, "count": 0.0, "bool": 0.0}
"""The largest difference of an estimate between two environments, by unit; of a ratio, relative to it."""
MARGIN = 8.0
"""How many measured spreads a tolerance has to be wide, at least."""
DECLARED = {"fraction": 0.005, "ratio": 0.01, "log ratio": 0.01, "count": 0.0, "bool": 0.0}
"""What matters with other weights where a record's entry says nothing else: half a percentage point, and one
per cent of a ratio."""
BEFORE_UNITS = {"fraction": 0.005, "log ratio": 0.01, "count": 0.0, "ratio": 0.01}
"""The defaults of records that name no units: an update drops them, and keeps what a person wrote."""


def numeric_tolerance(unit: str, estimate: float | None) -> float:
    """How far an estimate may move with the same weights: eight measured spreads, in the estimate's unit.

    A unit that has no measured spread is held as a ratio is.
    """
    return _scaled(unit, MARGIN * SPREAD.get(unit, SPREAD["ratio"]), estimate)


def declared_tolerance(unit: str, estimate: float | None) -> float:
    """How far an estimate may move with other weights where nobody has said, in the estimate's unit."""
    return _scaled(unit, DECLARED.get(unit, DECLARED["ratio"]), estimate)


def _scaled(unit: str, share: float, estimate: float | None) -> float:
    """Fractions, logarithms and counts have a scale of their own; all else is relative to the estimate."""
    if unit in ("fraction", "log ratio", "count", "bool"):
        return share
    return share * abs(1.0 if estimate is None else estimate)
