"""A time as a manifest and the command line write it: a decimal number and its unit, ``0.08 s`` or ``80 ms``.

It is kept as an exact decimal number of seconds, so that two ways of writing one time are one time, and the
steps of a window add up without error.
"""

import re
from decimal import Decimal

UNITS = {"s": Decimal(1), "ms": Decimal("0.001")}
"""Seconds by the unit that may be written."""
_TIME = re.compile(r"([+-]?[0-9]{1,6}(?:\.[0-9]{1,9})?)\s*([^\W\d_]*)")


def seconds(text: str) -> Decimal:
    """Return the seconds that a text names. Raises ValueError: what is wrong; what to do."""
    written = _TIME.fullmatch(text.strip())
    if written is None:
        raise ValueError(f"is {text!r:.60}, which is no time; write one such as 0.08 s or 80 ms")
    number, unit = written.groups()
    if not unit:
        raise ValueError(f"is {number} without a unit; write the unit, such as {number} s")
    if unit not in UNITS:
        raise ValueError(f"is {text!r:.60}, and {unit} is no unit here; write s or ms, such as 0.08 s")
    return Decimal(number) * UNITS[unit]


def in_words(time: Decimal | float, *, sign: str = "-") -> str:
    """Return a time as it is written, such as ``0.08 s``: exact, and a float to the millisecond.

    With the sign ``+`` a time that is not negative has one too.
    """
    exact = Decimal(f"{time:.3f}") if isinstance(time, float) else Decimal(time)
    return f"{exact.normalize() + 0:{sign}f} s"  # + 0: a zero has no sign
