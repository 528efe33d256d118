"""What a claim asserts of a number: above, below, between, exactly, negligible.

An expectation says where an interval has to lie for the claim to be supported, and where it has to
lie for the claim to be refuted. Between the two it is undecided.
"""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Expectation:
    """A range of values, half open: ``low <= value < high`` (``<=`` at a closed end)."""

    words: str
    """As a report prints it: ``> 1``, ``[0.42, 0.61)``, ``= 1 ± 1e-6``."""
    low: float
    high: float
    kind: str

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


def above(bound: float) -> Expectation:
    """``value > bound``."""
    return Expectation(f"> {bound:g}", bound, inf, "above")


def anything() -> Expectation:
    """Any value: only the contrasts with the controls decide."""
    return Expectation("more than its controls", -inf, inf, "anything")


def below(bound: float) -> Expectation:
    """``value < bound``."""
    return Expectation(f"< {bound:g}", -inf, bound, "below")


def between(low: float, high: float) -> Expectation:
    """``low <= value < high``, as a table that prints whole per cents is rounded.

    Raises:
        ValueError: the range is empty.
    """
    if not low < high:
        raise ValueError(f"between({low:g}, {high:g}) is empty: the first number has to be the smaller")
    return Expectation(f"[{low:g}, {high:g})", low, high, "between")


def exactly(value: float, within: float = 0.0) -> Expectation:
    """``|value - expected| <= within``: identities and arithmetic, no statistics."""
    words = f"= {value:g}" if within == 0 else f"= {value:g} ± {within:g}"
    return Expectation(words, value - within, value + within, "exactly")


def negligible(bound: float) -> Expectation:
    """``|value| < bound`` by two one-sided tests; the bound is fixed before the run."""
    return Expectation(f"|·| < {bound:g}", -bound, bound, "negligible")
