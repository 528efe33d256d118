"""Where a number lies on the axis of a small plot, as a percentage of its width, and where the ticks are."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, exp, floor, isfinite, log, log10

from circuit_claims.report.wording import number

FACTORS = tuple(digit * 10.0**power for power in range(-9, 10) for digit in (1, 2, 5))
"""Ticks of an axis of log ratios, as factors."""


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` to `high`, in a measurement's unit."""

    low: float
    high: float
    unit: str

    @classmethod
    def over(cls, values: Iterable[float | None], unit: str) -> "Scale":
        """The axis that shows all values, with a margin; numbers that do not exist are left out."""
        there = [value for value in values if value is not None and isfinite(value)]
        low, high = (min(there), max(there)) if there else (0.0, 1.0)
        if unit != "log ratio":
            # An axis that nearly reaches zero shows it.
            low, high = (0.0 if 0 < low < 0.5 * high else low), (0.0 if 0.5 * low < high < 0 else high)
        margin = 0.06 * (high - low) or 0.1 * abs(high) or 0.5
        return cls(low - margin, high + margin, unit)

    def at(self, value: float) -> float:
        """Percentage of the width, from 0 to 100; what lies outside is put at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def shows(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self) -> list[tuple[float, str]]:
        """About four round numbers on the axis, with their labels, as percentage and text."""
        return [(self.at(value), label(value, self.unit)) for value in self._round_numbers()]

    def _round_numbers(self) -> list[float]:
        if self.unit == "log ratio":
            inside = [log(factor) for factor in FACTORS if self.low <= log(factor) <= self.high]
            if len(inside) > 1 and self.low > -20 and self.high < 20:
                return inside[:: ceil(len(inside) / 5)]
            return [self.low + (self.high - self.low) * share for share in (0.1, 0.5, 0.9)]
        raw = (self.high - self.low) / 4
        magnitude = 10.0 ** floor(log10(raw))
        step = next(digit * magnitude for digit in (1, 2, 2.5, 5, 10) if digit * magnitude >= raw)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [at * step for at in range(first, last + 1)]


def label(value: float, unit: str) -> str:
    """A tick's label: without needless digits."""
    if unit == "log ratio":
        if abs(value) > 100:
            return f"e^{value:.3g}"
        factor = float(f"{exp(value):.2g}")
        return f"×{factor:g}" if 1e-4 < factor < 1e6 else f"×{factor:.0e}"
    return number(0.0 if abs(value) < 1e-12 else float(f"{value:.6g}"), unit)
