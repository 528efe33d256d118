"""What a claim asserts of a number: above, below, between, exactly, negligible.

An expectation says where an interval has to lie for the claim to be supported, and where it has to
lie for the claim to be refuted. Between the two it is undecided.
"""

from dataclasses import dataclass, replace
from math import inf, log

from circuit_claims.judge.bounds import BoundError, read, refuse


@dataclass(frozen=True)
class Expectation:
    """A range of values, half open: ``low <= value < high`` (``<=`` at a closed end)."""

    words: str
    """As a report prints it: ``> 1``, ``[0.42, 0.61)``, ``= 1 ± 1e-6``."""
    low: float
    high: float
    kind: str
    written: str = ""
    """The unit that the bounds were written with, until it is held against the measurement's: `%` or `x`."""

    def in_unit(self, unit: str) -> "Expectation":
        """What is asserted, in the unit that was measured: a factor bounds a log ratio by its logarithm.

        Raises:
            BoundError: the unit does not have such bounds.
        """
        refuse([edge for edge in (self.low, self.high) if abs(edge) != inf], self.written, unit, self.kind)
        if self.written != "x" or unit != "log ratio":
            return replace(self, written="")
        low, high = (edge if abs(edge) == inf else log(edge) for edge in (self.low, self.high))
        return replace(self, low=low, high=high, written="")

    def holds(self, value: float) -> bool:
        """Whether one value satisfies the expectation."""
        if self.kind == "above":
            return value > self.low
        if self.kind == "below":
            return value < self.high
        if self.kind == "between":
            return self.low <= value < self.high
        if self.kind == "anything":
            return True
        return self.low <= value <= self.high

    def contains(self, low: float, high: float) -> bool:
        """Whether a whole interval satisfies the expectation."""
        return self.holds(low) and self.holds(high)

    def excludes(self, low: float, high: float) -> bool:
        """Whether a whole interval lies outside the expectation."""
        if self.kind == "between":
            return high < self.low or low >= self.high
        return not self.holds(low) and not self.holds(high) and (high <= self.low or low >= self.high)

    def deciding(self, low: float, high: float) -> float:
        """The end of an interval that lies nearest to an edge of the range."""
        ends = [
            (abs(end - edge), end)
            for edge in (self.low, self.high)
            if edge not in (inf, -inf)
            for end in (low, high)
        ]
        return min(ends)[1] if ends else low

    def widened(self, by: float) -> "Expectation":
        """The same with both edges moved outwards, for a published number's own rounding."""
        return Expectation(self.words, self.low - by, self.high + by, self.kind)


def above(bound: float | str) -> Expectation:
    """``value > bound``: a number, or ``"50 %"`` or ``"x1.5"`` (so for all of these)."""
    edge = read(bound)
    return Expectation(f"> {edge.value:g}", edge.value, inf, "above", edge.unit)


def anything() -> Expectation:
    """Any value: only the contrasts with the controls decide."""
    return Expectation("more than its controls", -inf, inf, "anything")


def below(bound: float | str) -> Expectation:
    """``value < bound``."""
    edge = read(bound)
    return Expectation(f"< {edge.value:g}", -inf, edge.value, "below", edge.unit)


def between(low: float | str, high: float | str) -> Expectation:
    """``low <= value < high``, as a table that prints whole per cents is rounded.

    Raises:
        ValueError: the range is empty, or its ends are written in two units.
    """
    first, last = read(low), read(high)
    unit = _one_unit("between", first.unit, last.unit)
    if not first.value < last.value:
        raise BoundError(
            f"between({first.value:g}, {last.value:g}) is empty: the first number has to be the smaller"
        )
    return Expectation(f"[{first.value:g}, {last.value:g})", first.value, last.value, "between", unit)


def exactly(value: float | str, within: float | str = 0.0) -> Expectation:
    """``|value - expected| <= within``: identities and arithmetic, no statistics."""
    expected, by = read(value), read(within)
    unit = _one_unit("exactly", expected.unit, by.unit if by.value else expected.unit)
    if unit == "x" and by.value:
        raise BoundError("exactly a factor has no `within`: write between with two factors")
    words = f"= {expected.value:g}" if by.value == 0 else f"= {expected.value:g} ± {by.value:g}"
    return Expectation(words, expected.value - by.value, expected.value + by.value, "exactly", unit)


def negligible(bound: float | str) -> Expectation:
    """``|value| < bound`` by two one-sided tests; the bound is fixed before the run."""
    edge = read(bound)
    if edge.unit == "x":
        raise BoundError("negligible takes a number or per cent: a factor bounds one side only")
    return Expectation(f"|·| < {edge.value:g}", -edge.value, edge.value, "negligible", edge.unit)


def _one_unit(word: str, one: str, other: str) -> str:
    """The unit of both numbers of an expectation."""
    if one != other:
        raise BoundError(f"{word} has numbers in two units; write both plainly, or both in one unit")
    return one
