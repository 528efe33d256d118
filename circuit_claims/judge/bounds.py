"""Bounds as a claim writes them: `0.5` or `"50 %"` of a fraction, `1.5` or `"x1.5"` of a ratio.

A bare number is in the measurement's own unit, in which 1.0 of a fraction is 100 %. What was written with a
unit is held against the unit that was measured, and a fraction far outside its range has to be written as per
cent: `below(50)`, meant as 50 %, would be supported by anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite, log

LARGEST = 3.0
"""Of a fraction that is written as a bare number: three times all there was to recover."""
PERCENT = ("fraction", "bool")
"""Units that a per cent can bound."""
RATIOS = ("ratio", "log ratio")
"""Units that a factor can bound."""
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"


class BoundError(ValueError):
    """A bound that cannot be read, or that the measurement's unit does not have; says what to write."""


@dataclass(frozen=True)
class Bound:
    """A number, and the unit that it was written with: `%`, `x`, or none."""

    value: float
    unit: str = ""


def read(written: float | str) -> Bound:
    """Read a bound.

    Raises:
        BoundError: it is no number, per cent or factor.
    """
    if isinstance(written, bool) or not isinstance(written, int | float | str):
        raise BoundError(f"{written!r} is no bound; {_FORMS}")
    if not isinstance(written, str):
        if not isfinite(written):
            raise BoundError(f"{written} is no bound; write a finite number")
        return Bound(float(written))
    text = written.strip()
    if found := re.fullmatch(rf"({_NUMBER})\s*%", text):
        return Bound(float(Decimal(found[1]) / 100), "%")
    if found := re.fullmatch(rf"[x×]\s*({_NUMBER})", text):
        factor = float(found[1])
        if factor <= 0:
            raise BoundError(f'"{written}" is no factor; a factor is above zero, such as "x1.5"')
        return Bound(factor, "x")
    raise BoundError(f'"{written}" is no bound; {_FORMS}')


_FORMS = 'write a number (0.5), per cent ("50 %") or a factor ("x1.5")'


def number_in(unit: str, written: float | str, what: str) -> float:
    """A margin or a published number in the unit that was measured.

    Raises:
        BoundError: as `read` and `refuse`.
    """
    bound = read(written)
    refuse([bound.value], bound.unit, unit, what)
    return log(bound.value) if bound.unit == "x" and unit == "log ratio" else bound.value


def refuse(edges: Sequence[float], written: str, unit: str, what: str) -> None:
    """Refuse bounds that a measurement in `unit` cannot have.

    Raises:
        BoundError: the unit has no per cent or no factors, or a bare number lies far outside a fraction.
    """
    if written == "%" and unit not in PERCENT:
        raise BoundError(
            f"{what} is in per cent, and the measurement is {_named(unit)}, which has none; "
            f"write {_plain(unit)}"
        )
    if written == "x" and unit not in RATIOS:
        raise BoundError(
            f"{what} is a factor, and the measurement is {_named(unit)}, not a ratio; write {_plain(unit)}"
        )
    far = [edge for edge in edges if abs(edge) > LARGEST]
    if unit == "fraction" and not written and far:
        raise BoundError(
            f"{what} is {far[0]:g}, and the measurement is a fraction, in which 1 is 100 %; "
            f'write "{far[0]:g} %" or "{100 * far[0]:g} %", whichever is meant'
        )


def _named(unit: str) -> str:
    return {"bool": "yes or no"}.get(unit, f"a {unit}")


def _plain(unit: str) -> str:
    return '0.5 or "50 %"' if unit in PERCENT else '1.5 or "x1.5"' if unit in RATIOS else "a plain number"
