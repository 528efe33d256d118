"""The smallest difference that matters, for each unit, where a claim declares none.

A claim that exceeds its control by less is not specific, however many pairs show it. Half a tenth of
"everything" for fractions and shares, a twentieth for logarithms of ratios (a factor of 1.05) and for
ratios, and a twentieth of a correlation's range on one side. Fixed before any run.
"""

from collections.abc import Mapping

MARGINS: Mapping[str, float] = {
    "fraction": 0.05,
    "bool": 0.05,
    "ratio": 0.05,
    "log ratio": 0.05,
    "correlation": 0.05,
}


def margin_of(unit: str) -> float:
    """The default margin of a unit; 0 for counts and units of a user's own, whose scale nobody knows."""
    return MARGINS.get(unit, 0.0)
